package qualifier

import (
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// decide asks a standard's rules.
func decide(s *standard.Compiled, lead condition.Attributes, fit *typev1.Fit, engagement *typev1.Engagement) decision.Decision {
	evidence := decision.Evidence{Lead: lead}
	if fit.GetStatus() == typev1.Fit_STATUS_SCORED && fit.Score != nil {
		evidence.Fit = decision.Fit{Scored: true, Score: points.Round(*fit.Score), Class: fit.GetFitClass()}
	}
	if engagement != nil && engagement.Score != nil {
		evidence.Engagement = decision.Engagement{
			Scored: true, Score: points.Round(*engagement.Score), Band: engagement.GetEngagementBand(),
			Counts: counts(engagement.GetCounts()), Windows: windows(s.Engagement),
		}
	}
	return decision.Decide(&s.Rules, &evidence)
}

func counts(matched []*typev1.RuleCount) []decision.Count {
	out := make([]decision.Count, len(matched))
	for i, c := range matched {
		out[i] = decision.Count{Rule: c.GetRule(), Ever: int(c.GetCount()), Within: ints(c.GetInWindows())}
	}
	return out
}

func windows(model *typev1.EngagementModel) []int { return ints(model.GetCountWindowDays()) }

func ints(from []int32) []int {
	if len(from) == 0 {
		return nil
	}
	to := make([]int, len(from))
	for i, n := range from {
		to[i] = int(n)
	}
	return to
}
