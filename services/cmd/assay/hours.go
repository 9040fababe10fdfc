package main

import (
	"slices"
	"strings"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// hoursFlags are working hours on the command line.
type hoursFlags struct {
	TimeZone string   `help:"IANA time zone of the working hours, e.g. Europe/Berlin."`
	Hours    []string `help:"Working hours, e.g. mon-fri=09:00-17:00; several with commas." placeholder:"DAYS=FROM-TO"`
	Holidays []string `help:"Days on which nobody works." placeholder:"2026-12-25,…"`
}

var weekdays = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}

// read returns the hours that are given; nil: none are.
func (f *hoursFlags) read() (*typev1.WorkingHours, error) {
	if f.TimeZone == "" && len(f.Hours) == 0 && len(f.Holidays) == 0 {
		return nil, nil //nolint:nilnil // nothing is given, and nothing wrong
	}
	w := &typev1.WorkingHours{TimeZone: f.TimeZone, Holidays: f.Holidays}
	for _, text := range f.Hours {
		days, times, found := strings.Cut(text, "=")
		from, to, both := strings.Cut(times, "-")
		first, last, several := strings.Cut(strings.ToLower(days), "-")
		if !several {
			last = first
		}
		begin, end := slices.Index(weekdays, first), slices.Index(weekdays, last)
		if !found || !both || begin < 0 || end < begin {
			return nil, usage("--hours %s: expected days and times such as mon-fri=09:00-17:00", text)
		}
		hours := &typev1.DayHours{From: from, To: to}
		for day := begin; day <= end; day++ {
			hours.Weekdays = append(hours.Weekdays, int32(day+1))
		}
		w.Hours = append(w.Hours, hours)
	}
	return w, nil
}

// hoursRows prints working hours, if there are any.
func hoursRows(tab *table, w *typev1.WorkingHours) {
	if w == nil {
		return
	}
	tab.row("time zone", orDash(w.GetTimeZone()))
	for _, h := range w.GetHours() {
		var days []string
		for _, d := range h.GetWeekdays() {
			if d >= 1 && int(d) <= len(weekdays) {
				days = append(days, weekdays[d-1])
			}
		}
		if len(days) == 0 {
			days = []string{"mon to fri"}
		}
		tab.row("works", strings.Join(days, " ")+", "+h.GetFrom()+" to "+h.GetTo())
	}
	if len(w.GetHolidays()) > 0 {
		tab.row("holidays", strings.Join(w.GetHolidays(), " "))
	}
}
