package standard

import (
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// lifecycle reads the reasons with which people move leads; nil: the standard has none.
func (c *compiler) lifecycle(path string, rules *handoffv1.LifecycleRules) *lifecycle.Rules {
	if rules == nil {
		return nil
	}
	out := &lifecycle.Rules{}
	if rules.MaxRequalifications != nil {
		out.MaxRequalifications = new(int(rules.GetMaxRequalifications()))
	}
	seen := map[string]bool{}
	for i, given := range rules.GetReasons() {
		at := index(join(path, "reasons"), i)
		reason := lifecycle.Reason{ID: given.GetId(), Return: c.returns(join(at, "returns"), given)}
		for _, stage := range given.GetStages() {
			// One id may mean one thing in a stage and another in the next.
			key := given.GetId() + " " + stage.String()
			if seen[key] {
				c.add(join(at, "id"), "an id once for each stage, not %q twice", given.GetId())
			}
			seen[key] = true
			reason.Stages = append(reason.Stages, lifecycle.Stage(stage))
		}
		for s, sub := range given.GetSubReasons() {
			if slices.Contains(reason.SubReasons, sub.GetId()) {
				c.add(join(index(join(at, "subReasons"), s), "id"), "an id once in the reason, not %q twice", sub.GetId())
			}
			reason.SubReasons = append(reason.SubReasons, sub.GetId())
		}
		out.Reasons = append(out.Reasons, reason)
	}
	return out
}

// returns reads when a lead comes back that rests for a reason.
func (c *compiler) returns(path string, of *handoffv1.StageReason) lifecycle.Return {
	given := of.GetReturns()
	if given == nil {
		return lifecycle.Return{}
	}
	out := lifecycle.Return{Never: given.GetNever(), Reasons: given.GetReasons(), AfterDays: int(given.GetAfterDays())}
	if out.Never && (len(out.Reasons) > 0 || out.AfterDays > 0) {
		c.add(path, "`never` alone, without `reasons` and `afterDays`")
	}
	for i, code := range out.Reasons {
		if strings.Contains(strings.TrimSuffix(code, "*"), "*") || code == "" {
			c.add(index(join(path, "reasons"), i), "the code of a reason, `*` only at its end, not %q", code)
		}
	}
	rests := slices.ContainsFunc(of.GetStages(), func(s typev1.LifecycleStage) bool {
		return lifecycle.Stage(s) == lifecycle.Recycled || lifecycle.Stage(s) == lifecycle.Disqualified
	})
	if !rests {
		c.add(path, "nothing for a lost deal: from LOST a lead is recycled first")
	}
	return out
}
