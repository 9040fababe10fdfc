package engagement

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/points"
)

// void makes some of the activities of a scenario ones that do not count, and says of
// some times whether there is consent.
func (s *scenario) void(r *rand.Rand, days int64) {
	if r.IntN(2) == 0 {
		for i := range s.facts {
			if f := &s.facts[i]; f.Kind == Activity && r.IntN(5) == 0 {
				f.Void = Bot + Void(r.IntN(int(NoConsent-Bot)))
			}
		}
	}
	if s.model.Consent == nil {
		return
	}
	// Since when the lead is known does not depend on what is withheld.
	s.facts = append(s.facts, Fact{Kind: Attribute, Source: "web", ID: "known", Micros: start - hour, Name: "country", Value: []byte(`"DE"`)})
	for i := range r.IntN(4) {
		s.facts = append(s.facts, Fact{
			Kind: Attribute, Source: "web", ID: fmt.Sprint("consent", i), Micros: start + r.Int64N(days*24)*hour,
			Name: "consent_analytics", Value: []byte(pick(r, `true`, `false`, `null`)),
		})
	}
}

// counting are the facts without the activities that do not count, by the words of the
// contract.
func (s *scenario) counting() []Fact {
	var said []*Fact
	for i := range s.facts {
		if f := &s.facts[i]; f.Kind == Attribute && f.Name == "consent_analytics" {
			said = append(said, f)
		}
	}
	slices.SortFunc(said, compareFacts)
	return slices.DeleteFunc(slices.Clone(s.facts), func(f Fact) bool {
		if f.Kind != Activity || f.Void != NotVoid || s.model.Consent == nil || !ordinary(f.Type) {
			return f.Void != NotVoid
		}
		given := "null"
		for _, c := range said {
			if c.Micros <= f.Micros {
				given = string(c.Value)
			}
		}
		return given == "false" || given == "null" && s.model.Consent.UnknownWithholds
	})
}

// lawVoid: what does not count changes nothing but lines that say so.
func lawVoid(build func(*Compiled, Model) engine, s scenario) error {
	e, without := arrived(build, s), build(s.compiled, s.model)
	without.apply(s.counting(), s.fit)
	for _, at := range s.instants {
		score := e.score(at)
		score.Contributions = slices.DeleteFunc(score.Contributions, func(l Contribution) bool {
			return l.Line == Corrected || l.Line == Unconsented
		})
		if diff := lawtest.Diff(without.score(at), score); diff != "" {
			return fmt.Errorf("as if they had never happened (-) and with them (+): %s", diff)
		}
	}
	return nil
}

// countsAll knows of nothing that does not count.
type countsAll struct{ freshEngine }

func (e *countsAll) apply(batch []Fact, fit []FitPoint) {
	batch = slices.Clone(batch)
	for i := range batch {
		batch[i].Void = NotVoid
	}
	e.freshEngine.apply(batch, fit)
}

func TestWhatDoesNotCountSaysSo(t *testing.T) {
	m := grouped(
		ruled("page", 5, func(r *Rule) {
			r.Activities = []string{"page.viewed"}
			r.Limit = &Limit{Count: 2}
			r.Description = "Viewed a page"
		}),
		ruled("demo", 50, func(r *Rule) { r.Activities = []string{"demo.requested"} }),
	)
	m.Consent = &Consent{Category: "analytics", UnknownWithholds: true}
	c, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	views := acts("page.viewed", "2026-03-02T10:00", "2026-03-02T11:00", "2026-03-02T12:00", "2026-03-02T13:00", "2026-03-09T10:00")
	views[0].Void, views[1].Void, views[2].Void = Bot, Bot, Test
	demo := acts("demo.requested", "2026-03-01T10:00")
	facts := joined(views, demo, attr("consent_analytics", "2026-03-02T00:00", "true"), attr("consent_analytics", "2026-03-08T00:00", "false"))
	h := c.NewHistory()
	if _, err := h.Apply(facts, nil, nil); err != nil {
		t.Fatal(err)
	}
	score, err := h.Score(clock("2026-03-10T00:00"), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []Contribution{
		{Rule: "page", Group: "g", Line: Given, Points: 5 * points.One, Count: 1, LastMicros: views[3].Micros, Description: "Viewed a page"},
		{Rule: "page", Group: "g", Line: Corrected, Count: 2, LastMicros: views[1].Micros, Description: "Viewed a page: bot traffic, does not count"},
		{Rule: "page", Group: "g", Line: Corrected, Count: 1, LastMicros: views[2].Micros, Description: "Viewed a page: a test, does not count"},
		{Rule: "page", Group: "g", Line: Unconsented, Count: 1, LastMicros: views[4].Micros, Description: "Viewed a page: no consent to be observed, does not count"},
		{Rule: "demo", Group: "g", Line: Unconsented, Count: 1, LastMicros: demo[0].Micros, Description: "demo: no consent to be observed, does not count"},
	}
	if diff := cmp.Diff(want, score.Contributions); diff != "" {
		t.Error(diff)
	}
	lines, err := h.Lines(clock("2026-03-10T00:00"), nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range lines {
		got = append(got, fmt.Sprint(l.Rule, " ", l.Points, " ", l.Void))
	}
	if want := []string{
		"demo 0 no consent to be observed, does not count", "page 0 bot traffic, does not count", "page 0 bot traffic, does not count",
		"page 0 a test, does not count", "page 5 ", "page 0 no consent to be observed, does not count",
	}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// Late consent makes late activities count, and the other way round.
func TestConsentCountsFromItsTime(t *testing.T) {
	m := grouped(ruled("page", 5, func(r *Rule) { r.Activities = []string{"page.viewed"} }))
	m.Consent = &Consent{Category: "analytics"}
	c, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	h := c.NewHistory()
	for _, step := range []struct {
		why   string
		facts []Fact
		want  int
	}{
		{"nothing is known", acts("page.viewed", "2026-03-02T10:00", "2026-03-04T10:00"), 10},
		{"refused since between", attr("consent_analytics", "2026-03-03T00:00", "false"), 5},
		{"given before", attr("consent_analytics", "2026-03-01T00:00", "true"), 5},
		{"what sales does is not observed", acts("sales.accepted", "2026-03-05T00:00"), 5},
		{"given again", attr("consent_analytics", "2026-03-04T00:00", "true"), 10},
	} {
		if _, err := h.Apply(step.facts, nil, nil); err != nil {
			t.Fatal(err)
		}
		score, err := h.Score(clock("2026-03-10T00:00"), nil)
		if err != nil || score.Points != points.Points(step.want)*points.One {
			t.Errorf("%s: %v, %v, want %d", step.why, score.Points, err, step.want)
		}
	}
}

func TestConsentNamesACategory(t *testing.T) {
	m := grouped(ruled("page", 5, nil))
	m.Consent = &Consent{Category: "Analytics!"}
	if _, err := Compile(m); err == nil {
		t.Error("no problem")
	}
}
