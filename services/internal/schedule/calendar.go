package schedule

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"time"
)

// Hours are the working hours of somebody, as people write them and as they are stored.
type Hours struct {
	// Zone is the IANA name of the time zone whose clock on the wall they mean.
	Zone string `json:"zone"`
	// Days are the stretches of each week in which there is work; those that overlap or
	// touch are one. None: there is never work.
	Days []DayHours `json:"days,omitempty"`
	// Holidays are dates, `YYYY-MM-DD`, on which there is none.
	Holidays []string `json:"holidays,omitempty"`
	// Absences are times in which there is none.
	Absences []Absence `json:"absences,omitempty"`
}

// DayHours are a stretch of a day, on some days of the week. One over midnight is two.
type DayHours struct {
	// Weekdays are 1 for Monday to 7 for Sunday; none: Monday to Friday.
	Weekdays []int `json:"weekdays,omitempty"`
	// From and To are times of day, `HH:MM`; To is later, at most `24:00`.
	From string `json:"from"`
	To   string `json:"to"`
}

// Absence is a time away, from Start until just before End; a zero End: for good.
type Absence struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// FieldError says which field of [Hours] is wrong.
type FieldError struct {
	// Field is the path in lowerCamelCase: `hours[1].to`.
	Field string
	// Expected says what was expected, in words.
	Expected string
}

// Error names both.
func (e *FieldError) Error() string { return e.Field + ": expected " + e.Expected }

// Calendar knows which time is working time. It is what the clock on the wall shows that
// counts, for as long as it shows it: an hour that the zone leaves out is no working time,
// one that it shows twice is two hours. A nil Calendar has no working time. It is never
// changed, and safe for concurrent use.
type Calendar struct {
	zone     *time.Location
	week     [7][]span // Monday first
	holidays map[int64]bool
	absences []Absence // in order, apart from each other
}

// span is a stretch of a day in seconds from midnight, without its end.
type span struct{ from, to int64 }

const (
	day = 24 * 60 * 60
	// forever ends all calendars: the 1st of January 10000, the first instant that
	// RFC 3339 cannot write.
	forever = 253_402_300_800
)

// NewCalendar returns the calendar of some hours. The error is a *[FieldError].
func NewCalendar(h Hours) (*Calendar, error) {
	c := &Calendar{zone: Zone(h.Zone), holidays: make(map[int64]bool, len(h.Holidays))}
	if c.zone == nil {
		return nil, &FieldError{"timeZone", fmt.Sprintf("an IANA time zone such as Europe/Berlin, not %q", h.Zone)}
	}
	for i, d := range h.Days {
		if err := c.open(fmt.Sprintf("hours[%d]", i), d); err != nil {
			return nil, err
		}
	}
	for i, date := range h.Holidays {
		t, err := time.Parse(time.DateOnly, date)
		if err != nil {
			return nil, &FieldError{fmt.Sprintf("holidays[%d]", i), fmt.Sprintf("a date such as 2026-12-25, not %q", date)}
		}
		c.holidays[t.Unix()/day] = true
	}
	for i, a := range h.Absences {
		if a.End.IsZero() {
			a.End = time.Unix(forever, 0)
		}
		if !a.Start.Before(a.End) {
			return nil, &FieldError{fmt.Sprintf("absences[%d].endTime", i), "a time after its start"}
		}
		c.absences = append(c.absences, a)
	}
	c.tidy()
	return c, nil
}

func (c *Calendar) open(field string, d DayHours) error {
	from, err := timeOfDay(d.From)
	if err != nil || from == day {
		return &FieldError{field + ".from", fmt.Sprintf("a time of day from 00:00 to 23:59, not %q", d.From)}
	}
	to, err := timeOfDay(d.To)
	if err != nil {
		return &FieldError{field + ".to", fmt.Sprintf("a time of day up to 24:00, not %q", d.To)}
	}
	if to <= from {
		return &FieldError{field + ".to", "a time after " + d.From + "; what goes over midnight is two stretches"}
	}
	weekdays := d.Weekdays
	if len(weekdays) == 0 {
		weekdays = []int{1, 2, 3, 4, 5}
	}
	for i, weekday := range weekdays {
		if weekday < 1 || weekday > 7 {
			return &FieldError{field + ".weekdays[" + strconv.Itoa(i) + "]", "1 for Monday to 7 for Sunday, not " + strconv.Itoa(weekday)}
		}
		c.week[weekday-1] = append(c.week[weekday-1], span{from, to})
	}
	return nil
}

// timeOfDay reads `HH:MM` as seconds from midnight.
func timeOfDay(text string) (int64, error) {
	if text == "24:00" {
		return day, nil
	}
	t, err := time.Parse("15:04", text)
	if err == nil && len(text) != len("15:04") {
		err = fmt.Errorf("%q has one digit where two belong", text)
	}
	return int64(t.Hour()*60+t.Minute()) * 60, err
}

// tidy puts everything in order and joins what overlaps or touches.
func (c *Calendar) tidy() {
	for i, spans := range c.week {
		slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
		c.week[i] = join(spans, func(last *span, next span) bool {
			touch := next.from <= last.to
			if touch {
				last.to = max(last.to, next.to)
			}
			return touch
		})
	}
	slices.SortFunc(c.absences, func(a, b Absence) int { return a.Start.Compare(b.Start) })
	c.absences = join(c.absences, func(last *Absence, next Absence) bool {
		touch := !next.Start.After(last.End)
		if touch && next.End.After(last.End) {
			last.End = next.End
		}
		return touch
	})
}

// join lets each element be taken up by the one before it.
func join[T any](sorted []T, takes func(last *T, next T) bool) []T {
	var out []T
	for _, next := range sorted {
		if len(out) == 0 || !takes(&out[len(out)-1], next) {
			out = append(out, next)
		}
	}
	return out
}

// After returns the first instant at which d of working time has passed since start:
// start itself for none, and the zero time if it never has. So it is the end of a working
// day, not the beginning of the next, if the time is used up just then.
func (c *Calendar) After(start time.Time, d time.Duration) time.Time {
	if d <= 0 {
		return start
	}
	for from, to := range c.stretches(start) {
		if n := to.Sub(from); n < d {
			d -= n
			continue
		}
		return from.Add(d)
	}
	return time.Time{}
}

// Between returns the working time from start to end; none if end is not after start.
func (c *Calendar) Between(start, end time.Time) (d time.Duration) {
	for from, to := range c.stretches(start) {
		if !from.Before(end) {
			break
		}
		if to.After(end) {
			to = end
		}
		d += to.Sub(from)
	}
	return d
}

// Open says whether an instant is working time.
func (c *Calendar) Open(at time.Time) bool { return c.Opens(at).Equal(at) }

// Opens returns the first instant of working time that is not before another; the zero
// time if there is none.
func (c *Calendar) Opens(at time.Time) time.Time {
	for from := range c.stretches(at) {
		return from
	}
	return time.Time{}
}

// stretches are the stretches of working time from an instant on, in order, none empty.
// Those that touch may come apart.
func (c *Calendar) stretches(start time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(from, to time.Time) bool) {
		if c == nil || !slices.ContainsFunc(c.week[:], func(spans []span) bool { return len(spans) > 0 }) {
			return
		}
		absences := c.absences
		for from, to := range c.onTheWall(start) {
			if from.Before(start) {
				from = start
			}
			for from.Before(to) {
				for len(absences) > 0 && !absences[0].End.After(from) {
					absences = absences[1:]
				}
				end, next := to, to
				if len(absences) > 0 && absences[0].Start.Before(to) {
					end, next = absences[0].Start, absences[0].End
				}
				if from.Before(end) && !yield(from, end) {
					return
				}
				from = next
			}
		}
	}
}

// onTheWall are the stretches in which the clock on the wall shows a time of the week's
// hours on a date that is no holiday, from the one around an instant on. As long as the
// zone keeps its distance from UTC, one day is like the other; where it changes it, the
// clock jumps, and whatever it shows after that counts anew.
func (c *Calendar) onTheWall(start time.Time) iter.Seq2[time.Time, time.Time] {
	return func(yield func(from, to time.Time) bool) {
		for at := start.Unix(); at < forever; {
			local := time.Unix(at, 0).In(c.zone)
			_, offset := local.Zone()
			ahead, until := int64(offset), int64(forever)
			if _, change := local.ZoneBounds(); !change.IsZero() {
				until = min(change.Unix(), forever)
			}
			for date := floor(at+ahead, day); date*day-ahead < until; date++ {
				if c.holidays[date] {
					continue
				}
				for _, s := range c.week[floorMod(date+thursday, 7)] {
					from, to := max(date*day+s.from-ahead, at), min(date*day+s.to-ahead, until)
					if from < to && !yield(time.Unix(from, 0), time.Unix(to, 0)) {
						return
					}
				}
			}
			at = until
		}
	}
}

// thursday is the weekday of the 1st of January 1970, as the index of a week.
const thursday = 3

func floor(a, b int64) int64 { return (a - floorMod(a, b)) / b }

func floorMod(a, b int64) int64 { return (a%b + b) % b }
