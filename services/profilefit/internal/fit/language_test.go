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

// What a standard can say about fit, one feature at a time, worked out by hand at its
// edges. The laws hold for all of them together.

func num(f float64) *float64 { return &f }

// one is a model of one group with these criteria.
func one(criteria ...fit.Criterion) fit.Spec {
	return fit.Spec{MinPoints: num(-1000), Groups: []fit.Group{{ID: "g", Criteria: criteria}}}
}

// profile are facts from hour 0 on, written `key=value, key=value`.
func profile(text string) (facts []fit.Fact) {
	for _, pair := range strings.Split(text, "; ") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			facts = append(facts, known(0, key, value))
		}
	}
	return facts
}

// lines writes a result as `rule:kind:points` for each line.
func lines(r fit.Result) string {
	names := map[fit.Kind]string{
		fit.Given: "given", fit.Unanswered: "unknown", fit.Withheld: "cap", fit.Lifted: "floor", fit.Combined: "combine", fit.Shown: "shown",
	}
	var all []string
	for _, l := range r.Lines {
		all = append(all, fmt.Sprintf("%s:%s:%v", l.Rule, names[l.Kind], l.Points))
	}
	return strings.Join(all, " ")
}

func TestBands(t *testing.T) {
	spec := one(fit.Criterion{ID: "size", Description: "Size", Value: `lead.employees`, UnknownPoints: 1, Bands: []fit.Band{
		{Range: fit.Range{Below: num(1)}, Points: -5},
		{Range: fit.Range{AtLeast: num(1), AtMost: num(10)}, Points: 10, Description: "small"},
		{Range: fit.Range{Over: num(10), Below: num(10.5)}, Points: 20},
		{Range: fit.Range{AtLeast: num(10), AtMost: num(100.25)}, Points: 30}, // the first wins
		{Range: fit.Range{Over: num(1000)}, Points: 40},
	}})
	for _, test := range []struct {
		value, words string
		want         float64
	}{
		{`0.99`, "Size: below 1", -5},
		{`1`, "small", 10},
		{`10`, "small", 10},
		{`10.000001`, "Size: over 10, below 10.5", 20},
		{`10.5`, "Size: at least 10, at most 100.25", 30},
		{`100.25`, "Size: at least 10, at most 100.25", 30},
		{`100.26`, "", 0}, // between the bands
		{`1000`, "", 0},
		{`1000.01`, "Size: over 1000", 40},
		{`null`, "Size", 1},
		{`"many"`, "Size", 1},
		{`true`, "Size", 1},
	} {
		a := assessed(t, spec, at(1), known(0, "employees", test.value))
		words := ""
		if len(a.Result.Lines) > 0 {
			words = a.Result.Lines[0].Description
		}
		if a.Result.Score.Float() != test.want || words != test.words {
			t.Errorf("%s gives %v (%s), want %v (%s)", test.value, a.Result.Score, words, test.want, test.words)
		}
		if fault := test.value == `"many"` || test.value == `true`; (a.Faults[condition.TypeFault] > 0) != fault {
			t.Errorf("%s: faults %v", test.value, a.Faults)
		}
	}
}

// A band of a number that is worked out, for the leads of a segment with edges of its own.
func TestBandsBySegment(t *testing.T) {
	spec := one(fit.Criterion{ID: "spend", Value: `lead.spend / lead.seats`, Bands: []fit.Band{
		{Range: fit.Range{AtLeast: num(100), BySegment: map[string]fit.Range{"small": {AtLeast: num(10), Below: num(50)}}}, Points: 10},
		{Range: fit.Range{AtLeast: num(20)}, Points: 5},
	}})
	spec.Segments = []fit.Rule{{ID: "vip", When: `lead.vip`}, {ID: "small", When: `lead.seats < 10`}}
	for _, test := range []struct {
		profile string
		want    float64
	}{
		{`spend=2000; seats=20; vip=false`, 10},
		{`spend=1999; seats=20; vip=false`, 5},
		{`spend=50; seats=5; vip=false`, 10},
		{`spend=50; seats=5`, 10}, // whether they are a VIP is not known: passed over
		{`spend=50; seats=5; vip=true`, 0},
		{`spend=250; seats=5; vip=false`, 5},
		{`spend=49; seats=5; vip=false`, 0},
		{`spend=49; seats=0; vip=false`, 0}, // no number: unknown
	} {
		if got := assessed(t, spec, at(1), profile(test.profile)...).Result; got.Score.Float() != test.want {
			t.Errorf("%s gives %v, want %v", test.profile, got.Score, test.want)
		}
	}
	// The segment changes, and with it the band.
	timeline := assessed(t, spec, at(9), append(profile(`spend=50; seats=5; vip=true`), known(3, "vip", `false`))...).Timeline
	if len(timeline) != 2 || timeline[0].Score != 0 || timeline[1].Score != 1000 {
		t.Errorf("timeline %v", timeline)
	}
}

func TestWeights(t *testing.T) {
	for _, test := range []struct {
		percent, points, want float64
		words                 string
	}{
		{35, 100, 35, "c (35% of 100)"},
		{100, 7.25, 7.25, "c"},
		{0, 80, 0, "c (0% of 80)"},
		{33.3, 0.5, 0.17, "c (33.3% of 0.5)"}, // 0.1665
		{50, 0.01, 0.01, "c (50% of 0.01)"},   // 0.005, half away from zero
		{50, -0.01, -0.01, "c (50% of -0.01)"},
		{49.99, 0.01, 0, "c (49.99% of 0.01)"},
		{12.5, 0.04, 0.01, "c (12.5% of 0.04)"},
		{12.5, 0.12, 0.02, "c (12.5% of 0.12)"}, // 0.015
		{0.5, 33, 0.17, "c (0.5% of 33)"},       // 0.165: exact, although no double is
		{1000, 12.34, 123.4, "c (1000% of 12.34)"},
	} {
		spec := one(fit.Criterion{ID: "c", When: `true`, Points: test.points, WeightPercent: &test.percent})
		got := assessed(t, spec, at(1)).Result
		if got.Score.Float() != test.want || got.Lines[0].Description != test.words {
			t.Errorf("%v%% of %v is %v (%s), want %v (%s)", test.percent, test.points, got.Score, got.Lines[0].Description, test.want, test.words)
		}
	}
	spec := one(fit.Criterion{ID: "c", When: `lead.a`, UnknownPoints: 10, WeightPercent: num(25)})
	if got := assessed(t, spec, at(1)).Result; got.Score.Float() != 2.5 {
		t.Errorf("25%% of what unknown gives is %v", got.Score)
	}
}

// Groups in groups, each held on its own before it counts in the next.
func TestGroupsInGroups(t *testing.T) {
	criterion := func(id string, points float64) fit.Criterion {
		return fit.Criterion{ID: id, When: `lead.` + id, Points: points}
	}
	spec := fit.Spec{MinPoints: num(-100), MaxPoints: num(60), Groups: []fit.Group{{
		ID: "all", MaxPoints: num(50), Criteria: []fit.Criterion{criterion("a", 10)},
		Groups: []fit.Group{
			{ID: "firm", MaxPoints: num(20), MinPoints: num(-5), Criteria: []fit.Criterion{criterion("b", 15), criterion("c", 15), criterion("d", -40)}},
			{ID: "person", Criteria: []fit.Criterion{criterion("e", 30)}, Groups: []fit.Group{
				{ID: "deep", MinPoints: num(3), Criteria: []fit.Criterion{criterion("f", 1)}},
			}},
		},
	}}}
	no := "; a=false; b=false; c=false; d=false; e=false; f=false"
	for _, test := range []struct {
		profile, lines string
		want           float64
	}{
		{`a=true` + strings.Replace(no, "; a=false", "", 1), "a:given:10 deep:floor:3", 13},
		{`b=true; c=true` + strings.NewReplacer("; b=false", "", "; c=false", "").Replace(no), "b:given:15 c:given:15 firm:cap:-10 deep:floor:3", 23},
		{`d=true` + strings.Replace(no, "; d=false", "", 1), "d:given:-40 firm:floor:35 deep:floor:3", -2},
		{`a=true; b=true; c=true; d=false; e=true; f=true`, "a:given:10 b:given:15 c:given:15 firm:cap:-10 e:given:30 f:given:1 deep:floor:2 all:cap:-13", 50},
	} {
		got := assessed(t, spec, at(1), profile(test.profile)...).Result
		if got.Score.Float() != test.want || lines(got) != test.lines {
			t.Errorf("%s gives %v: %s\nwant %v: %s", test.profile, got.Score, lines(got), test.want, test.lines)
		}
	}
}

// Only the highest or lowest of criteria that hold, and of groups, counts.
func TestCombine(t *testing.T) {
	spec := func(by fit.Combine, most *float64) fit.Spec {
		return fit.Spec{MinPoints: num(-100), Groups: []fit.Group{{
			ID: "g", Description: "Best", Combine: by, MaxPoints: most,
			Criteria: []fit.Criterion{
				{ID: "a", When: `lead.a`, Points: 10},
				{ID: "b", When: `lead.b`, Points: 25},
				{ID: "c", When: `lead.c`, Points: -5, UnknownPoints: 2},
			},
		}}}
	}
	for _, test := range []struct {
		by      fit.Combine
		profile string
		lines   string
		want    float64
	}{
		{fit.Max, `a=true; b=true; c=true`, "a:given:10 b:given:25 c:given:-5 g:combine:-5", 25},
		{fit.Min, `a=true; b=true; c=true`, "a:given:10 b:given:25 c:given:-5 g:combine:-35", -5},
		{fit.Max, `a=true; b=false; c=false`, "a:given:10", 10},
		{fit.Min, `a=true; b=false; c=false`, "a:given:10", 10}, // what does not hold is no 0
		{fit.Max, `a=false; b=false; c=true`, "c:given:-5", -5},
		{fit.Max, `a=false; b=false; c=false`, "", 0},
		{fit.Min, `a=true; c=false`, "a:given:10 b:unknown:0", 10}, // missing is not low
		{fit.Min, `a=true; b=true`, "a:given:10 b:given:25 c:unknown:2 g:combine:-35", 2},
		{fit.Max, `b=true; c=false`, "a:unknown:0 b:given:25", 25},
	} {
		got := assessed(t, spec(test.by, nil), at(1), profile(test.profile)...).Result
		if got.Score.Float() != test.want || lines(got) != test.lines {
			t.Errorf("%v of %s gives %v: %s\nwant %v: %s", test.by, test.profile, got.Score, lines(got), test.want, test.lines)
		}
	}
	got := assessed(t, spec(fit.Max, num(20)), at(1), profile(`a=true; b=true; c=false`)...).Result
	if lines(got) != "a:given:10 b:given:25 g:combine:-10 g:cap:-5" || got.Lines[2].Description != "Best: only the highest counts" {
		t.Errorf("the cap comes after the combination: %s", lines(got))
	}

	// The lower of two scores: a group that gives nothing gives 0.
	both := fit.Spec{Groups: []fit.Group{{ID: "g", Combine: fit.Min, Groups: []fit.Group{
		{ID: "x", Criteria: []fit.Criterion{{ID: "a", When: `lead.a`, Points: 30}}},
		{ID: "y", Criteria: []fit.Criterion{{ID: "b", When: `lead.b`, Points: 20}}},
	}}}}
	for profileText, want := range map[string]float64{`a=true; b=true`: 20, `a=true; b=false`: 0} {
		if got := assessed(t, both, at(1), profile(profileText)...).Result; got.Score.Float() != want {
			t.Errorf("the lower of %s is %v, want %v", profileText, got.Score, want)
		}
	}
}

// Exclusive alternatives over several attributes: what is unknown is passed over, and
// only if nothing holds the answer is unknown.
func TestSkipUnknown(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", SkipUnknown: true, UnknownPoints: 1, Choices: []fit.Choice{
		{When: `lead.a == 1`, Points: 10}, {When: `lead.b == 1`, Points: 20}, {When: `lead.a == 2 && lead.b == 2`, Points: 30},
	}})
	for _, test := range []struct {
		profile string
		want    float64
	}{
		{`a=1; b=1`, 10},
		{`a=1`, 10},
		{`b=1`, 20},
		{`a=2; b=2`, 30},
		{`a=2`, 1},
		{`b=2`, 1},
		{`a=3`, 1}, // b may be 1
		{`a=3; b=3`, 0},
		{``, 1},
	} {
		got := assessed(t, spec, at(1), profile(test.profile)...).Result
		if got.Score.Float() != test.want || (len(got.Unknown) == 1) != (test.want == 1) {
			t.Errorf("%s gives %v, unknown %v, want %v", test.profile, got.Score, got.Unknown, test.want)
		}
	}
}

// "Not in" of a value that is not known is not known, unless the standard says so.
func TestNotIn(t *testing.T) {
	spec := one(
		fit.Criterion{ID: "strict", When: `!(lead.country in ["DE", "FR"])`, Points: -10},
		fit.Criterion{ID: "lenient", When: `!has(lead.country) || !(lead.country in ["DE", "FR"])`, Points: -1},
		fit.Criterion{ID: "listed", When: `!(lead.country in lists.ours)`, Points: -100},
	)
	spec.Lists = []fit.List{{ID: "ours", Values: []string{"DE", "FR"}}}
	for profileText, want := range map[string]string{
		`country="DE"`: "",
		`country="US"`: "strict:given:-10 lenient:given:-1 listed:given:-100",
		``:             "strict:unknown:0 lenient:given:-1 listed:unknown:0",
	} {
		if got := lines(assessed(t, spec, at(1), profile(profileText)...).Result); got != want {
			t.Errorf("%s: %s, want %s", profileText, got, want)
		}
	}
}

func TestPersonas(t *testing.T) {
	spec := one(
		fit.Criterion{ID: "all", When: `lead.a`, Points: 1},
		fit.Criterion{ID: "buying", When: `lead.a`, Points: 10, Personas: []string{"buyer"}},
		fit.Criterion{ID: "using", When: `lead.a`, Points: 100, Personas: []string{"user", "admin"}},
	)
	spec.Personas = []fit.Rule{
		{ID: "buyer", When: `lead.role == "buyer" || lead.budget`}, {ID: "user", When: `lead.role == "user"`}, {ID: "admin", When: `lead.admin`},
	}
	for _, test := range []struct{ profile, persona, lines string }{
		{`a=true; role="buyer"`, "buyer", "all:given:1 buying:given:10"},
		{`a=true; role="user"; budget=true`, "buyer", "all:given:1 buying:given:10"}, // the first that holds
		{`a=true; role="user"; budget=false`, "user", "all:given:1 using:given:100"},
		{`a=true; role="user"`, "user", "all:given:1 using:given:100"}, // that they may be a buyer is passed over
		{`a=true; role="none"; budget=false; admin=true`, "admin", "all:given:1 using:given:100"},
		{`a=true; role="none"; budget=false; admin=false`, "", "all:given:1"},
		{`a=true; role="none"; budget=false`, "", "all:given:1 using:unknown:0"}, // perhaps an admin, no buyer
		{`a=true`, "", "all:given:1 buying:unknown:0 using:unknown:0"},
		{`role="user"; budget=false`, "user", "all:unknown:0 using:unknown:0"},
	} {
		a := assessed(t, spec, at(1), profile(test.profile)...)
		if got := a.Result; got.Persona != test.persona || lines(got) != test.lines {
			t.Errorf("%s: persona %q, %s\nwant %q, %s", test.profile, got.Persona, lines(got), test.persona, test.lines)
		}
		if n := len(a.Timeline); a.Timeline[n-1].Persona != test.persona {
			t.Errorf("%s: the timeline says %q", test.profile, a.Timeline[n-1].Persona)
		}
	}
	// What is not asked is neither known nor unknown.
	spec.MinKnown = 2
	if got := assessed(t, spec, at(1), profile(`a=true; role="none"; budget=false; admin=false`)...).Result; got.Status != fit.InsufficientData {
		t.Errorf("one answer of three questions of which two were not asked: %v", got)
	}
}

func TestRequired(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", When: `lead.a`, Points: 1})
	spec.Required = []string{"a", "account.industry"}
	spec.Flags = []fit.Rule{{ID: "odd", When: `lead.a`}}
	spec.ICP = `lead.a`
	for _, test := range []struct {
		profile string
		want    fit.Result
	}{
		{`a=true; account.industry="x"`, fit.Result{Status: fit.Scored, Score: 100, Flags: []string{"odd"}, ICP: condition.True}},
		{`a=true`, fit.Result{Status: fit.InsufficientData, Missing: []string{"account.industry"}, Flags: []string{"odd"}, ICP: condition.True}},
		{`account.industry="x"`, fit.Result{Status: fit.InsufficientData, Missing: []string{"a"}, Unknown: []string{"c"}}},
		{`industry="x"; a=false`, fit.Result{Status: fit.InsufficientData, Missing: []string{"account.industry"}, ICP: condition.False}},
	} {
		got := assessed(t, spec, at(1), profile(test.profile)...).Result
		if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreFields(fit.Result{}, "Lines")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.profile, diff)
		}
		if got.Status == fit.InsufficientData && len(got.Lines) > 0 {
			t.Errorf("%s: lines without a score: %v", test.profile, got.Lines)
		}
	}
}

// It starts at D and each criterion moves it by steps; it stays at the ends.
func TestGrade(t *testing.T) {
	spec := one(
		fit.Criterion{ID: "title", Description: "Title", When: `lead.a`, Steps: 3, UnmatchedSteps: -1},
		fit.Criterion{ID: "size", Description: "Size", Choices: []fit.Choice{{When: `lead.b == 1`, Steps: 1}, {When: `lead.b == 2`, Steps: 9, Points: 5}}},
		fit.Criterion{ID: "spend", Description: "Spend", Value: `lead.c`, Bands: []fit.Band{{Range: fit.Range{Below: num(0)}, Steps: -9}}},
	)
	spec.Grade = &fit.Grade{Labels: []string{"F", "D-", "D", "D+", "C-", "C", "C+", "B-", "B", "B+", "A-", "A", "A+"}, Start: "D"}
	for _, test := range []struct {
		profile, class, words string
		points                float64
	}{
		{``, "D", "", 0},
		{`a=true; b=0; c=0`, "C", "Title: grade up 3 steps", 0},
		{`a=false; b=0; c=0`, "D-", "Title: does not hold: grade down 1 step", 0},
		{`a=true; b=1; c=0`, "C+", "Title: grade up 3 steps; Size: grade up 1 step", 0},
		{`a=true; b=2; c=0`, "A+", "Title: grade up 3 steps; Size: grade up 9 steps", 5}, // two beyond the end
		{`a=false; b=0; c=-1`, "F", "Title: does not hold: grade down 1 step; Spend: below 0: grade down 9 steps", 0},
		{`a=true; b=2; c=-1`, "C", "Title: grade up 3 steps; Size: grade up 9 steps; Spend: below 0: grade down 9 steps", 5}, // ends hold the sum
		{`b=1; c=0`, "D+", "Size: grade up 1 step", 0},                                                                       // an unknown title moves nothing
	} {
		got := assessed(t, spec, at(1), profile(test.profile)...).Result
		var words []string
		for _, l := range got.Lines {
			if l.Kind == fit.Given {
				words = append(words, l.Description)
			}
		}
		if got.Class != test.class || strings.Join(words, "; ") != test.words || got.Score.Float() != test.points {
			t.Errorf("%s: %s, %v points: %s\nwant %s, %v: %s", test.profile, got.Class, got.Score, strings.Join(words, "; "), test.class, test.points, test.words)
		}
	}
}

func TestLadder(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", When: `lead.a == 1`, Points: 100})
	spec.Ladder = []fit.Rung{{Label: "A", When: `lead.a == 1 && lead.b == 1`}, {Label: "B", When: `lead.b == 1`}, {Label: "D"}}
	for profileText, want := range map[string]string{
		`a=1; b=1`: "A",
		`a=2; b=1`: "B",
		`b=1`:      "B", // whether A holds is not known
		`a=1`:      "D",
		`a=1; b=2`: "D",
		``:         "D",
	} {
		if got := assessed(t, spec, at(1), profile(profileText)...).Result; got.Class != want {
			t.Errorf("%s is %q, want %q", profileText, got.Class, want)
		}
	}
	spec.Ladder = spec.Ladder[:2]
	if got := assessed(t, spec, at(1), profile(`a=1; b=2`)...).Result; got.Class != "" || got.Status != fit.Scored {
		t.Errorf("no row holds: %v", got)
	}
}

func TestClassesBySegment(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", Value: `lead.a`, Bands: []fit.Band{{Range: fit.Range{AtLeast: num(50)}, Points: 50}, {Range: fit.Range{AtLeast: num(20)}, Points: 20}}})
	spec.Segments = []fit.Rule{{ID: "small", When: `lead.small`}, {ID: "rest", When: `true`}}
	spec.Classes = []fit.ClassEdge{{Label: "A", AtLeast: 50}, {Label: "B", AtLeast: 0}}
	spec.ClassesBySegment = []fit.SegmentEdges{{Segment: "small", Edges: []fit.ClassEdge{{Label: "A", AtLeast: 20}, {Label: "C", AtLeast: 10}}}}
	for profileText, want := range map[string]string{
		`a=50; small=false`: "A", `a=20; small=false`: "B", `a=20; small=true`: "A", `a=19; small=true`: "", `a=20`: "B",
	} {
		if got := assessed(t, spec, at(1), profile(profileText)...).Result; got.Class != want {
			t.Errorf("%s is %q, want %q", profileText, got.Class, want)
		}
	}
}

// The first override that holds sets what is shown, and the class follows it; scoring
// goes on underneath.
func TestOverrides(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", When: `lead.a`, Points: 60})
	spec.Classes = []fit.ClassEdge{{Label: "A", AtLeast: 50}, {Label: "B", AtLeast: 0}}
	spec.Overrides = []fit.Override{
		{ID: "student", Description: "Students score 0", When: `lead.student`, Points: 0},
		{ID: "rival", When: `lead.rival`, Points: -500},
		{ID: "same", When: `lead.same`, Points: 60},
	}
	for _, test := range []struct {
		profile, class, lines string
		score, underlying     float64
	}{
		{`a=true; student=false; rival=false; same=false`, "A", "c:given:60", 60, 60},
		{`a=true; student=true; rival=true`, "B", "c:given:60 student:shown:-60", 0, 60},
		{`a=true; rival=true`, "", "c:given:60 rival:shown:-560", -500, 60}, // unknown is passed over
		{`a=true; same=true`, "A", "c:given:60 same:shown:0", 60, 60},
	} {
		got := assessed(t, spec, at(1), profile(test.profile)...).Result
		underlying := got.Score
		if got.Underlying != nil {
			underlying = *got.Underlying
		}
		if got.Score.Float() != test.score || underlying.Float() != test.underlying || got.Class != test.class || lines(got) != test.lines {
			t.Errorf("%s: %v (%v) %q: %s\nwant %v (%v) %q: %s", test.profile, got.Score, underlying, got.Class, lines(got), test.score, test.underlying, test.class, test.lines)
		}
	}
}

func TestNegativeTotals(t *testing.T) {
	for _, test := range []struct{ floor, want float64 }{{-1000, -70}, {-70, -70}, {-69.99, -69.99}, {0, 0}, {5, 5}} {
		spec := one(fit.Criterion{ID: "c", When: `true`, Points: -70})
		spec.MinPoints = num(test.floor)
		if got := assessed(t, spec, at(1)).Result; got.Score.Float() != test.want {
			t.Errorf("with the floor %v: %v, want %v", test.floor, got.Score, test.want)
		}
	}
}

// Growth: what was true 30 days ago stops to be so 30 days after it changed, by itself.
func TestGrowthOverTime(t *testing.T) {
	spec := one(
		fit.Criterion{ID: "grows", When: `lead.spend > ago(lead.spend, 30)`, Points: 10, UnknownPoints: 1},
		fit.Criterion{ID: "new", When: `!has(ago(lead.spend, 7))`, Points: 100},
	)
	day := func(n int) int { return 24 * n }
	facts := []fit.Fact{known(day(0), "spend", `100`), known(day(10), "spend", `200`), known(day(90), "spend", `null`)}
	want := []fit.Point{
		{EffectiveTime: at(day(0)), Status: fit.Scored, Score: 10100},
		{EffectiveTime: at(day(7)), Status: fit.Scored, Score: 100},
		{EffectiveTime: at(day(30)), Status: fit.Scored, Score: 1000}, // 200 > 100
		{EffectiveTime: at(day(40)), Status: fit.Scored, Score: 0},    // 200 > 200
		{EffectiveTime: at(day(90)), Status: fit.Scored, Score: 100},
		{EffectiveTime: at(day(97)), Status: fit.Scored, Score: 10100},
	}
	if diff := cmp.Diff(want, assessed(t, spec, at(day(200)), facts...).Timeline); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, p := range want {
		if got := assessed(t, spec, p.EffectiveTime, facts...).Result.Score; got != p.Score {
			t.Errorf("at %v: %v, want %v", p.EffectiveTime, got, p.Score)
		}
		before := p.EffectiveTime.Add(-time.Microsecond)
		if got := assessed(t, spec, before, facts...).Result.Score; got == p.Score && !p.EffectiveTime.Equal(at(0)) {
			t.Errorf("just before %v: %v already", p.EffectiveTime, got)
		}
	}
	m, err := fit.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Settled(m.Add(nil, facts...)); !got.Equal(at(day(120))) {
		t.Errorf("settled at %v, want 30 days after the latest fact", got)
	}
}

// Days are those of the model's calendar; the timeline changes when a day begins there.
func TestDaysOfTheCalendar(t *testing.T) {
	for zone, want := range map[string]string{
		"":                    "2026-03-09T00:00:00Z",
		"Europe/Berlin":       "2026-03-08T23:00:00Z",
		"America/New_York":    "2026-03-09T04:00:00Z", // an hour earlier than the day before
		"America/Los_Angeles": "2026-03-09T07:00:00Z",
	} {
		spec := one(fit.Criterion{ID: "c", When: `daysSince(lead.trial) >= 3`, Points: 10})
		spec.TimeZone = zone
		at := func(text string) time.Time {
			t.Helper()
			instant, err := time.Parse(time.RFC3339, text)
			if err != nil {
				t.Fatal(err)
			}
			return instant
		}
		begin := at(want)
		a := assessed(t, spec, begin.Add(48*time.Hour), known(0, "trial", `"2026-03-06"`))
		wantTimeline := []fit.Point{{EffectiveTime: epoch, Status: fit.Scored}, {EffectiveTime: begin, Status: fit.Scored, Score: 1000}}
		if diff := cmp.Diff(wantTimeline, a.Timeline); diff != "" {
			t.Errorf("%s (-want +got):\n%s", zone, diff)
		}
		if got := assessed(t, spec, begin.Add(-time.Microsecond), known(0, "trial", `"2026-03-06"`)).Result; got.Score != 0 {
			t.Errorf("%s: before the day began: %v", zone, got.Score)
		}
	}
}

// There are places where the clocks change at midnight.
func TestDaysWithoutMidnight(t *testing.T) {
	for _, test := range []struct{ zone, since, day, begins string }{
		{"America/Sao_Paulo", "2018-11-01", "2018-11-04", "2018-11-04T03:00:00Z"}, // begins at 01:00
		{"America/Sao_Paulo", "2018-11-01", "2018-11-05", "2018-11-05T02:00:00Z"},
		{"America/Sao_Paulo", "2018-02-14", "2018-02-18", "2018-02-18T03:00:00Z"}, // 23:00 came twice before
		{"Pacific/Apia", "2011-12-28", "2011-12-31", "2011-12-30T10:00:00Z"},      // the 30th was left out
	} {
		spec := one(fit.Criterion{ID: "c", When: `daysSince("` + test.day + `") >= 0`, Points: 10})
		spec.TimeZone = test.zone
		spec.Groups[0].Criteria[0].When += ` && has(lead.a)`
		since, err := time.Parse(time.DateOnly, test.since)
		if err != nil {
			t.Fatal(err)
		}
		fact := known(0, "a", `1`)
		fact.EffectiveTime = since.Add(17 * time.Hour)
		timeline := assessed(t, spec, since.AddDate(0, 0, 9), fact).Timeline
		if len(timeline) != 2 || timeline[1].EffectiveTime.Format(time.RFC3339) != test.begins {
			t.Errorf("%s: %s begins in %v, want %s", test.zone, test.day, timeline, test.begins)
		}
	}
}

// `now` is exact in the result; the timeline follows it by days, and not for ever.
func TestNow(t *testing.T) {
	spec := one(fit.Criterion{ID: "c", When: `now >= timestamp(lead.renewal)`, Points: 10})
	facts := []fit.Fact{known(0, "renewal", `"2026-03-07T15:00:00Z"`)}
	for asOf, want := range map[time.Duration]float64{26 * time.Hour: 0, 27*time.Hour - time.Microsecond: 0, 27 * time.Hour: 10} {
		if got := assessed(t, spec, epoch.Add(asOf), facts...).Result; got.Score.Float() != want {
			t.Errorf("after %v: %v, want %v", asOf, got.Score, want)
		}
	}
	timeline := assessed(t, spec, epoch.AddDate(0, 1, 0), facts...).Timeline
	if len(timeline) != 2 || !timeline[1].EffectiveTime.Equal(time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("timeline %v", timeline)
	}
	late := []fit.Fact{known(0, "renewal", `"2037-01-01T00:00:00Z"`)}
	a := assessed(t, spec, epoch.AddDate(12, 0, 0), late...)
	if len(a.Timeline) != 1 || a.Result.Score != 1000 {
		t.Errorf("ten years after the latest fact: %v, result %v", a.Timeline, a.Result.Score)
	}
	again := append(late, known(24*3000, "renewal", `"2037-01-01T01:00:00+01:00"`))
	if a = assessed(t, spec, epoch.AddDate(12, 0, 0), again...); len(a.Timeline) != 2 {
		t.Errorf("another fact, another ten years: %v", a.Timeline)
	}
	m, err := fit.Compile(spec)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Settled(m.Add(nil, facts...)); got.Before(epoch.AddDate(1000, 0, 0)) {
		t.Errorf("a model that reads the time settles at %v", got)
	}
	// What is no time is a fault, once for each fact and once at the end.
	broken := assessed(t, spec, epoch.AddDate(1, 0, 0), known(0, "renewal", `"soon"`))
	if broken.Faults[condition.TypeFault] != 2 || len(broken.Result.Unknown) != 1 {
		t.Errorf("faults %v, unknown %v", broken.Faults, broken.Result.Unknown)
	}
}

// When the time alone changes what is found, the lead is to be asked about again.
func TestReview(t *testing.T) {
	trial, spend := known(0, "trial", `"2026-03-06"`), known(0, "spend", `100`)
	grows := one(fit.Criterion{ID: "c", When: `lead.spend == ago(lead.spend, 30)`, Points: 10})
	days := one(fit.Criterion{ID: "c", When: `daysSince(lead.trial) >= 3`, Points: 10})
	flag := fit.Spec{TimeZone: "Europe/Berlin", Flags: []fit.Rule{{ID: "f", When: `daysSince(lead.trial) == 40`}}}
	quiet := one(fit.Criterion{ID: "c", When: `daysSince(lead.trial) >= 3 || true`, Points: 10})
	day := func(n int) time.Time { return time.Date(2026, 3, 6+n, 0, 0, 0, 0, time.UTC) }
	for _, test := range []struct {
		name       string
		spec       fit.Spec
		fact       fit.Fact
		asOf, want time.Time
	}{
		{"nothing changes by time", software(), spend, at(0), time.Time{}},
		{"30 days after the fact", grows, spend, at(1), at(30 * 24)},
		{"once only", grows, spend, at(30 * 24), time.Time{}},
		{"nothing is known", grows, trial, at(1), time.Time{}},
		{"a fact of the future says nothing yet", grows, known(5, "spend", `7`), at(1), time.Time{}},
		{"when the third day begins", days, trial, at(1), day(3)},
		{"just before it", days, trial, day(3).Add(-time.Microsecond), day(3)},
		{"no change in sight: after 30 days", days, trial, day(3), day(33)},
		{"whatever the time, all the same", quiet, trial, at(1), day(30)},
		{"a flag, beyond 30 days", flag, trial, at(1), day(30).Add(-2 * time.Hour)}, // summer time
		{"a flag", flag, trial, day(31), time.Date(2026, 4, 14, 22, 0, 0, 0, time.UTC)},
		{"which falls again", flag, trial, time.Date(2026, 4, 14, 22, 0, 0, 0, time.UTC), time.Date(2026, 4, 15, 22, 0, 0, 0, time.UTC)},
	} {
		if got := assessed(t, test.spec, test.asOf, test.fact).Review; !got.Equal(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestCompileRefusesWhatIsInconsistent(t *testing.T) {
	steps := &fit.Grade{Labels: []string{"B", "A"}, Start: "B"}
	deep := []fit.Group{{ID: "g6"}}
	for i := 5; i > 0; i-- {
		deep = []fit.Group{{ID: fmt.Sprint("g", i), Groups: deep}}
	}
	band := func(r fit.Range) fit.Criterion {
		return fit.Criterion{ID: "c", Value: `lead.a`, Bands: []fit.Band{{Range: r}}}
	}
	edge := []fit.ClassEdge{{Label: "A", AtLeast: 1}}
	const criterion = "groups[0].criteria[0]."
	for name, test := range map[string]struct {
		spec fit.Spec
		path string
		want string
	}{
		"classes and ladder":        {fit.Spec{Classes: edge, Ladder: []fit.Rung{{Label: "A"}}}, "ladder", "beside `classes`: give one of classes, ladder and grade"},
		"classes and grade":         {fit.Spec{Classes: edge, Grade: steps}, "grade", "beside `classes`"},
		"ladder and grade":          {fit.Spec{Ladder: []fit.Rung{{Label: "A"}}, Grade: steps}, "grade", "beside `ladder`"},
		"segments and ladder":       {fit.Spec{ClassesBySegment: []fit.SegmentEdges{{Segment: "s", Edges: edge}}, Segments: []fit.Rule{{ID: "s", When: `true`}}, Ladder: []fit.Rung{{Label: "A"}}}, "ladder", "beside `classesBySegment`"},
		"edges of no segment":       {fit.Spec{ClassesBySegment: []fit.SegmentEdges{{Segment: "x", Edges: edge}}, Segments: []fit.Rule{{ID: "s", When: `true`}}}, "classesBySegment[0].segment", "the id of a segment, one of s, is \"x\""},
		"a segment without edges":   {fit.Spec{ClassesBySegment: []fit.SegmentEdges{{Segment: "s"}}, Segments: []fit.Rule{{ID: "s", When: `true`}}}, "classesBySegment[0].edges", "at least one"},
		"edges of a segment twice":  {fit.Spec{ClassesBySegment: []fit.SegmentEdges{{Segment: "s", Edges: edge}, {Segment: "s", Edges: edge}}, Segments: []fit.Rule{{ID: "s", When: `true`}}}, "classesBySegment[1].segment", "stands twice"},
		"a segment twice":           {fit.Spec{Segments: []fit.Rule{{ID: "s", When: `true`}, {ID: "s", When: `true`}}}, "segments[1].id", "unique among the segments"},
		"a ladder that ends early":  {fit.Spec{Ladder: []fit.Rung{{Label: "A"}, {Label: "B"}}}, "ladder[0].when", "only the last row may have none"},
		"a row without a label":     {fit.Spec{Ladder: []fit.Rung{{}}}, "ladder[0].label", "1 to 40 characters"},
		"a start that is no label":  {fit.Spec{Grade: &fit.Grade{Labels: []string{"B", "A"}, Start: "C"}}, "grade.start", "one of the labels, is \"C\""},
		"one label":                 {fit.Spec{Grade: &fit.Grade{Labels: []string{"B"}, Start: "B"}}, "grade.labels", "at least two"},
		"a label twice":             {fit.Spec{Grade: &fit.Grade{Labels: []string{"B", "B"}, Start: "B"}}, "grade.labels[1]", "stands twice"},
		"steps without a grade":     {one(fit.Criterion{ID: "c", When: `true`, Steps: 1}), criterion + "steps", "the model has no `grade`"},
		"steps down without one":    {one(fit.Criterion{ID: "c", When: `true`, UnmatchedSteps: -1}), criterion + "unmatchedSteps", "the model has no `grade`"},
		"steps of a choice":         {one(fit.Criterion{ID: "c", Choices: []fit.Choice{{When: `true`, Steps: 1}}}), criterion + "choices[0].steps", "the model has no `grade`"},
		"steps beside choices":      {fit.Spec{Grade: steps, Groups: one(fit.Criterion{ID: "c", Steps: 1, Choices: []fit.Choice{{When: `true`}}}).Groups}, criterion + "steps", "each of them has its own steps"},
		"too many steps":            {fit.Spec{Grade: steps, Groups: one(fit.Criterion{ID: "c", When: `true`, Steps: 1001}).Groups}, criterion + "steps", "from -1000 to 1000"},
		"when and bands":            {one(fit.Criterion{ID: "c", When: `true`, Value: `lead.a`, Bands: []fit.Band{{Range: fit.Range{Below: num(1)}}}}), criterion + "bands", "beside `when`"},
		"bands without a value":     {one(fit.Criterion{ID: "c", Bands: []fit.Band{{Range: fit.Range{Below: num(1)}}}}), criterion + "value", "the number that `bands` divide"},
		"a value without bands":     {one(fit.Criterion{ID: "c", When: `true`, Value: `lead.a`}), criterion + "bands", "at least one band"},
		"a value that is a truth":   {one(fit.Criterion{ID: "c", Value: `lead.a > 1`, Bands: []fit.Band{{Range: fit.Range{Below: num(1)}}}}), criterion + "value", "answers with bool"},
		"points beside bands":       {one(fit.Criterion{ID: "c", Points: 1, Value: `lead.a`, Bands: []fit.Band{{Range: fit.Range{Below: num(1)}}}}), criterion + "points", "each of them has its own points"},
		"a band without an edge":    {one(band(fit.Range{})), criterion + "bands[0].range", "must have an edge"},
		"two lower edges":           {one(band(fit.Range{AtLeast: num(1), Over: num(1)})), criterion + "bands[0].range.over", "one lower edge"},
		"two upper edges":           {one(band(fit.Range{AtMost: num(1), Below: num(1)})), criterion + "bands[0].range.below", "one upper edge"},
		"edges out of order":        {one(band(fit.Range{AtLeast: num(2), AtMost: num(1)})), criterion + "bands[0].range", "at least 2, at most 1 holds none"},
		"a band that holds nothing": {one(band(fit.Range{AtLeast: num(2), Below: num(2)})), criterion + "bands[0].range", "holds none"},
		"a band of no segment":      {one(band(fit.Range{AtLeast: num(2), BySegment: map[string]fit.Range{"x": {AtLeast: num(1)}}})), criterion + `bands[0].range.bySegment["x"]`, "of which the model has none"},
		"a negative weight":         {one(fit.Criterion{ID: "c", When: `true`, WeightPercent: num(-1)}), criterion + "weightPercent", "from 0 to 1000 percent, is -1"},
		"too much weight":           {one(fit.Criterion{ID: "c", When: `true`, WeightPercent: num(1000.5)}), criterion + "weightPercent", "is 1000.5"},
		"groups too deep":           {fit.Spec{Groups: deep}, "groups[0].groups[0].groups[0].groups[0].groups[0].groups", "at most 5 deep"},
		"a floor above the cap":     {fit.Spec{MaxPoints: num(1), MinPoints: num(2)}, "minPoints", "must not be above `maxPoints`, 1, is 2"},
		"a group's floor above":     {fit.Spec{Groups: []fit.Group{{ID: "g", MaxPoints: num(1), MinPoints: num(2)}}}, "groups[0].minPoints", "must not be above"},
		"an id in an inner group":   {fit.Spec{Groups: []fit.Group{{ID: "g", Groups: []fit.Group{{ID: "g"}}}}}, "groups[0].groups[0].id", `"g" is the id of groups[0].id`},
		"an id of a flag":           {fit.Spec{Groups: []fit.Group{{ID: "g"}}, Flags: []fit.Rule{{ID: "g", When: `true`}}}, "flags[0].id", "must be unique"},
		"an id of a persona":        {fit.Spec{Groups: []fit.Group{{ID: "g"}}, Personas: []fit.Rule{{ID: "g", When: `true`}}}, "groups[0].id", "is the id of personas[0].id"},
		"an id of an override":      {fit.Spec{Overrides: []fit.Override{{ID: "total", When: `true`}}}, "overrides[0].id", "is the id of the total"},
		"no such persona":           {one(fit.Criterion{ID: "c", When: `true`, Personas: []string{"x"}}), criterion + "personas[0]", "of which the model has none, is \"x\""},
		"no such list":              {one(fit.Criterion{ID: "c", When: `lead.a in lists.x`}), criterion + "when", "there is no list `x`"},
		"a list twice":              {fit.Spec{Lists: []fit.List{{ID: "x"}, {ID: "x"}}}, "lists[1].id", "stands twice"},
		"no such time zone":         {fit.Spec{TimeZone: "Mars/Olympus"}, "timeZone", "a time zone as Europe/Berlin"},
		"the zone of the machine":   {fit.Spec{TimeZone: "Local"}, "timeZone", "a time zone as Europe/Berlin"},
		"a required nothing":        {fit.Spec{Required: []string{""}}, "required[0]", "the key of an attribute"},
		"required twice":            {fit.Spec{Required: []string{"a", "a"}}, "required[1]", "stands twice"},
		"an ICP of activities":      {fit.Spec{ICP: `activity.type == "x"`}, "icp", "undeclared reference to 'activity'"},
		"points of an override":     {fit.Spec{Overrides: []fit.Override{{ID: "o", When: `true`, Points: 0.001}}}, "overrides[0].points", "two decimals"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := fit.Compile(test.spec)
			problems, _ := errors.AsType[fit.Problems](err)
			if len(problems) != 1 || problems[0].Path != test.path || !strings.Contains(problems[0].Text, test.want) {
				t.Errorf("got %v\nwant %s: %s", err, test.path, test.want)
			}
		})
	}
}

// What it costs that conditions read the time: a year of days.
func BenchmarkAssessByTime(b *testing.B) {
	for name, when := range map[string]string{
		"days":  `daysSince(lead.trial) >= 30`,
		"ago":   `lead.spend > ago(lead.spend, 30)`,
		"plain": `lead.spend > 10`,
	} {
		b.Run(name, func(b *testing.B) {
			m, err := fit.Compile(one(fit.Criterion{ID: "c", When: when, Points: 10}))
			if err != nil {
				b.Fatal(err)
			}
			h := m.Add(nil, known(0, "trial", `"2026-03-01"`), known(0, "spend", `100`), known(24, "spend", `200`))
			b.ReportAllocs()
			for b.Loop() {
				m.Assess(h, at(365*24))
			}
		})
	}
}
