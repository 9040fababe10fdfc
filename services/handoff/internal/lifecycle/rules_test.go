package lifecycle_test

import (
	"errors"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

const day = 24 * time.Hour

// agreed is a standard's taxonomy.
var agreed = &lifecycle.Rules{
	Reasons: []lifecycle.Reason{
		{ID: "competitor", Stages: []lifecycle.Stage{disqualified}, Return: lifecycle.Return{Reasons: []string{"fast_track.*", "approval"}}},
		{ID: "ineligible", Stages: []lifecycle.Stage{disqualified}, SubReasons: []string{"student", "employee"}, Return: lifecycle.Return{Never: true}},
		{ID: "moved", Stages: []lifecycle.Stage{disqualified, lifecycle.Lost}},
		{ID: "no_budget", Stages: []lifecycle.Stage{recycled}, Return: lifecycle.Return{AfterDays: 30}},
		{ID: "no_response", Stages: []lifecycle.Stage{recycled}},
		{ID: "on_request_later", Stages: []lifecycle.Stage{disqualified}, Return: lifecycle.Return{Reasons: []string{"fast_track.demo"}, AfterDays: 10}},
	},
	MaxRequalifications: new(2),
}

func TestReasonsAreThoseOfTheStandard(t *testing.T) {
	disqualify := func(reason, sub string) lifecycle.Step {
		return lifecycle.Step{To: disqualified, Cause: lifecycle.ByDisqualify, By: lifecycle.Manager, Reason: reason, SubReason: sub}
	}
	for _, c := range []struct {
		name  string
		rules *lifecycle.Rules
		from  lifecycle.Stage
		step  lifecycle.Step
		want  string
	}{
		{"no standard has reasons", nil, lead, disqualify("whatever", "as it likes"), ""},
		{"none for the stage", &lifecycle.Rules{Reasons: agreed.Reasons[3:5]}, lead, disqualify("whatever", ""), ""},
		{"one without sub-reasons", agreed, lead, disqualify("competitor", ""), ""},
		{"one with a sub-reason", agreed, lead, disqualify("ineligible", "student"), ""},
		{
			"an unknown one", agreed, lead, disqualify("stupid", ""),
			`reason: expected one of: competitor, ineligible, moved, on_request_later, not "stupid"`,
		},
		{
			"one of another stage", agreed, lead, disqualify("no_budget", ""),
			`reason: expected one of: competitor, ineligible, moved, on_request_later, not "no_budget"`,
		},
		{"no sub-reason", agreed, lead, disqualify("ineligible", ""), "subReason: expected one of: student, employee"},
		{"an unknown sub-reason", agreed, lead, disqualify("ineligible", "cat"), `subReason: expected one of: student, employee, not "cat"`},
		{"a sub-reason where there is none", agreed, lead, disqualify("competitor", "big"), `subReason: expected nothing, not "big": the reason has none`},
		{"no reason", agreed, lead, disqualify("", ""), lifecycle.ErrNoReason.Error()},
		{
			"what needs no declared reason", agreed, disqualified,
			lifecycle.Step{To: lead, Cause: lifecycle.ByReinstate, By: lifecycle.Admin, Reason: "it was a mistake"},
			"",
		},
		{
			"a refusal", agreed, qualified,
			lifecycle.Step{To: recycled, Cause: lifecycle.ByReject, By: lifecycle.Sales, Reason: "no_response"},
			"",
		},
		{
			"a loss", agreed, lifecycle.Opportunity,
			lifecycle.Step{To: lifecycle.Lost, Cause: lifecycle.ByOutcome, By: lifecycle.Sales, Reason: "no_budget"},
			`reason: expected one of: moved, not "no_budget"`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := lifecycle.Standing{Stage: c.from, Cycle: 1}
			after, err := before.Move(c.rules, c.step, moment)
			switch {
			case c.want == "" && err != nil:
				t.Fatal(err)
			case c.want == "":
				if after.Stage == disqualified && (after.Reason != c.step.Reason || after.SubReason != c.step.SubReason) {
					t.Errorf("stands with %q, %q", after.Reason, after.SubReason)
				}
			case err == nil || err.Error() != c.want || after != before:
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

// When a lead comes back that rests, by the reason it rests for.
func TestReturns(t *testing.T) {
	for _, c := range []struct {
		name   string
		stage  lifecycle.Stage
		reason string
		before int // how often it was marketing qualified
		codes  []string
		after  time.Duration
		want   bool
	}{
		{"an undeclared reason, at once", disqualified, "student", 1, []string{"gates"}, 0, true},
		{"a reason that asks for nothing", disqualified, "moved", 1, []string{"gates"}, 0, true},
		{"never, by gates", disqualified, "ineligible", 1, []string{"gates"}, 1000 * day, false},
		{"never, on request", disqualified, "ineligible", 1, []string{"fast_track.demo"}, 1000 * day, false},
		{"on request only, by gates", disqualified, "competitor", 1, []string{"gates"}, 1000 * day, false},
		{"on request only, on request", disqualified, "competitor", 1, []string{"gates", "fast_track.demo"}, 0, true},
		{"on request only, by approval", disqualified, "competitor", 1, []string{"approval"}, 0, true},
		{"a code that only begins like another", disqualified, "competitor", 1, []string{"approval_of_something"}, 0, false},
		{"too early", recycled, "no_budget", 1, []string{"gates"}, 30*day - time.Microsecond, false},
		{"on the day", recycled, "no_budget", 1, []string{"gates"}, 30 * day, true},
		{"both, too early", disqualified, "on_request_later", 1, []string{"fast_track.demo"}, 9 * day, false},
		{"both, not on request", disqualified, "on_request_later", 1, []string{"gates"}, 10 * day, false},
		{"both", disqualified, "on_request_later", 1, []string{"fast_track.demo"}, 10 * day, true},
		{"the second time again", recycled, "no_response", 2, []string{"gates"}, 0, true},
		{"once too often", recycled, "no_response", 3, []string{"gates"}, 1000 * day, false},
		{"the reason of another stage does not count", recycled, "ineligible", 1, []string{"gates"}, 0, true},
		{"a lead that does not rest", nurture, "ineligible", 9, []string{"gates"}, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := lifecycle.Standing{Stage: c.stage, Cycle: 1, Stirred: true, Since: moment, Reason: c.reason, Qualified: c.before}
			if _, moved := s.Follow(agreed, says(decision.Qualified, c.codes...), moment.Add(c.after)); moved != c.want {
				t.Errorf("comes back: %v, want %v", moved, c.want)
			}
			s.Stirred = false
			if _, moved := s.Follow(agreed, says(decision.Qualified, c.codes...), moment.Add(c.after)); moved && s.Rests() {
				t.Error("comes back without having done anything")
			}
		})
	}
}

func TestReturnTime(t *testing.T) {
	for reason, want := range map[string]time.Time{
		"no_budget": moment.Add(30 * day), "no_response": {}, "nobody_knows": {},
	} {
		if got := agreed.ReturnTime(lifecycle.Standing{Stage: recycled, Since: moment, Reason: reason}); !got.Equal(want) {
			t.Errorf("%s: %v, want %v", reason, got, want)
		}
	}
	if got := (*lifecycle.Rules)(nil).ReturnTime(lifecycle.Standing{Stage: recycled, Since: moment}); !got.IsZero() {
		t.Errorf("without rules %v", got)
	}
}

// What a manager approves need not wait, unless the reason is for ever.
func TestApprovalsDoNotWait(t *testing.T) {
	for _, c := range []struct {
		stage  lifecycle.Stage
		reason string
		before int
		want   bool
	}{
		{recycled, "no_budget", 1, true},
		{recycled, "no_response", 9, true},
		{disqualified, "on_request_later", 1, true},
		{disqualified, "ineligible", 1, false},
	} {
		s := lifecycle.Standing{Stage: c.stage, Cycle: 1, Stirred: true, Since: moment, Reason: c.reason, Qualified: c.before}
		approved := lifecycle.Verdict{Verdict: decision.Qualified, Codes: []string{"approval"}, Approved: true}
		if _, moved := s.Follow(agreed, approved, moment); moved != c.want {
			t.Errorf("%s for %s: comes back %v, want %v", c.stage, c.reason, moved, c.want)
		}
	}
}

// Of several reasons of a verdict the strictest is the one the lead rests for.
func TestTheStrictestReasonCounts(t *testing.T) {
	for _, c := range []struct {
		codes []string
		want  string
	}{
		{nil, ""},
		{[]string{"student"}, "student"},
		{[]string{"student", "free_mail"}, "student"},
		{[]string{"student", "competitor"}, "competitor"},
		{[]string{"competitor", "on_request_later", "student"}, "on_request_later"},
		{[]string{"competitor", "ineligible", "on_request_later"}, "ineligible"},
	} {
		s, _ := lifecycle.Standing{Stage: lead, Cycle: 1}.Follow(agreed, says(decision.Disqualified, c.codes...), moment)
		if s.Stage != disqualified || s.Reason != c.want {
			t.Errorf("%v: %s for %q, want %q", c.codes, s.Stage, s.Reason, c.want)
		}
	}
}

// What a leader overruled does not disqualify the lead again in that cycle; anything
// else does.
func TestAReinstatementOutlivesItsReason(t *testing.T) {
	s, _ := lifecycle.Standing{Stage: lead, Cycle: 1}.Follow(agreed, says(decision.Disqualified, "ineligible"), moment)
	s, err := s.Move(agreed, lifecycle.Step{To: lead, Cause: lifecycle.ByReinstate, By: lifecycle.Manager, Reason: "a mistake"}, moment)
	if err != nil || s.Waived != "ineligible" {
		t.Fatalf("%+v, %v", s, err)
	}
	if _, moved := s.Follow(agreed, says(decision.Disqualified, "ineligible"), moment); moved {
		t.Error("disqualified again for what was overruled")
	}
	if again, moved := s.Follow(agreed, says(decision.Disqualified, "ineligible", "competitor"), moment); !moved || again.Reason != "ineligible" {
		t.Errorf("another reason beside it: %+v", again)
	}
	s, moved := s.Follow(agreed, says(decision.Qualified, "gates"), moment)
	if !moved {
		t.Fatal("a lead that was brought back does not qualify")
	}
	s, err = s.Move(agreed, lifecycle.Step{To: recycled, Cause: lifecycle.ByReject, By: lifecycle.Sales, Reason: "no_response"}, moment)
	if err != nil {
		t.Fatal(err)
	}
	if _, moved := s.Stir().Follow(agreed, says(decision.Disqualified, "ineligible"), moment); !moved {
		t.Error("in the next cycle it counts again")
	}
}

func TestWhichVerdictLeads(t *testing.T) {
	want := []lifecycle.Opinion{
		{Verdict: decision.Qualified, Specific: true, Standard: "z"},
		{Verdict: decision.Qualified, Standard: "a"},
		{Verdict: decision.Qualified, Standard: "b"},
		{Verdict: decision.NeedsAnswers, Standard: "a"},
		{Verdict: decision.Nurture, Specific: true, Standard: "a"},
		{Verdict: decision.Nurture, Standard: "a"},
		{Verdict: decision.Disqualified, Specific: true, Standard: "a"},
	}
	for i, a := range want {
		for j, b := range want {
			if got := a.Compare(b); got < 0 != (i < j) || got == 0 != (i == j) {
				t.Errorf("%v against %v: %d", a, b, got)
			}
		}
	}
}

func TestReasonErrorIsTold(t *testing.T) {
	_, err := lifecycle.Standing{Stage: lead}.Move(agreed, lifecycle.Step{To: disqualified, Cause: lifecycle.ByDisqualify, By: lifecycle.Admin, Reason: "x"}, moment)
	var reason *lifecycle.ReasonError
	if !errors.As(err, &reason) || reason.Field != "reason" {
		t.Errorf("got %v", err)
	}
}
