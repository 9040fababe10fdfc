package lifecycle_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// codes are reasons of verdicts, some of which standards know.
var codes = []string{"gates", "fast_track.demo", "self_selection.bant", "competitor", "ineligible", "moved"}

func drawRules(t *rapid.T) *lifecycle.Rules {
	if rapid.Bool().Draw(t, "no rules") {
		return nil
	}
	rules := &lifecycle.Rules{}
	for _, id := range []string{"competitor", "ineligible", "moved"} {
		rules.Reasons = append(rules.Reasons, lifecycle.Reason{
			ID: id, Stages: rapid.SampledFrom([][]lifecycle.Stage{{disqualified}, {recycled}, {disqualified, recycled}}).Draw(t, "stages"),
			Return: lifecycle.Return{
				Never:     rapid.IntRange(0, 3).Draw(t, "never") == 0,
				Reasons:   rapid.SampledFrom([][]string{nil, {"fast_track.*"}, {"gates", "self_selection.*"}}).Draw(t, "returns"),
				AfterDays: rapid.SampledFrom([]int{0, 0, 1, 30}).Draw(t, "days"),
			},
		})
	}
	if rapid.Bool().Draw(t, "limited") {
		rules.MaxRequalifications = new(rapid.IntRange(0, 3).Draw(t, "requalifications"))
	}
	return rules
}

func drawVerdict(t *rapid.T) lifecycle.Verdict {
	return lifecycle.Verdict{
		Verdict: rapid.SampledFrom([]decision.Verdict{
			decision.Qualified, decision.Nurture, decision.Disqualified, decision.NeedsAnswers,
		}).Draw(t, "verdict"),
		Approved: rapid.Bool().Draw(t, "approved"),
		Codes:    rapid.SliceOfNDistinct(rapid.SampledFrom(codes), 1, 3, rapid.ID).Draw(t, "codes"),
	}
}

func drawStanding(t *rapid.T) lifecycle.Standing {
	s := lifecycle.Standing{
		Stage: rapid.SampledFrom(everyStage).Draw(t, "stage"), Cycle: rapid.IntRange(1, 3).Draw(t, "cycle"),
		Stirred:   rapid.Bool().Draw(t, "stirred"),
		Qualified: rapid.IntRange(0, 4).Draw(t, "qualified"), Recycled: rapid.IntRange(0, 4).Draw(t, "recycled"),
	}
	if s.Rests() {
		s.Since, s.Reason = moment, rapid.SampledFrom(codes).Draw(t, "reason")
	}
	return s
}

// However verdicts change and however much time passes, a lead that nobody stirs moves
// at most as often as the longest automatic path: into MARKETING_QUALIFIED by way of LEAD
// and NURTURE, and out of it; one that was stirred once more before.
func TestVerdictsAndClocksAloneComeToRest(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, s, now := drawRules(t), drawStanding(t), moment
		moves := 0
		for range rapid.IntRange(30, 60).Draw(t, "passes") {
			now = now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 24, 24 * 40}).Draw(t, "hours")) * time.Hour)
			next, moved := s.Follow(rules, drawVerdict(t), now)
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

// People, leads and clocks in any order: cycles and counters only grow, by at most one;
// who rests says since when, and only who rests or lost says why.
func TestStandingsStayWhole(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, s, now := drawRules(t), lifecycle.Standing{}, moment
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 48).Draw(t, "hours")) * time.Hour)
			var next lifecycle.Standing
			switch rapid.IntRange(0, 2).Draw(t, "what") {
			case 0:
				s = s.Stir()
				next = s
			case 1:
				next, _ = s.Follow(rules, drawVerdict(t), now)
			default:
				edge := rapid.SampledFrom(lifecycle.Table).Draw(t, "edge")
				step := lifecycle.Step{To: edge.To, Cause: edge.Cause, By: edge.Who, Reason: rapid.SampledFrom(codes).Draw(t, "reason")}
				var err error
				if next, err = s.Move(rules, step, now); err != nil && next != s {
					t.Fatalf("an error moved the lead to %+v", next)
				}
			}
			if next.Cycle < s.Cycle || next.Cycle > s.Cycle+1 {
				t.Fatalf("from cycle %d to %d", s.Cycle, next.Cycle)
			}
			if grown := next.Qualified - s.Qualified; grown < 0 || grown > 1 || grown == 1 && next.Stage != qualified {
				t.Fatalf("qualified %d times, then %d", s.Qualified, next.Qualified)
			}
			if grown := next.Recycled - s.Recycled; grown < 0 || grown > 1 || grown == 1 && next.Stage != recycled {
				t.Fatalf("recycled %d times, then %d", s.Recycled, next.Recycled)
			}
			if next.Rests() == next.Since.IsZero() {
				t.Fatalf("rests since %v: %+v", next.Since, next)
			}
			if next.Reason != "" && !next.Rests() && next.Stage != lifecycle.Lost {
				t.Fatalf("a reason to be in %s: %q", next.Stage, next.Reason)
			}
			s = next
		}
	})
}

// A standard may keep a lead where it is for longer, and never moves it elsewhere.
func TestRulesOnlyHoldBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules, s, v := drawRules(t), drawStanding(t), drawVerdict(t)
		with, moved := s.Follow(rules, v, moment.Add(day))
		without, would := s.Follow(nil, v, moment.Add(day))
		if moved && (!would || with.Stage != without.Stage || with.Cycle != without.Cycle) {
			t.Fatalf("with rules to %+v, without to %+v", with, without)
		}
	})
}

// What is never to return stays, whatever it does and however long.
func TestNeverIsNever(t *testing.T) {
	never := &lifecycle.Rules{Reasons: []lifecycle.Reason{
		{ID: "ineligible", Stages: []lifecycle.Stage{disqualified}, Return: lifecycle.Return{Never: true}},
	}}
	rapid.Check(t, func(t *rapid.T) {
		s := lifecycle.Standing{Stage: disqualified, Cycle: 1, Reason: "ineligible", Since: moment}
		for i := range rapid.IntRange(1, 40).Draw(t, "passes") {
			next, moved := s.Stir().Follow(never, drawVerdict(t), moment.AddDate(0, i, 0))
			if moved {
				t.Fatalf("left for %s", next.Stage)
			}
			s = next
		}
		if _, err := s.Move(never, lifecycle.Step{To: lead, Cause: lifecycle.ByReinstate, By: lifecycle.Marketing, Reason: "please"}, moment); err == nil {
			t.Fatal("brought back by somebody who may not")
		}
		if s, err := s.Move(never, lifecycle.Step{To: lead, Cause: lifecycle.ByReinstate, By: lifecycle.Manager, Reason: "a mistake"}, moment); err != nil || s.Stage != lead {
			t.Fatalf("not brought back by a manager: %v", err)
		}
	})
}
