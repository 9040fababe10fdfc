package decision

import (
	"slices"
	"strconv"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
)

// Measured is what an activity gate measures.
type Measured struct {
	// Place is that of its value in Engagement.Watched.
	Place int
	// Rule is the rule or signal in words.
	Rule string
	// Of says what is measured of its matches.
	Of Measure
	// WithinDays is how far back matches count; 0: ever.
	WithinDays int
	// InVisit: only matches of the visit that goes on.
	InVisit bool
}

// Measure is a number that matches give.
type Measure int8

// The measures, as in the language of a standard.
const (
	Count Measure = iota
	Days
	Sum
	Distinct
	Counted
	DaysSince
)

// Activity holds when what is measured of a rule or signal lies in the range.
func Activity(m Measured, r Range) Gate { return activity{m, r} }

type activity struct {
	Measured
	in Range
}

func (g activity) answer(e *Evidence) Truth {
	n, known := e.Engagement.watched(g.Place)
	if !known {
		return Unknown
	}
	return truth(g.in.of(e.segment).contains(n))
}

func (g activity) words() string {
	what, how := g.Rule, " "+g.in.words()
	switch g.Of {
	case Days:
		how += " days"
	case Sum:
		what = "sum of " + what
	case Distinct:
		what = "different " + what
	case DaysSince:
		what = "days since " + what
	case Counted:
		what += " that counted"
		fallthrough
	default:
		if how += " times"; g.in.once() {
			how = "" // at least once goes without saying
		}
	}
	if g.InVisit {
		how += " in one visit"
	}
	if g.WithinDays > 0 {
		how += " within " + strconv.Itoa(g.WithinDays) + " days"
	}
	return what + how
}

// When holds when a condition over `lead`, `account` and `now` holds.
func When(c *condition.Condition) Gate { return when{c} }

type when struct{ *condition.Condition }

func (g when) answer(e *Evidence) Truth {
	answer, _ := g.Eval(e.facts())
	return answer
}

func (g when) words() string { return g.Text() }

// Known holds when at least so many of the attributes are known.
func Known(count int, attributes ...string) Gate { return known{count, attributes} }

type known struct {
	count      int
	attributes []string
}

func (g known) answer(e *Evidence) Truth {
	return truth(len(g.missing(e)) <= len(g.attributes)-g.count)
}

// missing are the attributes that are not known.
func (g known) missing(e *Evidence) []string {
	var missing []string
	for _, attribute := range g.attributes {
		if !e.known(attribute) {
			missing = append(missing, attribute)
		}
	}
	return missing
}

func (g known) words() string {
	names := strings.Join(g.attributes, ", ")
	if g.count == len(g.attributes) {
		return names + " known"
	}
	return "at least " + strconv.Itoa(g.count) + " known of: " + names
}

// Persona holds when the persona is one of these. Without any assessment it is unknown.
func Persona(ids ...string) Gate { return persona(ids) }

type persona []string

func (g persona) answer(e *Evidence) Truth {
	if !e.Fit.Assessed {
		return Unknown
	}
	return oneOf(g, e.Fit.Persona)
}

func (g persona) words() string { return "persona " + or(g) }

// ICP holds when the account matches the ideal customer profile, or does not.
func ICP(matches bool) Gate { return icp(matches) }

type icp bool

func (g icp) answer(e *Evidence) Truth {
	if g {
		return e.Fit.ICP
	}
	return negate(e.Fit.ICP)
}

func (g icp) words() string {
	if g {
		return "account matches the ideal customer profile"
	}
	return "account does not match the ideal customer profile"
}

// Flagged holds when the flag is raised.
func Flagged(id, name string) Gate { return flagged{id, name} }

type flagged struct{ id, name string }

func (g flagged) answer(e *Evidence) Truth { return e.flagged(g.id) }
func (g flagged) words() string            { return g.name }

// Stage holds when the lead stands in one of the lifecycle stages. A lead of which no
// move is known stands in none of them.
func Stage(stages ...string) Gate { return stage(stages) }

type stage []string

func (g stage) answer(e *Evidence) Truth { return truth(slices.Contains(g, e.Stage)) }
func (g stage) words() string            { return "stage " + or(g) }

// Suspended holds while one of the suspensions of the engagement part does.
func Suspended(ids ...string) Gate { return suspended(ids) }

type suspended []string

func (g suspended) answer(e *Evidence) Truth {
	if !e.Engagement.Scored {
		return Unknown
	}
	return truth(slices.ContainsFunc(e.Engagement.Suspended, func(id string) bool { return slices.Contains(g, id) }))
}

func (g suspended) words() string { return "suspended by " + or(g) }

// InSegment holds when the lead belongs to one of the segments.
func InSegment(ids ...string) Gate { return segment(ids) }

type segment []string

func (g segment) answer(e *Evidence) Truth { return oneOf(g, e.segment) }
func (g segment) words() string            { return "segment " + or(g) }
