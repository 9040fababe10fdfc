package scenarios

import (
	"fmt"
	"time"
)

// Calendar turns the moments of a file into instants.
type Calendar struct {
	day0 time.Time // its midnight, in the file's time zone
}

// Calendar returns the calendar of the file.
func (f *File) Calendar() (Calendar, error) {
	zone, err := time.LoadLocation(f.TimeZone)
	if err != nil {
		return Calendar{}, fmt.Errorf("timeZone: %w", err)
	}
	// A Monday in the middle of a month, so that days before it fall into the weeks
	// and months that scenarios mean.
	day0 := "2026-03-16"
	if f.Day0 != "" {
		day0 = f.Day0
	}
	midnight, err := time.ParseInLocation(time.DateOnly, day0, zone)
	if err != nil {
		return Calendar{}, fmt.Errorf("day0: expected a date such as 2026-03-16, not %q", day0)
	}
	return Calendar{midnight}, nil
}

// Instant is the instant of a moment.
func (c Calendar) Instant(m Moment) (time.Time, error) {
	if m.At != "" {
		return c.parse(m.At)
	}
	clock := m.Time
	if clock == "" {
		clock = "12:00"
	}
	return c.parse(c.day0.AddDate(0, 0, m.Day).Format(time.DateOnly) + " " + clock)
}

func (c Calendar) parse(text string) (time.Time, error) {
	for _, layout := range []string{"2006-01-02 15:04", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, c.day0.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("expected a date and time such as 2020-03-12 09:00 or 2020-03-12 23:59:59, not %q", text)
}
