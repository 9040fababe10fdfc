package sla

import (
	"time"

	"github.com/assay-hq/assay/services/internal/schedule"
)

// Clock is one link of a handoff's chain: from when an owner got it until they answered
// or lost it.
type Clock struct {
	// Number of the assignment: how often the handoff was given to somebody, this time
	// included.
	Number int
	// Owner is credited with it.
	Owner string
	// Start is when the owner got the handoff.
	Start time.Time
	// Allowed is the working time to answer.
	Allowed time.Duration
	// Stop is when it was stopped, Cause by what; zero while it runs.
	Stop  time.Time
	Cause string
	// Calendar knows the owner's working time, as it was at the start: hours that are
	// changed later count for the next clock.
	Calendar *schedule.Calendar
}

// Running says whether the clock was not stopped yet.
func (c *Clock) Running() bool { return c.Stop.IsZero() }

// Due is when the time is over; zero if it never is, since the owner works no more.
func (c *Clock) Due() time.Time { return c.Calendar.After(c.Start, c.Allowed) }

// DueAt is when a step of the clock is due; zero: never.
func (c *Clock) DueAt(s Step) time.Time { return c.Calendar.After(c.Start, s.After) }

// Reading is what a clock shows.
type Reading struct {
	// Working is the working time that has passed, Elapsed the time by the clock on the
	// wall.
	Working, Elapsed time.Duration
	// InTime: the time is not over, or was not when the clock was stopped.
	InTime bool
}

// Read returns what the clock shows at an instant, or showed when it was stopped.
func (c *Clock) Read(at time.Time) Reading {
	if !c.Running() {
		at = c.Stop
	}
	due := c.Due()
	return Reading{
		Working: c.Calendar.Between(c.Start, at),
		Elapsed: max(at.Sub(c.Start), 0),
		InTime:  due.IsZero() || !at.After(due),
	}
}
