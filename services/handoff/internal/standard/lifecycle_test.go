package standard_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

func TestLifecycleRules(t *testing.T) {
	if c := compile(t, "id: x"); c.Lifecycle != nil {
		t.Errorf("a standard without reasons: %+v", c.Lifecycle)
	}
	got := compile(t, `
id: x
lifecycle:
  maxRequalifications: 0
  reasons:
    - {id: no_budget, stages: [recycled, lost], returns: {afterDays: 90}}
    - {id: competitor, stages: [LIFECYCLE_STAGE_DISQUALIFIED], returns: {reasons: ['fast_track.*', approval]}}
    - {id: bad_data, stages: [disqualified], subReasons: [{id: bounced}, {id: spam, description: Spam}]}
    - {id: student, stages: [disqualified], returns: {never: true}}
    - {id: student, stages: [lost]}
`).Lifecycle
	want := &lifecycle.Rules{
		MaxRequalifications: new(0),
		Reasons: []lifecycle.Reason{
			{ID: "no_budget", Stages: []lifecycle.Stage{lifecycle.Recycled, lifecycle.Lost}, Return: lifecycle.Return{AfterDays: 90}},
			{ID: "competitor", Stages: []lifecycle.Stage{lifecycle.Disqualified}, Return: lifecycle.Return{Reasons: []string{"fast_track.*", "approval"}}},
			{ID: "bad_data", Stages: []lifecycle.Stage{lifecycle.Disqualified}, SubReasons: []string{"bounced", "spam"}},
			{ID: "student", Stages: []lifecycle.Stage{lifecycle.Disqualified}, Return: lifecycle.Return{Never: true}},
			{ID: "student", Stages: []lifecycle.Stage{lifecycle.Lost}},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestLifecycleRulesThatAreWrong(t *testing.T) {
	for name, c := range map[string]struct{ reasons, want string }{
		"another stage":       {"[{id: a, stages: [nurture]}]", "lifecycle.reasons[0].stages[0]: expected"},
		"no stage":            {"[{id: a}]", "lifecycle.reasons[0].stages: expected"},
		"a word of nothing":   {"[{id: a, stages: [gone]}]", "lifecycle.reasons[0].stages[0]: expected one of"},
		"no id":               {"[{stages: [lost]}]", "lifecycle.reasons[0].id: expected"},
		"twice for a stage":   {"[{id: a, stages: [lost]}, {id: a, stages: [recycled, lost]}]", `lifecycle.reasons[1].id: expected an id once for each stage, not "a" twice`},
		"a sub-reason twice":  {"[{id: a, stages: [lost], subReasons: [{id: b}, {id: b}]}]", `lifecycle.reasons[0].subReasons[1].id: expected an id once in the reason, not "b" twice`},
		"never and some day":  {"[{id: a, stages: [recycled], returns: {never: true, afterDays: 1}}]", "lifecycle.reasons[0].returns: expected `never` alone"},
		"a star in the midst": {"[{id: a, stages: [recycled], returns: {reasons: ['fast*.x']}}]", "lifecycle.reasons[0].returns.reasons[0]: expected the code of a reason"},
		"a return from lost":  {"[{id: a, stages: [lost], returns: {never: true}}]", "lifecycle.reasons[0].returns: expected nothing for a lost deal"},
		"days below none":     {"[{id: a, stages: [recycled], returns: {afterDays: -1}}]", "lifecycle.reasons[0].returns.afterDays: expected"},
		"less than no times":  {"[]\n  maxRequalifications: -1", "lifecycle.maxRequalifications: expected"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := standard.Load("x.yaml", []byte("id: x\nlifecycle:\n  reasons: "+c.reasons+"\n"))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
