// Package lawtest says on how many generated cases the tests check their laws.
//
// The race detector makes everything five times as slow, so under it fewer are checked.
package lawtest

import (
	"flag"
	"strconv"
)

// Cases sets how many cases each law of the test binary is checked on, under the race
// detector a tenth of them. `-rapid.checks` on the command line comes before it. Call it
// from TestMain.
func Cases(cases int) { set(Share(cases)) }

// PureCases is Cases for a package of pure functions, in which the race detector cannot
// find anything: under it a fiftieth shows that the laws run. `make test` checks all of
// them once more without it; the package must be among its LAWS.
func PureCases(cases int) { set(share(cases, 50)) }

// Share is how many of so many cases are checked: a tenth under the race detector.
func Share(cases int) int { return share(cases, 10) }

func share(cases, part int) int {
	if raceDetector {
		cases /= part
	}
	return cases
}

func set(cases int) {
	for name, value := range map[string]string{"rapid.checks": strconv.Itoa(cases), "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err) // a test binary without rapid
		}
	}
}
