// Package hours reads working hours as people and standards give them.
package hours

import (
	"cmp"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// Of are the working hours of the first of several who has any: a person, their team,
// the standard. What nobody says is Monday to Friday, 09:00 to 17:00, in the given zone.
func Of(zone string, from ...*typev1.WorkingHours) schedule.Hours {
	var given *typev1.WorkingHours
	for _, w := range from {
		if w != nil {
			given = w
			break
		}
	}
	h := schedule.Hours{Zone: cmp.Or(given.GetTimeZone(), zone, "UTC"), Holidays: given.GetHolidays()}
	for _, d := range given.GetHours() {
		day := schedule.DayHours{From: d.GetFrom(), To: d.GetTo()}
		for _, weekday := range d.GetWeekdays() {
			day.Weekdays = append(day.Weekdays, int(weekday))
		}
		h.Days = append(h.Days, day)
	}
	if len(h.Days) == 0 {
		h.Days = []schedule.DayHours{{From: "09:00", To: "17:00"}}
	}
	return h
}

// AroundTheClock are hours without an end.
func AroundTheClock() schedule.Hours {
	return schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{Weekdays: []int{1, 2, 3, 4, 5, 6, 7}, From: "00:00", To: "24:00"}}}
}

// Check says what is wrong with working hours: nil, or a *[schedule.FieldError] whose
// field is a path in the message.
func Check(w *typev1.WorkingHours) error {
	_, err := schedule.NewCalendar(Of("UTC", w))
	return err
}
