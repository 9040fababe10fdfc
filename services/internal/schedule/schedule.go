// Package schedule knows the instants at which something happens by itself: at times of
// day, on some days of the week or month, by the wall clock of a time zone. It is pure.
package schedule

import (
	"fmt"
	"slices"
	"sync"
	"time"
)

// Schedule is a set of instants. The zero Schedule has none.
type Schedule struct {
	// at are the times of day in minutes, ascending.
	at []int
	// weekdays (1 for Monday) and monthDays are those it has instants on, a bit for
	// each; 0: every day.
	weekdays, monthDays uint32
}

// years is how far the next or latest instant is looked for, in days: the 29th of
// February on a given weekday comes within 28 years, but 40 where a century leaves it out.
const years = 40 * 366

// New returns the instants at the times of day `HH:MM`, on the days of the week (1 for
// Monday to 7 for Sunday) and of the month (1 to 31) that are given; none of either:
// every day. The error names what is no time or day.
func New(at []string, weekdays, monthDays []int) (Schedule, error) {
	var s Schedule
	for _, text := range at {
		t, err := time.Parse("15:04", text)
		if err != nil || len(text) != len("15:04") {
			return Schedule{}, fmt.Errorf("must be a time of day from 00:00 to 23:59, is %q", text)
		}
		s.at = append(s.at, t.Hour()*60+t.Minute())
	}
	slices.Sort(s.at)
	for _, days := range []struct {
		given []int
		most  int
		to    *uint32
	}{{weekdays, 7, &s.weekdays}, {monthDays, 31, &s.monthDays}} {
		for _, day := range days.given {
			if day < 1 || day > days.most {
				return Schedule{}, fmt.Errorf("must be from 1 to %d, is %d", days.most, day)
			}
			*days.to |= 1 << day
		}
	}
	return s, nil
}

// Next returns the first instant after another; the zero time if there is none.
func (s Schedule) Next(after time.Time, zone *time.Location) time.Time {
	return s.find(after, zone, +1, func(t, best time.Time) bool {
		return t.After(after) && (best.IsZero() || t.Before(best))
	})
}

// Latest returns the last instant that is not after another; the zero time if there is
// none.
func (s Schedule) Latest(at time.Time, zone *time.Location) time.Time {
	return s.find(at, zone, -1, func(t, best time.Time) bool {
		return !t.After(at) && (best.IsZero() || t.After(best))
	})
}

// find goes from day to day, forward or back, to the first that has an instant that is
// better than none. A wall clock that the zone leaves out is the instant that package
// time takes for it; one that it shows twice is the first.
func (s Schedule) find(from time.Time, zone *time.Location, step int, better func(t, best time.Time) bool) time.Time {
	year, month, day := from.In(zone).Date()
	for i := range years {
		date := time.Date(year, month, day+step*i, 12, 0, 0, 0, time.UTC)
		if !s.on(date) {
			continue
		}
		var best time.Time
		for _, minute := range s.at {
			t := time.Date(date.Year(), date.Month(), date.Day(), minute/60, minute%60, 0, 0, zone)
			if better(t, best) {
				best = t
			}
		}
		if !best.IsZero() {
			return best
		}
	}
	return time.Time{}
}

// on says whether a date may have instants.
func (s Schedule) on(date time.Time) bool {
	weekday := (int(date.Weekday())+6)%7 + 1
	return len(s.at) > 0 && (s.weekdays == 0 || s.weekdays&(1<<weekday) != 0) &&
		(s.monthDays == 0 || s.monthDays&(1<<date.Day()) != 0)
}

// zones are the time zones that were asked for, by name: finding one reads a file.
var zones sync.Map // string → *time.Location

// Zone returns a time zone by its IANA name; nil if there is none. The zone of the
// machine is none: it differs from one to the other.
func Zone(name string) *time.Location {
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
