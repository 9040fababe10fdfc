package engagement

import (
	"fmt"
	"slices"
	"time"

	// The periods of repeat limits must be the same on a machine without zone files.
	_ "time/tzdata"
)

const (
	microsPerSecond = int64(time.Second / time.Microsecond)
	secondsPerHour  = int64(3600)
	secondsPerDay   = 24 * secondsPerHour
	microsPerDay    = secondsPerDay * microsPerSecond
)

// utcDay returns the day of an instant, counted from 1970-01-01 UTC.
func utcDay(micros int64) int64 { return floorDiv(micros, microsPerDay) }

// calendar knows where the wall clock of a time zone stands.
type calendar struct {
	zone *time.Location
	// starts are the instants (in Unix seconds) from which each of offsets (in
	// seconds east of UTC) holds, ascending, until end.
	starts, offsets []int64
	end             int64
	// utc: the wall clock is that of UTC.
	utc bool
}

// newCalendar reads the changes of the zone's clock from 1970 to 2100 once, so that
// asking for an offset is a search in a short list.
func newCalendar(zone string) (*calendar, error) {
	if zone == "Local" {
		return nil, fmt.Errorf("must be an IANA time zone such as Europe/Berlin, is %q", zone)
	}
	location, err := time.LoadLocation(zone)
	if err != nil {
		return nil, fmt.Errorf("must be an IANA time zone such as Europe/Berlin, is %q", zone)
	}
	c := &calendar{zone: location, end: time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC).Unix()}
	for at := int64(0); at < c.end; {
		t := time.Unix(at, 0).In(location)
		_, offset := t.Zone()
		if n := len(c.offsets); n == 0 || c.offsets[n-1] != int64(offset) {
			c.starts, c.offsets = append(c.starts, at), append(c.offsets, int64(offset))
		}
		_, next := t.ZoneBounds()
		if next.IsZero() {
			break
		}
		// Past the zone's table, on the last day of a leap year, the bound that
		// package time answers is not after the instant itself.
		at = max(next.Unix(), at+secondsPerHour)
	}
	c.utc = location == time.UTC
	return c, nil
}

// day returns the day of an instant, counted from 1970-01-01 on the wall.
func (c *calendar) day(micros int64) int64 {
	if c.utc {
		return utcDay(micros)
	}
	return floorDiv(c.wall(micros), secondsPerDay)
}

// start returns the first instant of a day.
func (c *calendar) start(day int64) int64 {
	if c.utc {
		return day * microsPerDay
	}
	// No zone is further from UTC than this, and no day begins at another second.
	low, high := day*secondsPerDay-2*secondsPerDay, day*secondsPerDay+2*secondsPerDay
	for low+1 < high {
		if middle := low + (high-low)/2; c.day(middle*microsPerSecond) < day {
			low = middle
		} else {
			high = middle
		}
	}
	return high * microsPerSecond
}

// wall returns the wall clock at an instant, as seconds since 1970-01-01 00:00 there.
func (c *calendar) wall(micros int64) int64 {
	at := floorDiv(micros, microsPerSecond)
	if at < 0 || at >= c.end {
		_, offset := time.Unix(at, 0).In(c.zone).Zone()
		return at + int64(offset)
	}
	i, found := slices.BinarySearch(c.starts, at)
	if !found {
		i--
	}
	return at + c.offsets[i]
}

// period returns the number of the period of a limit that an instant falls in. The
// hour that a clock shows twice in autumn is one hour.
func (c *calendar) period(l *Limit, micros int64) int64 {
	var unit int64
	switch l.Per {
	case PerHour:
		unit = floorDiv(c.wall(micros), secondsPerHour)
	case PerDay:
		unit = floorDiv(c.wall(micros), secondsPerDay)
	case PerWeek:
		// 1970-01-01 was a Thursday, so week 0 began on Monday three days before.
		unit = floorDiv(floorDiv(c.wall(micros), secondsPerDay)+3, 7)
	case PerMonth:
		year, month, _ := time.Unix(c.wall(micros), 0).UTC().Date()
		unit = int64(year-1970)*12 + int64(month-1)
	case PerYear:
		unit = int64(time.Unix(c.wall(micros), 0).UTC().Year() - 1970)
	default:
		return 0
	}
	return floorDiv(unit, int64(l.Every))
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b != 0 && (a < 0) != (b < 0) {
		q--
	}
	return q
}
