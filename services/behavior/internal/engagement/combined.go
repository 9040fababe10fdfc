package engagement

import "github.com/assay-hq/assay/services/internal/points"

// combined is fit and engagement as one score.
type combined struct {
	bounds
	bands         bandTable
	fitCap        *points.Points
	fitCapped     string
	unknownIsZero bool
}

// CombinedScore is fit and engagement as one score, at an instant.
type CombinedScore struct {
	// Known says whether there is a score: not while the fit has none.
	Known bool
	// Points is the score: the sum of the contributions.
	Points points.Points
	// Band of the score; empty if the model gives it none.
	Band string
	// Contributions: fit, engagement, then what caps, floors and overrides do.
	Contributions []Contribution
}

// Rules of the lines of a combined score.
const (
	fitLine        = "fit"
	engagementLine = "engagement"
)

// combined adds an engagement score to the fit of the instant, between cap and floors.
// Without a fit there is no score.
func (r *reading) combined(engagement points.Points) (sum points.Points, known bool) {
	m := r.c.combined
	fit, assessed := fitAt(r.present.fit(), r.present.micros)
	switch {
	case assessed && fit.Scored:
		sum = fit.Points
		r.line(fitLine, "", Given, sum, "Fit")
		if m.fitCap != nil && sum > *m.fitCap {
			r.line(fitLine, "", Capped, *m.fitCap-sum, m.fitCapped)
			sum = *m.fitCap
		}
	case m.unknownIsZero:
		r.line(fitLine, "", Unanswered, 0, "Fit")
	default:
		return 0, false
	}
	r.line(engagementLine, "", Given, engagement, "Engagement")
	return r.bound(&m.bounds, sum+engagement), true
}

// together returns the shown engagement score and the fit as one score.
func (r *reading) together(engagement points.Points) *CombinedScore {
	out := &CombinedScore{}
	r.lines = &out.Contributions
	out.Points, out.Known = r.combined(engagement)
	if out.Points, out.Known = r.shown(out.Points, out.Known, true); out.Known {
		out.Band = r.c.combined.bands.band(out.Points, r.present)
	}
	return out
}
