package decision

import (
	"slices"
	"strconv"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Gate is a condition of qualification. Gates are made by the functions of this
// file and never change.
type Gate interface {
	// answer says whether the gate holds.
	answer(e *Evidence) Truth
	// words is the gate as a salesperson reads it. It names limits, never the lead's
	// values, so that it is the same for every lead.
	words() string
}

// Range is a range of a score in hundredths of a point.
type Range struct {
	// AtLeast is the lowest score, inclusive; nil: no limit.
	AtLeast *points.Points
	// Below is the highest score, exclusive; nil: no limit.
	Below *points.Points
}

// All holds when all of the gates hold.
func All(gates ...Gate) Gate { return all{gates} }

// Any holds when at least one of the gates holds.
func Any(gates ...Gate) Gate { return atLeastOf{count: 1, of: gates} }

// AtLeast holds when at least count of the gates hold; a count below 1 is 1.
func AtLeast(count int, of ...Gate) Gate { return atLeastOf{count: max(count, 1), of: of} }

// Not holds when the gate is known not to hold.
func Not(gate Gate) Gate { return not{gate} }

// FitScore holds when the fit score lies in the range.
func FitScore(r Range) Gate { return fitScore(r) }

// EngagementScore holds when the engagement score lies in the range.
func EngagementScore(r Range) Gate { return engagementScore(r) }

// FitClass holds when the fit class is one of these. Without a score the class is
// unknown; a score below all edges has no class, which is none of these.
func FitClass(classes ...string) Gate { return fitClass(classes) }

// EngagementBand holds when the engagement band is one of these.
func EngagementBand(bands ...string) Gate { return engagementBand(bands) }

// Activity holds when a rule or signal matched at least so often (below 1: once)
// within the last so many days (0: ever).
func Activity(rule string, atLeast, withinDays int) Gate {
	return activity{rule: rule, atLeast: max(atLeast, 1), withinDays: withinDays}
}

// When holds when the condition over `lead` holds.
func When(c *condition.Condition) Gate { return when{c} }

type all struct{ of []Gate }

func (g all) answer(e *Evidence) Truth {
	return atLeast(len(g.of), len(g.of), func(i int) Truth { return g.of[i].answer(e) })
}

func (g all) words() string { return list(g.of, " and ") }

type atLeastOf struct {
	count int
	of    []Gate
}

func (g atLeastOf) answer(e *Evidence) Truth {
	return atLeast(g.count, len(g.of), func(i int) Truth { return g.of[i].answer(e) })
}

func (g atLeastOf) words() string {
	if g.count == 1 {
		return list(g.of, " or ")
	}
	return "at least " + strconv.Itoa(g.count) + " of: " + list(g.of, "; ")
}

type not struct{ gate Gate }

func (g not) answer(e *Evidence) Truth { return negate(g.gate.answer(e)) }
func (g not) words() string            { return "not " + inner(g.gate) }

type fitScore Range

func (g fitScore) answer(e *Evidence) Truth {
	if !e.Fit.Scored {
		return Unknown
	}
	return truth(Range(g).contains(e.Fit.Score))
}

func (g fitScore) words() string { return "fit score " + Range(g).words() }

type engagementScore Range

func (g engagementScore) answer(e *Evidence) Truth {
	if !e.Engagement.Scored {
		return Unknown
	}
	return truth(Range(g).contains(e.Engagement.Score))
}

func (g engagementScore) words() string { return "engagement score " + Range(g).words() }

type fitClass []string

func (g fitClass) answer(e *Evidence) Truth {
	if !e.Fit.Scored {
		return Unknown
	}
	return truth(slices.Contains(g, e.Fit.Class))
}

func (g fitClass) words() string { return "fit class " + strings.Join(g, " or ") }

type engagementBand []string

func (g engagementBand) answer(e *Evidence) Truth {
	if !e.Engagement.Scored {
		return Unknown
	}
	return truth(slices.Contains(g, e.Engagement.Band))
}

func (g engagementBand) words() string { return "engagement band " + strings.Join(g, " or ") }

type activity struct {
	rule                string
	atLeast, withinDays int
}

func (g activity) answer(e *Evidence) Truth {
	n, known := e.Engagement.matches(g.rule, g.withinDays)
	if !known {
		return Unknown
	}
	return truth(n >= g.atLeast)
}

func (g activity) words() string {
	var b strings.Builder
	b.WriteString(strings.ReplaceAll(g.rule, "_", " "))
	if g.atLeast > 1 {
		b.WriteString(" at least " + strconv.Itoa(g.atLeast) + " times")
	}
	if g.withinDays > 0 {
		b.WriteString(" within " + strconv.Itoa(g.withinDays) + " days")
	}
	return b.String()
}

type when struct{ *condition.Condition }

func (g when) answer(e *Evidence) Truth {
	answer, _ := g.Eval(&condition.Facts{Lead: e.Lead})
	return answer
}

func (g when) words() string { return g.Text() }

func (r Range) contains(p points.Points) bool {
	return (r.AtLeast == nil || p >= *r.AtLeast) && (r.Below == nil || p < *r.Below)
}

func (r Range) words() string {
	switch {
	case r.AtLeast != nil && r.Below != nil:
		return "from " + r.AtLeast.String() + " to below " + r.Below.String()
	case r.AtLeast != nil:
		return "at least " + r.AtLeast.String()
	case r.Below != nil:
		return "below " + r.Below.String()
	default:
		return "of any height"
	}
}

func list(gates []Gate, separator string) string {
	if len(gates) == 1 {
		return gates[0].words()
	}
	parts := make([]string, len(gates))
	for i, g := range gates {
		parts[i] = inner(g)
	}
	return strings.Join(parts, separator)
}

// inner is a gate's words, in brackets where they would run into their neighbours.
func inner(g Gate) string {
	switch g := g.(type) {
	case all:
		if len(g.of) > 1 {
			return "(" + g.words() + ")"
		}
	case atLeastOf:
		if len(g.of) > 1 {
			return "(" + g.words() + ")"
		}
	}
	return g.words()
}
