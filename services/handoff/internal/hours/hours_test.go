package hours_test

import (
	"errors"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/hours"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// Monday, the 16th of March 2026, in UTC.
func monday(hour int) time.Time { return time.Date(2026, 3, 16, hour, 0, 0, 0, time.UTC) }

func TestWhoseHoursCount(t *testing.T) {
	own := &typev1.WorkingHours{TimeZone: "Asia/Kathmandu", Hours: []*typev1.DayHours{{Weekdays: []int32{1}, From: "10:00", To: "11:00"}}}
	team := &typev1.WorkingHours{Hours: []*typev1.DayHours{{From: "20:00", To: "24:00"}}}
	holiday := &typev1.WorkingHours{Holidays: []string{"2026-03-16"}}
	for _, c := range []struct {
		name string
		from []*typev1.WorkingHours
		want time.Time // when work begins, from Monday 00:00 UTC
	}{
		{"their own", []*typev1.WorkingHours{own, team}, monday(4).Add(15 * time.Minute)},
		{"their team's, in the standard's zone", []*typev1.WorkingHours{nil, team}, monday(19)},
		{"nobody's", []*typev1.WorkingHours{nil, nil}, monday(8)},
		{"the usual hours without the holidays", []*typev1.WorkingHours{holiday}, monday(32)},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal, err := schedule.NewCalendar(hours.Of("Europe/Berlin", c.from...))
			if err != nil {
				t.Fatal(err)
			}
			if got := cal.Opens(monday(0)); !got.Equal(c.want) {
				t.Errorf("work begins at %s, want %s", got, c.want)
			}
		})
	}
}

func TestAroundTheClock(t *testing.T) {
	cal, err := schedule.NewCalendar(hours.AroundTheClock())
	if err != nil {
		t.Fatal(err)
	}
	if got := cal.Between(monday(0), monday(7*24)); got != 7*24*time.Hour {
		t.Errorf("a week has %s", got)
	}
}

func TestCheck(t *testing.T) {
	var wrong *schedule.FieldError
	err := hours.Check(&typev1.WorkingHours{Hours: []*typev1.DayHours{{From: "09:00", To: "12:00"}, {From: "17:00", To: "13:00"}}})
	if !errors.As(err, &wrong) || wrong.Field != "hours[1].to" {
		t.Errorf("got %v", err)
	}
	if err := hours.Check(nil); err != nil {
		t.Errorf("none: %v", err)
	}
}
