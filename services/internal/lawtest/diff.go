package lawtest

import (
	"reflect"

	"github.com/google/go-cmp/cmp"
)

// Diff is cmp.Diff for values that nearly always are the same, which it sees much sooner.
func Diff(want, got any, options ...cmp.Option) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got, options...)
}
