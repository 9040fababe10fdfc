package routing

import (
	"cmp"
	"strconv"
	"time"

	"github.com/assay-hq/assay/services/internal/schedule"
)

// Person is somebody who may get leads.
type Person struct {
	// ID of the user.
	ID string
	// Inactive: left, or may not call any more.
	Inactive bool
	// NotInSales: their role works no leads.
	NotInSales bool
	// Hours are the person's own working hours, holidays among them; nil: those of the team,
	// or else of the standard.
	Hours *Hours
	// Absences are the times away, in any order.
	Absences []schedule.Absence
	// Open is how many open handoffs the person has.
	Open int
	// Capacity is the most of them at once. Nil: without limit.
	Capacity *int
	// LastActive is when the person last did something; zero: never.
	LastActive time.Time
}

// Hours are working hours of somebody or of a team.
type Hours struct {
	// Given are the hours as people wrote them. Without a zone they are in the standard's.
	Given schedule.Hours

	zone     string
	calendar *schedule.Calendar
}

// in is the calendar of the hours where they have no zone of their own; nil: there is never
// work.
func (h *Hours) in(zone string) *schedule.Calendar {
	given := h.Given
	given.Zone = cmp.Or(given.Zone, zone)
	if h.calendar == nil || h.zone != given.Zone {
		h.zone = given.Zone
		h.calendar, _ = schedule.NewCalendar(given)
	}
	return h.calendar
}

// absence returns the end of the absence that an instant falls in; zero: there is none.
func (p *Person) absence(now time.Time) time.Time {
	end := now
	for again := true; again; { // one may begin where another ends
		again = false
		for _, a := range p.Absences {
			if !a.Start.After(end) && a.End.After(end) {
				end, again = a.End, true
			}
		}
	}
	if end.Equal(now) {
		return time.Time{}
	}
	return end
}

// Away says in words why the person may get no lead at all; empty: they may.
func (p *Person) Away(now time.Time) string {
	switch {
	case p.Inactive:
		return "inactive"
	case p.NotInSales:
		return "not in sales"
	case !p.absence(now).IsZero():
		return "absent"
	default:
		return ""
	}
}

// full says whether the person has as many handoffs as they may have.
func (p *Person) full() bool { return p.Capacity != nil && p.Open >= *p.Capacity }

// room says in words how many handoffs the person has of how many.
func (p *Person) room() string { return strconv.Itoa(p.Open) + " of " + strconv.Itoa(*p.Capacity) }
