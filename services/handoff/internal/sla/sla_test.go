package sla_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/internal/schedule"
)

func calendar(t testing.TB, h schedule.Hours) *schedule.Calendar {
	t.Helper()
	c, err := schedule.NewCalendar(h)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestSteps(t *testing.T) {
	const h, m = time.Hour, time.Minute
	warning := func(percent int, after time.Duration) sla.Step {
		return sla.Step{Kind: sla.Warning, Percent: percent, After: after}
	}
	breach := sla.Step{Kind: sla.Breach, After: 2 * h}
	for _, c := range []struct {
		name       string
		rules      sla.Rules
		reassigned int
		want       []sla.Step
	}{
		{"the breach alone", sla.Rules{Within: 2 * h, EscalateAfter: sla.Never, ReassignAfter: sla.Never}, 0, []sla.Step{breach}},
		{
			"warnings in any order",
			sla.Rules{Within: 2 * h, WarnAt: []int{80, 50, 80}, EscalateAfter: sla.Never, ReassignAfter: sla.Never},
			0,
			[]sla.Step{warning(50, h), warning(80, 96*m), breach},
		},
		{
			"all at the breach",
			sla.Rules{Within: 2 * h, MaxReassignments: 1},
			0,
			[]sla.Step{breach, {Kind: sla.Escalation, After: 2 * h}, {Kind: sla.Reassignment, After: 2 * h}},
		},
		{
			"a reassignment before the escalation",
			sla.Rules{Within: 2 * h, EscalateAfter: h, ReassignAfter: 30 * m, MaxReassignments: 1},
			0,
			[]sla.Step{breach, {Kind: sla.Reassignment, After: 150 * m}, {Kind: sla.Escalation, After: 3 * h}},
		},
		{"reassigned often enough", sla.Rules{Within: 2 * h, EscalateAfter: sla.Never, MaxReassignments: 2}, 2, []sla.Step{breach}},
		{"reassigned once of twice", sla.Rules{Within: 2 * h, EscalateAfter: sla.Never, MaxReassignments: 2}, 1, []sla.Step{breach, {Kind: sla.Reassignment, After: 2 * h}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.rules.Steps(c.reassigned); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// Whoever never works again is never late.
func TestAClockWithoutWorkingTime(t *testing.T) {
	start := time.Date(2026, 3, 16, 10, 0, 0, 0, time.UTC)
	gone := calendar(t, schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{From: "09:00", To: "17:00"}}, Absences: []schedule.Absence{{Start: start}}})
	clock := sla.Clock{Start: start, Allowed: time.Hour, Calendar: gone}
	if !clock.Due().IsZero() || !clock.DueAt(sla.Step{After: time.Minute}).IsZero() {
		t.Errorf("due at %s", clock.Due())
	}
	if got, want := clock.Read(start.AddDate(1, 0, 0)), (sla.Reading{Elapsed: 365 * 24 * time.Hour, InTime: true}); got != want {
		t.Errorf("shows %+v, want %+v", got, want)
	}
}

// The laws of a chain, over any changes of a handoff: at most one clock runs, and just
// while an answer is awaited of its owner; clocks are numbered, follow one another without
// overlap, and what one showed when it was stopped never changes.
func TestLawsOfAChain(t *testing.T) {
	berlin := calendar(t, schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{{From: "09:00", To: "17:00"}}})
	rapid.Check(t, func(t *rapid.T) {
		var clocks chain
		var standing sla.Standing
		shown := map[int]sla.Reading{}
		now := time.Date(2026, 3, 16, 8, 0, 0, 0, time.UTC)
		for range rapid.IntRange(1, 20).Draw(t, "changes") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40*3600).Draw(t, "seconds")) * time.Second)
			before := standing
			standing = sla.Standing{Waits: rapid.Bool().Draw(t, "waits"), Owner: rapid.SampledFrom([]string{"", "amy", "ben"}).Draw(t, "owner")}
			was := len(clocks)
			clocks = clocks.follow(standing, now, "changed", func(string) sla.Clock { return sla.Clock{Allowed: 2 * time.Hour, Calendar: berlin} })
			if standing == before && len(clocks) != was {
				t.Fatal("a clock started though nothing changed")
			}
			running := clocks.running()
			if (running != nil) != (standing.Waits && standing.Owner != "") || (running != nil && running.Owner != standing.Owner) {
				t.Fatalf("%+v: running %+v", standing, running)
			}
			for i := range clocks {
				clock := &clocks[i]
				if clock.Number != i+1 || (clock.Running() && i < len(clocks)-1) || (i > 0 && clock.Start.Before(clocks[i-1].Stop)) {
					t.Fatalf("clock %d: %+v", i+1, clock)
				}
				shows := clock.Read(now)
				if clock.Running() {
					continue
				}
				if past, known := shown[i]; known && past != shows {
					t.Fatalf("clock %d showed %+v and shows %+v", i+1, past, shows)
				}
				shown[i] = shows
				if shows.InTime != !clock.Stop.After(clock.Due()) || (shows.Working > clock.Allowed && shows.InTime) || shows.Working > shows.Elapsed {
					t.Fatalf("clock %d shows %+v", i+1, shows)
				}
			}
		}
	})
}
