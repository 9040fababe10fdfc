package sla

import (
	"cmp"
	"slices"
	"time"
)

// Never is the time of a step that a standard does not have.
const Never time.Duration = -1

// Rules say in which time a handoff is answered, and what happens if it is not.
type Rules struct {
	// Within is the time that is allowed; more than 0.
	Within time.Duration
	// WarnAt is when the owner is warned, in percent of the time, from 1 to 99.
	WarnAt []int
	// EscalateAfter is how long after the breach the manager is told; [Never]: not.
	EscalateAfter time.Duration
	// ReassignAfter is how long after the breach it is given to somebody else; [Never]:
	// not.
	ReassignAfter time.Duration
	// MaxReassignments is how often that is done with one handoff.
	MaxReassignments int
}

// Kind is what a step does.
type Kind string

// The kinds, in the order of those that are due at once.
const (
	// Warning tells the owner that time runs.
	Warning Kind = "warning"
	// Breach says that it is over.
	Breach Kind = "breach"
	// Escalation tells the manager.
	Escalation Kind = "escalation"
	// Reassignment gives the handoff to somebody else.
	Reassignment Kind = "reassignment"
)

// Step is something that falls due while a clock runs.
type Step struct {
	// Kind of the step.
	Kind Kind
	// Percent of the time that has passed, of a warning.
	Percent int
	// After is the working time since the start at which it is due.
	After time.Duration
}

// Steps are what falls due while a clock runs, in order, if the handoff was given to
// somebody else by its clocks so often before.
func (r Rules) Steps(reassigned int) []Step {
	var steps []Step
	for _, percent := range slices.Compact(slices.Sorted(slices.Values(r.WarnAt))) {
		steps = append(steps, Step{Kind: Warning, Percent: percent, After: (r.Within*time.Duration(percent) + 99) / 100})
	}
	steps = append(steps, Step{Kind: Breach, After: r.Within})
	if r.EscalateAfter >= 0 {
		steps = append(steps, Step{Kind: Escalation, After: r.Within + r.EscalateAfter})
	}
	if r.ReassignAfter >= 0 && reassigned < r.MaxReassignments {
		steps = append(steps, Step{Kind: Reassignment, After: r.Within + r.ReassignAfter})
	}
	// Stable: an escalation stays before a reassignment at the same time.
	slices.SortStableFunc(steps, func(a, b Step) int { return cmp.Compare(a.After, b.After) })
	return steps
}
