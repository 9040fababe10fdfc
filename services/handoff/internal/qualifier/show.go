package qualifier

import (
	"google.golang.org/protobuf/proto"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/points"
)

// shown says what a score is shown as, and the line that makes it so.
type shown struct {
	line string
	why  string
	as   func(points.Points, standard.Limits) points.Points
}

// showing is how a decision shows scores: as its reason says, else within the limits of
// the standard.
func showing(d *decision.Decision) shown {
	if s := d.Shown; s != nil {
		return shown{s.Code, s.Description, func(points.Points, standard.Limits) points.Points { return s.Points }}
	}
	return shown{"total", "held at what is shown", func(p points.Points, l standard.Limits) points.Points { return l.Hold(p) }}
}

// fit is a fit as it is shown. The scorer's own is not changed: scoring goes on
// underneath.
func (s shown) fit(fit *typev1.Fit, limits standard.Limits) *typev1.Fit {
	if fit == nil || fit.Score == nil || s.as(points.Round(*fit.Score), limits) == points.Round(*fit.Score) {
		return fit
	}
	out := proto.CloneOf(fit)
	if out.UnderlyingScore == nil {
		out.UnderlyingScore = fit.Score
	}
	out.Score, out.Contributions = s.show(*fit.Score, out.Contributions, limits)
	return out
}

// engagement is an engagement as it is shown, with its combined score if it has one.
func (s shown) engagement(e *typev1.Engagement, display standard.Display) *typev1.Engagement {
	if e == nil || e.Score == nil {
		return e
	}
	combined := e.GetCombined()
	if s.as(points.Round(*e.Score), display.Engagement) == points.Round(*e.Score) &&
		(combined == nil || combined.Score == nil || s.as(points.Round(*combined.Score), display.Combined) == points.Round(*combined.Score)) {
		return e
	}
	out := proto.CloneOf(e)
	if out.UnderlyingScore == nil {
		out.UnderlyingScore = e.Score
	}
	out.Score, out.Contributions = s.show(*e.Score, out.Contributions, display.Engagement)
	if combined = out.GetCombined(); combined != nil && combined.Score != nil {
		combined.Score, combined.Contributions = s.show(*combined.Score, combined.Contributions, display.Combined)
	}
	return out
}

// show adds the line that makes a score what it is shown as, unless it is already.
func (s shown) show(score float64, lines []*typev1.Contribution, limits standard.Limits) (*float64, []*typev1.Contribution) {
	was := points.Round(score)
	to := s.as(was, limits)
	number := to.Float()
	if was == to {
		return &number, lines
	}
	return &number, append(lines, &typev1.Contribution{
		Rule: s.line, Kind: typev1.Contribution_KIND_SHOWN, Points: (to - was).Float(), Description: s.why,
	})
}
