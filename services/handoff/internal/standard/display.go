package standard

import (
	"math"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/points"
)

// Limits are the lowest and highest score that is shown.
type Limits struct{ Min, Max points.Points }

// Display are the limits of each score.
type Display struct{ Fit, Engagement, Combined Limits }

// Hold returns a score held between the limits.
func (l Limits) Hold(p points.Points) points.Points { return max(min(p, l.Max), l.Min) }

func (c *compiler) display(path string, d *handoffv1.ScoreDisplay) Display {
	limits := func(path string, in *handoffv1.DisplayLimits) Limits {
		out := Limits{Min: math.MinInt64, Max: math.MaxInt64}
		if in != nil && in.Min != nil {
			out.Min = c.points(join(path, "min"), in.GetMin())
		}
		if in != nil && in.Max != nil {
			out.Max = c.points(join(path, "max"), in.GetMax())
		}
		if out.Min > out.Max {
			c.add(path, "a `min` of at most `max`, not %v and %v", in.GetMin(), in.GetMax())
		}
		return out
	}
	return Display{
		Fit:        limits(join(path, "fit"), d.GetFit()),
		Engagement: limits(join(path, "engagement"), d.GetEngagement()),
		Combined:   limits(join(path, "combined"), d.GetCombined()),
	}
}
