package qualifier

import (
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// evidence is what a standard's rules may read of a lead:
// lead are its attributes as of the instant, now those it has now.
func evidence(s *standard.Compiled, asOf time.Time, lead, now condition.Attributes, fit *typev1.Fit, engagement *typev1.Engagement) *decision.Evidence {
	e := &decision.Evidence{AsOf: asOf, Zone: s.Zone, Lead: lead, Now: now, Lines: map[string]points.Points{}}
	if fit != nil {
		e.Fit = decision.Fit{
			Score: scored(fit.Score, fit.GetFitClass()), Assessed: fit.GetStatus() != typev1.Fit_STATUS_UNSPECIFIED,
			Persona: fit.GetPersona(), Flags: fit.GetFlags(),
		}
		if fit.Icp != nil {
			e.Fit.ICP = decision.Certain(fit.GetIcp())
		}
		lines(e.Lines, s.Parents, fit.GetContributions())
	}
	if engagement != nil {
		e.Engagement = decision.Engagement{
			Score: scored(engagement.Score, engagement.GetEngagementBand()), Flags: engagement.GetFlags(),
			Suspended: engagement.GetSuspended(),
			Watched:   engagement.GetWatched(),
		}
		e.Stage = engagement.GetStage()
		if combined := engagement.GetCombined(); combined != nil {
			e.Combined = scored(combined.Score, combined.GetBand())
		}
		lines(e.Lines, s.Parents, engagement.GetContributions())
	}
	return e
}

func scored(score *float64, label string) decision.Score {
	if score == nil {
		return decision.Score{}
	}
	return decision.Score{Scored: true, Points: points.Round(*score), Label: label}
}

// lines adds the points of contributions to those of their rule, of its group and of
// the groups around that.
func lines(sums map[string]points.Points, parents map[string]string, contributions []*typev1.Contribution) {
	for _, c := range contributions {
		p := points.Round(c.GetPoints())
		if c.GetRule() != c.GetGroup() {
			sums[c.GetRule()] += p
		}
		for group := c.GetGroup(); group != ""; group = parents[group] {
			sums[group] += p
		}
	}
}
