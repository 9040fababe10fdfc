package origin_test

import (
	"testing"

	"github.com/assay-hq/assay/services/internal/origin"
)

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, origin string
		want            bool
	}{
		{"https://www.example.com", "https://www.example.com", true},
		{"https://www.example.com", "https://WWW.Example.com", true},
		{"https://www.example.com:443", "https://www.example.com", true},
		{"https://www.example.com", "http://www.example.com", false},
		{"https://www.example.com", "https://www.example.com:8443", false},
		{"https://www.example.com", "https://www.example.com.evil.example", false},
		{"https://www.example.com", "https://evil.example/https://www.example.com", false},
		{"https://www.example.com", "https://www.example.com@evil.example", false},
		{"https://www.example.com", "null", false},
		{"https://www.example.com", "", false},
		{"https://*.example.com", "https://a.example.com", true},
		{"https://*.example.com", "https://b.a.example.com", true},
		{"https://*.example.com", "https://example.com", false},
		{"https://*.example.com", "https://badexample.com", false},
		{"https://*.example.com", "https://*.example.com", false},
		{"http://localhost:3000", "http://localhost:3000", true},
		{"http://localhost:3000", "http://localhost:3001", false},
		{"http://[::1]:3000", "http://[::1]:3000", true},
		{"https://bücher.example", "https://xn--bcher-kva.example", true},
	} {
		p, ok := origin.Parse(c.pattern)
		if !ok {
			t.Errorf("%s is no pattern", c.pattern)
		} else if got := p.Matches(c.origin); got != c.want {
			t.Errorf("%s matches %q: %v", c.pattern, c.origin, got)
		}
	}
}

func TestNoPattern(t *testing.T) {
	for _, text := range []string{
		"", "*", "https://", "https://*", "https://*.", "www.example.com", "ftp://example.com", "https://example.com/",
		"https://example.com/path", "https://a.*.example.com", "https://user@example.com", "https://example.com?x", "https://example.com:",
		"https://*.10.0.0.1", "https://exa mple.com", "javascript:alert(1)",
	} {
		if p, ok := origin.Parse(text); ok {
			t.Errorf("%q is read as %v", text, p)
		}
	}
}

// What is written can be read, and stands for the same.
func FuzzParse(f *testing.F) {
	f.Add("https://*.example.com:8443", "https://www.example.com:8443")
	f.Add("http://[::1]", "http://[::1]")
	f.Fuzz(func(t *testing.T, pattern, page string) {
		p, ok := origin.Parse(pattern)
		if !ok {
			return
		}
		again, ok := origin.Parse(p.String())
		if !ok || again != p {
			t.Errorf("%q is written as %q and read as %v, %v", pattern, p, again, ok)
		}
		if p.Matches(page) != again.Matches(page) {
			t.Errorf("%q and %q differ on %q", pattern, p, page)
		}
	})
}
