package lifecycle_test

import (
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

const (
	none         = lifecycle.None
	lead         = lifecycle.Lead
	qualified    = lifecycle.MarketingQualified
	nurture      = lifecycle.Nurture
	recycled     = lifecycle.Recycled
	disqualified = lifecycle.Disqualified
)

// What each verdict does in each stage: to (if it moves), and to when stirred.
func TestFollow(t *testing.T) {
	type moves map[lifecycle.Stage]lifecycle.Stage
	for wanted, want := range map[lifecycle.Stage]struct{ still, stirred moves }{
		qualified: {
			still:   moves{none: qualified, lead: qualified, nurture: qualified},
			stirred: moves{recycled: qualified, disqualified: qualified},
		},
		nurture: {still: moves{none: nurture, lead: nurture}},
		lead:    {still: moves{none: lead}},
		disqualified: {
			still:   moves{none: disqualified, lead: disqualified, nurture: disqualified, qualified: disqualified},
			stirred: moves{recycled: disqualified},
		},
	} {
		for _, from := range append(slices.Clone(lifecycle.Stages), none) {
			for _, stirred := range []bool{false, true} {
				to, moves := want.still[from]
				if !moves && stirred {
					to, moves = want.stirred[from]
				}
				got, moved := lifecycle.Standing{Stage: from, Cycle: 1, Stirred: stirred}.Follow(wanted)
				if moved != moves || (moves && got.Stage != to) || (!moves && got.Stage != from) {
					t.Errorf("%s stirred=%v, verdict for %s: moved %v to %s; want %v to %s",
						from, stirred, wanted, moved, got.Stage, moves, to)
				}
			}
		}
	}
}

// Every move of a person that is not in the table is refused, and the error names
// the stage that is and those wanted.
func TestMove(t *testing.T) {
	for _, from := range append(slices.Clone(lifecycle.Stages), none) {
		for _, to := range lifecycle.Stages {
			for _, cause := range []lifecycle.Cause{lifecycle.ByAccept, lifecycle.ByReject, lifecycle.ByRecycle, lifecycle.ByOutcome, lifecycle.ByVerdict} {
				i := slices.IndexFunc(lifecycle.Table, func(t lifecycle.Transition) bool {
					return t.From == from && t.To == to && t.Cause == cause && t.Who == lifecycle.Sales
				})
				standing := lifecycle.Standing{Stage: from, Cycle: 3}
				got, err := standing.Move(to, cause, "because")
				var forbidden *lifecycle.ForbiddenError
				switch {
				case i >= 0 && (err != nil || got.Stage != to):
					t.Errorf("%s → %s by %s: %s, %v", from, to, cause, got.Stage, err)
				case i < 0 && (!errors.As(err, &forbidden) || forbidden.Is != from || slices.Contains(forbidden.Wanted, from)):
					t.Errorf("%s → %s by %s: error %v does not say what is wanted", from, to, cause, err)
				case i < 0 && got != standing:
					t.Errorf("%s → %s by %s: a forbidden move moved to %v", from, to, cause, got)
				}
				if i >= 0 && lifecycle.Table[i].NeedsReason {
					if _, err := standing.Move(to, cause, " "); !errors.Is(err, lifecycle.ErrNoReason) {
						t.Errorf("%s → %s by %s without a reason: %v", from, to, cause, err)
					}
				}
			}
		}
	}
}

func TestForbiddenErrorNamesIsAndWanted(t *testing.T) {
	_, err := lifecycle.Standing{Stage: nurture, Cycle: 1}.Move(lifecycle.SalesAccepted, lifecycle.ByAccept, "")
	const want = "accept to SALES_ACCEPTED: the stage is NURTURE, wanted MARKETING_QUALIFIED"
	if err == nil || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
}

func TestCycles(t *testing.T) {
	s, _ := lifecycle.Standing{}.Follow(qualified)
	if s.Cycle != 1 {
		t.Fatalf("the first move opens cycle 1, is %d", s.Cycle)
	}
	s = must(t)(s.Move(lifecycle.SalesAccepted, lifecycle.ByAccept, ""))
	s = must(t)(s.Stir().Move(recycled, lifecycle.ByRecycle, "no_response"))
	if s.Cycle != 2 || s.Stirred {
		t.Fatalf("recycling opens cycle 2, at rest: %+v", s)
	}
	s, _ = s.Stir().Follow(qualified)
	if s.Cycle != 2 {
		t.Fatalf("qualifying again happens in cycle 2: %+v", s)
	}
	s, _ = s.Follow(disqualified)
	if s.Cycle != 2 || s.Stirred {
		t.Fatalf("a disqualification closes cycle 2, at rest: %+v", s)
	}
	s, _ = s.Stir().Follow(qualified)
	if s.Cycle != 3 {
		t.Fatalf("a return opens cycle 3: %+v", s)
	}
}

// The edges that need neither a person nor the lead form no circle.
func TestAutomaticEdgesFormNoCircle(t *testing.T) {
	const visiting, done = 1, 2
	state := map[lifecycle.Stage]int{}
	var visit func(lifecycle.Stage, []lifecycle.Stage)
	visit = func(s lifecycle.Stage, path []lifecycle.Stage) {
		if state[s] == visiting {
			t.Fatalf("circle: %v", append(path, s))
		}
		if state[s] == done {
			return
		}
		state[s] = visiting
		for _, edge := range lifecycle.Table {
			if edge.From == s && edge.Who == lifecycle.System && !edge.NeedsStirring {
				visit(edge.To, append(path, s))
			}
		}
		state[s] = done
	}
	visit(none, nil)
	for _, s := range lifecycle.Stages {
		visit(s, nil)
	}
}

// Edges that need stirring start where a lead rests, and only there, so that each
// uses the stirring up before the circle closes.
func TestStirringIsForLeadsAtRest(t *testing.T) {
	for _, edge := range lifecycle.Table {
		atRest := edge.From == recycled || edge.From == disqualified
		if edge.Who == lifecycle.System && edge.NeedsStirring != atRest {
			t.Errorf("%s → %s: needs stirring %v", edge.From, edge.To, edge.NeedsStirring)
		}
	}
}

func TestEveryStageIsReachable(t *testing.T) {
	reached := map[lifecycle.Stage]bool{none: true}
	for range lifecycle.Table {
		for _, edge := range lifecycle.Table {
			if reached[edge.From] {
				reached[edge.To] = true
			}
		}
	}
	for _, s := range lifecycle.Stages {
		if !reached[s] {
			t.Errorf("%s is not reachable", s)
		}
	}
}

func TestTableHasEachEdgeOnce(t *testing.T) {
	seen := map[lifecycle.Transition]bool{}
	for _, edge := range lifecycle.Table {
		key := lifecycle.Transition{From: edge.From, To: edge.To, Cause: edge.Cause}
		if seen[key] {
			t.Errorf("%s → %s by %s stands twice", edge.From, edge.To, edge.Cause)
		}
		seen[key] = true
		if edge.From == edge.To {
			t.Errorf("%s moves nowhere", edge.From)
		}
		if (edge.Who == lifecycle.System) != (edge.Cause == lifecycle.ByVerdict) {
			t.Errorf("%s → %s by %s: who is %s", edge.From, edge.To, edge.Cause, edge.Who)
		}
	}
}

// However verdicts change, a lead that nobody stirs moves at most as often as the
// longest automatic path.
func TestVerdictsAloneComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := lifecycle.Standing{
			Stage:   rapid.SampledFrom(append(slices.Clone(lifecycle.Stages), none)).Draw(t, "stage"),
			Cycle:   1,
			Stirred: rapid.Bool().Draw(t, "stirred"),
		}
		moves := 0
		for _, wanted := range rapid.SliceOfN(rapid.SampledFrom([]lifecycle.Stage{lead, nurture, qualified, disqualified}), 30, 60).Draw(t, "verdicts") {
			next, moved := s.Follow(wanted)
			if moved {
				moves++
			}
			if next.Cycle < s.Cycle {
				t.Fatalf("cycle went back from %d to %d", s.Cycle, next.Cycle)
			}
			s = next
		}
		if moves > 4 {
			t.Fatalf("%d moves without anything new", moves)
		}
	})
}

func must(t *testing.T) func(lifecycle.Standing, error) lifecycle.Standing {
	return func(s lifecycle.Standing, err error) lifecycle.Standing {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}
