package fit_test

import (
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/points"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// Generated models ask few attributes with few values, so that answers change often.

var (
	// The clocks of New York go forward two days later.
	epoch  = time.Date(2026, 3, 6, 12, 0, 0, 0, time.UTC)
	keys   = []string{"country", "employees", "title", "customer", "tags", "since", "account.tier"}
	values = map[string][]string{
		"country":      {`"DE"`, `"FR"`, `"US"`, `null`},
		"employees":    {`5`, `250`, `250.5`, `12000`, `"many"`, ``, `0`},
		"title":        {`"VP of Sales"`, `"Student"`, `"CTO"`, `null`},
		"customer":     {`true`, `false`, `null`},
		"tags":         {`["a","b"]`, `[]`, `["c"]`, `"a"`, `not json`},
		"since":        {`"2026-03-05"`, `"2026-03-07T23:30:00-05:00"`, `"2026-03-09"`, `"soon"`, `null`},
		"account.tier": {`1`, `2`, `null`},
	}
	// No condition here tests for presence: has() knows the answer also of nothing.
	whoConditions = []string{
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
		`lead.country in lists.near || account.tier == 1`,
		`true`,
		`false`,
		`lead.never == 1`,
	}
	whenConditions = append([]string{
		`ago(lead.employees, 1) < lead.employees`,
		`lead.country != ago(lead.country, 2)`,
		`ago(lead.customer, 1) || ago(account.tier, 2) == 1`,
		`daysSince(lead.since) >= 2`,
		`daysSince(lead.since) == 1 && lead.country == "DE"`,
		`daysSince("2026-03-08") >= 0`,
		`daysSince("2026-03-07") == 1`,
		`now >= timestamp("2026-03-08T00:00:00Z")`,
	}, whoConditions...)
	numbers = []string{
		`lead.employees`,
		`lead.employees / account.tier`,
		`lead.employees - ago(lead.employees, 1)`,
		`daysSince(lead.since)`,
		`lead.title`,
		`lead.customer ? 200 : 5`,
	}
)

func drawPoints(t *rapid.T, label string, from, to int64) float64 {
	return points.Points(rapid.Int64Range(from, to).Draw(t, label)).Float()
}

// drawLimits draws a cap and a floor that agree.
func drawLimits(t *rapid.T, label string) (most, least *float64) {
	if rapid.Bool().Draw(t, label+" cap?") {
		limit := drawPoints(t, label+" cap", 0, 6000)
		most = &limit
	}
	if rapid.IntRange(0, 3).Draw(t, label+" floor?") == 0 {
		limit := drawPoints(t, label+" floor", -3000, 0)
		least = &limit
	}
	return most, least
}

// writer writes a generated spec.
type writer struct {
	*rapid.T
	fit.Spec
	n    int
	when []string // conditions to draw from
	// plain leaves out what a lost fact may turn into a "no": other personas, other
	// segments, alternatives that are passed over.
	plain bool
}

func drawSpec(t *rapid.T) fit.Spec { return draw(t, whenConditions, false) }

// drawTimeless draws a spec in which nothing changes by time alone.
func drawTimeless(t *rapid.T) fit.Spec { return draw(t, whoConditions, false) }

func draw(t *rapid.T, when []string, plain bool) fit.Spec {
	w := &writer{T: t, when: when, plain: plain}
	w.Lists = []fit.List{{ID: "near", Values: []string{"DE", "FR"}}}
	w.TimeZone = rapid.SampledFrom([]string{"", "Europe/Berlin", "America/New_York"}).Draw(t, "zone")
	w.MaxPoints, w.MinPoints = drawLimits(t, "total")
	way := rapid.SampledFrom([]string{"none", "edges", "ladder", "grade"}).Draw(t, "class")
	if way == "grade" {
		w.Grade = &fit.Grade{Labels: []string{"F", "D", "C", "B", "A"}, Start: rapid.SampledFrom([]string{"F", "D", "A"}).Draw(t, "start")}
	}
	if !plain {
		w.Segments = w.rules("s", 1)
		w.Personas = w.rules("p", 2)
		if w.chance() {
			w.Required = rapid.SliceOfNDistinct(rapid.SampledFrom(append([]string{"never"}, keys...)), 0, 2, rapid.ID).Draw(t, "required")
		}
	}
	w.Flags = w.rules("f", 1)
	if w.chance() {
		w.ICP = w.condition()
	}
	for range rapid.IntRange(0, 2).Draw(t, "groups") {
		w.Groups = append(w.Groups, w.group(1))
	}
	for range 2 {
		if w.chance() {
			w.Overrides = append(w.Overrides, fit.Override{ID: w.id("o"), When: w.condition(), Points: drawPoints(t, "shown", -1000, 9000)})
		}
	}
	switch way {
	case "edges":
		w.Classes = w.edges()
		for _, s := range w.Segments {
			if own := w.edges(); len(own) > 0 {
				w.ClassesBySegment = append(w.ClassesBySegment, fit.SegmentEdges{Segment: s.ID, Edges: own})
			}
		}
	case "ladder":
		for i := range 2 {
			w.Ladder = append(w.Ladder, fit.Rung{Label: string(rune('A' + i)), When: w.condition()})
		}
		if w.chance() {
			w.Ladder = append(w.Ladder, fit.Rung{Label: "rest"})
		}
	}
	return w.Spec
}

func (w *writer) chance() bool            { return rapid.IntRange(0, 2).Draw(w.T, "?") == 0 }
func (w *writer) condition() string       { return rapid.SampledFrom(w.when).Draw(w.T, "when") }
func (w *writer) points() float64         { return drawPoints(w.T, "points", -3000, 5000) }
func (w *writer) id(prefix string) string { w.n++; return fmt.Sprintf("%s%d", prefix, w.n) }
func (w *writer) rules(prefix string, most int) (rules []fit.Rule) {
	for range rapid.IntRange(0, most).Draw(w.T, prefix) {
		rules = append(rules, fit.Rule{ID: w.id(prefix), When: w.condition()})
	}
	return rules
}

func (w *writer) steps() int {
	if w.Grade == nil {
		return 0
	}
	return rapid.IntRange(-2, 3).Draw(w.T, "steps")
}

func (w *writer) edges() (edges []fit.ClassEdge) {
	edge := int64(9000)
	for i := range rapid.IntRange(0, 4).Draw(w.T, "classes") {
		edge -= rapid.Int64Range(1, 4000).Draw(w.T, "edge")
		edges = append(edges, fit.ClassEdge{Label: string(rune('A' + i)), AtLeast: points.Points(edge).Float()})
	}
	return edges
}

func (w *writer) group(depth int) fit.Group {
	g := fit.Group{ID: w.id("g"), Combine: rapid.SampledFrom([]fit.Combine{fit.Sum, fit.Sum, fit.Max, fit.Min}).Draw(w.T, "combine")}
	g.MaxPoints, g.MinPoints = drawLimits(w.T, "group")
	for range rapid.IntRange(0, 3).Draw(w.T, "criteria") {
		g.Criteria = append(g.Criteria, w.criterion())
	}
	if depth < 3 && w.chance() {
		g.Groups = append(g.Groups, w.group(depth+1))
	}
	return g
}

func (w *writer) criterion() fit.Criterion {
	c := fit.Criterion{ID: w.id("c"), UnknownPoints: drawPoints(w.T, "unknownPoints", -500, 1500), UnmatchedSteps: w.steps()}
	if w.chance() {
		c.UnknownPoints = 0
	}
	switch rapid.SampledFrom([]string{"when", "choices", "bands"}).Draw(w.T, "form") {
	case "when":
		c.When, c.Points, c.Steps = w.condition(), w.points(), w.steps()
	case "choices":
		for range rapid.IntRange(1, 2).Draw(w.T, "choices") {
			c.Choices = append(c.Choices, fit.Choice{When: w.condition(), Points: w.points(), Steps: w.steps(), Description: w.id("choice ")})
		}
	default:
		c.Value = rapid.SampledFrom(numbers).Draw(w.T, "value")
		if slices.Equal(w.when, whoConditions) {
			c.Value = numbers[0]
		}
		for range rapid.IntRange(1, 3).Draw(w.T, "bands") {
			b := fit.Band{Range: w.span(), Points: w.points(), Steps: w.steps()}
			for _, s := range w.Segments {
				if b.Range.BySegment == nil {
					b.Range.BySegment = map[string]fit.Range{}
				}
				b.Range.BySegment[s.ID] = w.span()
			}
			c.Bands = append(c.Bands, b)
		}
	}
	if w.chance() {
		weight := float64(rapid.IntRange(0, 25000).Draw(w.T, "weight")) / 100
		c.WeightPercent = &weight
	}
	if w.plain {
		return c
	}
	c.SkipUnknown = w.chance()
	for _, p := range w.Personas {
		if w.chance() {
			c.Personas = append(c.Personas, p.ID)
		}
	}
	return c
}

// span draws a range that holds some of the numbers there are.
func (w *writer) span() fit.Range {
	edge := func(label string, from, to int) *float64 {
		at := float64(rapid.IntRange(from, to).Draw(w.T, label)) * 62.5
		return &at
	}
	var r fit.Range
	lower := rapid.SampledFrom([]string{"", "at least", "over"}).Draw(w.T, "lower")
	switch lower {
	case "at least":
		r.AtLeast = edge("at least", -1, 4)
	case "over":
		r.Over = edge("over", -1, 4)
	}
	upper := rapid.SampledFrom([]string{"", "below", "at most"}).Draw(w.T, "upper")
	switch {
	case upper == "below" || lower == "" && upper == "":
		r.Below = edge("below", 5, 8)
	case upper == "at most":
		r.AtMost = edge("at most", 5, 8)
	}
	return r
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
	return epoch.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, label)) * 9 * time.Hour)
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
