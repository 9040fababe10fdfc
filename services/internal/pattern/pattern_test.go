package pattern_test

import (
	"testing"

	"github.com/assay-hq/assay/services/internal/pattern"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"gates", "gates", true},
		{"gates", "gates.a", false},
		{"fast_track.*", "fast_track.demo", true},
		{"fast_track.*", "fast_track", false},
		{"*", "anything", true},
		{"*", "", true},
		{"", "", true},
		{"", "gates", false},
		{"a*b", "axb", false},
	} {
		if got := pattern.Matches(c.pattern, c.name); got != c.want {
			t.Errorf("%q for %q: %v", c.pattern, c.name, got)
		}
	}
}
