package qualifier

import (
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/points"
)

func TestScoresAreShownWithinTheirLimits(t *testing.T) {
	display := standard.Display{
		Fit:        standard.Limits{Min: 0, Max: 100 * points.One},
		Engagement: standard.Limits{Min: -points.Max, Max: 50 * points.One},
		Combined:   standard.Limits{Min: 0, Max: 100 * points.One},
	}
	for _, c := range []struct {
		name                                       string
		reason                                     *decision.Shown
		fit, engagement, combined                  float64
		wantFit, wantEngagement, wantCombined      float64
		fitLines, engagementLines, combinedContrib int
	}{
		{"inside", nil, 10, 20, 30, 10, 20, 30, 0, 0, 0},
		{"at the edges", nil, 100, 50, 0, 100, 50, 0, 0, 0, 0},
		{"outside", nil, -5, 60, 130, 0, 50, 100, 1, 1, 1},
		{"as the reason says", &decision.Shown{Reason: decision.Reason{Code: "student"}}, 10, 0, 10, 0, 0, 0, 1, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			show := showing(&decision.Decision{Shown: c.reason})
			fit := &typev1.Fit{Score: &c.fit}
			engagement := &typev1.Engagement{Score: &c.engagement, Combined: &typev1.Combined{Score: &c.combined}}
			f, e := show.fit(fit, display.Fit), show.engagement(engagement, display)
			if f.GetScore() != c.wantFit || len(f.GetContributions()) != c.fitLines {
				t.Errorf("fit %v", f)
			}
			if e.GetScore() != c.wantEngagement || len(e.GetContributions()) != c.engagementLines {
				t.Errorf("engagement %v", e)
			}
			if e.GetCombined().GetScore() != c.wantCombined || len(e.GetCombined().GetContributions()) != c.combinedContrib {
				t.Errorf("combined %v", e.GetCombined())
			}
			if fit.GetScore() != c.fit || engagement.GetScore() != c.engagement || len(fit.GetContributions()) != 0 {
				t.Error("the scorer's own was changed")
			}
		})
	}
}
