package fit_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

func limit(f float64) *float64 { return &f }

// software is a small standard: the company under a cap of 40, the person without.
func software() fit.Spec {
	return fit.Spec{
		Groups: []fit.Group{
			{ID: "company", Description: "Company", MaxPoints: limit(40), Criteria: []fit.Criterion{
				{ID: "size", Description: "Company size", UnknownPoints: 5, Choices: []fit.Choice{
					{When: `lead.employees < 11`, Points: 0, Description: "up to 10 employees"},
					{When: `lead.employees < 1001`, Points: 10.5, Description: "11 to 1,000 employees"},
					{When: `lead.employees >= 1001`, Points: 30, Description: "more than 1,000 employees"},
				}},
				{ID: "country", Description: "Country we sell to", When: `lead.country in ["DE", "FR"]`, Points: 20},
			}},
			{ID: "person", Description: "Person", Criteria: []fit.Criterion{
				{ID: "seniority", When: `hasWord(lead.job_title, ["vp", "cto"])`, Points: 40},
				{ID: "student", Description: "Student", When: `hasWord(lead.job_title, "student")`, Points: -100},
			}},
		},
		MaxPoints: limit(70),
		Classes:   []fit.ClassEdge{{Label: "A", AtLeast: 70}, {Label: "B", AtLeast: 40}, {Label: "D", AtLeast: 10}},
	}
}

func at(hours int) time.Time { return epoch.Add(time.Duration(hours) * time.Hour) }

func known(hours int, key, value string) fit.Fact {
	return fit.Fact{EffectiveTime: at(hours), Source: "web", ID: key + value, Key: key, Value: []byte(value)}
}

func assessed(t *testing.T, spec fit.Spec, asOf time.Time, facts ...fit.Fact) fit.Assessment {
	t.Helper()
	m, err := fit.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	return m.Assess(m.Add(nil, facts...), asOf)
}

func TestAssess(t *testing.T) {
	insufficient := software()
	insufficient.MinKnown = 2
	for _, test := range []struct {
		name  string
		spec  fit.Spec
		facts []fit.Fact
		want  fit.Result
	}{
		{"nothing known", software(), nil, fit.Result{
			Status: fit.Scored, Score: 500, Lines: []fit.Line{
				{Rule: "size", Group: "company", Kind: fit.Unanswered, Points: 500, Description: "Company size"},
				{Rule: "country", Group: "company", Kind: fit.Unanswered, Description: "Country we sell to"},
				{Rule: "seniority", Group: "person", Kind: fit.Unanswered, Description: "seniority"},
				{Rule: "student", Group: "person", Kind: fit.Unanswered, Description: "Student"},
			}, Unknown: []string{"size", "country", "seniority", "student"},
		}},
		{"caps of group and total", software(), []fit.Fact{
			known(0, "employees", `5000`), known(0, "country", `"FR"`), known(0, "job_title", `"CTO"`),
		}, fit.Result{
			Status: fit.Scored, Score: 7000, Class: "A", Lines: []fit.Line{
				{Rule: "size", Group: "company", Kind: fit.Given, Points: 3000, Description: "more than 1,000 employees"},
				{Rule: "country", Group: "company", Kind: fit.Given, Points: 2000, Description: "Country we sell to"},
				{Rule: "company", Group: "company", Kind: fit.Withheld, Points: -1000, Description: "Company: at most 40"},
				{Rule: "seniority", Group: "person", Kind: fit.Given, Points: 4000, Description: "seniority"},
				{Rule: "total", Kind: fit.Withheld, Points: -1000, Description: "Total: at most 70"},
			},
		}},
		{"not below 0, half-open bands", software(), []fit.Fact{
			known(0, "employees", `11`), known(0, "country", `"US"`), known(0, "job_title", `"Student assistant"`),
		}, fit.Result{
			Status: fit.Scored, Score: 0, Lines: []fit.Line{
				{Rule: "size", Group: "company", Kind: fit.Given, Points: 1050, Description: "11 to 1,000 employees"},
				{Rule: "student", Group: "person", Kind: fit.Given, Points: -10000, Description: "Student"},
				{Rule: "total", Kind: fit.Lifted, Points: 8950, Description: "Total: not below 0"},
			},
		}},
		{"too little known", insufficient, []fit.Fact{known(0, "country", `"DE"`)}, fit.Result{
			Status: fit.InsufficientData, Unknown: []string{"size", "seniority", "student"},
		}},
		{"just enough known", insufficient, []fit.Fact{known(0, "job_title", `"VP"`)}, fit.Result{
			Status: fit.Scored, Score: 4500, Class: "B", Lines: []fit.Line{
				{Rule: "size", Group: "company", Kind: fit.Unanswered, Points: 500, Description: "Company size"},
				{Rule: "country", Group: "company", Kind: fit.Unanswered, Description: "Country we sell to"},
				{Rule: "seniority", Group: "person", Kind: fit.Given, Points: 4000, Description: "seniority"},
			}, Unknown: []string{"size", "country"},
		}},
		{"no criteria at all", fit.Spec{}, nil, fit.Result{Status: fit.Scored}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := assessed(t, test.spec, at(10), test.facts...).Result
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// An alternative that is unknown makes the criterion unknown, unless one before it holds.
func TestUnknownChoice(t *testing.T) {
	spec := fit.Spec{Groups: []fit.Group{{ID: "g", Criteria: []fit.Criterion{{ID: "c", UnknownPoints: 1, Choices: []fit.Choice{
		{When: `lead.a == 1`, Points: 10}, {When: `lead.b == 1`, Points: 20}, {When: `lead.c == 1`, Points: 30},
	}}}}}}
	for _, test := range []struct {
		a, b, c string
		want    float64
	}{
		{`1`, ``, ``, 10},
		{`2`, ``, `1`, 1},
		{`2`, `1`, ``, 20},
		{``, `1`, `1`, 1},
		{`2`, `2`, `1`, 30},
		{`2`, `2`, `2`, 0},
		{`2`, `2`, ``, 1},
	} {
		got := assessed(t, spec, at(1), known(0, "a", test.a), known(0, "b", test.b), known(0, "c", test.c)).Result
		if got.Score.Float() != test.want {
			t.Errorf("a=%s b=%s c=%s gives %v, want %v", test.a, test.b, test.c, got.Score, test.want)
		}
	}
}

func TestTimeline(t *testing.T) {
	facts := []fit.Fact{
		known(0, "job_title", `null`), // says nothing
		known(5, "job_title", `"Student"`),
		known(1, "country", `"DE"`),
		known(1, "employees", `50`),
		known(2, "phone", `"not read by the model"`),
		known(3, "country", `"FR"`), // as good as DE: the fit does not change
		known(4, "job_title", `"VP"`),
		known(9, "job_title", `null`),
	}
	want := []fit.Point{
		{EffectiveTime: at(1), Status: fit.Scored, Score: 3050, Class: "D"},
		{EffectiveTime: at(4), Status: fit.Scored, Score: 7000, Class: "A"},
		{EffectiveTime: at(5), Status: fit.Scored, Score: 0},
	}
	if diff := cmp.Diff(want, assessed(t, software(), at(8), facts...).Timeline); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := assessed(t, software(), at(0), facts...); len(got.Timeline) != 0 || got.Result.Score != 500 {
		t.Errorf("before anything was known: %v", got)
	}
}

// Of facts of one instant, the one that is folded last counts: by source, then by id.
func TestTies(t *testing.T) {
	fact := func(source, id, value string) fit.Fact {
		return fit.Fact{EffectiveTime: at(0), Source: source, ID: id, Key: "a", Value: []byte(value)}
	}
	spec := fit.Spec{Groups: []fit.Group{{ID: "g", Criteria: []fit.Criterion{{ID: "c", When: `lead.a == 1`, Points: 1}}}}}
	for _, facts := range [][]fit.Fact{
		{fact("web", "2", `1`), fact("web", "1", `2`), fact("import", "9", `2`)},
		{fact("import", "9", `2`), fact("web", "2", `1`), fact("web", "1", `2`), fact("web", "2", `1`)},
		// A source that gives an id twice: the first in the order of the fold counts.
		{fact("web", "2", `2`), fact("web", "2", `1`)},
	} {
		if got := assessed(t, spec, at(0), facts...).Result; got.Score != 100 {
			t.Errorf("%v gives %v", facts, got.Score)
		}
	}
}

func TestFaultsAreCounted(t *testing.T) {
	a := assessed(t, software(), at(1), known(0, "employees", `"many"`), known(0, "country", `{"no":"value"}`))
	if a.Faults[condition.TypeFault] != 2 || len(a.Result.Unknown) != 4 {
		t.Errorf("faults %v, unknown %v", a.Faults, a.Result.Unknown)
	}
}

func TestCompileFindsEveryProblem(t *testing.T) {
	ok := fit.Criterion{ID: "ok", When: `lead.a == 1`, Points: 1}
	for _, test := range []struct {
		name string
		spec fit.Spec
		want map[string]string // path → part of the text
	}{
		{"ids", fit.Spec{Groups: []fit.Group{
			{ID: "Company", Criteria: []fit.Criterion{ok, ok}},
			{ID: "ok"},
			{ID: "total"},
			{},
		}}, map[string]string{
			"groups[0].id":             "must be 1 to 63 of a-z",
			"groups[0].criteria[1].id": `"ok" is the id of groups[0].criteria[0].id`,
			"groups[1].id":             "must be unique",
			"groups[2].id":             "is the id of the total",
			"groups[3].id":             "must be 1 to 63",
		}},
		{"conditions", fit.Spec{Groups: []fit.Group{{ID: "g", Criteria: []fit.Criterion{
			{ID: "a", When: `lead.a = 1`},
			{ID: "b", Choices: []fit.Choice{{When: `lead.a == 1`}, {When: `activity.type == "x"`}, {}}},
			{ID: "c"},
			{ID: "d", When: `true`, Choices: []fit.Choice{{When: `true`}}},
			{ID: "e", Points: 3, Choices: []fit.Choice{{When: `true`}}},
		}}}}, map[string]string{
			"groups[0].criteria[0].when":            "line 1, column 8: Syntax error",
			"groups[0].criteria[1].choices[1].when": "undeclared reference to 'activity'",
			"groups[0].criteria[1].choices[2].when": "is empty",
			"groups[0].criteria[2].when":            "give one of the three",
			"groups[0].criteria[3].choices":         "give one of when, choices and bands",
			"groups[0].criteria[4].points":          "each of them has its own points",
		}},
		{"points", fit.Spec{MaxPoints: limit(-1), Groups: []fit.Group{{ID: "g", MaxPoints: limit(0.001), Criteria: []fit.Criterion{
			{ID: "a", When: `true`, Points: 0.123, UnknownPoints: 1e12},
			{ID: "b", Choices: []fit.Choice{{When: `true`, Points: -0.005}}},
		}}}}, map[string]string{
			"maxPoints":                               "at least 0",
			"groups[0].maxPoints":                     "two decimals",
			"groups[0].criteria[0].points":            "two decimals",
			"groups[0].criteria[0].unknownPoints":     "from -1e9 to 1e9",
			"groups[0].criteria[1].choices[0].points": "two decimals",
		}},
		{"classes", fit.Spec{Classes: []fit.ClassEdge{{Label: "A", AtLeast: 10}, {Label: "B", AtLeast: 10}, {Label: "A", AtLeast: 5}, {AtLeast: 1}}}, map[string]string{
			"classes[1].atLeast": "the highest edge comes first",
			"classes[2].label":   "stands twice",
			"classes[3].label":   "1 to 40 characters",
		}},
		{"known criteria out of reach", fit.Spec{MinKnown: 2, Groups: []fit.Group{{ID: "g", Criteria: []fit.Criterion{ok}}}}, map[string]string{
			"minKnown": "from 0 to the number of criteria, 1, is 2",
		}},
		{"too much", fit.Spec{Groups: []fit.Group{{ID: "g", Criteria: many(2001)}}}, map[string]string{
			"groups": "has 2001 criteria, the most is 2000",
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fit.Compile(test.spec)
			problems, _ := errors.AsType[fit.Problems](err)
			found := map[string]string{}
			for _, p := range problems {
				found[p.Path] = p.Text
				if !strings.Contains(p.Text, test.want[p.Path]) || test.want[p.Path] == "" {
					t.Errorf("%s: %s; want %q", p.Path, p.Text, test.want[p.Path])
				}
			}
			for path := range test.want {
				if found[path] == "" {
					t.Errorf("%s: nothing is found wrong in %v", path, err)
				}
			}
		})
	}
}

func many(n int) []fit.Criterion {
	criteria := make([]fit.Criterion, n)
	for i := range criteria {
		criteria[i] = fit.Criterion{ID: fmt.Sprintf("c%d", i), When: `true`}
	}
	return criteria
}

func TestModelReadsOnlyItsAttributes(t *testing.T) {
	m, err := fit.Compile(software())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"country", "employees", "job_title"}, m.Attributes()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	h := m.Add(nil, known(0, "phone", `1`), known(1, "country", `"DE"`))
	if len(h) != 1 || !h.Latest().Equal(at(1)) {
		t.Errorf("history %v, latest %v", h, h.Latest())
	}
}

func BenchmarkAssess(b *testing.B) {
	m, err := fit.Compile(software())
	if err != nil {
		b.Fatal(err)
	}
	h := m.Add(nil, known(0, "employees", `5000`), known(0, "country", `"FR"`), known(0, "job_title", `"CTO"`), known(3, "country", `"DE"`))
	b.ReportAllocs()
	for b.Loop() {
		m.Assess(h, at(10))
	}
}
