package lifecycle

import (
	"errors"
	"fmt"
	"strings"
)

// Standing is where a lead stands in a track. The zero value is a lead that was
// never decided.
type Standing struct {
	// Stage it is in.
	Stage Stage
	// Cycle is the passage through the track, from 1; 0 before the first move.
	Cycle int
	// Stirred: the lead did something of its own since it came to rest.
	Stirred bool
}

// ErrNoReason: the move needs a reason.
var ErrNoReason = errors.New("a reason is required")

// ForbiddenError is a move that is not in the table.
type ForbiddenError struct {
	// Cause of the move that was tried.
	Cause Cause
	// Is the stage the lead is in.
	Is Stage
	// Wanted are the stages from which the move is allowed; empty: from none.
	Wanted []Stage
	// To is the stage it would have led to.
	To Stage
}

// Error names where the lead is and where it would have to be.
func (e *ForbiddenError) Error() string {
	return fmt.Sprintf("%s to %s: the stage is %s, wanted %s", e.Cause, e.To, e.Is, e.WantedNames())
}

// WantedNames are the wanted stages in words.
func (e *ForbiddenError) WantedNames() string {
	names := make([]string, len(e.Wanted))
	for i, s := range e.Wanted {
		names[i] = s.String()
	}
	return strings.Join(names, " or ")
}

// Follow is where a verdict takes the lead: wanted is the stage that the verdict
// stands for. false: it stays; a verdict never moves a stage backwards.
func (s Standing) Follow(wanted Stage) (Standing, bool) {
	t := find(s.Stage, wanted, ByVerdict)
	if t == nil || (t.NeedsStirring && !s.Stirred) {
		return s, false
	}
	return s.take(t), true
}

// Move is where a person takes the lead. The error is a *ForbiddenError, or
// ErrNoReason.
func (s Standing) Move(to Stage, cause Cause, reason string) (Standing, error) {
	t := find(s.Stage, to, cause)
	if t == nil || t.Who != Sales {
		e := &ForbiddenError{Cause: cause, Is: s.Stage, To: to}
		for _, t := range Table {
			if t.To == to && t.Cause == cause && t.Who == Sales {
				e.Wanted = append(e.Wanted, t.From)
			}
		}
		return s, e
	}
	if t.NeedsReason && strings.TrimSpace(reason) == "" {
		return s, ErrNoReason
	}
	return s.take(t), nil
}

// Stir is the standing after the lead did something of its own.
func (s Standing) Stir() Standing {
	s.Stirred = true
	return s
}

// Rests says whether the lead stays until it is stirred or a person moves it.
func (s Standing) Rests() bool { return s.Stage.rests() }

// take goes along a transition.
func (s Standing) take(t *Transition) Standing {
	next := Standing{Stage: t.To, Cycle: max(s.Cycle, 1), Stirred: s.Stirred}
	if t.To == Recycled || t.From == Disqualified {
		next.Cycle++
	}
	if t.To.rests() {
		next.Stirred = false
	}
	return next
}
