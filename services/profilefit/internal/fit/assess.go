package fit

import (
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// Status says whether there is a score.
type Status uint8

// Statuses of a result.
const (
	// Scored: there is a score.
	Scored Status = iota + 1
	// InsufficientData: too little is known for a score.
	InsufficientData
)

// Kind says why a line exists.
type Kind uint8

// Kinds of lines.
const (
	// Given: points of a criterion that holds.
	Given Kind = iota + 1
	// Unanswered: points of a criterion whose answer is unknown.
	Unanswered
	// Withheld: by the cap of a group or of the total; or, with positive points, what
	// lifts the total to 0.
	Withheld
)

// Line is one line of a score.
type Line struct {
	// Rule is the id of the criterion; of the group for its cap; Total for the total.
	Rule string
	// Group is the id of the group. Empty on lines of the total.
	Group string
	// Kind says why the line exists.
	Kind Kind
	// Points the line adds.
	Points points.Points
	// Description in words.
	Description string
}

// Result is the fit of a lead at an instant.
type Result struct {
	// Status before number.
	Status Status
	// Score, if Scored.
	Score points.Points
	// Class of the score. Empty if it has none.
	Class string
	// Lines sum to Score. None without a score.
	Lines []Line
	// Unknown are the ids of the criteria whose answer is unknown, in their order.
	Unknown []string
}

// Point is the fit from an instant until the next point.
type Point struct {
	// EffectiveTime from which it holds.
	EffectiveTime time.Time
	// Status, Score and Class as in Result.
	Status Status
	Score  points.Points
	Class  string
}

// Assessment is the fit of a lead and how it came about.
type Assessment struct {
	// Result at the instant.
	Result Result
	// Timeline up to the instant, oldest first: a point for each change of the profile
	// that changed the fit. Empty while no attribute is known.
	Timeline []Point
	// Faults counts answers that are unknown for another reason than a missing value,
	// by reason; nil if there are none. They are mistakes in the model or its data.
	Faults map[condition.Fault]int
}

// Assess returns the fit at an instant. The history must come from the model's Add.
func (m *Model) Assess(h History, asOf time.Time) Assessment {
	s := sweep{
		model:   m,
		profile: profile{keys: m.keys, values: make([]condition.Value, len(m.readers))},
		answers: make([]answer, len(m.criteria)),
		due:     make([]bool, len(m.criteria)),
	}
	for i := range s.due {
		s.due[i] = true
	}
	for len(h) > 0 && !h[0].EffectiveTime.After(asOf) {
		h = s.instant(h)
	}
	s.ask()
	result := Result{}
	m.tally(s.answers, &result, true)
	return Assessment{Result: result, Timeline: s.timeline, Faults: s.faults}
}

// sweep goes over a history from instant to instant.
type sweep struct {
	model    *Model
	profile  profile
	answers  []answer
	due      []bool // criteria to ask again
	timeline []Point
	faults   map[condition.Fault]int
}

// answer is the answer to a criterion: the choice that holds, or one of these.
type answer int

const (
	notKnown answer = -1
	none     answer = -2
)

// profile holds the attributes as they are at an instant.
type profile struct {
	keys   map[string]int
	values []condition.Value
}

// Attribute implements condition.Attributes.
func (p *profile) Attribute(key string) (condition.Value, bool) {
	slot, ok := p.keys[key]
	if !ok {
		return condition.Value{}, false
	}
	return p.values[slot], p.values[slot].Known()
}

// instant takes in the facts of one instant and returns the rest.
func (s *sweep) instant(h History) History {
	at := h[0].EffectiveTime
	for len(h) > 0 && h[0].EffectiveTime.Equal(at) {
		slot := s.model.keys[h[0].Key]
		value, err := condition.ParseValue(h[0].Value)
		if err != nil {
			s.fault(condition.TypeFault)
		}
		s.profile.values[slot] = value
		for _, i := range s.model.readers[slot] {
			s.due[i] = true
		}
		h = h[1:]
	}
	if s.timeline == nil && !slices.ContainsFunc(s.profile.values, condition.Value.Known) {
		return h // that nothing is known is no beginning
	}
	s.ask()
	var r Result
	s.model.tally(s.answers, &r, false)
	point := Point{EffectiveTime: at, Status: r.Status, Score: r.Score, Class: r.Class}
	if n := len(s.timeline); n == 0 || !point.same(s.timeline[n-1]) {
		s.timeline = append(s.timeline, point)
	}
	return h
}

func (p Point) same(q Point) bool {
	return p.Status == q.Status && p.Score == q.Score && p.Class == q.Class
}

// ask asks the criteria that are due.
func (s *sweep) ask() {
	facts := condition.Facts{Lead: &s.profile}
	for i, due := range s.due {
		if due {
			s.due[i] = false
			s.answers[i] = s.answer(&s.model.criteria[i], &facts)
		}
	}
}

func (s *sweep) answer(c *criterion, facts *condition.Facts) answer {
	for i := range c.choices {
		truth, fault := c.choices[i].when.Eval(facts)
		if fault != condition.NoFault {
			s.fault(fault)
		}
		switch truth {
		case condition.True:
			return answer(i)
		case condition.Unknown:
			// Whether a later choice wins depends on what is not known.
			return notKnown
		}
	}
	return none
}

func (s *sweep) fault(f condition.Fault) {
	if s.faults == nil {
		s.faults = map[condition.Fault]int{}
	}
	s.faults[f]++
}

// tally adds the answers up. Lines and unknown criteria are only listed if asked for:
// the timeline needs none.
func (m *Model) tally(answers []answer, r *Result, list bool) {
	known := 0
	var total points.Points
	for g := range m.groups {
		total += m.tallyGroup(&m.groups[g], answers, &known, r, list)
	}
	if known < m.minKnown {
		*r = Result{Status: InsufficientData, Unknown: r.Unknown}
		return
	}
	line := func(withheld points.Points, description string) {
		total += withheld
		if list {
			r.Lines = append(r.Lines, Line{Rule: Total, Kind: Withheld, Points: withheld, Description: description})
		}
	}
	switch {
	case total < 0:
		line(-total, "Total: not below 0")
	case m.maxPoints != nil && total > *m.maxPoints:
		line(*m.maxPoints-total, m.atMost)
	}
	r.Status, r.Score, r.Class = Scored, total, m.class(total)
}

func (m *Model) tallyGroup(g *group, answers []answer, known *int, r *Result, list bool) points.Points {
	var sum points.Points
	for i := g.first; i < g.end; i++ {
		c, a := &m.criteria[i], answers[i]
		line := Line{Rule: c.id, Group: c.group}
		switch a {
		case none:
			*known++
			continue
		case notKnown:
			line.Kind, line.Points, line.Description = Unanswered, c.unknownPoints, c.description
			if list {
				r.Unknown = append(r.Unknown, c.id)
			}
		default:
			*known++
			line.Kind, line.Points, line.Description = Given, c.choices[a].points, c.choices[a].description
		}
		sum += line.Points
		if list {
			r.Lines = append(r.Lines, line)
		}
	}
	if g.maxPoints != nil && sum > *g.maxPoints {
		if list {
			r.Lines = append(r.Lines, Line{
				Rule: g.id, Group: g.id, Kind: Withheld, Points: *g.maxPoints - sum,
				Description: g.atMost,
			})
		}
		sum = *g.maxPoints
	}
	return sum
}

// class returns the label of the first edge the score reaches.
func (m *Model) class(score points.Points) string {
	for _, edge := range m.classes {
		if score >= edge.atLeast {
			return edge.label
		}
	}
	return ""
}
