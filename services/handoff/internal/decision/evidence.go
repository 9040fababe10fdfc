package decision

import (
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Evidence is what the rules may read about a lead, at one instant.
type Evidence struct {
	// Lead is the lead's attributes; nil: nothing is known.
	Lead condition.Attributes
	// Fit is who the lead is.
	Fit Fit
	// Engagement is what the lead does.
	Engagement Engagement
}

// Fit is the fit of a lead under the standard's model.
type Fit struct {
	// Scored says whether there is a score. Without one, score and class are unknown.
	Scored bool
	// Score in hundredths of a point.
	Score points.Points
	// Class of the score; empty if the model gives it none.
	Class string
}

// Engagement is the engagement of a lead under the standard's model.
type Engagement struct {
	// Scored says whether there is a score. Without one, everything here is unknown.
	Scored bool
	// Score in hundredths of a point.
	Score points.Points
	// Band of the score; empty if the model gives it none.
	Band string
	// Counts has the rules and signals that matched; one that is absent matched never.
	Counts []Count
	// Windows are the days back that Count.Within counts, in its order.
	Windows []int
}

// Count is how often a rule or signal of the engagement model matched.
type Count struct {
	// Rule is the id of the rule or signal.
	Rule string
	// Ever is the number of matches in the whole history.
	Ever int
	// Within has the number of matches in each of Engagement.Windows.
	Within []int
}

// matches is how often a rule matched within the last so many days (0: ever);
// false if nobody counted that window.
func (e *Engagement) matches(rule string, days int) (int, bool) {
	if !e.Scored {
		return 0, false
	}
	window := -1
	if days > 0 {
		for i, d := range e.Windows {
			if d == days {
				window = i
			}
		}
		if window < 0 {
			return 0, false
		}
	}
	for i := range e.Counts {
		c := &e.Counts[i]
		switch {
		case c.Rule != rule:
			continue
		case window < 0:
			return c.Ever, true
		case window < len(c.Within):
			return c.Within[window], true
		default:
			return 0, false
		}
	}
	return 0, true
}

// known says whether an attribute has a value.
func (e *Evidence) known(attribute string) bool {
	if e.Lead == nil {
		return false
	}
	_, known := e.Lead.Attribute(attribute)
	return known
}
