package sla_test

import (
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/sla"
)

// chain are the clocks of a handoff, the first first; only the last may run.
type chain []sla.Clock

// running is the clock that runs; nil if none does.
func (c chain) running() *sla.Clock {
	if n := len(c); n > 0 && c[n-1].Running() {
		return &c[n-1]
	}
	return nil
}

// follow is the chain after the handoff came to stand somewhere else, for a cause. next is
// the clock of an owner, of which owner, allowed time and calendar are known.
func (c chain) follow(s sla.Standing, at time.Time, cause string, next func(owner string) sla.Clock) chain {
	change := s.Follow(c.running())
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
