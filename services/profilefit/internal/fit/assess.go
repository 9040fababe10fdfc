package fit

import (
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
	// Given: points of a criterion that holds, or steps of one that does or does not.
	Given Kind = iota + 1
	// Unanswered: points of a criterion whose answer is unknown.
	Unanswered
	// Withheld: by the cap of a group or of the total.
	Withheld
	// Lifted: to the floor of a group or of the total.
	Lifted
	// Combined: withheld because only the highest or lowest of a group counts.
	Combined
	// Shown: what makes the shown score another than the one underneath.
	Shown
)

// Line is one line of a score.
type Line struct {
	// Rule is the id of the criterion or the override; of the group for its cap, floor
	// and combination; Total for the total.
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
	// Underlying is the score without the lines Shown. Nil where it is the same.
	Underlying *points.Points
	// Class of the score. Empty if it has none.
	Class string
	// Lines sum to Score. None without a score.
	Lines []Line
	// Unknown are the ids of the criteria whose answer is unknown, in their order.
	Unknown []string
	// Missing are the required attributes that are unknown, in their order.
	Missing []string
	// Persona is its id. Empty if none holds or it is not known.
	Persona string
	// ICP says whether the account is of the ideal customer profile. Unknown also where
	// the model has none.
	ICP condition.Truth
	// Flags that are raised, in their order.
	Flags []string
}

// Point is the fit from an instant until the next point.
type Point struct {
	// EffectiveTime from which it holds.
	EffectiveTime time.Time
	// Status, Score, Class and Persona as in Result.
	Status  Status
	Score   points.Points
	Class   string
	Persona string
}

func (p Point) same(q Point) bool {
	return p.Status == q.Status && p.Score == q.Score && p.Class == q.Class && p.Persona == q.Persona
}

// Assessment is the fit of a lead and how it came about.
type Assessment struct {
	// Result at the instant, exactly.
	Result Result
	// Timeline up to the instant, oldest first: a point for each instant that changed the
	// fit. That is when the profile changed; so many days later, where conditions look
	// back so far; and where they read the time, each beginning of a day in the model's
	// calendar, for up to ten years after the latest change. So a condition that compares
	// `now` with a time within a day shows in the timeline from the next day on. Empty
	// while no attribute was known.
	Timeline []Point
	// Review is the next instant at which the time alone changes the result, as far as a
	// timeline would show it; zero: never. Where conditions read the time and it changes
	// nothing for lookAhead days, Review is the last of them: ask again then.
	Review time.Time
	// Faults counts answers that are unknown for another reason than a missing value,
	// by reason; nil if there are none. They are mistakes in the model or its data.
	Faults map[condition.Fault]int
}

// Assess returns the fit at an instant. The history must come from the model's Add.
func (m *Model) Assess(h History, asOf time.Time) Assessment {
	s := newSweep(m, h)
	s.until(asOf)
	s.ask(len(m.questions), false)
	a := Assessment{Result: s.result(), Timeline: s.timeline, Faults: s.faults}
	a.Review = s.review(asOf, &a.Result)
	return a
}

// result returns the result at the instant where the sweep stands, with every question
// asked.
func (s *sweep) result() Result {
	m := s.model
	result := Result{Lines: make([]Line, 0, len(m.criteria)+len(m.groups)+2)}
	s.tally(&result, true)
	if m.at.flags > m.at.icp {
		switch s.answers[m.at.icp] {
		case 0:
			result.ICP = condition.True
		case none:
			result.ICP = condition.False
		}
	}
	for i, flag := range m.flags {
		if s.answers[m.at.flags+i] == 0 {
			result.Flags = append(result.Flags, flag)
		}
	}
	return result
}
