// Package fit decides how close a lead is to the ideal customer profile: a pure
// function of a model, the attribute facts of the lead as a set, and an instant.
//
//	Spec ──Compile──▶ Model ┐
//	                        ├─Assess(at an instant)──▶ Assessment: Result + Timeline
//	facts ──Add──▶ History ─┘
//
// What holds of it, and is held by the property tests in laws_test.go:
//
//   - Sum: a score is the sum of its lines; what a cap withheld, and what lifted the
//     total to 0, is a line too.
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
// from -1e9 to 1e9.
type Spec struct {
	// Groups of criteria, in the order they are explained.
	Groups []Group
	// MaxPoints is the cap of the total, at least 0. Nil: none.
	MaxPoints *float64
	// Classes by edges, highest first. Empty: no class.
	Classes []ClassEdge
	// MinKnown is the fewest criteria that must be known for a score. 0: always a
	// score.
	MinKnown int
}

// Group is a group of criteria that share a cap.
type Group struct {
	// ID in snake_case, unique in the model, criteria included.
	ID string
	// Description of the group in words.
	Description string
	// MaxPoints is the most the group can give, at least 0. Nil: no cap.
	MaxPoints *float64
	// Criteria in the order they are explained.
	Criteria []Criterion
}

// Criterion is one question about a lead's profile: a condition, or alternatives of
// which the first that holds wins. Exactly one of When and Choices is given.
type Criterion struct {
	// ID in snake_case, unique in the model.
	ID string
	// Description of the criterion in words.
	Description string
	// When is a condition over `lead`.
	When string
	// Points if When holds.
	Points float64
	// Choices are the alternatives.
	Choices []Choice
	// UnknownPoints count while the answer is unknown.
	UnknownPoints float64
}

// Choice is one alternative of a criterion.
type Choice struct {
	// When is a condition over `lead`.
	When string
	// Points if it is the first that holds.
	Points float64
	// Description of the alternative in words. Empty: the criterion's.
	Description string
}

// ClassEdge is a class and the lowest score in it.
type ClassEdge struct {
	// Label, e.g. `A`.
	Label string
	// AtLeast is the lowest score of the class.
	AtLeast float64
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
