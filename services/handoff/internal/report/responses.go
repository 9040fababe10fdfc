package report

import (
	"maps"
	"slices"
	"time"
)

// Clock is a clock as the report on response times counts it.
type Clock struct {
	// Owner who is credited, and the Team they got the handoff in; empty: none.
	Owner, Team string
	// Stopped: it does not run any more; Met: it was stopped in time.
	Stopped, Met bool
	// Over: it runs, and its time is over.
	Over bool
	// Working is the working time until it was stopped.
	Working time.Duration
	// Answer says what the answer that stopped it tells of the whole; nil: it was not
	// stopped by the first answer to the lead.
	Answer *time.Duration
	// Machine is what the machine took to the first owner; nil: it is not the handoff's
	// first clock, or nobody knows.
	Machine *time.Duration
}

// Responses are the figures of clocks: all together, and by owner and team.
type Responses struct {
	// Total has all of them.
	Total Figures

	owners, teams map[string]*Figures
}

// Figures are those of some clocks. The zero value has none.
type Figures struct {
	// Name of the owner or team; empty for all.
	Name string
	// Clocks that were stopped or whose time is over; Met of them; and Running ones.
	Clocks, Met, Running int

	working, speed, machine []time.Duration
}

// Add counts a clock.
func (r *Responses) Add(c *Clock) {
	r.Total.add(c)
	for _, by := range []struct {
		name string
		of   *map[string]*Figures
	}{{c.Owner, &r.owners}, {c.Team, &r.teams}} {
		if by.name == "" {
			continue
		}
		if *by.of == nil {
			*by.of = map[string]*Figures{}
		}
		f := (*by.of)[by.name]
		if f == nil {
			f = &Figures{Name: by.name}
			(*by.of)[by.name] = f
		}
		f.add(c)
	}
}

// Owners are the figures by owner, in the order of their names.
func (r *Responses) Owners() []*Figures { return sorted(r.owners) }

// Teams are the figures by team, in the order of their names.
func (r *Responses) Teams() []*Figures { return sorted(r.teams) }

func sorted(by map[string]*Figures) []*Figures {
	out := make([]*Figures, 0, len(by))
	for _, name := range slices.Sorted(maps.Keys(by)) {
		out = append(out, by[name])
	}
	return out
}

func (f *Figures) add(c *Clock) {
	switch {
	case c.Stopped:
		f.Clocks++
		f.working = append(f.working, c.Working)
		if c.Met {
			f.Met++
		}
	case c.Over:
		f.Clocks++
	default:
		f.Running++
	}
	if c.Answer != nil {
		f.speed = append(f.speed, *c.Answer)
	}
	if c.Machine != nil {
		f.machine = append(f.machine, *c.Machine)
	}
}

// Working is the working time that a share of the stopped clocks, from 0 to 1, do not
// exceed; false while there is none.
func (f *Figures) Working(share float64) (time.Duration, bool) { return quantile(f.working, share) }

// SpeedToLead is like [Figures.Working] of the time from the request to the first answer.
func (f *Figures) SpeedToLead(share float64) (time.Duration, bool) { return quantile(f.speed, share) }

// Machine is like [Figures.Working] of what the machine took.
func (f *Figures) Machine(share float64) (time.Duration, bool) { return quantile(f.machine, share) }

// quantile is the smallest of the durations that the share of them do not exceed.
func quantile(of []time.Duration, share float64) (time.Duration, bool) {
	if len(of) == 0 {
		return 0, false
	}
	slices.Sort(of)
	for i, d := range of {
		if float64(i+1) >= share*float64(len(of)) {
			return d, true
		}
	}
	return of[len(of)-1], true
}
