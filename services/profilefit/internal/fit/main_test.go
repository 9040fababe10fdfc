package fit_test

import (
	"flag"
	"os"
	"testing"
)

// The laws are checked on a thousand generated cases each. `-rapid.checks` says
// otherwise.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "1000", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
