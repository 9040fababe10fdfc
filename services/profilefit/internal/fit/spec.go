// Package fit decides how close a lead is to the ideal customer profile: a pure
// function of a model, the attribute facts of the lead as a set, and an instant.
//
//	Spec ──Compile──▶ Model ┐
//	                        ├─Assess(at an instant)──▶ Assessment: Result + Timeline
//	facts ──Add──▶ History ─┘
//
//	spec.go      a model as it is written
//	compile*.go  its checks, and what it is compiled to (model.go, question.go)
//	history.go   facts in the order they are folded; codec.go their bytes
//	sweep.go     from instant to instant: what is asked again when
//	review.go    when the time alone changes what is found
//	tally.go     at one instant: from answers to lines, score and class
//	assess.go    what is answered
//
// What holds of it, and is held by the property tests in laws_test.go:
//
//   - Sum: a score is the sum of its lines; what a cap or a combination withheld, what a
//     floor lifted and what an override shows instead is a line too.
//   - Order: the same set of facts gives the same bytes, in any order of arrival,
//     with any repetition.
//   - Time: the assessment at an instant follows from the facts up to it.
//   - Replay: bringing the facts in one by one, in chunks or at once is the same.
//   - Missing is not low: a criterion that loses a fact it reads becomes unknown or
//     stays as it was; it never becomes a "no".
//
// The package knows no proto, SQL, context or clock.
package fit

import (
	"fmt"
	"strings"
)

// Spec is a model as it is written. Points are numbers with at most two decimals,
// from -1e9 to 1e9. Conditions and values are texts of package condition over `lead`,
// `account`, `now` and lists; they may look back with ago.
type Spec struct {
	// Groups of criteria, in the order they are explained.
	Groups []Group
	// MaxPoints is the cap of the total, at least 0. Nil: none.
	MaxPoints *float64
	// MinPoints is the floor of the total. Nil: 0.
	MinPoints *float64
	// MinKnown is the fewest criteria that must be known for a score. 0: always a
	// score.
	MinKnown int
	// Required are the keys of the attributes without which there is no score.
	Required []string

	// Classes by edges, highest first. Of Classes (with ClassesBySegment), Ladder and
	// Grade one is given, or none: then there is no class.
	Classes []ClassEdge
	// ClassesBySegment take the place of Classes for the leads of a segment.
	ClassesBySegment []SegmentEdges
	// Ladder is the class by conditions: the first row that holds.
	Ladder []Rung
	// Grade is the class by steps.
	Grade *Grade

	// Personas: the first whose condition holds is the lead's.
	Personas []Rule
	// ICP is the condition of the ideal customer profile. Empty: none.
	ICP string
	// Flags change no points.
	Flags []Rule
	// Overrides set the shown score: the first whose condition holds.
	Overrides []Override

	// Segments: the first whose condition holds is the lead's.
	Segments []Rule
	// Lists of texts that conditions read.
	Lists []List
	// TimeZone of the days that conditions count, as Europe/Berlin. Empty: UTC.
	TimeZone string
}

// Group is a group of criteria that share a cap.
type Group struct {
	// ID in snake_case, unique in the model, criteria included.
	ID string
	// Description of the group in words.
	Description string
	// MaxPoints is the most the group can give, at least 0. Nil: no cap.
	MaxPoints *float64
	// MinPoints is the fewest the group gives. Nil: no floor.
	MinPoints *float64
	// Combine says how criteria and groups make up its points.
	Combine Combine
	// Criteria in the order they are explained.
	Criteria []Criterion
	// Groups inside it, explained after its criteria; at most MaxDepth deep.
	Groups []Group
}

// Combine says how the members of a group make up its points. Members are the groups
// in it, and those of its criteria that hold or give points for being unknown.
type Combine uint8

// Ways to combine.
const (
	// Sum of all.
	Sum Combine = iota
	// Max: the highest counts, the others are withheld.
	Max
	// Min: the lowest counts, the others are withheld.
	Min
)

// Criterion is one question about a lead's profile: a condition, alternatives of which
// the first that holds wins, or bands of a number. Exactly one of When, Choices and
// Bands is given.
type Criterion struct {
	// ID in snake_case, unique in the model.
	ID string
	// Description of the criterion in words.
	Description string
	// When is a condition.
	When string
	// Points if When holds.
	Points float64
	// Steps that the grade moves if When holds.
	Steps int
	// Choices are the alternatives.
	Choices []Choice
	// Value is the number that Bands divide, e.g. `lead.employees`.
	Value string
	// Bands of the number: the first that it lies in wins.
	Bands []Band
	// UnknownPoints count while the answer is unknown.
	UnknownPoints float64
	// UnmatchedSteps that the grade moves if nothing holds.
	UnmatchedSteps int
	// WeightPercent of all its points, from 0 to 1000; they are rounded half away from
	// zero to hundredths. Nil: 100.
	WeightPercent *float64
	// SkipUnknown passes over a choice that is unknown. If none holds then, the
	// criterion is still unknown.
	SkipUnknown bool
	// Personas that it is asked for. Empty: everybody.
	Personas []string
}

// Choice is one alternative of a criterion.
type Choice struct {
	// When is a condition.
	When string
	// Points if it is the first that holds.
	Points float64
	// Steps that the grade moves then.
	Steps int
	// Description of the alternative in words. Empty: the criterion's.
	Description string
}

// Band is a band of a number.
type Band struct {
	// Range has at least one edge.
	Range Range
	// Points if the number lies in it.
	Points float64
	// Steps that the grade moves then.
	Steps int
	// Description of the band in words. Empty: the criterion's and the edges.
	Description string
}

// Range is a range of numbers with at most one lower and one upper edge. AtLeast and
// AtMost belong to it, Over and Below do not.
type Range struct {
	AtLeast, Over, Below, AtMost *float64
	// BySegment has other ranges for the leads of a segment.
	BySegment map[string]Range
}

// ClassEdge is a class and the lowest score in it.
type ClassEdge struct {
	// Label, e.g. `A`.
	Label string
	// AtLeast is the lowest score of the class.
	AtLeast float64
}

// SegmentEdges are the classes of the leads of a segment.
type SegmentEdges struct {
	// Segment is its id.
	Segment string
	// Edges, highest first, at least one.
	Edges []ClassEdge
}

// Rung is one row of a ladder.
type Rung struct {
	// Label, e.g. `A`.
	Label string
	// When is a condition. Empty: always; only the last
	// row may be so. A row that is unknown is passed over.
	When string
}

// Grade is a class that moves by the steps of the criteria, all together, and stays at
// the last label in either direction.
type Grade struct {
	// Labels from the lowest to the highest, at least two.
	Labels []string
	// Start is the label it starts at.
	Start string
}

// Rule is a condition with a name: a persona, a flag, a segment.
type Rule struct {
	// ID in snake_case.
	ID string
	// When is the condition.
	When string
}

// Override sets the shown score.
type Override struct {
	// ID in snake_case, unique in the model.
	ID string
	// Description of the reason in words.
	Description string
	// When is a condition.
	When string
	// Points to show.
	Points float64
}

// List is a list of texts that conditions read as `lists.<id>`.
type List struct {
	// ID in snake_case.
	ID string
	// Values are the texts.
	Values []string
}

// Problem is one thing that is wrong in a spec.
type Problem struct {
	// Path of the field, e.g. `groups[1].criteria[0].when`.
	Path string
	// Text says what is wrong and what was expected.
	Text string
}

// Problems are all the things that are wrong in a spec, in its order.
type Problems []Problem

// Error returns the problems, each with its path.
func (p Problems) Error() string {
	texts := make([]string, len(p))
	for i, problem := range p {
		texts[i] = fmt.Sprintf("%s: %s", problem.Path, problem.Text)
	}
	return strings.Join(texts, "; ")
}
