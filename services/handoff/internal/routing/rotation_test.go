package routing_test

import (
	"fmt"
	"math/big"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/routing"
)

func shares(weights ...int64) []routing.Share {
	out := make([]routing.Share, len(weights))
	for i, w := range weights {
		out[i] = routing.Share{User: string(rune('a' + i)), Weight: w}
	}
	return out
}

func TestTurnsOfARotation(t *testing.T) {
	for _, c := range []struct {
		name  string
		there []routing.Share
		want  string
	}{
		{"alone", shares(3), "aaaa"},
		{"alike", shares(1, 1, 1), "abcabc"},
		{"twice the weight", shares(2, 1), "abaaba"},
		{"one heavy, many light ones", shares(4, 1, 1, 1, 1), "abacadea"},
		{"large weights are the same as small ones", shares(200, 100), "abaaba"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var r routing.Rotation
			got := ""
			for range c.want {
				got += r.Next(c.there)
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestWhoComesBackGetsNoBurst(t *testing.T) {
	var r routing.Rotation
	both, alone := shares(1, 1), shares(1)
	got := ""
	for _, there := range [][]routing.Share{both, alone, alone, alone, alone, both, both, both, both} {
		got += r.Next(there)
	}
	// b is owed half a turn from before, and no turns of the time away.
	if got != "aaaaababa" {
		t.Errorf("got %s", got)
	}
}

func TestWhoIsNeverThereTogetherStillTakesTurns(t *testing.T) {
	var r routing.Rotation
	people := shares(1, 1, 1, 1)
	taken := map[string]int{}
	for range 100 {
		taken[r.Next(people[:2])]++
		taken[r.Next(people[2:])]++
	}
	for user, n := range taken {
		if n != 50 {
			t.Errorf("%s took %d of 100 turns that were as much another's", user, n)
		}
	}
}

// The law: with the same people, everybody's turns differ from their share of all turns by
// less than one, after every turn.
func TestSharesAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		there := shares(rapid.SliceOfN(rapid.Int64Range(1, 100), 1, 20).Draw(t, "weights")...)
		var r routing.Rotation
		var weights int64
		for _, s := range there {
			weights += s.Weight
		}
		taken := map[string]int64{}
		for n := range rapid.Int64Range(1, 2_000).Draw(t, "turns") {
			taken[r.Next(there)]++
			for _, s := range there {
				if off := (n+1)*s.Weight - taken[s.User]*weights; off >= weights || off <= -weights {
					t.Fatalf("after %d turns %s with weight %d of %d took %d", n+1, s.User, s.Weight, weights, taken[s.User])
				}
			}
		}
	})
}

// The law: whoever comes and goes, a turn goes to somebody who is there, and nobody is
// ever two turns off what they were due while there.
func TestSharesWhilePeopleComeAndGo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people := shares(rapid.SliceOfN(rapid.Int64Range(1, 10), 2, 8).Draw(t, "weights")...)
		var r routing.Rotation
		due, taken := map[string]*big.Rat{}, map[string]int64{}
		for _, p := range people {
			due[p.User] = new(big.Rat)
		}
		for range rapid.IntRange(1, 60).Draw(t, "changes") {
			mask := rapid.IntRange(1, 1<<len(people)-1).Draw(t, "there")
			var there []routing.Share
			var weights int64
			for i, p := range people {
				if mask&(1<<i) != 0 {
					there = append(there, p)
					weights += p.Weight
				}
			}
			for range rapid.IntRange(1, 10).Draw(t, "turns") {
				next := r.Next(there)
				taken[next]++
				found := false
				for _, p := range there {
					found = found || p.User == next
					due[p.User].Add(due[p.User], big.NewRat(p.Weight, weights))
				}
				if !found {
					t.Fatalf("%s is not there", next)
				}
			}
			for _, p := range people {
				off := new(big.Rat).Sub(due[p.User], big.NewRat(taken[p.User], 1))
				if f, _ := off.Float64(); f >= 2 || f <= -2 {
					t.Fatalf("%s is owed %.3f turns among %d people", p.User, f, len(people))
				}
			}
		}
	})
}

func TestARotationForgetsWhoLeftTheTeam(t *testing.T) {
	var r routing.Rotation
	both := shares(1, 1)
	for range 3 {
		r.Next(both)
	}
	r.Keep([]routing.Member{{User: "a", Weight: 1}})
	if len(r.Places) != 1 || r.Places[0].User != "a" {
		t.Fatalf("places %v", r.Places)
	}
	if next := r.Next(both); next != "b" { // new, and a had one turn more than half of three
		t.Errorf("next is %s of %s", next, fmt.Sprint(r))
	}
}
