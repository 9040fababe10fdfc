package engagement

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// What cannot be meant is refused, with the place and what was expected.
func TestWhatTheFoldRefuses(t *testing.T) {
	after := func(id string, ids ...string) Rule { return Rule{ID: id, After: ids, Points: 100} }
	with := func(change func(m *Model)) Model {
		m := grouped(ruled("a", 1, nil), ruled("b", 1, nil))
		change(&m)
		return m
	}
	limit := func(l Limit) Model { return grouped(ruled("a", 1, limited(l))) }
	const at = "groups[0].rules[0]"
	for name, c := range map[string]struct {
		model Model
		path  string
	}{
		"rules that follow each other":   {grouped(after("x", "y"), after("y", "x")), "groups[0].rules[0].after"},
		"a rule that follows itself":     {grouped(after("x", "g")), "groups[0].rules[0].after"},
		"after nobody":                   {grouped(after("x", "nobody")), "groups[0].rules[0].after[0]"},
		"a sequence of one":              {grouped(Rule{ID: "x", Sequence: &Sequence{Steps: []string{"x"}}}), at + ".sequence.steps"},
		"a sequence of strangers":        {grouped(Rule{ID: "x", Sequence: &Sequence{Steps: []string{"y", "z"}}}), at + ".sequence.steps[0]"},
		"a sequence of itself":           {grouped(Rule{ID: "x", Sequence: &Sequence{Steps: []string{"x", "x"}}}), at + ".sequence.steps"},
		"a reset of nobody":              {with(func(m *Model) { m.Resets = []Reset{{ID: "r", Activities: []string{"x"}, Of: []string{"nobody"}}} }), "resets[0].of[0]"},
		"a restore of nothing":           {with(func(m *Model) { m.Resets = []Reset{{ID: "r", Activities: []string{"x"}, Restore: "m"}} }), "resets[0].restore"},
		"a reset that never happens":     {with(func(m *Model) { m.Resets = []Reset{{ID: "r"}} }), "resets[0].activities"},
		"a suspension of nobody":         {with(func(m *Model) { m.Suspensions = []Suspension{{ID: "s", From: []string{"x"}, Of: []string{"nobody"}}} }), "suspensions[0].of[0]"},
		"a limit over nobody":            {with(func(m *Model) { m.SharedLimits = []SharedLimit{{ID: "l", Rules: []string{"nobody"}}} }), "sharedLimits[0].rules[0]"},
		"a limit below nothing":          {limit(Limit{Count: -1}), at + ".limit.count"},
		"too many that roll":             {limit(Limit{Count: 1001, Per: PerDay, Rolling: true}), at + ".limit.count"},
		"a lifetime that rolls":          {limit(Limit{Rolling: true}), at + ".limit.rolling"},
		"points below nothing":           {limit(Limit{Points: ptr(points.Points(-1)), Per: PerDay}), at + ".limit.points"},
		"a value of the lead":            {limit(Limit{PerValue: "lead.country"}), at + ".limit.perValue"},
		"two ways to happen":             {grouped(Rule{ID: "x", Activities: []string{"x"}, Attributes: []string{"y"}}), at + ".activities"},
		"two ways to give":               {grouped(Rule{ID: "x", Activities: []string{"x"}, Points: 100, RepeatPoints: []points.Points{100}}), at},
		"an hour that there is not":      {grouped(Rule{ID: "x", Schedule: &Schedule{At: []string{"24:00"}}}), at + ".schedule.at[0]"},
		"a schedule without a time":      {grouped(Rule{ID: "x", Schedule: &Schedule{}}), at + ".schedule.at"},
		"an eighth day":                  {grouped(Rule{ID: "x", Schedule: &Schedule{At: []string{"08:00"}, Weekdays: []int{8}}}), at + ".schedule.weekdays[0]"},
		"an inactivity of no time":       {grouped(Rule{ID: "x", Inactivity: &Inactivity{}}), at + ".inactivity.days"},
		"an inactivity every minute":     {grouped(Rule{ID: "x", Inactivity: &Inactivity{After: time.Hour, Repeat: time.Minute}}), at + ".inactivity.repeatDays"},
		"no activity where none is":      {grouped(Rule{ID: "x", Schedule: &Schedule{At: []string{"08:00"}}, When: `activity.type == "x"`}), at + ".when"},
		"before without a change":        {grouped(ruled("x", 1, func(r *Rule) { r.When = "before.country == lead.country" })), at + ".when"},
		"a unit of nothing":              {grouped(Rule{ID: "x", Activities: []string{"x"}, PerUnit: &PerUnit{Value: "activity.properties.n", Points: 100}}), at + ".perUnit.unit"},
		"a stop at nothing":              {with(func(m *Model) { m.Groups[0].Stop = &Stop{} }), "groups[0].stop"},
		"a stop at a score there is not": {with(func(m *Model) { m.Groups[0].Stop = &Stop{Combined: ptr(points.Points(1))} }), "groups[0].stop.combinedAtLeast"},
		"groups too deep": {with(func(m *Model) {
			g := &m.Groups[0]
			for _, id := range []string{"g2", "g3", "g4", "g5", "g6"} {
				g.Groups = []Group{{ID: id}}
				g = &g.Groups[0]
			}
		}), "groups[0].groups[0].groups[0].groups[0].groups[0].groups[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Compile(c.model)
			problems, ok := errors.AsType[Problems](err)
			if !ok {
				t.Fatalf("no problem: %v", err)
			}
			if !slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == c.path && p.Expected != "" }) {
				t.Errorf("want a problem at %s:\n%v", c.path, err)
			}
		})
	}
}
