package engagement

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/points"
)

// whole returns whole points.
func whole(n points.Points) *points.Points { n *= points.One; return &n }

// ruleOf is a rule for one activity type, named like it.
func ruleOf(id string, p points.Points) Rule {
	return Rule{ID: id, Activities: []string{"did." + id}, Points: p * points.One}
}

// did are activities at the beginning of time: `a` means that a happened, `a a` twice.
func did(types string) []Fact {
	var facts []Fact
	for i, t := range strings.Fields(types) {
		facts = append(facts, Fact{Source: "test", ID: fmt.Sprint(i), Type: "did." + t})
	}
	return facts
}

// inWords are the lines of a score, and after them the score.
func inWords(lines []Contribution, sum points.Points) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "%s %s %+g; ", l.Rule, lineNames[l.Line], l.Points.Float())
	}
	fmt.Fprintf(&b, "= %v", sum)
	return b.String()
}

var lineNames = [...]string{
	"given", "limit", "stop", "suspended", "reset", "restored", "decay", "cap", "floor", "combine", "shown", "unknown",
}

func scoreOf(t *testing.T, m Model, facts Facts, micros int64) Score {
	t.Helper()
	c, err := Compile(m)
	if err != nil {
		t.Fatal(err)
	}
	score := c.Fold(facts, micros)
	sum := func(lines []Contribution) (sum points.Points) {
		for _, l := range lines {
			sum += l.Points
			if l.Description == "" {
				t.Errorf("a line without words: %+v", l)
			}
		}
		return sum
	}
	if got := sum(score.Contributions); got != score.Points {
		t.Errorf("score %v, its lines sum to %v", score.Points, got)
	}
	if c := score.Combined; c != nil && sum(c.Contributions) != c.Points {
		t.Errorf("combined score %v, its lines sum to %v", c.Points, sum(c.Contributions))
	}
	return score
}

// By hand: how the lines of groups make up a score.
func TestGroupsByHand(t *testing.T) {
	a, b, c := ruleOf("a", 20), ruleOf("b", 15), ruleOf("c", -30)
	two := func(combine Combine) Model {
		return Model{Groups: []Group{{ID: "g", Combine: combine, Rules: []Rule{a, b, c}}}}
	}
	// 25 at most of the inner group, 30 at most of the outer.
	nested := Model{
		Cap: whole(32),
		Groups: []Group{
			{ID: "outer", Cap: whole(30), Rules: []Rule{ruleOf("x", 10)}, Groups: []Group{
				{ID: "inner", Cap: whole(25), Rules: []Rule{a, b}},
				{ID: "second", Rules: []Rule{ruleOf("y", 1)}},
			}},
			{ID: "last", Rules: []Rule{ruleOf("z", 5)}},
		},
	}
	for _, test := range []struct {
		what  string
		model Model
		did   string
		want  string
	}{
		{"the sum", two(CombineSum), "a b c", "a given +20; b given +15; c given -30; = 5"},
		{"the highest of three", two(CombineMax), "a b c", "a given +20; b given +15; c given -30; g combine +15; = 20"},
		{"the lowest of three", two(CombineMin), "a b c", "a given +20; b given +15; c given -30; g combine -35; = -30"},
		{"the highest of one is no matter", two(CombineMax), "b", "b given +15; = 15"},
		{"what never happened is no line: the highest of one negative", two(CombineMax), "c", "c given -30; = -30"},
		{"of nothing", two(CombineMax), "", "= 0"},
		{"caps inside of each other", nested, "a b x y z", "x given +10; a given +20; b given +15; inner cap -10; y given +1; outer cap -6; z given +5; total cap -3; = 32"},
		{"at the cap nothing is withheld", nested, "a z z", "a given +20; z given +10; = 30"},
		{"a cap of zero", Model{Groups: []Group{{ID: "g", Cap: whole(0), Rules: []Rule{a}}}}, "a", "a given +20; g cap -20; = 0"},
		{"a floor that is only shown", Model{Least: whole(0), Groups: []Group{{ID: "g", Rules: []Rule{a, c}}}}, "a c", "a given +20; c given -30; total shown +10; = 0"},
		{"above it nothing is shown", Model{Least: whole(0), Groups: []Group{{ID: "g", Rules: []Rule{a, c}}}}, "a a c", "a given +40; c given -30; = 10"},
		{"a floor of a group", Model{Groups: []Group{{ID: "g", Least: whole(-10), Rules: []Rule{c}}, {ID: "h", Rules: []Rule{a}}}}, "a c", "c given -30; g shown +20; a given +20; = 10"},
		{"a floor of nothing", Model{Least: whole(5)}, "", "total shown +5; = 5"},
	} {
		t.Run(test.what, func(t *testing.T) {
			score := scoreOf(t, test.model, Facts{Facts: did(test.did)}, hour)
			if got := inWords(score.Contributions, score.Points); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			// Without lines it is the same.
			c, _ := Compile(test.model)
			state, _ := c.fold(Facts{Facts: did(test.did)}, hour)
			if value, _, _ := c.value(&state, nil, hour); value != score.Points {
				t.Errorf("without lines %v, want %v", value, score.Points)
			}
			for g := range c.groups {
				var lines points.Points
				for _, l := range score.Contributions {
					if l.Group == c.groups[g].id {
						lines += l.Points
					}
				}
				if value := c.groupValue(g, &state, nil, hour); c.groups[g].after == g+1 && value != lines {
					t.Errorf("%s is worth %v, its lines %v", c.groups[g].id, value, lines)
				}
			}
		})
	}
}

// By hand: questions about the lead as it stands.
func TestCriteriaByHand(t *testing.T) {
	low := func(p points.Points) *Range { p *= points.One; return &Range{AtLeast: &p} }
	ask := func(weight points.Points, choices ...GateChoice) Model {
		return Model{Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 20)}, Criteria: []Criterion{
			{ID: "q", Description: "Question", Choices: choices, WeightPercent: weight * 100},
		}}}}
	}
	german := GateChoice{If: Gate{When: `lead.country == "DE"`}, Points: 1250, Description: "German"}
	known := GateChoice{If: Gate{Known: &Known{Attributes: []string{"country"}}}, Points: 100}
	fits := GateChoice{If: Gate{FitScore: low(50)}, Points: 700}
	anybody := GateChoice{If: Gate{Not: &Gate{Known: &Known{Attributes: []string{"nothing"}}}}, Points: -333}
	facts := func(country string) Facts {
		f := Facts{Fit: []FitPoint{{Scored: true, Points: 5000}}}
		if country != "" {
			f.Facts = []Fact{{Kind: Attribute, Name: "country", Value: []byte(`"` + country + `"`)}}
		}
		return f
	}
	for _, test := range []struct {
		what  string
		model Model
		facts Facts
		want  string
	}{
		{"the first that holds", ask(100, german, known), facts("DE"), "q given +12.5; = 12.5"},
		{"the next", ask(100, german, known), facts("FR"), "q given +1; = 1"},
		{"unknown is passed over", ask(100, german, fits), facts(""), "q given +7; = 7"},
		{"nothing but unknown", ask(100, german), facts(""), "q unknown +0; = 0"},
		{"known to be no", ask(100, german), facts("FR"), "= 0"},
		{"a weight: 12.50 × 33.3 % = 4.1625", ask(0, german), facts("DE"), "q given +0; = 0"},
		{"half away from zero: -3.33 × 50 % = -1.665", ask(50, anybody), facts(""), "q given -1.67; = -1.67"},
		{"more than all of it", ask(250, german), facts("DE"), "q given +31.25; = 31.25"},
	} {
		t.Run(test.what, func(t *testing.T) {
			if strings.Contains(test.what, "33.3") {
				test.model.Groups[0].Criteria[0].WeightPercent = 3330
				test.want = "q given +4.16; = 4.16"
			}
			score := scoreOf(t, test.model, test.facts, hour)
			if got := inWords(score.Contributions, score.Points); got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
		})
	}
}

// Bands at either edge, and those of a segment; ladders from the top.
func TestBandsByHand(t *testing.T) {
	bands := []Edge{{"1", 8000}, {"2", 5050}, {"3", 0}}
	own := []SegmentEdges{{Segment: "big", Edges: []Edge{{"1", 10000}, {"low", -100000}}}}
	segments := []Segment{{ID: "big", When: `lead.size > 100`}}
	rung := func(label, when string) Rung {
		if when == "" {
			return Rung{Label: label}
		}
		return Rung{Label: label, If: &Gate{When: when}}
	}
	size := func(n string) []Fact { return []Fact{{Kind: Attribute, Name: "size", Value: []byte(n)}} }
	for _, test := range []struct {
		what   string
		model  Model
		facts  []Fact
		points points.Points
		want   string
	}{
		{"at the edge", Model{Bands: bands}, nil, 5050, "2"},
		{"a hundredth below it", Model{Bands: bands}, nil, 5049, "3"},
		{"below all edges", Model{Bands: bands}, nil, -1, ""},
		{"no bands", Model{}, nil, 5000, ""},
		{"of a segment", Model{Bands: bands, SegmentBands: own, Segments: segments}, size("101"), 9999, "low"},
		{"of none", Model{Bands: bands, SegmentBands: own, Segments: segments}, size("100"), 9999, "1"},
		{"of nobody knows which", Model{Bands: bands, SegmentBands: own, Segments: segments}, nil, 9999, "1"},
		{"a ladder from the top", Model{Ladders: []Ladder{{ID: "l", Rows: []Rung{rung("hot", `lead.size > 500`), rung("warm", `lead.size > 5`), rung("cold", "")}}}}, size("60"), 0, "warm"},
		{"its last row", Model{Ladders: []Ladder{{ID: "l", Rows: []Rung{rung("hot", `lead.size > 500`), rung("cold", "")}}}}, nil, 0, "cold"},
		{"no row", Model{Ladders: []Ladder{{ID: "l", Rows: []Rung{rung("hot", `lead.size > 500`)}}}}, size("60"), 0, ""},
		{"the best of two ladders", Model{LadderLabels: []string{"hot", "warm", "cold"}, Ladders: []Ladder{
			{ID: "l", Rows: []Rung{rung("cold", "")}}, {ID: "m", Rows: []Rung{rung("hot", `lead.size > 500`), rung("warm", `lead.size > 5`)}},
		}}, size("60"), 0, "warm"},
		{"the better stands first", Model{LadderLabels: []string{"hot", "warm", "cold"}, Ladders: []Ladder{
			{ID: "l", Rows: []Rung{rung("warm", "")}}, {ID: "m", Rows: []Rung{rung("cold", "")}},
		}}, nil, 0, "warm"},
	} {
		t.Run(test.what, func(t *testing.T) {
			test.model.Groups = []Group{{ID: "g", Rules: []Rule{{ID: "a", Activities: []string{"did.a"}, Points: test.points}}}}
			if got := scoreOf(t, test.model, Facts{Facts: append(did("a"), test.facts...)}, hour).Band; got != test.want {
				t.Errorf("band %q, want %q", got, test.want)
			}
		})
	}
}

// Fit and engagement as one score.
func TestCombinedByHand(t *testing.T) {
	fit := func(p points.Points) []FitPoint { return []FitPoint{{Scored: true, Points: p * points.One}} }
	bands := []Edge{{"hot", 10000}, {"cold", 0}}
	for _, test := range []struct {
		what     string
		combined Combined
		fit      []FitPoint
		did      string
		want     string
		band     string
	}{
		{"their sum", Combined{Bands: bands}, fit(60), "a a", "fit given +60; engagement given +40; = 100", "hot"},
		{"its cap", Combined{Cap: whole(70)}, fit(60), "a", "fit given +60; engagement given +20; total cap -10; = 70", ""},
		{"most of the fit", Combined{FitCap: whole(30), Bands: bands}, fit(60), "a", "fit given +60; fit cap -30; engagement given +20; = 50", "cold"},
		{"a floor that is shown", Combined{Least: whole(0)}, fit(-60), "a", "fit given -60; engagement given +20; total shown +40; = 0", ""},
		{"no fit, no score", Combined{Bands: bands}, nil, "a", "= 0", ""},
		{"too little known", Combined{Bands: bands}, []FitPoint{{}}, "a", "= 0", ""},
		{"no fit is zero here", Combined{UnknownFitIsZero: true, Bands: bands}, nil, "a", "fit unknown +0; engagement given +20; = 20", "cold"},
		{"the fit of the instant", Combined{}, []FitPoint{{Scored: true, Points: 100}, {Micros: 2 * hour, Scored: true, Points: 9900}}, "a", "fit given +1; engagement given +20; = 21", ""},
	} {
		t.Run(test.what, func(t *testing.T) {
			m := Model{Combined: &test.combined, Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 20)}}}}
			got := scoreOf(t, m, Facts{Facts: did(test.did), Fit: test.fit}, hour).Combined
			if words := inWords(got.Contributions, got.Points); words != test.want || got.Band != test.band {
				t.Errorf("\n got %s %q\nwant %s %q", words, got.Band, test.want, test.band)
			}
			if got.Known != (len(got.Contributions) > 0) {
				t.Errorf("known: %v", got.Known)
			}
		})
	}
}

// A score that is set while a gate holds; scoring goes on underneath.
func TestOverridesByHand(t *testing.T) {
	student := &Gate{When: `lead.title == "student"`}
	m := Model{
		Bands: []Edge{{"1", 1000}, {"none", -100}}, Combined: &Combined{},
		Overrides: []Override{
			{ID: "student", Description: "Students show nothing", If: student, Points: 0},
			{ID: "second", If: student, Points: 500},
			{ID: "both", Description: "Nor together", If: student, Points: -50, Combined: true},
		},
		Flags:  []Flag{{ID: "is_student", If: *student}, {ID: "is_known", If: Gate{Known: &Known{Attributes: []string{"title"}}}}},
		Groups: []Group{{ID: "g", Rules: []Rule{ruleOf("a", 20)}}},
	}
	for title, want := range map[string]string{
		`"student"`: "a given +20; student shown -20; = 0 of 20, none; fit given +10; engagement given +0; both shown -10.5; = -0.5 [is_student is_known]",
		`"boss"`:    "a given +20; = 20 of 20, 1; fit given +10; engagement given +20; = 30 [is_known]",
		`null`:      "a given +20; = 20 of 20, 1; fit given +10; engagement given +20; = 30 []",
	} {
		facts := append(did("a"), Fact{Kind: Attribute, Name: "title", Value: []byte(title)})
		s := scoreOf(t, m, Facts{Facts: facts, Fit: []FitPoint{{Scored: true, Points: 1000}}}, hour)
		got := fmt.Sprintf("%s of %v, %s; %s %v", inWords(s.Contributions, s.Points), s.Underlying, s.Band,
			inWords(s.Combined.Contributions, s.Combined.Points), s.Flags)
		if got != want {
			t.Errorf("%s:\n got %s\nwant %s", title, got, want)
		}
	}
}

// What stands still is a line like any other; so is what a floor lifted.
func TestWhatTheFoldKeeps(t *testing.T) {
	c, err := Compile(Model{
		Cap: whole(60), Floor: &Floor{Points: 1000}, Combined: &Combined{},
		Suspensions: []Suspension{{ID: "deal", Description: "While a deal is open", From: []string{"did.deal"}, Freeze: true}},
		Overrides: []Override{
			{ID: "set", Description: "Set by hand", Activities: []string{"did.set"}},
			{ID: "together", Activities: []string{"did.set"}, Combined: true},
		},
		Groups: []Group{{ID: "g", Floor: &Floor{Points: 500}, Rules: []Rule{ruleOf("a", 20)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what string
		keep func(*State)
		want string
	}{
		{"nothing", func(*State) {}, "a given +20; = 20 of 20; fit given +30; engagement given +20; = 50"},
		{"lifted", func(s *State) { s.lifted = []points.Points{700, 900} }, "a given +20; g floor +7; total floor +9; = 36 of 36; fit given +30; engagement given +36; = 66"},
		{"lifted to the cap", func(s *State) { s.lifted = []points.Points{9000, 0} }, "a given +20; g floor +90; total cap -50; = 60 of 60; fit given +30; engagement given +60; = 90"},
		{"frozen", func(s *State) {
			s.suspensions = []suspensionState{{on: true, frozen: 1250, frozenCombined: 6000, frozenKnown: true}}
		}, "a given +20; deal shown -7.5; = 12.5 of 20; fit given +30; engagement given +12.5; deal shown +17.5; = 60"},
		{"frozen without a fit", func(s *State) { s.suspensions = []suspensionState{{on: true, frozen: 1250}} }, "a given +20; deal shown -7.5; = 12.5 of 20; fit given +30; engagement given +12.5; = 42.5"},
		{"frozen at what it is", func(s *State) { s.suspensions = []suspensionState{{on: true, frozen: 2000}} }, "a given +20; = 20 of 20; fit given +30; engagement given +20; = 50"},
		{"set, whatever is frozen", func(s *State) {
			s.suspensions = []suspensionState{{on: true, frozen: 1250}}
			s.overrides = []overrideState{{on: true, points: 9900}, {on: true, points: 100}}
		}, "a given +20; deal shown -7.5; set shown +86.5; = 99 of 20; fit given +30; engagement given +99; together shown -128; = 1"},
	} {
		t.Run(test.what, func(t *testing.T) {
			state, matcher := c.fold(Facts{Facts: did("a"), Fit: []FitPoint{{Scored: true, Points: 3000}}}, hour)
			test.keep(&state)
			s := c.Score(&state, matcher.view.profile, hour)
			got := fmt.Sprintf("%s of %v; %s", inWords(s.Contributions, s.Points), s.Underlying, inWords(s.Combined.Contributions, s.Combined.Points))
			if got != test.want {
				t.Errorf("\n got %s\nwant %s", got, test.want)
			}
			v := newView(c, matcher.view.profile)
			if ofGroup, _ := c.floorValue(0, &state, &v, hour); ofGroup != c.groupValue(0, &state, &v, hour) {
				t.Errorf("the floor of the group holds %v", ofGroup)
			}
			if ofTotal, _ := c.floorValue(1, &state, &v, hour); ofTotal != s.Underlying {
				t.Errorf("the floor of the total holds %v", ofTotal)
			}
			engagement, combined, known := c.shownValue(&state, &v, hour)
			if engagement != s.Points || combined != s.Combined.Points || !known {
				t.Errorf("without lines %v and %v", engagement, combined)
			}
		})
	}
}

// What is wrong with how a score is read is said with its path.
func TestScoreProblems(t *testing.T) {
	always := Gate{Stage: []string{"LEAD"}}
	for want, m := range map[string]Model{
		"minPoints: must not be more than maxPoints, is 5":                        {Cap: whole(4), Least: whole(5)},
		"floor.points: must not be more than maxPoints, is 5":                     {Cap: whole(4), Floor: &Floor{Points: 500}},
		"groups[0].groups[0].maxPoints: must not be negative, is -1":              {Groups: []Group{{ID: "a", Groups: []Group{{ID: "b", Cap: whole(-1)}}}}},
		"bands[1].atLeast: must be lower than the band before it, is 5":           {Bands: []Edge{{"a", 500}, {"b", 500}}},
		"bandsBySegment[0].segment: must be the id of a segment, is \"x\"":        {SegmentBands: []SegmentEdges{{Segment: "x"}}},
		"combined.bands[1].label: must be unique, \"a\" is taken":                 {Combined: &Combined{Bands: []Edge{{"a", 500}, {"a", 400}}}},
		"ladders[0].rows[0].if: must be given on all rows but the last":           {Ladders: []Ladder{{ID: "l", Rows: []Rung{{Label: "a"}, {Label: "b"}}}}},
		"ladders: must not be given beside bands":                                 {Bands: []Edge{{"a", 0}}, Ladders: []Ladder{{ID: "l", Rows: []Rung{{Label: "a"}}}}},
		"overrides[0]: must give either activities or if":                         {Overrides: []Override{{ID: "o"}}},
		"overrides[0].score: must not be the combined score, there is none":       {Overrides: []Override{{ID: "o", If: &always, Combined: true}}},
		"groups[0].criteria[0].choices: must have at least one":                   {Groups: []Group{{ID: "g", Criteria: []Criterion{{ID: "c"}}}}},
		"groups[0].criteria[0].weightPercent: must be from 0 to 1000, is 1000.01": {Groups: []Group{{ID: "g", Criteria: []Criterion{{ID: "c", WeightPercent: 100001, Choices: []GateChoice{{If: always}}}}}}},
		"flags[0].if.activity.rule: must be the id of a rule or signal, is \"x\"": {Flags: []Flag{{ID: "f", If: Gate{Activity: &ActivityGate{Rule: "x"}}}}},
		"flags[0].if.icp: must not be asked inside the engagement part":           {Flags: []Flag{{ID: "f", If: Gate{Foreign: "icp"}}}},
		"watch.activities[0].rule: must be the id of a rule or signal, is \"x\"":  {Watch: Watch{Activities: []ActivityGate{{Rule: "x"}}}},
	} {
		if _, err := Compile(m); err == nil || err.Error() != want {
			t.Errorf("\n got %v\nwant %s", err, want)
		}
	}
}
