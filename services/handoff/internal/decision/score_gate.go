package decision

import (
	"slices"

	"github.com/assay-hq/assay/services/internal/points"
)

// FitScore holds when the fit score lies in the range.
func FitScore(r Range) Gate {
	return score{"fit score", r, func(e *Evidence) Score { return e.Fit.Score }}
}

// EngagementScore holds when the engagement score lies in the range.
func EngagementScore(r Range) Gate {
	return score{"engagement score", r, func(e *Evidence) Score { return e.Engagement.Score }}
}

// CombinedScore holds when the combined score lies in the range.
func CombinedScore(r Range) Gate {
	return score{"combined score", r, func(e *Evidence) Score { return e.Combined }}
}

// score is a gate over a score.
type score struct {
	name string
	in   Range
	of   func(*Evidence) Score
}

func (g score) answer(e *Evidence) Truth {
	s := g.of(e)
	if !s.Scored {
		return Unknown
	}
	return truth(g.in.of(e.segment).contains(s.Points.Float()))
}

func (g score) words() string { return g.name + " " + g.in.words() }

// FitClass holds when the fit class is one of these. Without a score the class is
// unknown; a score below all edges has no class, which is none of these.
func FitClass(classes ...string) Gate {
	return label{"fit class", classes, func(e *Evidence) Score { return e.Fit.Score }}
}

// EngagementBand holds when the engagement band is one of these.
func EngagementBand(bands ...string) Gate {
	return label{"engagement band", bands, func(e *Evidence) Score { return e.Engagement.Score }}
}

// CombinedBand holds when the combined band is one of these.
func CombinedBand(bands ...string) Gate {
	return label{"combined band", bands, func(e *Evidence) Score { return e.Combined }}
}

// Matrix holds when fit class and engagement band, written together, are one of these,
// e.g. `A1`.
func Matrix(fields ...string) Gate {
	return label{"class", fields, func(e *Evidence) Score {
		return Score{
			Scored: e.Fit.Scored && e.Engagement.Scored,
			Label:  e.Fit.Label + e.Engagement.Label,
		}
	}}
}

// label is a gate over the label of a score.
type label struct {
	name   string
	labels []string
	of     func(*Evidence) Score
}

func (g label) answer(e *Evidence) Truth {
	s := g.of(e)
	if !s.Scored {
		return Unknown
	}
	return oneOf(g.labels, s.Label)
}

func (g label) words() string { return g.name + " " + or(g.labels) }

// PointsOf holds when the lines of a criterion, rule or group sum to something in the
// range. While there is neither fit nor engagement it is unknown.
func PointsOf(id, name string, r Range) Gate { return pointsOf{id: id, name: name, in: r} }

type pointsOf struct {
	id, name string
	in       Range
}

func (g pointsOf) answer(e *Evidence) Truth {
	p, known := g.points(e)
	if !known {
		return Unknown
	}
	return truth(g.in.of(e.segment).contains(p.Float()))
}

func (g pointsOf) points(e *Evidence) (points.Points, bool) {
	return e.Lines[g.id], e.Fit.Scored || e.Engagement.Scored
}

func (g pointsOf) words() string { return "points of " + g.name + " " + g.in.words() }

// FitStatus holds when the status of the fit is one of these: `SCORED`,
// `INSUFFICIENT_DATA`. It is unknown while the fit was never assessed.
func FitStatus(statuses ...string) Gate { return fitStatus(statuses) }

type fitStatus []string

func (g fitStatus) answer(e *Evidence) Truth {
	switch {
	case !e.Fit.Assessed:
		return Unknown
	case e.Fit.Scored:
		return truth(slices.Contains(g, "SCORED"))
	default:
		return truth(slices.Contains(g, "INSUFFICIENT_DATA"))
	}
}

func (g fitStatus) words() string { return "fit status " + or(g) }
