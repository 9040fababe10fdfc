package lint

import (
	"fmt"
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"

	"github.com/assay-hq/assay/services/internal/pattern"
)

const (
	recycled     = typev1.LifecycleStage_LIFECYCLE_STAGE_RECYCLED
	disqualified = typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED
)

// reasons finds reasons that do not do what they say.
func (l *linter) reasons() {
	agreed := l.spec.GetLifecycle()
	codes := qualifying(l.spec.GetQualification())
	rules := disqualifying(l.spec.GetQualification())
	toRecycle, leaves := 0, false
	for i, reason := range agreed.GetReasons() {
		at := index("lifecycle.reasons", i)
		for j, code := range reason.GetReturns().GetReasons() {
			if !slices.ContainsFunc(codes, func(given string) bool { return pattern.Matches(code, given) }) {
				l.warn("unknown-reason", index(at+".returns.reasons", j), "no lead qualifies by `%s`; there are %s", code, strings.Join(quoted(codes), ", "))
			}
		}
		if tier, known := rules[reason.GetId()]; known && !slices.Contains(reason.GetStages(), disqualified) {
			l.warn("unused", at, "`%s` is the id of a rule that disqualifies (%s), and the reason is not for that stage", reason.GetId(), tier)
		}
		if slices.Contains(reason.GetStages(), recycled) {
			toRecycle++
			leaves = leaves || reason.GetId() == lifecycle.NoResponse && len(reason.GetSubReasons()) == 0
			if reason.GetReturns() != nil && agreed.MaxRequalifications != nil && agreed.GetMaxRequalifications() == 0 && len(reason.GetStages()) == 1 {
				l.warn("never", at+".returns", "recycled leads never qualify again (`maxRequalifications` is 0), so this is never asked")
			}
		}
	}
	if toRecycle > 0 && !leaves {
		l.info("default-reason", "lifecycle.reasons", "when somebody leaves, their leads are recycled for `%s` unless another reason is named; it is not among the reasons here, or needs a sub-reason", lifecycle.NoResponse)
	}
}

// qualifying are the codes of the reasons by which leads qualify.
func qualifying(rules *handoffv1.QualificationRules) []string {
	codes := []string{decision.ApprovalCode}
	for _, s := range rules.GetSelfSelection() {
		codes = append(codes, decision.SelfSelectionPrefix+s.GetId())
	}
	for _, rule := range rules.GetFastTrack() {
		codes = append(codes, decision.FastTrackPrefix+rule.GetId())
	}
	if rules.GetGates() != nil {
		codes = append(codes, "gates")
	}
	return codes
}

// disqualifying are the ids of the rules that disqualify, with where they stand.
func disqualifying(rules *handoffv1.QualificationRules) map[string]string {
	ids := map[string]string{}
	for tier, of := range map[string][]*handoffv1.NamedGate{"exclude": rules.GetExclude(), "disqualify": rules.GetDisqualify()} {
		for _, rule := range of {
			ids[rule.GetId()] = tier
		}
	}
	return ids
}

func quoted(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = fmt.Sprintf("`%s`", w)
	}
	return out
}
