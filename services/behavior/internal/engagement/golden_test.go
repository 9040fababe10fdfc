package engagement

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/points"
)

// Worked out by hand: one rule for page.viewed, what happened when, and the score at
// an instant. Times are UTC.
func TestByHand(t *testing.T) {
	half := func(days float64) Decay { return Decay{HalfLife: time.Duration(days * float64(day))} }
	p := func(whole points.Points) *points.Points { whole *= points.One; return &whole }
	for _, c := range []struct {
		what string
		rule Rule
		in   Model // around the rule
		when string
		at   string
		want points.Points // hundredths
	}{
		{what: "nothing happened", rule: Rule{Points: 6000}, at: "2026-03-01 00:00", want: 0},
		{what: "half after one half-life", rule: Rule{Points: 6000, Decay: ptr(half(30))}, when: "2026-01-01 10:00", at: "2026-01-31 10:00", want: 3000},
		{what: "60 × 2^-1.5 = 21.2132 after one and a half", rule: Rule{Points: 6000, Decay: ptr(half(30))}, when: "2026-01-01 10:00", at: "2026-02-15 10:00", want: 2121},
		{what: "age is in UTC days, not hours", rule: Rule{Points: 6000, Decay: ptr(half(1))}, when: "2026-01-01 23:59", at: "2026-01-02 00:00", want: 3000},
		{what: "the whole first day counts in full", rule: Rule{Points: 6000, Decay: ptr(half(1))}, when: "2026-01-01 00:00", at: "2026-01-01 23:59", want: 6000},
		{what: "0.25 rounds half away from zero: 0.005 is 0.01", rule: Rule{Points: 1, Decay: ptr(half(1))}, when: "2026-01-01 00:00", at: "2026-01-02 00:00", want: 1},
		{what: "and below zero to -0.01", rule: Rule{Points: -1, Decay: ptr(half(1))}, when: "2026-01-01 00:00", at: "2026-01-02 00:00", want: -1},
		{what: "a day's points are rounded together: 3 × 0.01 halved is 0.015, is 0.02", rule: Rule{Points: 1, Decay: ptr(half(1))}, when: "2026-01-01 00:00, 2026-01-01 01:00, 2026-01-01 02:00", at: "2026-01-02 00:00", want: 2},
		{what: "20 half-lives: the last day with anything left", rule: Rule{Points: 100_000_000, Decay: ptr(half(1))}, when: "2026-01-01 00:00", at: "2026-01-20 00:00", want: 191},
		{what: "and nothing after it", rule: Rule{Points: 100_000_000, Decay: ptr(half(1))}, when: "2026-01-01 00:00", at: "2026-01-21 00:00", want: 0},
		{what: "a window's last day", rule: Rule{Points: 1000, Decay: &Decay{Window: 30}}, when: "2026-01-01 10:00", at: "2026-01-30 23:59", want: 1000},
		{what: "the day after a window", rule: Rule{Points: 1000, Decay: &Decay{Window: 30}}, when: "2026-01-01 10:00", at: "2026-01-31 00:00", want: 0},
		{what: "points without decay stay", rule: Rule{Points: 1000}, when: "2026-01-01 10:00", at: "2126-01-01 10:00", want: 1000},
		{what: "cap of the rule", rule: Rule{Points: 1000, Cap: p(15)}, when: "2026-01-01 10:00, 2026-01-01 11:00", at: "2026-01-01 12:00", want: 1500},
		{what: "a cap holds what is left, not what was given", rule: Rule{Points: 1000, Cap: p(15), Decay: ptr(half(1))}, when: "2026-01-01 10:00, 2026-01-01 11:00", at: "2026-01-02 12:00", want: 1000},
		{what: "most a negative rule takes", rule: Rule{Points: -1000, Cap: p(15)}, when: "2026-01-01 10:00, 2026-01-01 11:00", at: "2026-01-01 12:00", want: -1500},
		{what: "cap of the total", rule: Rule{Points: 1000}, in: Model{Cap: p(12)}, when: "2026-01-01 10:00, 2026-01-01 11:00", at: "2026-01-01 12:00", want: 1200},
		{what: "once", rule: Rule{Points: 1000, Limit: &Limit{}}, when: "2026-01-01 10:00, 2027-01-01 11:00", at: "2028-01-01 12:00", want: 1000},
		{what: "twice in a day, the third is late", rule: Rule{Points: 1000, Limit: &Limit{Count: 2, Per: PerDay}}, when: "2026-01-01 10:00, 2026-01-01 11:00, 2026-01-01 12:00", at: "2026-01-02 12:00", want: 2000},
		{what: "a day of Berlin begins at 23:00 UTC in winter", rule: Rule{Points: 1000, Limit: &Limit{Per: PerDay}}, in: Model{TimeZone: "Europe/Berlin"}, when: "2026-01-01 22:59, 2026-01-01 23:00", at: "2026-01-02 12:00", want: 2000},
		{what: "and at 22:00 in summer", rule: Rule{Points: 1000, Limit: &Limit{Per: PerDay}}, in: Model{TimeZone: "Europe/Berlin"}, when: "2026-07-01 22:00, 2026-07-01 23:00", at: "2026-07-02 12:00", want: 1000},
		{what: "in UTC the same two are two days", rule: Rule{Points: 1000, Limit: &Limit{Per: PerDay}}, when: "2026-07-01 23:59, 2026-07-02 00:00", at: "2026-07-02 12:00", want: 2000},
		{what: "an hour of India begins at half past", rule: Rule{Points: 1000, Limit: &Limit{Per: PerHour}}, in: Model{TimeZone: "Asia/Kolkata"}, when: "2026-01-01 10:29, 2026-01-01 10:30, 2026-01-01 11:00", at: "2026-01-02 12:00", want: 2000},
		{what: "the hour that Berlin has twice in autumn is one", rule: Rule{Points: 1000, Limit: &Limit{Per: PerHour}}, in: Model{TimeZone: "Europe/Berlin"}, when: "2026-10-25 00:30, 2026-10-25 01:30", at: "2026-10-26 12:00", want: 1000},
		{what: "a week begins on Monday", rule: Rule{Points: 1000, Limit: &Limit{Per: PerWeek}}, when: "2026-03-01 23:59, 2026-03-02 00:00", at: "2026-03-09 12:00", want: 2000},
		{what: "Monday to Sunday is one", rule: Rule{Points: 1000, Limit: &Limit{Per: PerWeek}}, when: "2026-03-02 00:00, 2026-03-08 23:59", at: "2026-03-09 12:00", want: 1000},
		{what: "a month", rule: Rule{Points: 1000, Limit: &Limit{Per: PerMonth}}, when: "2026-01-01 00:00, 2026-01-31 23:59, 2026-02-01 00:00", at: "2026-03-09 12:00", want: 2000},
		{what: "three months from January", rule: Rule{Points: 1000, Limit: &Limit{Per: PerMonth, Every: 3}}, when: "2026-01-01 00:00, 2026-03-31 23:59, 2026-04-01 00:00", at: "2026-05-09 12:00", want: 2000},
		{what: "what a limit withheld fades with nothing", rule: Rule{Points: 1000, Limit: &Limit{}, Decay: ptr(half(30))}, when: "2026-01-01 10:00, 2026-01-31 10:00", at: "2026-01-31 12:00", want: 500},
		{what: "a fact of tomorrow does not count today", rule: Rule{Points: 1000}, when: "2026-01-02 00:00", at: "2026-01-01 23:59", want: 0},
		{what: "a fact of this very instant does", rule: Rule{Points: 1000}, when: "2026-01-02 00:00", at: "2026-01-02 00:00", want: 1000},
	} {
		t.Run(c.what, func(t *testing.T) {
			c.rule.ID, c.rule.Activities = "page", []string{"page.viewed"}
			c.in.Groups = []Group{{ID: "web", Rules: []Rule{c.rule}}}
			compiled, err := Compile(c.in)
			if err != nil {
				t.Fatal(err)
			}
			var facts []Fact
			for i, at := range strings.Split(c.when, ", ") {
				if at != "" {
					facts = append(facts, Fact{Source: "web", ID: fmt.Sprint(i), Type: "page.viewed", Micros: at2micros(t, at)})
				}
			}
			if got := compiled.Fold(Facts{Facts: facts}, at2micros(t, c.at)).Points; got != c.want {
				t.Errorf("%v points, want %v", got, c.want)
			}
		})
	}
}

func ptr[T any](v T) *T { return &v }

func at2micros(t *testing.T, s string) int64 {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at.UnixMicro()
}

// Facts of one instant: attributes hold before lifecycle moves, those before other
// activities.
func TestFactsOfOneInstant(t *testing.T) {
	c, err := Compile(Model{Groups: []Group{{ID: "g", Rules: []Rule{
		{ID: "first", Activities: []string{"lifecycle.*", "a.b"}, Points: 100, Limit: &Limit{}},
		{ID: "german", Activities: []string{"a.b"}, When: `lead.country == "DE" && fit.class == "A"`, Points: 1000},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	score := c.Fold(Facts{
		Facts: []Fact{
			{Source: "a", ID: "1", Type: "a.b"},
			{Source: "z", ID: "9", Type: "lifecycle.recycled"},
			{Source: "z", ID: "9", Kind: Attribute, Name: "country", Value: []byte(`"DE"`)},
		},
		Fit: []FitPoint{{Scored: true, Class: "A"}},
	}, 0)
	lines := fmt.Sprint(score.Points)
	if lines != "11" {
		t.Errorf("%v points: %+v", lines, score.Contributions)
	}
}

// Caps of group and total are lines of their own.
func TestEveryWithheldPointIsALine(t *testing.T) {
	limit := func(whole points.Points) *points.Points { whole *= points.One; return &whole }
	c, err := Compile(Model{
		Cap:   limit(50),
		Bands: []Edge{{"hot", 50 * points.One}, {"cold", 0}},
		Groups: []Group{
			{ID: "web", Description: "On the web", Cap: limit(30), Rules: []Rule{
				{ID: "page", Description: "Viewed a page", Activities: []string{"page.viewed"}, Points: 2500, Limit: &Limit{Count: 2, Per: PerDay}, Cap: limit(40)},
			}},
			{ID: "hands", Rules: []Rule{{ID: "demo", Activities: []string{"form.*"}, Points: 6000}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	facts := []Fact{{ID: "4", Type: "form.submitted"}}
	for i := range 3 {
		facts = append(facts, Fact{ID: fmt.Sprint(i), Type: "page.viewed"})
	}
	score := c.Fold(Facts{Facts: facts}, 0)
	var got strings.Builder
	for _, l := range score.Contributions {
		fmt.Fprintf(&got, "%s/%s %d %v ×%d %s\n", l.Group, l.Rule, l.Line, l.Points, l.Count, l.Description)
	}
	want := `web/page 0 75 ×3 Viewed a page
web/page 1 -25 ×1 Viewed a page: only the first 2 in a day
web/page 7 -10 ×0 Viewed a page: held at 40 points
web/web 7 -10 ×0 On the web: held at 30 points
hands/demo 0 60 ×1 demo
/total 7 -40 ×0 The total is held at 50 points
`
	if got.String() != want || score.Points != 5000 || score.Band != "hot" {
		t.Errorf("%v points, band %q:\n%s", score.Points, score.Band, got.String())
	}
}

// Counts look back over whole UTC days, the day of the instant among them.
func TestCountWindows(t *testing.T) {
	c, err := Compile(Model{CountWindows: []int{1, 7}, Signals: []Signal{{ID: "pages", Activities: []string{"page.*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	var facts []Fact
	for i, at := range []string{"2026-01-01 23:59", "2026-01-02 00:00", "2026-01-08 00:00", "2026-01-08 12:00"} {
		facts = append(facts, Fact{ID: fmt.Sprint(i), Type: "page.viewed", Micros: at2micros(t, at)})
	}
	for at, want := range map[string]string{
		"2026-01-07 23:59": "2 [0 2]", "2026-01-08 23:59": "4 [2 3]", "2026-01-09 00:00": "4 [0 2]", "2026-02-01 00:00": "4 [0 0]",
	} {
		score := c.Fold(Facts{Facts: facts}, at2micros(t, at))
		if got := fmt.Sprint(score.Counts[0].Count, score.Counts[0].Within); got != want {
			t.Errorf("at %s: %s, want %s", at, got, want)
		}
		if score.Points != 0 || len(score.Contributions) != 0 {
			t.Errorf("a signal gave points: %+v", score)
		}
	}
}
