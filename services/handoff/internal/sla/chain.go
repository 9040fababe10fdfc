package sla

import "time"

// Standing is what clocks need to know of a handoff.
type Standing struct {
	// Waits: it is open and its lead marketing qualified, so that an answer is awaited.
	Waits bool
	// Owner who is to answer; empty: nobody.
	Owner string
}

// Change is what a change of a handoff does to its clocks.
type Change struct {
	// Stop: the running clock is stopped.
	Stop bool
	// Start: the next one is started, for the owner.
	Start bool
}

// Follow says what is to be done with the clocks of a handoff that stands as it does now.
// running is the clock that runs, nil if none does.
func (s Standing) Follow(running *Clock) Change {
	runs := s.Waits && s.Owner != ""
	if running == nil {
		return Change{Start: runs}
	}
	changed := running.Owner != s.Owner
	return Change{Stop: changed || !runs, Start: changed && runs}
}

// Chain are the clocks of a handoff, the first first; only the last may run.
type Chain []Clock

// Running is the clock that runs; nil if none does.
func (c Chain) Running() *Clock {
	if n := len(c); n > 0 && c[n-1].Running() {
		return &c[n-1]
	}
	return nil
}

// Follow is the chain after the handoff came to stand somewhere else, for a cause. next is
// the clock of an owner, of which owner, allowed time and calendar are known.
func (c Chain) Follow(s Standing, at time.Time, cause string, next func(owner string) Clock) Chain {
	change := s.Follow(c.Running())
	if change.Stop {
		c[len(c)-1].Stop, c[len(c)-1].Cause = at, cause
	}
	if change.Start {
		clock := next(s.Owner)
		clock.Number, clock.Owner, clock.Start = len(c)+1, s.Owner, at
		c = append(c, clock)
	}
	return c
}
