package schedule_test

import (
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/schedule"
)

var (
	weekdays  = schedule.DayHours{From: "09:00", To: "17:00"}
	everyDay  = []int{1, 2, 3, 4, 5, 6, 7}
	allTheDay = schedule.DayHours{Weekdays: everyDay, From: "00:00", To: "24:00"}
)

func calendar(t testing.TB, h schedule.Hours) *schedule.Calendar {
	t.Helper()
	c, err := schedule.NewCalendar(h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func at(t testing.TB, text string) time.Time {
	t.Helper()
	if text == "never" {
		return time.Time{}
	}
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

// Working time is what the clock on the wall shows, for as long as it shows it.
func TestWorkingTime(t *testing.T) {
	early := schedule.DayHours{Weekdays: everyDay, From: "00:00", To: "06:00"}
	small := schedule.DayHours{Weekdays: everyDay, From: "02:00", To: "03:00"}
	for _, c := range []struct {
		name       string
		hours      schedule.Hours
		start      string
		d          time.Duration
		want       string
		nextWanted string // when the working time after it begins
	}{
		{"within a day", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}}, "2026-03-16T10:00:00+01:00", 2 * time.Hour, "2026-03-16T12:00:00+01:00", ""},
		{"overnight", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}}, "2026-03-16T16:30:00+01:00", 2 * time.Hour, "2026-03-17T10:30:00+01:00", ""},
		{"over the weekend", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}}, "2026-03-20T16:00:00+01:00", 2 * time.Hour, "2026-03-23T10:00:00+01:00", ""},
		{"used up when the day ends", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}}, "2026-03-20T15:00:00+01:00", 2 * time.Hour, "2026-03-20T17:00:00+01:00", "2026-03-23T09:00:00+01:00"},
		{"begun outside", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}}, "2026-03-21T12:00:00+01:00", 2 * time.Hour, "2026-03-23T11:00:00+01:00", ""},
		{"around a break", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{{From: "13:00", To: "17:00"}, {From: "09:00", To: "12:00"}}}, "2026-03-16T11:00:00+01:00", 2 * time.Hour, "2026-03-16T14:00:00+01:00", ""},
		{"stretches that overlap", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays, {From: "16:00", To: "18:00"}, {From: "18:00", To: "18:30"}}}, "2026-03-16T16:00:00+01:00", 150 * time.Minute, "2026-03-16T18:30:00+01:00", ""},
		{"a holiday", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}, Holidays: []string{"2026-03-17"}}, "2026-03-16T16:00:00+01:00", 2 * time.Hour, "2026-03-18T10:00:00+01:00", ""},
		{"a holiday in its own zone", schedule.Hours{Zone: "Pacific/Auckland", Days: []schedule.DayHours{weekdays}, Holidays: []string{"2026-03-17"}}, "2026-03-16T21:00:00Z", time.Hour, "2026-03-17T21:00:00Z", ""},
		{"an absence", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{weekdays}, Absences: []schedule.Absence{{at(t, "2026-03-16T11:00:00Z"), at(t, "2026-03-16T14:00:00Z")}}}, "2026-03-16T10:00:00Z", 2 * time.Hour, "2026-03-16T15:00:00Z", ""},
		{"absences that overlap", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{weekdays}, Absences: []schedule.Absence{
			{at(t, "2026-03-16T13:00:00Z"), at(t, "2026-03-17T10:00:00Z")}, {at(t, "2026-03-16T11:00:00Z"), at(t, "2026-03-16T14:00:00Z")},
		}}, "2026-03-16T10:00:00Z", 2 * time.Hour, "2026-03-17T11:00:00Z", ""},
		{"gone for good", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{weekdays}, Absences: []schedule.Absence{{Start: at(t, "2026-03-16T11:00:00Z")}}}, "2026-03-16T10:00:00Z", 2 * time.Hour, "never", ""},
		{"no hours", schedule.Hours{Zone: "UTC"}, "2026-03-16T10:00:00Z", time.Second, "never", ""},
		{"no time", schedule.Hours{Zone: "UTC"}, "2026-03-16T10:00:00Z", 0, "2026-03-16T10:00:00Z", ""},

		{"the hour that is left out", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{early}}, "2026-03-29T00:00:00+01:00", 5 * time.Hour, "2026-03-29T06:00:00+02:00", ""},
		{"the hour that is shown twice", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{early}}, "2026-10-25T00:00:00+02:00", 7 * time.Hour, "2026-10-25T06:00:00+01:00", ""},
		{"work only in the hour that is left out", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{small}}, "2026-03-29T00:00:00+01:00", time.Minute, "2026-03-30T02:01:00+02:00", ""},
		{"work only in the hour that is shown twice", schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{small}}, "2026-10-25T00:00:00+02:00", 90 * time.Minute, "2026-10-25T02:30:00+01:00", ""},
		{"half an hour forward", schedule.Hours{Zone: "Australia/Lord_Howe", Days: []schedule.DayHours{early}}, "2026-10-04T00:00:00+10:30", 330 * time.Minute, "2026-10-04T06:00:00+11:00", ""},
		{"half an hour back", schedule.Hours{Zone: "Australia/Lord_Howe", Days: []schedule.DayHours{early}}, "2026-04-05T00:00:00+11:00", 390 * time.Minute, "2026-04-05T06:00:00+10:30", ""},
		{"an odd distance from UTC", schedule.Hours{Zone: "Asia/Kathmandu", Days: []schedule.DayHours{weekdays}}, "2026-03-16T03:00:00Z", time.Hour, "2026-03-16T04:15:00Z", ""},
		{"the day that never was", schedule.Hours{Zone: "Pacific/Apia", Days: []schedule.DayHours{weekdays}}, "2011-12-29T16:00:00-10:00", 2 * time.Hour, "2012-01-02T10:00:00+14:00", ""},
		{"around the day that never was", schedule.Hours{Zone: "Pacific/Apia", Days: []schedule.DayHours{allTheDay}}, "2011-12-29T23:00:00-10:00", 2 * time.Hour, "2011-12-31T01:00:00+14:00", ""},
		{"midnight that is left out", schedule.Hours{Zone: "America/Sao_Paulo", Days: []schedule.DayHours{allTheDay}}, "2018-11-03T23:00:00-03:00", 2 * time.Hour, "2018-11-04T02:00:00-02:00", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			cal, start, want := calendar(t, c.hours), at(t, c.start), at(t, c.want)
			got := cal.After(start, c.d)
			if !got.Equal(want) {
				t.Fatalf("%s after %s is %s, want %s", c.d, c.start, got.In(want.Location()).Format(time.RFC3339), c.want)
			}
			if between := cal.Between(start, got); !got.IsZero() && between != c.d {
				t.Errorf("between them are %s, want %s", between, c.d)
			}
			if next := cal.Opens(got); c.nextWanted != "" && !next.Equal(at(t, c.nextWanted)) {
				t.Errorf("opens next at %s, want %s", next, c.nextWanted)
			}
		})
	}
}

func TestNobodyWorksInANilCalendar(t *testing.T) {
	var c *schedule.Calendar
	now := time.Unix(1_800_000_000, 0)
	if !c.After(now, time.Second).IsZero() || c.Between(now, now.Add(time.Hour)) != 0 || c.Open(now) || !c.Opens(now).IsZero() {
		t.Error("a calendar without hours has working time")
	}
}

func TestHoursThatAreNone(t *testing.T) {
	for _, c := range []struct {
		field string
		hours schedule.Hours
	}{
		{"timeZone", schedule.Hours{}},
		{"timeZone", schedule.Hours{Zone: "Local"}},
		{"timeZone", schedule.Hours{Zone: "Europe/Atlantis"}},
		{"hours[0].from", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{From: "9:00", To: "17:00"}}}},
		{"hours[0].from", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{From: "24:00", To: "24:00"}}}},
		{"hours[1].to", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{weekdays, {From: "09:00", To: "25:00"}}}},
		{"hours[0].to", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{From: "22:00", To: "06:00"}}}},
		{"hours[0].to", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{From: "09:00", To: "09:00"}}}},
		{"hours[0].weekdays[1]", schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{Weekdays: []int{1, 8}, From: "09:00", To: "17:00"}}}},
		{"holidays[0]", schedule.Hours{Zone: "UTC", Holidays: []string{"2026-02-30"}}},
		{"absences[0].endTime", schedule.Hours{Zone: "UTC", Absences: []schedule.Absence{{at(t, "2026-03-16T11:00:00Z"), at(t, "2026-03-16T11:00:00Z")}}}},
	} {
		_, err := schedule.NewCalendar(c.hours)
		var wrong *schedule.FieldError
		if !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%+v: %v, want an error of %s", c.hours, err, c.field)
		}
	}
}

var zones = []string{
	"UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia",
	"America/Sao_Paulo", "Africa/Casablanca", "Asia/Gaza", "Antarctica/Troll", "America/St_Johns", "Pacific/Chatham",
}

// calendars are working hours with at least one hour a week, and at most some weeks away.
var calendars = rapid.Custom(func(t *rapid.T) schedule.Hours {
	clock := func(name string, from, to int) (int, string) {
		minute := rapid.IntRange(from, to).Draw(t, name)
		if minute == 24*60 {
			return minute, "24:00"
		}
		return minute, time.Unix(int64(minute)*60, 0).UTC().Format("15:04")
	}
	h := schedule.Hours{Zone: rapid.SampledFrom(zones).Draw(t, "zone")}
	for range rapid.IntRange(1, 3).Draw(t, "stretches") {
		d := schedule.DayHours{Weekdays: rapid.SliceOfNDistinct(rapid.IntRange(1, 7), 1, 7, rapid.ID).Draw(t, "weekdays")}
		var from int
		from, d.From = clock("from", 0, 24*60-60)
		_, d.To = clock("to", from+60, 24*60)
		h.Days = append(h.Days, d)
	}
	for range rapid.IntRange(0, 3).Draw(t, "holidays") {
		h.Holidays = append(h.Holidays, instants.Draw(t, "holiday").UTC().Format(time.DateOnly))
	}
	for range rapid.IntRange(0, 2).Draw(t, "absences") {
		start := instants.Draw(t, "away from")
		h.Absences = append(h.Absences, schedule.Absence{Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 40*24*3600).Draw(t, "away for")) * time.Second)})
	}
	return h
})

// instants are near changes of clocks, near holidays, and anywhere in some years, also
// between two seconds.
var instants = rapid.Custom(func(t *rapid.T) time.Time {
	year := time.Date(rapid.IntRange(2010, 2028).Draw(t, "year"), 1, 1, 0, 0, 0, 0, time.UTC)
	place, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "whose clocks"))
	if err != nil {
		t.Fatal(err)
	}
	near := year.Add(time.Duration(rapid.IntRange(0, 365*24).Draw(t, "hours")) * time.Hour)
	if _, change := near.In(place).ZoneBounds(); !change.IsZero() && rapid.Bool().Draw(t, "near a change") {
		near = change.Add(-time.Duration(rapid.IntRange(-30, 30).Draw(t, "hours before")) * time.Hour)
	}
	return near.Add(time.Duration(rapid.Int64Range(0, int64(time.Hour)).Draw(t, "within the hour"))).UTC()
})

// works says by the definition whether an instant is working time.
func works(h schedule.Hours, at time.Time) bool {
	local := at.In(schedule.Zone(h.Zone))
	for _, a := range h.Absences {
		if !at.Before(a.Start) && at.Before(a.End) {
			return false
		}
	}
	for _, holiday := range h.Holidays {
		if local.Format(time.DateOnly) == holiday {
			return false
		}
	}
	clock, weekday := local.Format("15:04"), (int(local.Weekday())+6)%7+1
	for _, d := range h.Days {
		for _, w := range d.Weekdays {
			if w == weekday && d.From <= clock && clock < d.To {
				return true
			}
		}
	}
	return false
}

// An instant is working time if the clock on the wall says so.
func TestOpenIsWhatTheClockOnTheWallSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h, when := calendars.Draw(t, "hours"), instants.Draw(t, "at")
		c, err := schedule.NewCalendar(h)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 48 {
			at := when.Add(time.Duration(i) * 7 * time.Minute)
			if got, want := c.Open(at), works(h, at); got != want {
				t.Fatalf("open at %s: %v, want %v", at.In(schedule.Zone(h.Zone)), got, want)
			}
		}
	})
}

// Working time is the length of the instants that are working time, measured a minute at
// a time: changes of clocks, and hours, are on whole minutes.
func TestBetweenIsTheSumOfItsMinutes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := calendars.Draw(t, "hours")
		for i := range h.Absences {
			h.Absences[i].Start, h.Absences[i].End = h.Absences[i].Start.Truncate(time.Minute), h.Absences[i].End.Truncate(time.Minute).Add(time.Minute)
		}
		c, err := schedule.NewCalendar(h)
		if err != nil {
			t.Fatal(err)
		}
		start := instants.Draw(t, "start").Truncate(time.Minute)
		minutes := rapid.IntRange(0, 3*24*60).Draw(t, "minutes")
		var want time.Duration
		for i := range minutes {
			if works(h, start.Add(time.Duration(i)*time.Minute)) {
				want += time.Minute
			}
		}
		if got := c.Between(start, start.Add(time.Duration(minutes)*time.Minute)); got != want {
			t.Fatalf("%s, want %s", got, want)
		}
	})
}

// The laws: After is the first instant at which the time has passed, never earlier;
// Between adds up and never falls; both agree.
func TestLawsOfWorkingTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := calendars.Draw(t, "hours")
		c, err := schedule.NewCalendar(h)
		if err != nil {
			t.Fatal(err)
		}
		start := instants.Draw(t, "start")
		d := time.Duration(rapid.Int64Range(1, int64(60*time.Hour)).Draw(t, "d"))
		more := time.Duration(rapid.Int64Range(0, int64(60*time.Hour)).Draw(t, "more"))
		due := c.After(start, d)
		if due.IsZero() {
			t.Fatal("never, though there are hours each week")
		}
		if got := c.Between(start, due); got != d {
			t.Fatalf("between %s and %s are %s, want %s", start, due, got, d)
		}
		if got := c.Between(start, due.Add(-1)); got != d-1 {
			t.Fatalf("just before it have passed %s already", got)
		}
		if due.Sub(start) < d {
			t.Fatalf("%s passed within %s", d, due.Sub(start))
		}
		if got, want := c.After(due, more), c.After(start, d+more); more > 0 && !got.Equal(want) {
			t.Fatalf("in two steps %s, in one %s", got, want)
		}
		if later := start.Add(more); c.After(later, d).Before(due) {
			t.Fatalf("begun later, at %s, it ends earlier: %s before %s", later, c.After(later, d), due)
		}
		middle, end := start.Add(more/2), start.Add(more)
		if a, b, whole := c.Between(start, middle), c.Between(middle, end), c.Between(start, end); a+b != whole || a < 0 || b < 0 || whole > more {
			t.Fatalf("%s and %s make %s of %s", a, b, whole, more)
		}
		if c.Between(end, start) != 0 {
			t.Fatal("time passed backwards")
		}
		if opens := c.Opens(start); !c.Open(opens) || c.Between(start, opens) != 0 {
			t.Fatalf("opens at %s", opens)
		}
	})
}

func BenchmarkAfter(b *testing.B) {
	c := calendar(b, schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{weekdays}, Holidays: []string{"2026-12-25"}})
	begin := at(b, "2026-03-16T10:00:00Z")
	for b.Loop() {
		if c.After(begin.Add(time.Duration(rand.N(7*24*3600))*time.Second), 2*time.Hour).IsZero() {
			b.Fatal("never")
		}
	}
}
