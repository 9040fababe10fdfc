package fit

import (
	"github.com/assay-hq/assay/services/internal/condition"
)

// question is one question about a lead: rows of conditions of which the first that
// holds is the answer, or a number and the bands it may lie in.
type question struct {
	rows []*condition.Condition
	// skip passes over rows that are unknown: the answer is unknown only if then none
	// holds.
	skip bool

	value *condition.Expression
	bands []span
}

// answer is the answer to a question: the row or band, or one of these.
type answer int

const (
	notKnown answer = -1
	none     answer = -2
)

// span is a compiled range: its edges, and those for segments.
type span struct {
	edges
	bySegment []*edges // nil: the same for all
}

// edges of a range; nil: open.
type edges struct{ atLeast, over, below, atMost *float64 }

func (e *edges) contain(n float64) bool {
	return (e.atLeast == nil || n >= *e.atLeast) && (e.over == nil || n > *e.over) &&
		(e.below == nil || n < *e.below) && (e.atMost == nil || n <= *e.atMost)
}

// of returns the edges for the leads of a segment.
func (s *span) of(segment answer) *edges {
	if s.bySegment != nil && segment >= 0 && s.bySegment[segment] != nil {
		return s.bySegment[segment]
	}
	return &s.edges
}

// ask answers the question; fault is told of what is unknown for another reason than
// something missing.
func (q *question) ask(facts *condition.Facts, segment answer, fault func(condition.Fault)) answer {
	if q.value != nil {
		return q.band(facts, segment, fault)
	}
	otherwise := none
	for i := range q.rows {
		truth, why := q.rows[i].Eval(facts)
		if why != condition.NoFault {
			fault(why)
		}
		switch {
		case truth == condition.True:
			return answer(i)
		case truth == condition.Unknown && !q.skip:
			// Whether a later row wins depends on what is not known.
			return notKnown
		case truth == condition.Unknown:
			otherwise = notKnown
		}
	}
	return otherwise
}

func (q *question) band(facts *condition.Facts, segment answer, fault func(condition.Fault)) answer {
	value, why := q.value.Eval(facts)
	if why != condition.NoFault {
		fault(why)
	}
	if !value.Known() {
		return notKnown
	}
	n, ok := value.AsNumber()
	if !ok {
		fault(condition.TypeFault)
		return notKnown
	}
	for i := range q.bands {
		if q.bands[i].of(segment).contain(n) {
			return answer(i)
		}
	}
	return none
}
