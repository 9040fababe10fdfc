package standard

import (
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// createTime is the attribute that says when a lead was first known.
const createTime = "create_time"

// evaluation says as of which instant a standard decides.
type evaluation struct {
	at   handoffv1.Evaluation_Moment
	on   schedule.Schedule
	zone string // attribute with the lead's own time zone
}

func (c *compiler) evaluation(path string, e *handoffv1.Evaluation) evaluation {
	out := evaluation{at: e.GetAt(), zone: e.GetSchedule().GetZoneAttribute()}
	switch scheduled := e.GetAt() == handoffv1.Evaluation_MOMENT_SCHEDULE; {
	case scheduled && e.GetSchedule() == nil:
		c.add(join(path, "schedule"), "the instants at which it decides")
	case !scheduled && e.GetSchedule() != nil:
		c.add(join(path, "schedule"), "nothing, unless `at` is schedule")
	case scheduled:
		out.on = c.schedule(join(path, "schedule"), e.GetSchedule())
	}
	if out.zone != "" {
		c.attribute(join(path, "schedule.zoneAttribute"), out.zone)
	}
	return out
}

func (c *compiler) schedule(path string, s *typev1.Schedule) schedule.Schedule {
	out, err := schedule.New(s.GetAt(), whole(s.GetWeekdays()), whole(s.GetMonthDays()))
	if err != nil {
		c.add(path, "a schedule that %v", err)
	}
	return out
}

func whole(numbers []int32) []int {
	out := make([]int, len(numbers))
	for i, n := range numbers {
		out[i] = int(n)
	}
	return out
}

// AsOf returns the instant as of which a lead is decided, and when it is to be decided
// again for what happens until then; zero: then it is decided as it happens.
func (c *Compiled) AsOf(now time.Time, lead condition.Attributes) (asOf, again time.Time) {
	switch c.evaluation.at {
	case handoffv1.Evaluation_MOMENT_SCHEDULE:
		zone := c.Zone
		if own := schedule.Zone(text(lead, c.evaluation.zone)); own != nil {
			zone = own
		}
		latest, next := c.evaluation.on.Latest(now, zone), c.evaluation.on.Next(now, zone)
		if latest.IsZero() {
			latest = now
		}
		return latest, next
	case handoffv1.Evaluation_MOMENT_CAPTURE:
		if created, err := time.Parse(time.RFC3339Nano, text(lead, createTime)); err == nil && created.Before(now) {
			return created, time.Time{}
		}
	}
	return now, time.Time{}
}

// text is a text among the attributes; empty if there is none.
func text(lead condition.Attributes, key string) string {
	if key == "" || lead == nil {
		return ""
	}
	value, _ := lead.Attribute(key)
	s, _ := value.AsText()
	return s
}
