package standard_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/schedule"
)

func TestResponse(t *testing.T) {
	const hours = time.Hour
	c := compile(t, `
id: s
timeZone: Europe/Berlin
handoff:
  sla: {withinMinutes: 120, warnAtPercent: [50, 80], escalateAfterMinutes: 0, reassignAfterMinutes: 60, maxReassignments: 2}
  byReason:
    - {reasons: [fast_track.*], sla: {withinMinutes: 5, aroundTheClock: true}}
`)
	usual := c.Handle([]string{"gates"}, false).Response
	want := sla.Rules{Within: 2 * hours, WarnAt: []int{50, 80}, ReassignAfter: hours, MaxReassignments: 2}
	if diff := cmp.Diff(want, usual.Rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
	request := c.Handle([]string{"fast_track.demo"}, false).Response
	want = sla.Rules{Within: 5 * time.Minute, EscalateAfter: sla.Never, ReassignAfter: sla.Never, MaxReassignments: 1}
	if diff := cmp.Diff(want, request.Rules); diff != "" {
		t.Errorf("rules of a request (-want +got):\n%s", diff)
	}

	// What is stored says the same, the zone of the standard among it.
	again, err := standard.ReadResponse(usual.Content)
	if err != nil || again.ID != usual.ID || again.ID == request.ID || !cmp.Equal(again.Rules, usual.Rules) {
		t.Fatalf("read again: %+v, %v", again, err)
	}
	sunday := time.Date(2026, 3, 15, 12, 0, 0, 0, time.UTC)
	own := &typev1.WorkingHours{Hours: []*typev1.DayHours{{Weekdays: []int32{7}, From: "18:00", To: "19:00"}}}
	for _, c := range []struct {
		name string
		of   *standard.Response
		own  *typev1.WorkingHours
		want string
	}{
		{"the usual hours, in the standard's zone", again, nil, "2026-03-16T08:00:00Z"},
		{"their own", again, own, "2026-03-15T17:00:00Z"},
		{"around the clock", request, own, "2026-03-15T12:00:00Z"},
	} {
		cal, err := schedule.NewCalendar(c.of.Hours(c.own, nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := cal.Opens(sunday).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: work begins at %s, want %s", c.name, got, c.want)
		}
	}
}

func TestNoResponse(t *testing.T) {
	c := compile(t, `{id: s}`)
	if r := c.Handle([]string{"gates"}, false).Response; r != nil {
		t.Errorf("a clock of %s, without rules", r.Rules.Within)
	}
}

func TestResponsesThatAreNone(t *testing.T) {
	for _, c := range []struct{ path, sla string }{
		{"handoff.sla.withinMinutes", `{}`},
		{"handoff.sla.withinMinutes", `{withinMinutes: -5}`},
		{"handoff.sla.warnAtPercent[0]", `{withinMinutes: 120, warnAtPercent: [100]}`},
		{"handoff.sla.maxReassignments", `{withinMinutes: 120, maxReassignments: 2}`},
		{"handoff.sla.workingHours.timeZone", `{withinMinutes: 120, workingHours: {timeZone: Europe/Atlantis}}`},
		{"handoff.sla.workingHours.hours[0].to", `{withinMinutes: 120, workingHours: {hours: [{from: '17:00', to: '09:00'}]}}`},
		{"handoff.sla.workingHours.holidays[0]", `{withinMinutes: 120, workingHours: {holidays: ['2026-02-30']}}`},
		{"handoff.sla.workingHours", `{withinMinutes: 120, aroundTheClock: true, workingHours: {timeZone: UTC}}`},
	} {
		_, err := standard.Compile(parse(t, "{id: s, handoff: {sla: "+c.sla+"}}"), nil)
		var problems standard.Problems
		if !errors.As(err, &problems) || problems[0].Path != c.path {
			t.Errorf("%s: %v, want a problem at %s", c.sla, err, c.path)
		}
	}
}

// What the guide shows is a standard.
func TestTheGuideToRoutingAndSLA(t *testing.T) {
	guide, err := os.ReadFile("../../../../docs/guides/set-up-routing-and-sla.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := strings.Split(string(guide), "```yaml\n")[1:]
	timed := 0
	for _, block := range blocks {
		text, _, _ := strings.Cut(block, "```")
		c := compile(t, "id: guide\n"+text)
		if c.Handle([]string{"gates"}, false).Response != nil {
			timed++
		}
	}
	if timed != 1 {
		t.Errorf("%d of %d examples have a time to answer, want 1", timed, len(blocks))
	}
}
