package qualifier

import (
	"google.golang.org/protobuf/proto"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/points"
)

// showFit is a fit that is shown with another score. The scorer's own is not changed:
// scoring goes on underneath.
func showFit(fit *typev1.Fit, as *decision.Shown) *typev1.Fit {
	if fit == nil || fit.Score == nil {
		return fit
	}
	shown := proto.CloneOf(fit)
	if shown.UnderlyingScore == nil {
		shown.UnderlyingScore = fit.Score
	}
	shown.Score, shown.Contributions = show(fit.GetScore(), shown.Contributions, as)
	return shown
}

// showEngagement is an engagement that is shown with another score, and another combined
// score if it has one.
func showEngagement(e *typev1.Engagement, as *decision.Shown) *typev1.Engagement {
	if e == nil || e.Score == nil {
		return e
	}
	shown := proto.CloneOf(e)
	if shown.UnderlyingScore == nil {
		shown.UnderlyingScore = e.Score
	}
	shown.Score, shown.Contributions = show(e.GetScore(), shown.Contributions, as)
	if combined := shown.GetCombined(); combined != nil && combined.Score != nil {
		combined.Score, combined.Contributions = show(combined.GetScore(), combined.Contributions, as)
	}
	return shown
}

// show adds the line that makes a score what it is shown as, unless it is already.
func show(score float64, lines []*typev1.Contribution, as *decision.Shown) (*float64, []*typev1.Contribution) {
	to := as.Points.Float()
	if score == to {
		return &to, lines
	}
	return &to, append(lines, &typev1.Contribution{
		Rule: as.Code, Kind: typev1.Contribution_KIND_SHOWN, Points: (as.Points - points.Round(score)).Float(), Description: as.Description,
	})
}
