package decision_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// is is a gate whose answer is known beforehand.
func is(t decision.Truth) decision.Gate { return answers[t] }

var answers = map[decision.Truth]decision.Gate{
	decision.True:    when(`1 == 1`),
	decision.False:   when(`1 == 2`),
	decision.Unknown: when(`lead.nobody_knows == "this"`),
}

func when(text string) decision.Gate {
	c, err := condition.Compile(text, condition.LeadVar)
	if err != nil {
		panic(err)
	}
	return decision.When(c)
}

var (
	yes     = is(decision.True)
	no      = is(decision.False)
	unknown = is(decision.Unknown)
)

func rule(id string, when decision.Gate) []decision.Rule {
	return []decision.Rule{{ID: id, Description: "because of " + id, When: when}}
}

func TestPrecedence(t *testing.T) {
	everything := decision.Rules{
		Exclude:    rule("staff", yes),
		Disqualify: rule("student", yes),
		FastTrack:  rule("demo_request", yes),
		NeedsData:  decision.NeedsData{Attributes: []string{"country"}},
		Gates:      yes,
	}
	for _, c := range []struct {
		name    string
		change  func(*decision.Rules)
		verdict decision.Verdict
		code    string
	}{
		{"exclusion first", func(*decision.Rules) {}, decision.Disqualified, "staff"},
		{"then disqualification", func(r *decision.Rules) { r.Exclude = nil }, decision.Disqualified, "student"},
		{"then the fast track", func(r *decision.Rules) { r.Exclude, r.Disqualify = nil, rule("student", no) }, decision.Qualified, "fast_track.demo_request"},
		{"then the answers to ask for", func(r *decision.Rules) {
			r.Exclude, r.Disqualify, r.FastTrack = nil, nil, rule("demo_request", unknown)
		}, decision.NeedsAnswers, "needs_data"},
		{"then the gates", func(r *decision.Rules) {
			r.Exclude, r.Disqualify, r.FastTrack, r.NeedsData = nil, nil, nil, decision.NeedsData{}
		}, decision.Qualified, "gates"},
		{"otherwise nurture", func(r *decision.Rules) {
			*r = decision.Rules{Exclude: rule("staff", unknown), Gates: no}
		}, decision.Nurture, "gates"},
		{"without gates nobody qualifies", func(r *decision.Rules) { *r = decision.Rules{} }, decision.Nurture, "gates"},
		{"not worth asking, so not asked", func(r *decision.Rules) {
			*r = decision.Rules{NeedsData: decision.NeedsData{Attributes: []string{"country"}, When: unknown}, Gates: no}
		}, decision.Nurture, "gates"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := everything
			c.change(&rules)
			got := decision.Decide(&rules, &decision.Evidence{})
			if got.Verdict != c.verdict || len(got.Reasons) != 1 || got.Reasons[0].Code != c.code {
				t.Errorf("got %s because of %v, want %s because of %s", got.Verdict, got.Reasons, c.verdict, c.code)
			}
			if (got.Verdict == decision.NeedsAnswers) != (len(got.Missing) > 0) {
				t.Errorf("%s with missing %v", got.Verdict, got.Missing)
			}
		})
	}
}

func TestGates(t *testing.T) {
	at := func(p points.Points) *points.Points { return &p }
	evidence := &decision.Evidence{
		Lead: condition.AttributeMap{"country": condition.Text("DE")},
		Fit:  decision.Fit{Scored: true, Score: 7500, Class: "A"},
		Engagement: decision.Engagement{
			Scored: true, Score: 6000, Band: "2", Windows: []int{7, 30},
			Counts: []decision.Count{{Rule: "pricing_page", Ever: 5, Within: []int{1, 3}}},
		},
	}
	nothing := &decision.Evidence{}
	for _, c := range []struct {
		name     string
		gate     decision.Gate
		want     decision.Truth
		nothings decision.Truth
	}{
		{"at least, inclusive", decision.FitScore(decision.Range{AtLeast: at(7500)}), decision.True, decision.Unknown},
		{"below, exclusive", decision.FitScore(decision.Range{Below: at(7500)}), decision.False, decision.Unknown},
		{"both limits", decision.EngagementScore(decision.Range{AtLeast: at(5000), Below: at(6001)}), decision.True, decision.Unknown},
		{"class", decision.FitClass("A", "B"), decision.True, decision.Unknown},
		{"another class", decision.FitClass("C"), decision.False, decision.Unknown},
		{"band", decision.EngagementBand("1", "2"), decision.True, decision.Unknown},
		{"activity, once by default", decision.Activity("pricing_page", 0, 0), decision.True, decision.Unknown},
		{"activity, often", decision.Activity("pricing_page", 6, 0), decision.False, decision.Unknown},
		{"activity in a window", decision.Activity("pricing_page", 3, 30), decision.True, decision.Unknown},
		{"activity in a shorter window", decision.Activity("pricing_page", 3, 7), decision.False, decision.Unknown},
		{"activity in a window nobody counts", decision.Activity("pricing_page", 1, 14), decision.Unknown, decision.Unknown},
		{"an activity that never was", decision.Activity("trial", 1, 0), decision.False, decision.Unknown},
		{"a condition", when(`lead.country in ["DE", "AT"]`), decision.True, decision.Unknown},
		{"not", decision.Not(decision.FitClass("A")), decision.False, decision.Unknown},
		{"not unknown is unknown", decision.Not(unknown), decision.Unknown, decision.Unknown},
		{"all of none", decision.All(), decision.True, decision.True},
		{"any of none", decision.Any(), decision.False, decision.False},
		{"all, one open", decision.All(yes, unknown), decision.Unknown, decision.Unknown},
		{"all, one false", decision.All(unknown, no), decision.False, decision.False},
		{"any, one true", decision.Any(unknown, yes), decision.True, decision.True},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := decision.Answer(c.gate, evidence); got != c.want {
				t.Errorf("with evidence: %s, want %s", got, c.want)
			}
			if got := decision.Answer(c.gate, nothing); got != c.nothings {
				t.Errorf("with nothing known: %s, want %s", got, c.nothings)
			}
		})
	}
}

func TestNurtureSaysWhatIsLacking(t *testing.T) {
	sixty := points.Points(6000)
	rules := decision.Rules{Gates: decision.All(
		decision.FitClass("A", "B"),
		decision.EngagementScore(decision.Range{AtLeast: &sixty}),
		decision.Any(decision.Activity("pricing_page", 2, 30), decision.Activity("trial", 1, 0)),
	)}
	got := decision.Decide(&rules, &decision.Evidence{Fit: decision.Fit{Scored: true, Class: "A"}})
	const want = "not yet: engagement score at least 60 and (pricing page at least 2 times within 30 days or trial)"
	if got.Reasons[0].Description != want {
		t.Errorf("reason is %q, want %q", got.Reasons[0].Description, want)
	}
}

func TestAttributesOfRules(t *testing.T) {
	rules := decision.Rules{
		Disqualify: rule("student", decision.Not(when(`lead.job_title == lead.email_domain`))),
		NeedsData:  decision.NeedsData{Attributes: []string{"country"}, When: decision.Any(when(`lead.job_title == "CEO"`))},
		Gates:      decision.All(decision.AtLeast(1, when(`lead.industry == "IT"`))),
	}
	want := []string{"country", "email_domain", "industry", "job_title"}
	if got := rules.Attributes(); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A k-of-n gate is true if and only if it is true however the unknown answers turn
// out, and false if and only if it is false however they do.
func TestAtLeastEqualsBruteForce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(truths, 0, 7).Draw(t, "answers")
		k := rapid.IntRange(1, 8).Draw(t, "k")
		gates := make([]decision.Gate, len(answers))
		for i, a := range answers {
			gates[i] = is(a)
		}
		sometimes, always := false, true
		for world := range 1 << len(answers) {
			held := 0
			for i, a := range answers {
				if a == decision.True || (a == decision.Unknown && world&(1<<i) != 0) {
					held++
				}
			}
			sometimes = sometimes || held >= k
			always = always && held >= k
		}
		want := decision.Unknown
		if always {
			want = decision.True
		} else if !sometimes {
			want = decision.False
		}
		if got := decision.Answer(decision.AtLeast(k, gates...), &decision.Evidence{}); got != want {
			t.Fatalf("%d of %v is %s, want %s", k, answers, got, want)
		}
		if got := decision.Answer(decision.Not(decision.AtLeast(k, gates...)), &decision.Evidence{}); got != decision.Negate(want) {
			t.Fatalf("its negation is %s, want %s", got, decision.Negate(want))
		}
	})
}

// Learning what was unknown never takes an answer back.
func TestLearningNeverTakesAnAnswerBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		shape := rapid.SliceOfN(truths, 1, 8).Draw(t, "answers")
		learned := slices.Clone(shape)
		for i, a := range shape {
			if a == decision.Unknown {
				learned[i] = rapid.SampledFrom([]decision.Truth{decision.True, decision.False}).Draw(t, "learned")
			}
		}
		build := buildGate(t, len(shape))
		before := decision.Answer(build(shape), &decision.Evidence{})
		after := decision.Answer(build(learned), &decision.Evidence{})
		if before != decision.Unknown && after != before {
			t.Fatalf("was %s, and %s after learning", before, after)
		}
	})
}

// A rule that is added to a tier and holds decides, unless a tier before it does;
// one that doesn't hold changes nothing.
func TestAddedRules(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tier := func(name string) []decision.Rule {
			var rules []decision.Rule
			for _, a := range rapid.SliceOfN(truths, 0, 3).Draw(t, name) {
				rules = append(rules, decision.Rule{ID: name, When: is(a)})
			}
			return rules
		}
		rules := decision.Rules{
			Exclude: tier("exclude"), Disqualify: tier("disqualify"), FastTrack: tier("fast"),
			Gates: is(truths.Draw(t, "gates")),
		}
		if rapid.Bool().Draw(t, "asks") {
			rules.NeedsData = decision.NeedsData{Attributes: []string{"country"}, When: is(truths.Draw(t, "worth"))}
		}
		before := decision.Decide(&rules, &decision.Evidence{})

		holds := truths.Draw(t, "added")
		added := decision.Rule{ID: "added", When: is(holds)}
		excluded := before.Verdict == decision.Disqualified
		disqualify := rules
		disqualify.Disqualify = append(slices.Clone(rules.Disqualify), added)
		switch after := decision.Decide(&disqualify, &decision.Evidence{}); {
		case holds == decision.True && after.Verdict != decision.Disqualified:
			t.Fatalf("a disqualification that holds gives %s", after.Verdict)
		case holds != decision.True && after.Verdict != before.Verdict:
			t.Fatalf("a disqualification that does not hold turns %s into %s", before.Verdict, after.Verdict)
		}
		fast := rules
		fast.FastTrack = append(slices.Clone(rules.FastTrack), added)
		switch after := decision.Decide(&fast, &decision.Evidence{}); {
		case excluded && after.Verdict != decision.Disqualified:
			t.Fatalf("a fast track overrides a disqualification: %s", after.Verdict)
		case !excluded && holds == decision.True && after.Verdict != decision.Qualified:
			t.Fatalf("a fast track that holds gives %s", after.Verdict)
		case holds != decision.True && after.Verdict != before.Verdict:
			t.Fatalf("a fast track that does not hold turns %s into %s", before.Verdict, after.Verdict)
		}
		if len(before.Reasons) == 0 {
			t.Fatal("a verdict without a reason")
		}
	})
}

var truths = rapid.SampledFrom([]decision.Truth{decision.True, decision.False, decision.Unknown})

// buildGate draws the shape of a gate over n leaves.
func buildGate(t *rapid.T, n int) func([]decision.Truth) decision.Gate {
	if n == 1 {
		if rapid.Bool().Draw(t, "negated") {
			return func(a []decision.Truth) decision.Gate { return decision.Not(is(a[0])) }
		}
		return func(a []decision.Truth) decision.Gate { return is(a[0]) }
	}
	cut := rapid.IntRange(1, n-1).Draw(t, "cut")
	left, right := buildGate(t, cut), buildGate(t, n-cut)
	kind := rapid.SampledFrom([]string{"all", "any", "both of two"}).Draw(t, "kind")
	return func(a []decision.Truth) decision.Gate {
		l, r := left(a[:cut]), right(a[cut:])
		switch kind {
		case "all":
			return decision.All(l, r)
		case "any":
			return decision.Any(l, r)
		default:
			return decision.AtLeast(2, l, r)
		}
	}
}

// A reason names the alternatives that hold, and no other.
func TestReasonsNameWhatHolds(t *testing.T) {
	sixty := points.Points(60_00)
	rules := &decision.Rules{Gates: decision.Any(
		decision.All(decision.FitClass("A"), decision.EngagementScore(decision.Range{AtLeast: &sixty})),
		decision.AtLeast(2, decision.FitClass("B"), decision.FitClass("C"), decision.EngagementBand("1", "2")),
	)}
	for class, want := range map[string]string{
		"A": "fit class A and engagement score at least 60",
		"B": "fit class B and engagement band 1 or 2",
	} {
		evidence := &decision.Evidence{
			Fit:        decision.Fit{Scored: true, Class: class},
			Engagement: decision.Engagement{Scored: true, Score: 70_00, Band: "2"},
		}
		got := decision.Decide(rules, evidence)
		if got.Verdict != decision.Qualified || got.Reasons[0].Description != want {
			t.Errorf("fit %s: %s because %q, want %q", class, got.Verdict, got.Reasons[0].Description, want)
		}
	}
}
