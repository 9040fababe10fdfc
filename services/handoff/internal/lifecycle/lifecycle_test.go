package lifecycle_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
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

// moment is when everything happens that needs no other time.
var moment = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// verdicts that stand for stages.
var verdicts = map[lifecycle.Stage]decision.Verdict{
	lead: decision.NeedsAnswers, nurture: decision.Nurture, qualified: decision.Qualified, disqualified: decision.Disqualified,
}

var everyStage = append([]lifecycle.Stage{none}, lifecycle.Stages...)

// anybody may do whatever somebody may.
const anybody = lifecycle.System | lifecycle.Sales | lifecycle.Marketing | lifecycle.Manager | lifecycle.Admin

func says(v decision.Verdict, codes ...string) lifecycle.Verdict {
	return lifecycle.Verdict{Verdict: v, Codes: codes}
}

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
		for _, from := range everyStage {
			for _, stirred := range []bool{false, true} {
				to, moves := want.still[from]
				if !moves && stirred {
					to, moves = want.stirred[from]
				}
				got, moved := lifecycle.Standing{Stage: from, Cycle: 1, Stirred: stirred}.Follow(nil, says(verdicts[wanted]), moment)
				if moved != moves || (moves && got.Stage != to) || (!moves && got.Stage != from) {
					t.Errorf("%s stirred=%v, verdict for %s: moved %v to %s; want %v to %s",
						from, stirred, wanted, moved, got.Stage, moves, to)
				}
			}
		}
	}
}

// Every move of a person that is not in the table is refused, and the error names
// the stage that is and those wanted. Every one that is asks for who may, and for its
// reason.
func TestMove(t *testing.T) {
	for _, from := range everyStage {
		for _, to := range lifecycle.Stages {
			for _, cause := range lifecycle.Causes {
				i := slices.IndexFunc(lifecycle.Table, func(t lifecycle.Transition) bool {
					return t.From == from && t.To == to && t.Cause == cause && t.Cause != lifecycle.ByVerdict
				})
				standing := lifecycle.Standing{Stage: from, Cycle: 3}
				step := lifecycle.Step{To: to, Cause: cause, By: anybody, Reason: "because"}
				got, err := standing.Move(nil, step, moment)
				var forbidden *lifecycle.ForbiddenError
				switch {
				case i >= 0 && (err != nil || got.Stage != to):
					t.Errorf("%s → %s by %s: %s, %v", from, to, cause, got.Stage, err)
				case i < 0 && (!errors.As(err, &forbidden) || forbidden.Is != from || slices.Contains(forbidden.Wanted, from)):
					t.Errorf("%s → %s by %s: error %v does not say what is wanted", from, to, cause, err)
				case i < 0 && got != standing:
					t.Errorf("%s → %s by %s: a forbidden move moved to %v", from, to, cause, got)
				}
				if i < 0 {
					continue
				}
				var denied *lifecycle.DeniedError
				step.By = anybody &^ lifecycle.Table[i].Who
				if _, err := standing.Move(nil, step, moment); !errors.As(err, &denied) || denied.Wanted != lifecycle.Table[i].Who {
					t.Errorf("%s → %s by %s for %s: %v", from, to, cause, step.By, err)
				}
				step.By, step.Reason = anybody, " "
				if _, err := standing.Move(nil, step, moment); errors.Is(err, lifecycle.ErrNoReason) != lifecycle.Table[i].NeedsReason {
					t.Errorf("%s → %s by %s without a reason: %v", from, to, cause, err)
				}
			}
		}
	}
}

func TestErrorsNameWhatIsWanted(t *testing.T) {
	_, err := lifecycle.Standing{Stage: nurture, Cycle: 1}.Move(nil, lifecycle.Step{To: lifecycle.SalesAccepted, Cause: lifecycle.ByAccept, By: lifecycle.Sales}, moment)
	const want = "accept to SALES_ACCEPTED: the stage is NURTURE, wanted MARKETING_QUALIFIED"
	if err == nil || err.Error() != want {
		t.Errorf("error is %q, want %q", err, want)
	}
	_, err = lifecycle.Standing{Stage: disqualified, Cycle: 1}.Move(nil, lifecycle.Step{To: lead, Cause: lifecycle.ByReinstate, By: lifecycle.Marketing}, moment)
	const denied = "reinstate from DISQUALIFIED is for manager, admin"
	if err == nil || err.Error() != denied {
		t.Errorf("error is %q, want %q", err, denied)
	}
}

func TestCyclesAndCounters(t *testing.T) {
	stands := func(s lifecycle.Standing, cycle, qualifiedCount, recycledCount int, what string) {
		t.Helper()
		if s.Cycle != cycle || s.Qualified != qualifiedCount || s.Recycled != recycledCount || s.Rests() == s.Since.IsZero() || s.Rests() && s.Stirred {
			t.Fatalf("%s: cycle %d, qualified %d, recycled %d wanted of %+v", what, cycle, qualifiedCount, recycledCount, s)
		}
	}
	follow := func(s lifecycle.Standing, v decision.Verdict) lifecycle.Standing {
		t.Helper()
		next, moved := s.Stir().Follow(nil, says(v), moment)
		if !moved {
			t.Fatalf("%+v stays", s)
		}
		return next
	}
	move := func(s lifecycle.Standing, cause lifecycle.Cause, to lifecycle.Stage) lifecycle.Standing {
		t.Helper()
		next, err := s.Stir().Move(nil, lifecycle.Step{To: to, Cause: cause, By: anybody, Reason: "because"}, moment)
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	s := follow(lifecycle.Standing{}, decision.Qualified)
	stands(s, 1, 1, 0, "the first move opens cycle 1")
	s = move(s, lifecycle.ByAccept, lifecycle.SalesAccepted)
	s = move(s, lifecycle.ByRecycle, recycled)
	stands(s, 2, 1, 1, "recycling opens cycle 2, at rest")
	s = follow(s, decision.Qualified)
	stands(s, 2, 2, 1, "qualifying again happens in cycle 2")
	s = follow(s, decision.Disqualified)
	stands(s, 2, 2, 1, "a disqualification closes cycle 2, at rest")
	s = move(s, lifecycle.ByDisqualify, disqualified)
	stands(s, 2, 2, 1, "for another reason it is still closed")
	stands(follow(s, decision.Qualified), 3, 3, 1, "a return opens cycle 3")
	s = move(s, lifecycle.ByReinstate, lead)
	stands(s, 3, 2, 1, "so does a person who brings it back")
	s = move(follow(s, decision.Qualified), lifecycle.ByReject, recycled)
	stands(s, 4, 3, 2, "a refusal opens cycle 4")
	s = move(s, lifecycle.ByReinstate, lead)
	stands(s, 4, 3, 2, "which a person only goes on with")
	s = move(follow(s, decision.Qualified), lifecycle.ByMerge, lead)
	stands(s, 5, 4, 2, "a merge closes the cycle")
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
			if edge.From == s && edge.Cause == lifecycle.ByVerdict && !edge.NeedsStirring {
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
		if edge.NeedsStirring != (atRest && edge.Cause == lifecycle.ByVerdict) {
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
		if edge.From == edge.To && edge.Cause != lifecycle.ByDisqualify {
			t.Errorf("%s moves nowhere", edge.From)
		}
		if edge.Who == 0 || edge.Cause == lifecycle.ByVerdict && edge.Who != lifecycle.System {
			t.Errorf("%s → %s by %s: who is %q", edge.From, edge.To, edge.Cause, edge.Who)
		}
		if back := edge.To == recycled || edge.To == disqualified || edge.To == lifecycle.Lost; edge.Cause != lifecycle.ByVerdict && back && !edge.NeedsReason {
			t.Errorf("%s → %s by %s without a reason", edge.From, edge.To, edge.Cause)
		}
	}
}

// No lead is caught: from every stage but CUSTOMER somebody or something leads on.
func TestEveryStageButTheLastHasAWayOut(t *testing.T) {
	for _, s := range lifecycle.Stages {
		out := slices.ContainsFunc(lifecycle.Table, func(edge lifecycle.Transition) bool {
			return edge.From == s && edge.To != s
		})
		if out != (s != lifecycle.Customer) {
			t.Errorf("%s has a way out: %v", s, out)
		}
	}
}
