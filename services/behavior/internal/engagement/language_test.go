package engagement

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/points"
)

// story is a model, what happened, and what the score was then.
type story struct {
	model Model
	facts []Fact
	fit   []FitPoint
	// want are points by instant.
	want map[string]float64
}

// grouped is a model of one group of rules.
func grouped(rules ...Rule) Model {
	return Model{Groups: []Group{{ID: "g", Rules: rules}}}
}

// rule gives points for activities of the type that is its id.
func ruled(id string, p int, change func(*Rule)) Rule {
	r := Rule{ID: id, Points: points.Points(p) * points.One, Activities: []string{id}}
	if change != nil {
		change(&r)
	}
	return r
}

func limited(l Limit) func(*Rule) { return func(r *Rule) { r.Limit = &l } }

func clock(text string) int64 {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t.UnixMicro()
		}
	}
	panic(text)
}

// acts are activities of a type, one at each instant.
func acts(kind string, instants ...string) []Fact {
	facts := make([]Fact, len(instants))
	for i, at := range instants {
		facts[i] = Fact{Micros: clock(at), Source: "web", ID: fmt.Sprint(kind, i), Type: kind}
	}
	return facts
}

// told is an activity with properties.
func told(kind, at, properties string) []Fact {
	return []Fact{{Micros: clock(at), Source: "web", ID: kind + at, Type: kind, Properties: []byte(properties)}}
}

// withdrawn are facts that do not count.
func withdrawn(facts []Fact) []Fact {
	for i := range facts {
		facts[i].Void = Withdrawn
	}
	return facts
}

func attr(name, at, value string) []Fact {
	return []Fact{{Kind: Attribute, Micros: clock(at), Source: "web", ID: name + at, Name: name, Value: []byte(value)}}
}

func joined(facts ...[]Fact) (out []Fact) {
	for _, f := range facts {
		out = append(out, f...)
	}
	return out
}

func (s story) check(t *testing.T) {
	t.Helper()
	c, err := Compile(s.model)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(1, 2))
	kept := resting(c, s.model).(*restingEngine)
	once := resting(c, s.model).(*restingEngine)
	shuffled := append(append([]Fact(nil), s.facts...), s.facts...)
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	for len(shuffled) > 0 {
		n := 1 + r.IntN(min(3, len(shuffled)))
		kept.apply(shuffled[:n], s.fit)
		shuffled = shuffled[n:]
	}
	once.apply(s.facts, s.fit)
	if diff := cmp.Diff(once.record, kept.record); diff != "" {
		t.Errorf("in one call (-) and as they came (+): %s", diff)
	}
	for at, want := range s.want {
		score := c.Fold(Facts{Facts: s.facts, Fit: s.fit}, clock(at))
		var sum points.Points
		for _, l := range score.Contributions {
			sum += l.Points
		}
		if sum != score.Points {
			t.Errorf("%s: %v is not the sum of %+v", at, score.Points, score.Contributions)
		}
		if score.Points.Float() != want {
			t.Errorf("%s: %v, want %v: %+v", at, score.Points, want, score.Contributions)
		}
		if diff := cmp.Diff(score, kept.score(clock(at))); diff != "" {
			t.Errorf("%s: folded (-) and kept (+): %s", at, diff)
		}
	}
}

// Each part of the language at its edges, worked out by hand.
func TestTheLanguage(t *testing.T) {
	for name, s := range stories {
		t.Run(name, s.check)
	}
}

var stories = map[string]story{
	// Limits by the calendar.
	"once in an hour of the clock": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerHour}))),
		facts: acts("page", "2026-01-05T10:00", "2026-01-05T10:59", "2026-01-05T11:00"),
		want:  map[string]float64{"2026-01-05T10:59": 1, "2026-01-05T11:00": 2},
	},
	"twice in a week from Monday": { // 2026-01-05 is a Monday
		model: grouped(ruled("page", 1, limited(Limit{Count: 2, Per: PerWeek}))),
		facts: acts("page", "2026-01-04T23:59", "2026-01-05T00:00", "2026-01-06", "2026-01-11T23:59", "2026-01-12"),
		want:  map[string]float64{"2026-01-05": 2, "2026-01-11T23:59": 3, "2026-01-12": 4},
	},
	"once in a year": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerYear}))),
		facts: acts("page", "2025-12-31T23:59", "2026-01-01", "2026-12-31"),
		want:  map[string]float64{"2026-12-31": 2},
	},
	"once in two years counts from 1970": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerYear, Every: 2}))),
		facts: acts("page", "2025-12-31", "2026-01-01", "2027-12-31", "2028-01-01"),
		want:  map[string]float64{"2027-12-31": 2, "2028-01-01": 3},
	},
	"once in a quarter": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerMonth, Every: 3}))),
		facts: acts("page", "2026-01-31", "2026-03-31", "2026-04-01"),
		want:  map[string]float64{"2026-03-31": 1, "2026-04-01": 2},
	},
	"days begin in the model's zone, in summer too": {
		model: func() Model {
			m := grouped(ruled("page", 1, limited(Limit{Per: PerDay})))
			m.TimeZone = "Europe/Berlin"
			return m
		}(),
		// 23:30 UTC is 0:30 in winter and 1:30 in summer of the next day.
		facts: acts("page", "2026-03-28T22:59", "2026-03-28T23:30", "2026-03-29T21:30", "2026-03-29T22:00"),
		want:  map[string]float64{"2026-03-28T22:59": 1, "2026-03-28T23:30": 2, "2026-03-29T21:30": 2, "2026-03-29T22:00": 3},
	},
	// Limits that roll.
	"once in 24 hours that roll": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerDay, Rolling: true}))),
		facts: acts("page", "2026-01-05T10:00", "2026-01-06T09:59", "2026-01-06T10:00", "2026-01-07T09:00"),
		want:  map[string]float64{"2026-01-06T09:59": 1, "2026-01-06T10:00": 2, "2026-01-07T09:00": 2},
	},
	"what is withheld holds nothing back": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerHour, Every: 2, Rolling: true}))),
		facts: acts("page", "2026-01-05T10:00", "2026-01-05T11:30", "2026-01-05T12:00", "2026-01-05T13:59"),
		want:  map[string]float64{"2026-01-05T13:59": 2},
	},
	"a month back from the 31st ends with February": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerMonth, Rolling: true}))),
		facts: acts("page", "2026-02-28T12:00", "2026-03-31T11:00", "2026-03-31T12:00"),
		want:  map[string]float64{"2026-03-31T11:00": 1, "2026-03-31T12:00": 2},
	},
	"a year back from the 29th of February": {
		model: grouped(ruled("page", 1, limited(Limit{Per: PerYear, Rolling: true}))),
		facts: acts("page", "2023-02-28T12:00", "2024-02-28T11:00", "2024-02-29T12:00"),
		want:  map[string]float64{"2024-02-28T11:00": 1, "2024-02-29T12:00": 2},
	},
	// Limits of points, by value and by visit.
	"ten points a day, the last in part": {
		model: grouped(ruled("page", 4, limited(Limit{Per: PerDay, Points: ptr(10 * points.One)}))),
		facts: acts("page", "2026-01-05T08:00", "2026-01-05T09:00", "2026-01-05T10:00", "2026-01-05T11:00", "2026-01-06"),
		want:  map[string]float64{"2026-01-05T09:00": 8, "2026-01-05T10:00": 10, "2026-01-05T11:00": 10, "2026-01-06": 14},
	},
	"points of a limit have no sign": {
		model: grouped(ruled("page", -4, limited(Limit{Per: PerDay, Points: ptr(10 * points.One)}))),
		facts: acts("page", "2026-01-05T08:00", "2026-01-05T09:00", "2026-01-05T10:00", "2026-01-05T11:00"),
		want:  map[string]float64{"2026-01-05T11:00": -10},
	},
	"five points in a day that rolls": {
		model: grouped(ruled("page", 4, limited(Limit{Per: PerDay, Rolling: true, Points: ptr(5 * points.One)}))),
		facts: acts("page", "2026-01-05T08:00", "2026-01-05T09:00", "2026-01-06T08:00", "2026-01-06T09:00"),
		// 4, then 1 of 4; a day later the first 4 are free again, then the 1.
		want: map[string]float64{"2026-01-05T09:00": 5, "2026-01-06T08:00": 9, "2026-01-06T09:00": 10},
	},
	"once for each asset": {
		model: grouped(ruled("read", 5, limited(Limit{PerValue: "activity.properties.asset"}))),
		facts: joined(
			told("read", "2026-01-05T08:00", `{"asset":"a"}`), told("read", "2026-01-05T09:00", `{"asset":"a"}`),
			told("read", "2026-01-05T10:00", `{"asset":"b"}`), told("read", "2026-01-05T11:00", `{}`), told("read", "2026-01-05T12:00", `{}`),
		),
		want: map[string]float64{"2026-01-05T09:00": 5, "2026-01-05T10:00": 10, "2026-01-05T12:00": 15},
	},
	"once in a visit": {
		model: grouped(ruled("page", 1, func(r *Rule) { r.Limit, r.VisitMinutes = &Limit{Per: PerVisit}, 20 })),
		facts: acts("page", "2026-01-05T08:00", "2026-01-05T08:19", "2026-01-05T08:38", "2026-01-05T08:58"),
		want:  map[string]float64{"2026-01-05T08:38": 1, "2026-01-05T08:58": 2},
	},
	"two rules share a limit": {
		model: func() Model {
			m := grouped(ruled("a", 3, nil), ruled("b", 5, nil))
			m.SharedLimits = []SharedLimit{{ID: "both", Rules: []string{"g"}, Limit: Limit{Count: 2, Per: PerDay}}}
			return m
		}(),
		facts: joined(acts("a", "2026-01-05T08:00", "2026-01-05T10:00"), acts("b", "2026-01-05T09:00", "2026-01-06T09:00")),
		want:  map[string]float64{"2026-01-05T10:00": 8, "2026-01-06T09:00": 13},
	},
	"points shrink with repetition, anew each day": {
		model: grouped(ruled("page", 0, func(r *Rule) {
			r.RepeatPoints, r.Limit = []points.Points{500, 300, 100}, &Limit{Count: 4, Per: PerDay}
		})),
		facts: acts("page", "2026-01-05T08:00", "2026-01-05T09:00", "2026-01-05T10:00", "2026-01-05T11:00", "2026-01-05T12:00", "2026-01-06"),
		want:  map[string]float64{"2026-01-05T09:00": 8, "2026-01-05T11:00": 10, "2026-01-05T12:00": 10, "2026-01-06": 15},
	},
	// How much a match gives.
	"the first choice that holds, unknown ones passed over": {
		model: grouped(ruled("page", 0, func(r *Rule) {
			r.Choices = []RuleChoice{{When: "lead.nothing == 1", Points: 100}, {When: "activity.properties.n > 5", Points: 700}, {When: "activity.properties.n > 1", Points: 200}}
		})),
		facts: joined(told("page", "2026-01-05T08:00", `{"n":9}`), told("page", "2026-01-05T09:00", `{"n":2}`), told("page", "2026-01-05T10:00", `{"n":1}`)),
		want:  map[string]float64{"2026-01-05T08:00": 7, "2026-01-05T10:00": 9},
	},
	"points by an amount": {
		model: grouped(ruled("video", 0, func(r *Rule) {
			r.PerUnit = &PerUnit{Value: "activity.properties.minutes", Points: 200, Unit: 10, Whole: true, Max: ptr(points.Points(500))}
		})),
		facts: joined(told("video", "2026-01-05T08:00", `{"minutes":19.9}`), told("video", "2026-01-05T09:00", `{"minutes":90}`), told("video", "2026-01-05T10:00", `{"minutes":"x"}`)),
		want:  map[string]float64{"2026-01-05T08:00": 2, "2026-01-05T10:00": 7},
	},
	"three tenths are three whole tenths": {
		model: grouped(ruled("video", 0, func(r *Rule) {
			r.PerUnit = &PerUnit{Value: "activity.properties.n", Points: 100, Unit: 0.1, Whole: true}
		})),
		facts: told("video", "2026-01-05T08:00", `{"n":0.3}`),
		want:  map[string]float64{"2026-01-05T08:00": 3},
	},
	"points that a person sets": {
		model: grouped(ruled("set", 0, asSaid)),
		facts: joined(told("set", "2026-01-05T08:00", `{"minutes":12.34}`), told("set", "2026-01-05T09:00", `{"minutes":-2.005}`)),
		want:  map[string]float64{"2026-01-05T08:00": 12.34, "2026-01-05T09:00": 10.33},
	},
	// What must have happened before.
	"only after three others within a week": {
		model: grouped(ruled("page", 0, nil), ruled("form", 10, func(r *Rule) {
			r.OnlyIf = &Gate{Activity: &ActivityGate{Rule: "page", AtLeast: ptr(3.0), WithinDays: 7}}
		})),
		facts: joined(acts("page", "2026-01-01", "2026-01-02", "2026-01-07"), acts("form", "2026-01-06", "2026-01-07T10:00", "2026-01-08")),
		want:  map[string]float64{"2026-01-06": 0, "2026-01-07T10:00": 10, "2026-01-08": 10},
	},
	"only as much of the visit as lies within two days": {
		model: grouped(ruled("page", 0, nil), ruled("form", 10, func(r *Rule) {
			r.OnlyIf = &Gate{Activity: &ActivityGate{Rule: "page", AtLeast: ptr(2.0), WithinDays: 2, InVisit: true}}
		})),
		facts: joined(
			acts("page", "2026-01-05T09:00", "2026-01-05T23:50", "2026-01-06T00:10"),
			acts("form", "2026-01-05T23:55", "2026-01-06T01:00", "2026-01-07", "2026-01-09"),
		),
		want: map[string]float64{"2026-01-05T23:55": 0, "2026-01-06T01:00": 10, "2026-01-07": 10, "2026-01-09": 10},
	},
	"a rule above counts the same fact, one below does not": {
		model: grouped(
			ruled("above", 1, func(r *Rule) { r.Activities = []string{"x"} }),
			ruled("if_above", 10, func(r *Rule) { r.Activities, r.OnlyIf = []string{"x"}, &Gate{Activity: &ActivityGate{Rule: "above"}} }),
			ruled("if_below", 100, func(r *Rule) { r.Activities, r.OnlyIf = []string{"x"}, &Gate{Activity: &ActivityGate{Rule: "below"}} }),
			ruled("below", 1, func(r *Rule) { r.Activities = []string{"x"} }),
		),
		facts: acts("x", "2026-01-05", "2026-01-06"),
		want:  map[string]float64{"2026-01-05": 12, "2026-01-06": 124},
	},
	"only if an attribute was known then": {
		model: grouped(ruled("form", 10, func(r *Rule) { r.OnlyIf = &Gate{Known: &Known{Attributes: []string{"phone"}}} })),
		facts: joined(acts("form", "2026-01-05", "2026-01-07"), attr("phone", "2026-01-06", `"1"`)),
		want:  map[string]float64{"2026-01-05": 0, "2026-01-07": 10},
	},
	"a stage move counts for its own fact": {
		model: grouped(ruled("re", 20, func(r *Rule) {
			r.Activities = []string{"lifecycle.nurture", "x"}
			r.OnlyIf = &Gate{Stage: []string{"NURTURE"}}
		})),
		facts: joined(acts("x", "2026-01-04", "2026-01-06", "2026-01-08"), acts("lifecycle.nurture", "2026-01-05"), acts("lifecycle.customer", "2026-01-07")),
		want:  map[string]float64{"2026-01-04": 0, "2026-01-05": 20, "2026-01-06": 40, "2026-01-08": 40},
	},
	// Changes of attributes.
	"newly four or five": {
		model: grouped(ruled("hot", 100, func(r *Rule) {
			r.Activities, r.Attributes = nil, []string{"propensity"}
			r.When = "lead.propensity >= 4 && (!has(before.propensity) || before.propensity < 4)"
		})),
		facts: joined(attr("propensity", "2026-01-05", "3"), attr("propensity", "2026-01-06", "4"), attr("propensity", "2026-01-07", "5"),
			attr("propensity", "2026-01-08", "2"), attr("propensity", "2026-01-09", "2"), attr("propensity", "2026-01-10", "5")),
		want: map[string]float64{"2026-01-05": 0, "2026-01-06": 100, "2026-01-07": 100, "2026-01-10": 200},
	},
	"a value that stays the same is no change": {
		model: grouped(ruled("moved", 1, func(r *Rule) { r.Activities, r.Attributes = nil, []string{"city", "country"} })),
		facts: joined(attr("city", "2026-01-05", `"Ulm"`), attr("country", "2026-01-05", `"DE"`), attr("city", "2026-01-06", `"Ulm"`), attr("city", "2026-01-07", `null`)),
		want:  map[string]float64{"2026-01-05": 1, "2026-01-06": 1, "2026-01-07": 2},
	},
	// Rules that follow others.
	"a bonus after any rule that gave": {
		model: grouped(
			ruled("bonus", 7, func(r *Rule) { r.Activities, r.After = nil, []string{"a", "b"} }),
			ruled("a", 1, limited(Limit{})), ruled("b", -1, nil),
			ruled("again", 50, func(r *Rule) { r.Activities, r.After = nil, []string{"bonus"} }),
		),
		facts: joined(acts("a", "2026-01-05", "2026-01-06"), acts("b", "2026-01-07")),
		want:  map[string]float64{"2026-01-05": 58, "2026-01-06": 58, "2026-01-07": 57},
	},
	"ebook, pricing and trial within 14 days": {
		model: grouped(ruled("ebook", 0, nil), ruled("pricing", 0, nil), ruled("trial", 0, nil), ruled("fast", 10, func(r *Rule) {
			r.Activities, r.Sequence = nil, &Sequence{Steps: []string{"ebook", "pricing", "trial"}, Within: 14 * 24 * time.Hour}
		})),
		facts: joined(
			acts("trial", "2026-01-01", "2026-01-15T00:00", "2026-02-20"),
			acts("ebook", "2026-01-02", "2026-02-01", "2026-02-08"), acts("pricing", "2026-01-03", "2026-02-02", "2026-02-09"),
		),
		// On 01-15 it is 13 days since the ebook; on 02-20 it is 12 since the second way.
		want: map[string]float64{"2026-01-01": 0, "2026-01-15": 10, "2026-02-20": 20},
	},
	"a sequence at its limit, and one fact is one step": {
		model: grouped(ruled("x", 0, nil), ruled("twice", 10, func(r *Rule) {
			r.Activities, r.Sequence = nil, &Sequence{Steps: []string{"x", "x"}, Within: 24 * time.Hour}
		})),
		facts: acts("x", "2026-01-05T00:00", "2026-01-06T00:00", "2026-01-07T00:01"),
		want:  map[string]float64{"2026-01-05": 0, "2026-01-06": 10, "2026-01-07T00:01": 10},
	},
	// What takes away.
	"half of what is left at the instant": {
		model: func() Model {
			m := grouped(ruled("page", 10, func(r *Rule) { r.Decay = &Decay{HalfLife: 24 * time.Hour} }))
			m.Resets = []Reset{{ID: "cut", Activities: []string{"cut"}, Keep: 5000}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-06"), acts("cut", "2026-01-06T12:00")),
		want:  map[string]float64{"2026-01-06": 15, "2026-01-06T12:00": 7.5, "2026-01-07": 3.75},
	},
	"a reset keeps limits unless it forgets them": {
		model: func() Model {
			m := grouped(ruled("a", 10, limited(Limit{})), ruled("b", 20, limited(Limit{})))
			m.Resets = []Reset{{ID: "keeps", Activities: []string{"keeps"}, Of: []string{"a"}}, {ID: "forgets", Activities: []string{"forgets"}, Forget: true}}
			return m
		}(),
		facts: joined(acts("a", "2026-01-05", "2026-01-07", "2026-01-09"), acts("b", "2026-01-05", "2026-01-09"), acts("keeps", "2026-01-06"), acts("forgets", "2026-01-08")),
		want:  map[string]float64{"2026-01-05": 30, "2026-01-06": 20, "2026-01-07": 20, "2026-01-08": 0, "2026-01-09": 30},
	},
	"a reset comes before the points of its own fact, and has a limit": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("nurture", 20, nil))
			m.Resets = []Reset{{ID: "zero", Activities: []string{"nurture"}, Limit: &Limit{Per: PerMonth}}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05"), acts("nurture", "2026-01-06", "2026-01-07", "2026-02-01")),
		want:  map[string]float64{"2026-01-06": 20, "2026-01-07": 40, "2026-02-01": 20},
	},
	"back to the value at inquiry": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("form", 5, func(r *Rule) { r.Decay = &Decay{Window: 10} }))
			m.Memories = []Memory{{ID: "inquiry", Activities: []string{"inquiry"}, First: true}}
			m.Resets = []Reset{{ID: "back", Activities: []string{"nurture"}, Restore: "inquiry"}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-07", "2026-01-21"), acts("form", "2026-01-05"), acts("inquiry", "2026-01-06", "2026-01-08"), acts("nurture", "2026-01-20")),
		want:  map[string]float64{"2026-01-08": 25, "2026-01-19": 20, "2026-01-20": 15, "2026-01-21": 25, "2026-01-30": 20},
	},
	"nothing remembered is nothing": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil))
			m.Memories = []Memory{{ID: "inquiry", Activities: []string{"inquiry"}}}
			m.Resets = []Reset{{ID: "back", Activities: []string{"nurture"}, Restore: "inquiry"}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05"), acts("nurture", "2026-01-06")),
		want:  map[string]float64{"2026-01-05": 10, "2026-01-06": 0},
	},
	// Suspensions.
	"nothing is given while a partner works the lead, deductions go on": {
		model: func() Model {
			m := grouped(
				ruled("page", 10, func(r *Rule) { r.Activities, r.Limit = []string{"page", "partner.*"}, &Limit{Count: 2} }),
				ruled("bounce", -4, nil),
			)
			m.Suspensions = []Suspension{{ID: "partner", From: []string{"partner.began"}, Until: []string{"partner.ended"}}}
			return m
		}(),
		facts: joined(acts("partner.began", "2026-01-05"), acts("page", "2026-01-06", "2026-01-09"), acts("bounce", "2026-01-07"), acts("partner.ended", "2026-01-08")),
		want:  map[string]float64{"2026-01-05": 0, "2026-01-06": 0, "2026-01-07": -4, "2026-01-08": 6, "2026-01-09": 16},
	},
	"a frozen score stands still, and thaws with what was taken": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("bounce", -4, nil))
			m.Suspensions = []Suspension{{ID: "partner", From: []string{"began"}, Until: []string{"ended"}, Freeze: true}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-07"), acts("began", "2026-01-06"), acts("bounce", "2026-01-08"), acts("ended", "2026-01-09")),
		want:  map[string]float64{"2026-01-06": 10, "2026-01-08": 10, "2026-01-09": 6},
	},
	// Stops and floors.
	"a group stops at its points and resumes below them": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("bounce", -15, nil))
			m.Groups[0].Stop = &Stop{Group: ptr(20 * points.One)}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-06", "2026-01-07", "2026-01-09"), acts("bounce", "2026-01-08")),
		want:  map[string]float64{"2026-01-06": 20, "2026-01-07": 20, "2026-01-08": 5, "2026-01-09": 15},
	},
	"one group stops by the score of all": {
		model: Model{Groups: []Group{
			{ID: "web", Rules: []Rule{ruled("page", 10, nil)}, Stop: &Stop{Engagement: ptr(30 * points.One)}},
			{ID: "event", Rules: []Rule{ruled("fair", 15, nil)}},
		}},
		facts: joined(acts("page", "2026-01-05", "2026-01-07", "2026-01-08"), acts("fair", "2026-01-06")),
		want:  map[string]float64{"2026-01-07": 35, "2026-01-08": 35},
	},
	"a floor lifts, and later points count from there": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("bounce", -25, nil))
			m.Floor = &Floor{}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-07"), acts("bounce", "2026-01-06")),
		want:  map[string]float64{"2026-01-05": 10, "2026-01-06": 0, "2026-01-07": 10},
	},
	"a floor that is looked at every night": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("bounce", -25, nil))
			m.Floor = &Floor{Schedule: &Schedule{At: []string{"02:00"}}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05T10:00", "2026-01-06T12:00"), acts("bounce", "2026-01-05T11:00", "2026-01-06T13:00")),
		want:  map[string]float64{"2026-01-05T11:00": -15, "2026-01-06T01:59": -15, "2026-01-06T02:00": 0, "2026-01-06T13:00": -15, "2026-01-07T02:00": 0, "2026-02-01": 0},
	},
	"a floor that is only shown": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil), ruled("bounce", -25, nil))
			m.Least = ptr(points.Points(0))
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-07", "2026-01-08"), acts("bounce", "2026-01-06")),
		want:  map[string]float64{"2026-01-06": 0, "2026-01-07": 0, "2026-01-08": 5},
	},
	// What happens by itself.
	"nothing for 30 days, again every 30, but not with a new lead": {
		model: grouped(ruled("quiet", -10, func(r *Rule) {
			r.Activities, r.Inactivity = []string{"page"}, &Inactivity{After: 30 * 24 * time.Hour, Repeat: 30 * 24 * time.Hour, NotBefore: 40 * 24 * time.Hour}
		})),
		facts: joined(attr("country", "2026-01-01", `"DE"`), acts("page", "2026-04-01")),
		// Known on 01-01: the guard ends on 02-10, then 03-12; 04-01 ends it; 05-01, 05-31.
		want: map[string]float64{"2026-02-09T23:59": 0, "2026-02-10": -10, "2026-03-11": -10, "2026-03-12": -20, "2026-04-30": -20, "2026-05-01": -30, "2026-05-31": -40},
	},
	"once, until an activity": {
		model: grouped(ruled("quiet", -10, func(r *Rule) {
			r.Activities, r.Inactivity = nil, &Inactivity{After: 10 * 24 * time.Hour}
		})),
		facts: joined(acts("page", "2026-01-01", "2026-02-01"), acts("lifecycle.recycled", "2026-02-05"), acts("sales.accepted", "2026-02-06")),
		want:  map[string]float64{"2026-01-10T23:59": 0, "2026-01-11": -10, "2026-01-31": -10, "2026-02-10": -10, "2026-02-11": -20, "2027-01-01": -20},
	},
	"what happens by itself comes before the facts of its instant": {
		model: grouped(ruled("quiet", -10, func(r *Rule) { r.Activities, r.Inactivity = []string{"page"}, &Inactivity{After: 24 * time.Hour} })),
		facts: acts("page", "2026-01-01T00:00", "2026-01-02T00:00"),
		want:  map[string]float64{"2026-01-02T00:00": -10},
	},
	"every morning, once, where a flag is set": {
		model: grouped(ruled("sweep", 100, func(r *Rule) {
			r.Activities, r.Schedule, r.When, r.Limit = nil, &Schedule{At: []string{"06:00"}}, "lead.trial", &Limit{}
		})),
		facts: joined(attr("trial", "2026-01-05T05:00", "false"), attr("trial", "2026-01-07T07:00", "true")),
		want:  map[string]float64{"2026-01-07T23:00": 0, "2026-01-08T05:59": 0, "2026-01-08T06:00": 100, "2026-01-20": 100},
	},
	"on Mondays in the lead's own zone": {
		model: grouped(ruled("week", 1, func(r *Rule) {
			r.Activities, r.Schedule = nil, &Schedule{At: []string{"08:00"}, Weekdays: []int{1}, ZoneAttribute: "zone"}
		})),
		// 08:00 in New York is 13:00 UTC, in Tokyo 23:00 UTC of the day before.
		facts: joined(attr("zone", "2026-01-03", `"America/New_York"`), attr("zone", "2026-01-06", `"Asia/Tokyo"`), attr("zone", "2026-01-13", `"nowhere"`)),
		want: map[string]float64{
			"2026-01-05T12:59": 0, "2026-01-05T13:00": 1, "2026-01-11T22:59": 1, "2026-01-11T23:00": 2, "2026-01-19T07:59": 2, "2026-01-19T08:00": 3,
		},
	},
	"on the 31st, where there is one": {
		model: grouped(ruled("month", 1, func(r *Rule) {
			r.Activities, r.Schedule = nil, &Schedule{At: []string{"12:00"}, MonthDays: []int{31}}
		})),
		facts: acts("x", "2026-01-31T12:00"),
		want:  map[string]float64{"2026-02-28T12:00": 0, "2026-03-30T12:00": 0, "2026-03-31T12:00": 1, "2026-05-31T12:00": 2},
	},
	"a time that the clock leaves out happens once": {
		model: func() Model {
			m := grouped(ruled("night", 1, func(r *Rule) { r.Activities, r.Schedule = nil, &Schedule{At: []string{"02:30"}} }))
			m.TimeZone = "Europe/Berlin"
			return m
		}(),
		facts: acts("x", "2026-03-28T12:00"),
		want:  map[string]float64{"2026-03-29T00:00": 0, "2026-03-29T02:00": 1, "2026-03-30T00:29": 1, "2026-03-30T00:30": 2},
	},
	"40 days after the trial began": {
		model: grouped(ruled("over", 30, func(r *Rule) {
			r.Activities, r.Schedule = nil, &Schedule{At: []string{"00:00"}}
			r.When, r.Limit = "daysSince(lead.trial_began) >= 40", &Limit{}
		})),
		facts: attr("trial_began", "2026-01-01T10:00", `"2026-01-01"`),
		want:  map[string]float64{"2026-02-09": 0, "2026-02-10": 30, "2027-02-10": 30},
	},
	"nothing happens by itself before the lead is known": { // by nothing that counts, nor by what its account did
		model: grouped(
			ruled("night", 1, func(r *Rule) { r.Activities, r.Schedule = nil, &Schedule{At: []string{"00:00"}} }),
			ruled("size", 10, func(r *Rule) { r.Activities, r.Attributes = nil, []string{"account.size"} }),
		),
		facts: joined(withdrawn(acts("x", "2026-01-01T10:00")), attr("account.size", "2026-01-02T10:00", "200"), acts("x", "2026-01-05T10:00")),
		want:  map[string]float64{"2026-01-02": 0, "2026-01-05T09:00": 10, "2026-01-06": 11, "2026-01-07": 12},
	},
	"a rule follows what happens by itself": {
		model: grouped(
			ruled("night", 1, func(r *Rule) {
				r.Activities, r.Schedule, r.Limit = nil, &Schedule{At: []string{"00:00"}}, &Limit{Count: 2}
			}),
			ruled("bonus", 10, func(r *Rule) { r.Activities, r.After = nil, []string{"night"} }),
		),
		facts: acts("x", "2026-01-01T10:00"),
		want:  map[string]float64{"2026-01-02": 11, "2026-01-03": 22, "2026-01-04": 22},
	},
	"a reset every month": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil))
			m.Resets = []Reset{{ID: "month", Schedule: &Schedule{At: []string{"00:00"}, MonthDays: []int{1}}, Keep: 5000}}
			return m
		}(),
		facts: acts("page", "2026-01-05", "2026-02-01"),
		want:  map[string]float64{"2026-01-31": 10, "2026-02-01": 15, "2026-03-01": 7.5},
	},
	// Overrides.
	"a score that is set until it is dropped": {
		model: func() Model {
			m := grouped(ruled("page", 10, nil))
			m.Overrides = []Override{{
				ID: "by_hand", Activities: []string{"score.set"}, PerUnit: &PerUnit{Value: "activity.properties.points", Points: 100, Unit: 1}, Until: []string{"score.dropped"},
			}}
			return m
		}(),
		facts: joined(acts("page", "2026-01-05", "2026-01-07"), told("score.set", "2026-01-06", `{"points":77}`), acts("score.dropped", "2026-01-08")),
		want:  map[string]float64{"2026-01-06": 77, "2026-01-07": 77, "2026-01-08": 20},
	},
}

func asSaid(r *Rule) {
	r.PerUnit = &PerUnit{Value: "activity.properties.minutes", Points: points.One, Unit: 1}
}
