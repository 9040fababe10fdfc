// Package lawtest says on how many generated cases the tests check their laws.
//
// The race detector makes a fold five times as slow and cannot find anything in a pure
// function, so under it a tenth of the cases is checked; `make test` checks all of them
// once more without it.
package lawtest

import (
	"flag"
	"strconv"
)

// Cases sets how many cases each law of the test binary is checked on. `-rapid.checks` on
// the command line comes before it. Call it from TestMain.
func Cases(cases int) {
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(Share(cases)), "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err) // a test binary without rapid
		}
	}
}

// Share is how many of so many cases are checked: a tenth under the race detector.
func Share(cases int) int {
	if raceDetector {
		cases /= 10
	}
	return cases
}
