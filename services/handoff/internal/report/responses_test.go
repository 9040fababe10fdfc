package report_test

import (
	"testing"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/report"
)

func TestResponses(t *testing.T) {
	minutes := func(n int) *time.Duration { d := time.Duration(n) * time.Minute; return &d }
	var r report.Responses
	for _, c := range []report.Clock{
		{Owner: "jane", Team: "dach", Stopped: true, Met: true, Working: 10 * time.Minute, Answer: minutes(15), Machine: minutes(1)},
		{Owner: "jane", Team: "dach", Stopped: true, Met: true, Working: 30 * time.Minute, Answer: minutes(60)},
		{Owner: "jane", Stopped: true, Working: 200 * time.Minute},
		{Owner: "jane", Team: "dach", Over: true, Machine: minutes(2)},
		{Owner: "otto", Team: "dach"},
	} {
		r.Add(&c)
	}
	for _, c := range []struct {
		of                                      *report.Figures
		name                                    string
		clocks, met, running                    int
		median, p90, speed, machine             time.Duration
		hasMedian, hasSpeedToLead, hasMachining bool
	}{
		{&r.Total, "", 4, 2, 1, 30 * time.Minute, 200 * time.Minute, 15 * time.Minute, time.Minute, true, true, true},
		{r.Owners()[0], "jane", 4, 2, 0, 30 * time.Minute, 200 * time.Minute, 15 * time.Minute, time.Minute, true, true, true},
		{r.Owners()[1], "otto", 0, 0, 1, 0, 0, 0, 0, false, false, false},
		{r.Teams()[0], "dach", 3, 2, 1, 10 * time.Minute, 30 * time.Minute, 15 * time.Minute, time.Minute, true, true, true},
	} {
		if f := c.of; f.Name != c.name || f.Clocks != c.clocks || f.Met != c.met || f.Running != c.running {
			t.Errorf("%q: %+v", c.name, f)
		}
		for _, q := range []struct {
			what  string
			of    func(float64) (time.Duration, bool)
			share float64
			want  time.Duration
			has   bool
		}{
			{"median", c.of.Working, 0.5, c.median, c.hasMedian},
			{"p90", c.of.Working, 0.9, c.p90, c.hasMedian},
			{"speed to lead", c.of.SpeedToLead, 0.5, c.speed, c.hasSpeedToLead},
			{"machine", c.of.Machine, 0.5, c.machine, c.hasMachining},
		} {
			if got, has := q.of(q.share); got != q.want || has != q.has {
				t.Errorf("%q, %s: %s %v, want %s %v", c.name, q.what, got, has, q.want, q.has)
			}
		}
	}
}
