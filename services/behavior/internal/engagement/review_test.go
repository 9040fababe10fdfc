package engagement

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
)

// A review comes when something moves, and nothing moves before it.
func TestReviewByHand(t *testing.T) {
	decay := func(d Decay) Model {
		return Model{Groups: []Group{{ID: "g", Decay: d, Rules: []Rule{ruleOf("a", 40), ruleOf("b", -30)}}}}
	}
	count := func(days int, of Measure) Model {
		return Model{
			Signals: []Signal{{ID: "s", Activities: []string{"did.*"}}},
			Watch:   Watch{Activities: []ActivityGate{{Rule: "s", WithinDays: days, Measure: of}}},
		}
	}
	at := func(p ...points.Points) Levels { return Levels{Engagement: p} }
	watched := func(n ...float64) Levels { return Levels{Watched: [][]float64{n}} }
	old := Gate{Activity: &ActivityGate{Rule: "a", Measure: MeasureDaysSince, AtLeast: ptr(14.0)}}
	for _, c := range []struct {
		what   string
		model  Model
		did    string
		levels Levels
		want   string // day and hour after the activities, empty: never
	}{
		{"points that stay", decay(Decay{}), "a", at(2000), ""},
		{"half after 30 days is on the level", decay(Decay{HalfLife: 30 * day}), "a", at(2000), "30d"},
		{"a hundredth above it", decay(Decay{HalfLife: 30 * day}), "a", at(2001), "30d"},
		{"a hundredth below it", decay(Decay{HalfLife: 30 * day}), "a", at(1999), "31d"},
		{"the level is above", decay(Decay{HalfLife: 30 * day}), "a", at(4001), ""},
		{"on the level, and a day later below", decay(Decay{HalfLife: 30 * day}), "a", at(4000), "1d"},
		{"to nothing", decay(Decay{Linear: 10}), "a", at(0), "10d"},
		{"the nearest of many", decay(Decay{Linear: 10}), "a", at(0, 500, 2350, 2350, 3000), "3d"},
		{"a window", decay(Decay{Window: 7}), "a", at(100), "7d"},
		{"a deduction that fades lifts the score", decay(Decay{Linear: 10}), "b", at(-2000), "4d"},
		{"both fade by the same: 40 - 30, 36 - 27, 32 - 24", decay(Decay{Linear: 10}), "a b", at(850), "2d"},
		{"a step", decay(Decay{Steps: []DecayStep{{20, 9999}, {50, 2500}}}), "a", at(3000), "50d"},
		{"what a step leaves stays", decay(Decay{Steps: []DecayStep{{20, 5000}}}), "a", at(1000), ""},
		{"a band", Model{Bands: []Edge{{"1", 3000}, {"2", 0}}, Groups: decay(Decay{Linear: 10}).Groups}, "a", Levels{}, "3d"},
		{"a cap that is above the level holds it for a while", Model{Cap: whole(20), Groups: decay(Decay{Linear: 10}).Groups}, "a", at(2000), "6d"},
		{"matches within days", count(7, MeasureCount), "a a b", watched(1), "7d"},
		{"their days", count(7, MeasureDays), "a a b", watched(1), "7d"},
		{"matches ever", count(0, MeasureCount), "a", watched(1), ""},
		{"not the question that is asked", count(7, MeasureCount), "a", watched(2), ""},
		{"days since", count(0, MeasureDaysSince), "a", watched(14), "14d"},
		{"days since half a day", count(0, MeasureDaysSince), "a", watched(13.5), "14d"},
		{"days since for the second time", count(0, MeasureDaysSince), "a", watched(0, 14), "1d"},
		{"a criterion", Model{Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 0)}, Criteria: []Criterion{
			{ID: "old", WeightPercent: wholePercent, Choices: []GateChoice{{If: old, Points: -1000}}},
		}}}}, "a", at(-500), "14d"},
		{"a flag", Model{Flags: []Flag{{ID: "f", If: old}}, Groups: decay(Decay{}).Groups}, "a", Levels{}, "14d"},
		{"a ladder", Model{Ladders: []Ladder{{ID: "l", Rows: []Rung{{"cold", &old, ""}, {Label: "hot"}}}}, Groups: decay(Decay{}).Groups}, "a", Levels{}, "14d"},
		{"a condition on the time", Model{Flags: []Flag{{ID: "f", If: Gate{When: `now >= timestamp("1970-01-03T04:05:06Z")`}}}}, "a", Levels{}, "52h5m6s"},
		{"inactivity", Model{Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 10), {
			ID: "quiet", Points: -500, Activities: []string{"did.*"}, Inactivity: &Inactivity{After: 36 * time.Hour, Repeat: 24 * time.Hour},
		}}}}}, "a", at(0), "60h"},
		{"a schedule", Model{Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 10), {
			ID: "daily", Points: -500, Schedule: &Schedule{At: []string{"08:00"}},
		}}}}}, "a", at(0), "32h"},
		{"inactivity beside what fades: 40 - 4n, 5 less from 36 h on", Model{Groups: []Group{{ID: "g", Rules: []Rule{
			{ID: "a", Activities: []string{"did.a"}, Points: 4000, Decay: &Decay{Linear: 10}},
			{ID: "quiet", Points: -500, Activities: []string{"did.*"}, Inactivity: &Inactivity{After: 36 * time.Hour}},
		}}}}, "a", at(3199, 3200), "36h"},
	} {
		t.Run(c.what, func(t *testing.T) {
			compiled, err := Compile(c.model)
			if err != nil {
				t.Fatal(err)
			}
			state, m := compiled.fold(Facts{Facts: did(c.did)}, 0)
			got := ""
			if at, moves := compiled.Review(&state, m.view.profile, 0, &c.levels); moves {
				got = fmt.Sprint(time.Duration(at) * time.Microsecond)
			}
			want := c.want
			if d, err := fmt.Sscanf(want, "%dd", new(int)); d == 1 && err == nil {
				var days int
				fmt.Sscanf(want, "%dd", &days)
				want = fmt.Sprint(time.Duration(days) * day)
			} else if want != "" {
				d, _ := time.ParseDuration(want)
				want = fmt.Sprint(d)
			}
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

// watch gives a model questions, and returns levels for it.
func watchSomething(r *rand.Rand, m *Model) Levels {
	if len(m.Signals) > 0 {
		for range r.IntN(3) {
			m.Watch.Activities = append(m.Watch.Activities, ActivityGate{
				Rule: m.Signals[0].ID, Measure: pick(r, MeasureCount, MeasureDays, MeasureCounted, MeasureDaysSince), WithinDays: r.IntN(40),
			})
		}
		timed := Gate{Activity: &ActivityGate{Rule: m.Signals[0].ID, WithinDays: 1 + r.IntN(30), AtLeast: ptr(float64(1 + r.IntN(4))), InVisit: r.IntN(4) == 0}}
		since := Gate{Activity: &ActivityGate{Rule: m.Signals[0].ID, Measure: MeasureDaysSince, Over: ptr(float64(r.IntN(60)))}}
		m.Flags = append(m.Flags, Flag{ID: "timed", If: timed})
		m.Groups[0].Criteria = append(m.Groups[0].Criteria, Criterion{
			ID: "recent", WeightPercent: wholePercent, Choices: []GateChoice{{If: since, Points: -1500}, {If: timed, Points: 1000}},
		})
	}
	levels := Levels{}
	for range r.IntN(4) {
		levels.Engagement = append(levels.Engagement, points.Points(r.IntN(12000)-2000))
		levels.Combined = append(levels.Combined, points.Points(r.IntN(12000)-2000))
	}
	slices.Sort(levels.Engagement)
	slices.Sort(levels.Combined)
	levels.Engagement, levels.Combined = slices.Compact(levels.Engagement), slices.Compact(levels.Combined)
	for range m.Watch.Activities {
		low := float64(r.IntN(5))
		levels.Watched = append(levels.Watched, []float64{low, low + 1 + float64(r.IntN(20))})
	}
	return levels
}

// where is a score among levels, from what Score says alone.
func where(s *Score, levels *Levels) string {
	out := fmt.Sprint(place(levels.Engagement, s.Points), s.Band, s.Flags)
	for i, n := range s.Watched {
		out += fmt.Sprint(" ", place(levels.Watched[i], n))
	}
	if s.Combined != nil && s.Combined.Known {
		out += fmt.Sprint(" ", place(levels.Combined, s.Combined.Points), s.Combined.Band)
	}
	return out
}

// At any instant before its review a score is on the same side of all levels; at the
// review it is not.
func TestReviewIsTheFirstThatMoves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := scenarios.Draw(t, "scenario")
		r := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "levels"), 5))
		levels := watchSomething(r, &s.model)
		c, err := Compile(s.model)
		if err != nil {
			t.Fatal(err)
		}
		h := c.NewHistory()
		if _, err := h.Apply(s.facts, s.fit, nil); err != nil {
			t.Fatal(err)
		}
		head := h.state.Head.Micros
		now := max(head, start) + r.Int64N(20*24)*hour
		if r.IntN(3) == 0 {
			now = max(head, start)
		}
		read := func(at int64) string {
			score := c.Score(&h.state, &h.profile, at)
			return where(&score, &levels)
		}
		base := read(now)
		at, moves := c.Review(&h.state, &h.profile, now, &levels)
		if moves && at <= now {
			t.Fatalf("%d is not after %d", at, now)
		}
		// What happens by itself very often is looked at a limited number of times.
		exact := at-now < lookAhead && (len(c.alone) == 0 || at-now < 5*microsPerDay)
		if moves && exact && read(at) == base {
			t.Fatalf("nothing moves at %v: %s", moment(at), base)
		}
		until := at
		if !moves {
			until = now + 500*microsPerDay
		}
		look := func(at int64) {
			if got := read(at); at > now && at < until && got != base {
				t.Fatalf("moves at %v already, not first at %v (%v): %s, was %s", moment(at), moment(until), moves, got, base)
			}
		}
		look(until - 1)
		for d := c.day(now); d <= c.day(now)+100; d++ {
			look(c.calendar.start(d))
		}
		for range 30 {
			look(now + r.Int64N(until-now))
		}
	})
}
