package fit

import (
	"github.com/assay-hq/assay/services/internal/points"
)

// tally adds the answers up. Lines and unknown criteria are only listed if asked for:
// the timeline needs none.
func (s *sweep) tally(r *Result, list bool) {
	m := s.model
	t := tally{sweep: s, result: r, list: list}
	if p := s.persona(); p >= 0 {
		r.Persona = m.personas[p]
	}
	var total points.Points
	for i := range m.groups {
		total += t.group(&m.groups[i])
	}
	for _, key := range m.required {
		if !s.profile.values[m.keys[key]].Known() {
			r.Missing = append(r.Missing, key)
		}
	}
	if t.known < m.minKnown || len(r.Missing) > 0 {
		*r = Result{Status: InsufficientData, Unknown: r.Unknown, Missing: r.Missing, Persona: r.Persona}
		return
	}
	switch {
	case total < m.least:
		t.line(Line{Rule: Total, Kind: Lifted, Points: m.least - total, Description: m.atLeast})
		total = m.least
	case m.maxPoints != nil && total > *m.maxPoints:
		t.line(Line{Rule: Total, Kind: Withheld, Points: *m.maxPoints - total, Description: m.atMost})
		total = *m.maxPoints
	}
	if i := s.row(m.at.override, m.at.ladder); i >= 0 {
		o := &m.overrides[i]
		t.line(Line{Rule: o.id, Kind: Shown, Points: o.points - total, Description: o.description})
		if underlying := total; list && underlying != o.points {
			r.Underlying = &underlying
		}
		total = o.points
	}
	r.Status, r.Score, r.Class = Scored, total, t.class(total)
}

// row returns the answer to the question between two places, if there is one.
func (s *sweep) row(at, end int) answer {
	if at == end {
		return none
	}
	return s.answers[at]
}

type tally struct {
	*sweep
	result *Result
	list   bool
	known  int // criteria
	steps  int
}

func (t *tally) line(l Line) {
	if t.list {
		t.result.Lines = append(t.result.Lines, l)
	}
}

func (t *tally) group(g *group) points.Points {
	var all members
	for i := g.first; i < g.end; i++ {
		t.criterion(i, &all)
	}
	for i := range g.groups {
		all.add(t.group(&g.groups[i]))
	}
	sum := all.sum
	line := func(kind Kind, to points.Points, description string) {
		t.line(Line{Rule: g.id, Group: g.id, Kind: kind, Points: to - sum, Description: description})
		sum = to
	}
	if best := all.best(g.combine); best != sum {
		line(Combined, best, g.only)
	}
	switch {
	case g.maxPoints != nil && sum > *g.maxPoints:
		line(Withheld, *g.maxPoints, g.atMost)
	case g.minPoints != nil && sum < *g.minPoints:
		line(Lifted, *g.minPoints, g.atLeast)
	}
	return sum
}

// members are the points of what makes up a group.
type members struct {
	n                    int
	sum, lowest, highest points.Points
}

func (m *members) add(p points.Points) {
	if m.n == 0 {
		m.lowest, m.highest = p, p
	}
	m.n++
	m.sum, m.lowest, m.highest = m.sum+p, min(m.lowest, p), max(m.highest, p)
}

func (m *members) best(by Combine) points.Points {
	switch by {
	case Max:
		return m.highest
	case Min:
		return m.lowest
	default:
		return m.sum
	}
}

func (t *tally) criterion(i int, all *members) {
	c := &t.model.criteria[i]
	a := t.answers[t.model.at.criteria+i]
	switch t.asked(c) {
	case notAsked:
		return
	case open:
		a = notKnown
	}
	kind, out := Given, &c.unmatched
	switch a {
	case notKnown:
		kind, out = Unanswered, &c.unknown
		if t.list {
			t.result.Unknown = append(t.result.Unknown, c.id)
		}
	case none:
		t.known++
		if out.steps == 0 {
			return
		}
	default:
		t.known++
		out = &c.outcomes[a]
	}
	t.steps += out.steps
	if a >= 0 || out.points != 0 {
		all.add(out.points)
	}
	t.line(Line{Rule: c.id, Group: c.group, Kind: kind, Points: out.points, Description: out.description})
}

// class returns the class: the grade after its steps, the row of the ladder, or the
// first edge that the score reaches.
func (t *tally) class(score points.Points) string {
	m := t.model
	if m.grade != nil {
		return m.grade.labels[min(max(m.grade.start+t.steps, 0), len(m.grade.labels)-1)]
	}
	if m.rungs != nil {
		if i := t.row(m.at.ladder, m.at.icp); i >= 0 {
			return m.rungs[i]
		}
		return ""
	}
	edges := m.classes
	if segment := t.segment(); segment >= 0 && m.bySegment != nil && m.bySegment[segment] != nil {
		edges = m.bySegment[segment]
	}
	for _, edge := range edges {
		if score >= edge.atLeast {
			return edge.label
		}
	}
	return ""
}
