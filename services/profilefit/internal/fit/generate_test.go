package fit_test

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// Generated models ask few attributes with few values, so that answers change often.

var (
	epoch  = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	keys   = []string{"country", "employees", "title", "customer", "tags"}
	values = map[string][]string{
		"country":   {`"DE"`, `"FR"`, `"US"`, `null`},
		"employees": {`5`, `250`, `250.5`, `12000`, `"many"`, ``},
		"title":     {`"VP of Sales"`, `"Student"`, `"CTO"`, `null`},
		"customer":  {`true`, `false`, `null`},
		"tags":      {`["a","b"]`, `[]`, `["c"]`, `"a"`, `not json`},
	}
	// No condition here tests for presence: has() knows the answer also of nothing.
	conditions = []string{
		`lead.country == "DE"`,
		`!(lead.country in ["FR", "US"])`,
		`lead.employees >= 200`,
		`lead.employees >= 10 && lead.employees < 1000`,
		`lead.employees * 2 > 500 || lead.country == "US"`,
		`hasWord(lead.title, ["vp", "cto"])`,
		`hasWord(lead.title, "student") && lead.country != "DE"`,
		`lead.customer`,
		`!lead.customer && lead.employees > 100`,
		`lead.customer ? lead.country == "DE" : lead.employees > 200`,
		`"a" in lead.tags`,
		`lead.tags.exists(t, t == "c")`,
		`true`,
		`false`,
		`lead.never == 1`,
	}
)

func drawPoints(t *rapid.T, label string, from, to int64) float64 {
	return points.Points(rapid.Int64Range(from, to).Draw(t, label)).Float()
}

func drawCap(t *rapid.T, label string) *float64 {
	if rapid.Bool().Draw(t, label+"?") {
		return nil
	}
	limit := drawPoints(t, label, 0, 6000)
	return &limit
}

func drawSpec(t *rapid.T) fit.Spec {
	spec := fit.Spec{MaxPoints: drawCap(t, "maxPoints")}
	n := 0
	id := func(prefix string) string { n++; return fmt.Sprintf("%s%d", prefix, n) }
	condition := rapid.SampledFrom(conditions)
	for range rapid.IntRange(0, 3).Draw(t, "groups") {
		g := fit.Group{ID: id("g"), MaxPoints: drawCap(t, "group cap")}
		for range rapid.IntRange(0, 4).Draw(t, "criteria") {
			c := fit.Criterion{ID: id("c"), UnknownPoints: drawPoints(t, "unknownPoints", -500, 1500)}
			if rapid.Bool().Draw(t, "when?") {
				c.When, c.Points = condition.Draw(t, "when"), drawPoints(t, "points", -3000, 5000)
			} else {
				for range rapid.IntRange(1, 3).Draw(t, "choices") {
					c.Choices = append(c.Choices, fit.Choice{
						When: condition.Draw(t, "when"), Points: drawPoints(t, "points", -3000, 5000), Description: id("choice "),
					})
				}
			}
			g.Criteria = append(g.Criteria, c)
		}
		spec.Groups = append(spec.Groups, g)
	}
	edge := int64(9000)
	for i := range rapid.IntRange(0, 4).Draw(t, "classes") {
		edge -= rapid.Int64Range(1, 3000).Draw(t, "edge")
		spec.Classes = append(spec.Classes, fit.ClassEdge{Label: string(rune('A' + i)), AtLeast: points.Points(edge).Float()})
	}
	return spec
}

// drawFacts draws the facts of one lead; many share an instant, some come with a
// value that is no value.
func drawFacts(t *rapid.T) []fit.Fact {
	var facts []fit.Fact
	for i := range rapid.IntRange(0, 12).Draw(t, "facts") {
		key := rapid.SampledFrom(keys).Draw(t, "key")
		facts = append(facts, fit.Fact{
			EffectiveTime: drawInstant(t, "effective"),
			Source:        rapid.SampledFrom([]string{"web", "import"}).Draw(t, "source"),
			ID:            fmt.Sprintf("f%d", i),
			Key:           key,
			Value:         []byte(rapid.SampledFrom(values[key]).Draw(t, "value")),
		})
	}
	return facts
}

func drawInstant(t *rapid.T, label string) time.Time {
	return epoch.Add(time.Duration(rapid.IntRange(0, 6).Draw(t, label)) * time.Hour)
}

// drawShuffled returns the same facts in another order, some of them twice.
func drawShuffled(t *rapid.T, facts []fit.Fact) []fit.Fact {
	shuffled := append([]fit.Fact(nil), facts...)
	if len(facts) > 0 {
		for range rapid.IntRange(0, 3).Draw(t, "repeated") {
			shuffled = append(shuffled, rapid.SampledFrom(facts).Draw(t, "again"))
		}
	}
	return rapid.Permutation(shuffled).Draw(t, "order")
}
