package standard_test

import (
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
)

func TestAsOf(t *testing.T) {
	lead := condition.AttributeMap{
		"zone": condition.Text("America/New_York"), "create_time": condition.Text("2026-03-02T08:00:00Z"),
	}
	for _, c := range []struct {
		name, evaluation, asOf, again string
	}{
		{"now", `{at: each_fact}`, "2026-03-16T12:00:00Z", ""},
		{"every morning", `{at: schedule, schedule: {at: ["06:00"]}}`, "2026-03-16T05:00:00Z", "2026-03-17T05:00:00Z"},
		{"in the morning where the lead is", `{at: schedule, schedule: {at: ["06:00"], zoneAttribute: zone}}`, "2026-03-16T10:00:00Z", "2026-03-17T10:00:00Z"},
		{"at capture", `{at: capture}`, "2026-03-02T08:00:00Z", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			compiled := compile(t, "id: x\ntimeZone: Europe/Berlin\nqualification:\n  evaluation: "+c.evaluation)
			asOf, again := compiled.AsOf(time.Date(2026, 3, 16, 12, 0, 0, 0, time.UTC), lead)
			if got := asOf.UTC().Format(time.RFC3339); got != c.asOf {
				t.Errorf("as of %s, want %s", got, c.asOf)
			}
			if got := again.UTC().Format(time.RFC3339); again.IsZero() != (c.again == "") || c.again != "" && got != c.again {
				t.Errorf("again at %s, want %q", got, c.again)
			}
		})
	}
}

func TestHandlingByReason(t *testing.T) {
	c := compile(t, `
id: x
handoff:
  queue: rest
  byReason:
    - {reasons: [fast_track.demo], queue: hot, order: request_time, priority: 10, action: Call now}
    - {reasons: [fast_track.*], priority: 5}
`)
	for _, test := range []struct {
		codes []string
		ready bool
		want  standard.Handling
	}{
		{[]string{"fast_track.demo"}, false, standard.Handling{Queue: "hot", Priority: 10, ByRequest: true, Action: "Call now"}},
		{[]string{"fast_track.trial"}, true, standard.Handling{Queue: "rest", Priority: 6}},
		{[]string{"gates"}, false, standard.Handling{Queue: "rest"}},
	} {
		if got := c.Handle(test.codes, test.ready); got != test.want {
			t.Errorf("%v: %+v, want %+v", test.codes, got, test.want)
		}
	}
}
