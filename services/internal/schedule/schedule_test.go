package schedule_test

import (
	"testing"
	"time"
	_ "time/tzdata"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/schedule"
)

func zone(t testing.TB, name string) *time.Location {
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func of(t testing.TB, at []string, weekdays, monthDays []int) schedule.Schedule {
	t.Helper()
	s, err := schedule.New(at, weekdays, monthDays)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestInstants(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for _, c := range []struct {
		name                string
		at                  []string
		weekdays, monthDays []int
		from, latest, next  string
	}{
		{"every morning", []string{"06:00"}, nil, nil, "2026-03-16T05:00:00Z", "2026-03-16T05:00:00Z", "2026-03-17T05:00:00Z"},
		{"just before", []string{"06:00"}, nil, nil, "2026-03-16T04:59:59Z", "2026-03-15T05:00:00Z", "2026-03-16T05:00:00Z"},
		{"twice a day", []string{"18:00", "06:00"}, nil, nil, "2026-03-16T12:00:00Z", "2026-03-16T05:00:00Z", "2026-03-16T17:00:00Z"},
		{"Mondays", []string{"06:00"}, []int{1}, nil, "2026-03-18T12:00:00Z", "2026-03-16T05:00:00Z", "2026-03-23T05:00:00Z"},
		{"the 31st", []string{"00:00"}, nil, []int{31}, "2026-04-10T00:00:00Z", "2026-03-30T22:00:00Z", "2026-05-30T22:00:00Z"},
		{"the 29th of February", []string{"00:00"}, nil, []int{29}, "2026-02-27T00:00:00Z", "2026-01-28T23:00:00Z", "2026-03-28T23:00:00Z"},
		{"after the clocks went forward", []string{"06:00"}, nil, nil, "2026-03-29T03:00:00Z", "2026-03-28T05:00:00Z", "2026-03-29T04:00:00Z"},
		{"the hour that is left out", []string{"02:30"}, nil, nil, "2026-03-29T12:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:30:00Z"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := of(t, c.at, c.weekdays, c.monthDays)
			from, _ := time.Parse(time.RFC3339, c.from)
			if got := s.Latest(from, berlin).UTC().Format(time.RFC3339); got != c.latest {
				t.Errorf("latest %s, want %s", got, c.latest)
			}
			if got := s.Next(from, berlin).UTC().Format(time.RFC3339); got != c.next {
				t.Errorf("next %s, want %s", got, c.next)
			}
		})
	}
}

func TestNoInstants(t *testing.T) {
	for name, s := range map[string]schedule.Schedule{
		"no time of day": {},
	} {
		if got := s.Next(time.Unix(0, 0), time.UTC); !got.IsZero() {
			t.Errorf("%s: %v", name, got)
		}
	}
	for _, at := range []string{"", "6:00", "24:00", "06:60", "06:00:00"} {
		if _, err := schedule.New([]string{at}, nil, nil); err == nil {
			t.Errorf("%q is taken for a time of day", at)
		}
	}
	for _, days := range [][2][]int{{{0}, nil}, {{8}, nil}, {nil, {0}}, {nil, {32}}} {
		if _, err := schedule.New([]string{"06:00"}, days[0], days[1]); err == nil {
			t.Errorf("%v are taken for days", days)
		}
	}
}

func TestZones(t *testing.T) {
	for name, there := range map[string]bool{"Europe/Berlin": true, "UTC": true, "": false, "Local": false, "Mars/Olympus": false} {
		for range 2 { // the second time from memory
			if got := schedule.Zone(name); (got != nil) != there {
				t.Errorf("%q: %v", name, got)
			}
		}
	}
}

// Between the latest instant and the next there is none: the next after the latest is the
// next, and the latest before the next is the latest.
func TestLatestAndNextAreNeighbours(t *testing.T) {
	zones := []*time.Location{time.UTC, zone(t, "Europe/Berlin"), zone(t, "America/New_York"), zone(t, "Asia/Kathmandu"), zone(t, "Pacific/Apia")}
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) string {
			return time.Unix(int64(rapid.IntRange(0, 1439).Draw(t, "minute"))*60, 0).UTC().Format("15:04")
		}), 1, 3).Draw(t, "times")
		weekdays := rapid.SliceOfN(rapid.IntRange(1, 7), 0, 3).Draw(t, "weekdays")
		monthDays := rapid.SliceOfN(rapid.IntRange(1, 31), 0, 2).Draw(t, "month days")
		s, err := schedule.New(times, weekdays, monthDays)
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(1_600_000_000, 1_900_000_000).Draw(t, "at"), 0)
		in := rapid.SampledFrom(zones).Draw(t, "zone")
		latest, next := s.Latest(at, in), s.Next(at, in)
		if latest.IsZero() || next.IsZero() || latest.After(at) || !next.After(at) {
			t.Fatalf("%v: latest %v, next %v", at, latest, next)
		}
		if got := s.Next(latest, in); !got.Equal(next) {
			t.Errorf("next after %v is %v, want %v", latest, got, next)
		}
		if got := s.Latest(next.Add(-1), in); !got.Equal(latest) {
			t.Errorf("latest before %v is %v, want %v", next, got, latest)
		}
	})
}
