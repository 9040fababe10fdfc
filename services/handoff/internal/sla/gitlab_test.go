package sla_test

import (
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/handoff/internal/sla/slatest"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// waits says in which of GitLab's statuses the clock runs.
var waits = map[string]bool{
	"Inquiry": false, "MQL": true, "Accepted": false, "Qualifying": false, "Qualified": false,
	"Recycle": false, "Disqualified": false, "Ineligible": false,
}

func TestGitLab(t *testing.T) {
	file := slatest.Load(t, "testdata/gitlab.yaml")
	calendars := map[string]*schedule.Calendar{}
	for name, person := range file.People {
		h := schedule.Hours{Zone: person.TimeZone, Holidays: person.Holidays}
		for _, d := range person.Hours {
			h.Days = append(h.Days, schedule.DayHours{From: d.From, To: d.To})
		}
		calendars[name] = calendar(t, h)
	}
	for _, scenario := range file.Scenarios {
		t.Run(scenario.Name, func(t *testing.T) {
			var clocks chain
			var standing sla.Standing
			for _, step := range scenario.Steps {
				switch step.Owner {
				case "":
				case "nobody":
					standing.Owner = ""
				default:
					standing.Owner = step.Owner
				}
				if step.Status != "" {
					waiting, known := waits[step.Status]
					if !known {
						t.Fatalf("%q is no status", step.Status)
					}
					standing.Waits = waiting
				}
				clocks = clocks.follow(standing, file.At(t, step.At), "", func(owner string) sla.Clock {
					return sla.Clock{Allowed: file.Allowed, Calendar: calendars[owner]}
				})
			}
			if len(clocks) != len(scenario.Clocks) {
				t.Fatalf("%d clocks, want %d", len(clocks), len(scenario.Clocks))
			}
			for i, want := range scenario.Clocks {
				clock := &clocks[i]
				if clock.Owner != want.Owner || clock.Number != want.Transfers || clock.Running() != want.Running {
					t.Errorf("clock %d of %s, running %v; want %+v", clock.Number, clock.Owner, clock.Running(), want)
				}
				if want.Due != "" && !clock.Due().Equal(file.At(t, want.Due)) {
					t.Errorf("clock %d is due at %s, want %s", i+1, clock.Due(), want.Due)
				}
				if shows := clock.Read(clock.Stop); !want.Running &&
					(shows.InTime != want.Met || shows.Working != want.Working || shows.Elapsed != want.Elapsed) {
					t.Errorf("clock %d shows %+v, want %+v", i+1, shows, want)
				}
			}
		})
	}
}
