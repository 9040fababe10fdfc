package engagement

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// compiledSchedule is instants at which something happens by itself.
type compiledSchedule struct {
	// at are the times of day in minutes, ascending.
	at []int
	// weekdays and monthDays are those it happens on, a bit for each; 0: every day.
	weekdays, monthDays uint32
	// zone is the attribute that holds the lead's own time zone; empty: the model's.
	zone string
}

func (b *compiler) schedule(path string, in *Schedule) *compiledSchedule {
	out := &compiledSchedule{zone: in.ZoneAttribute}
	if len(in.At) == 0 {
		b.problem(path+".at", "must name at least one time of day")
	}
	for i, text := range in.At {
		t, err := time.Parse("15:04", text)
		if err != nil || len(text) != len("15:04") {
			b.problem(fmt.Sprintf("%s.at[%d]", path, i), "must be a time of day from 00:00 to 23:59, is %q", text)
		}
		out.at = append(out.at, t.Hour()*60+t.Minute())
	}
	slices.Sort(out.at)
	days := func(field string, days []int, most int) (set uint32) {
		for i, d := range days {
			if d < 1 || d > most {
				b.problem(fmt.Sprintf("%s.%s[%d]", path, field, i), "must be from 1 to %d, is %d", most, d)
				continue
			}
			set |= 1 << d
		}
		return set
	}
	out.weekdays, out.monthDays = days("weekdays", in.Weekdays, 7), days("monthDays", in.MonthDays, 31)
	return out
}

// next returns the first instant after another; never, if there is none within years.
func (c *compiledSchedule) next(after int64, zone *time.Location) int64 {
	const years = 8 * 366 // the 29th of February, and weekdays that must fall together
	year, month, day := moment(after).In(zone).Date()
	for i := range years {
		date := time.Date(year, month, day+i, 12, 0, 0, 0, time.UTC)
		weekday := (int(date.Weekday())+6)%7 + 1
		if c.weekdays != 0 && c.weekdays&(1<<weekday) == 0 || c.monthDays != 0 && c.monthDays&(1<<date.Day()) == 0 {
			continue
		}
		first := never
		for _, minute := range c.at {
			// An hour that the clock leaves out or shows twice has one instant of each time.
			t := time.Date(date.Year(), date.Month(), date.Day(), minute/60, minute%60, 0, 0, zone).UnixMicro()
			if t > after {
				first = min(first, t)
			}
		}
		if first != never {
			return first
		}
	}
	return never
}

// zones are the time zones that leads live in, by name.
var zones sync.Map // string → *time.Location

// zoneOf returns a time zone by its IANA name; nil if there is none.
func zoneOf(name string) *time.Location {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return nil
	}
	zones.Store(name, zone)
	return zone
}

// scheduled returns the first instant of a schedule after another, in the zone where the
// lead is then.
func (c *Compiled) scheduled(of *compiledSchedule, after int64, m *Matcher) int64 {
	if of.zone == "" {
		return of.next(after, c.calendar.zone)
	}
	i, _ := slices.BinarySearch(c.attributes, of.zone)
	for at := after; ; {
		zone := c.calendar.zone
		m.view.seek(at)
		if name, ok := m.view.held[i].value.AsText(); ok {
			if own := zoneOf(name); own != nil {
				zone = own
			}
		}
		next := of.next(after, zone)
		moves := m.view.profile.changesAfter(i, at)
		if moves > next {
			return next
		}
		// It moves before: from then on the clock of another zone counts.
		at, after = moves, max(after, moves-1)
	}
}

// moment is an instant as a time.
func moment(micros int64) time.Time { return time.UnixMicro(micros).UTC() }
