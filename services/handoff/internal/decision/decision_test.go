package decision_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
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
	return decision.When(conditionOf(text))
}

func conditionOf(text string) *condition.Condition {
	c, err := condition.Compile(text, condition.LeadVar)
	if err != nil {
		panic(err)
	}
	return c
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
	at := func(n float64) *float64 { return &n }
	from := func(n float64) decision.Range { return decision.Range{AtLeast: &n} }
	score := func(p points.Points, label string) decision.Score {
		return decision.Score{Scored: true, Points: p, Label: label}
	}
	evidence := &decision.Evidence{
		Lead:  condition.AttributeMap{"country": condition.Text("DE")},
		Stage: "NURTURE",
		Fit: decision.Fit{
			Score: score(7500, "A"), Assessed: true, Persona: "buyer", ICP: decision.True, Flags: []string{"vip"},
		},
		Engagement: decision.Engagement{Score: score(6000, "2"), Watched: []float64{5, 3, 1, 0}, Suspended: []string{"partner"}},
		Combined:   score(13500, "hot"),
	}
	evidence.Lines = map[string]points.Points{"web": 1250}
	pricing := func(place int, r decision.Range) decision.Gate {
		return decision.Activity(decision.Measured{Place: place, Rule: "pricing page"}, r)
	}
	nothing := &decision.Evidence{}
	for _, c := range []struct {
		name     string
		gate     decision.Gate
		want     decision.Truth
		nothings decision.Truth
	}{
		{"at least, inclusive", decision.FitScore(from(75)), decision.True, decision.Unknown},
		{"below, exclusive", decision.FitScore(decision.Range{Below: at(75)}), decision.False, decision.Unknown},
		{"over, exclusive", decision.FitScore(decision.Range{Over: at(75)}), decision.False, decision.Unknown},
		{"at most, inclusive", decision.FitScore(decision.Range{AtMost: at(75)}), decision.True, decision.Unknown},
		{"both limits", decision.EngagementScore(decision.Range{AtLeast: at(50), Below: at(60.01)}), decision.True, decision.Unknown},
		{"combined", decision.CombinedScore(from(135)), decision.True, decision.Unknown},
		{"class", decision.FitClass("A", "B"), decision.True, decision.Unknown},
		{"another class", decision.FitClass("C"), decision.False, decision.Unknown},
		{"band", decision.EngagementBand("1", "2"), decision.True, decision.Unknown},
		{"combined band", decision.CombinedBand("hot"), decision.True, decision.Unknown},
		{"a field of the matrix", decision.Matrix("A1", "A2"), decision.True, decision.Unknown},
		{"another field", decision.Matrix("A1", "B2"), decision.False, decision.Unknown},
		{"an activity", pricing(0, from(1)), decision.True, decision.Unknown},
		{"an activity, often", pricing(0, from(6)), decision.False, decision.Unknown},
		{"exactly so often", pricing(1, decision.Range{AtLeast: at(3), AtMost: at(3)}), decision.True, decision.Unknown},
		{"an activity that never was", pricing(3, from(1)), decision.False, decision.Unknown},
		{"an activity that nobody watches", pricing(9, from(1)), decision.Unknown, decision.Unknown},
		{"points of a group", decision.PointsOf("web", "Web", from(12.5)), decision.True, decision.Unknown},
		{"points of what gave none", decision.PointsOf("mail", "Mail", from(1)), decision.False, decision.Unknown},
		{"known", decision.Known(1, "country", "employees"), decision.True, decision.False},
		{"not enough known", decision.Known(2, "country", "employees"), decision.False, decision.False},
		{"persona", decision.Persona("user", "buyer"), decision.True, decision.Unknown},
		{"ideal customer", decision.ICP(true), decision.True, decision.Unknown},
		{"no ideal customer", decision.ICP(false), decision.False, decision.Unknown},
		{"flag", decision.Flagged("vip", "Very important"), decision.True, decision.Unknown},
		{"another flag", decision.Flagged("spam", "Spam"), decision.False, decision.Unknown},
		{"stage", decision.Stage("NURTURE", "RECYCLED"), decision.True, decision.False},
		{"suspended", decision.Suspended("partner"), decision.True, decision.Unknown},
		{"suspended by another", decision.Suspended("holiday"), decision.False, decision.Unknown},
		{"no segment", decision.InSegment("small"), decision.False, decision.False},
		{"status", decision.FitStatus("SCORED"), decision.True, decision.Unknown},
		{"another status", decision.FitStatus("INSUFFICIENT_DATA"), decision.False, decision.Unknown},
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

// A segment has thresholds of its own; of several the first that holds is the lead's.
func TestThresholdsBySegment(t *testing.T) {
	sixty, forty := 60.0, 40.0
	rules := decision.Rules{
		Gates: decision.EngagementScore(decision.Range{
			AtLeast: &sixty, BySegment: map[string]decision.Range{"small": {AtLeast: &forty}},
		}),
		Segments: []decision.Segment{
			{ID: "large", When: conditionOf(`lead.employees >= 1000`)},
			{ID: "small", When: conditionOf(`lead.employees < 5000`)},
		},
	}
	for employees, want := range map[float64]decision.Verdict{10: decision.Qualified, 2000: decision.Nurture, 9000: decision.Nurture} {
		got := decision.Decide(&rules, &decision.Evidence{
			Lead:       condition.AttributeMap{"employees": condition.Number(employees)},
			Engagement: decision.Engagement{Score: decision.Score{Scored: true, Points: 5000}},
		})
		if got.Verdict != want {
			t.Errorf("%v employees: %s, want %s", employees, got.Verdict, want)
		}
	}
}

// A rule that disqualifies may say what scores are shown as; a verdict of another tier
// shows them as they are.
func TestWhatDisqualifiesMayShowAScore(t *testing.T) {
	zero := points.Points(0)
	student := rule("student", yes)
	student[0].Shown = &zero
	got := decision.Decide(&decision.Rules{Disqualify: append(rule("competitor", yes), student...)}, &decision.Evidence{})
	if got.Shown == nil || got.Shown.Points != 0 || got.Shown.Code != "student" {
		t.Errorf("shown %v, want 0 because of student", got.Shown)
	}
	if got := decision.Decide(&decision.Rules{Disqualify: rule("student", no), Gates: yes}, &decision.Evidence{}); got.Shown != nil {
		t.Errorf("%s shows %v", got.Verdict, got.Shown)
	}
}

func TestSalesReadyIsSaidOfTheQualifiedOnly(t *testing.T) {
	for _, c := range []struct {
		gates, ready decision.Gate
		want         bool
	}{{yes, yes, true}, {yes, no, false}, {yes, unknown, false}, {no, yes, false}, {yes, nil, false}} {
		got := decision.Decide(&decision.Rules{Gates: c.gates, SalesReady: c.ready}, &decision.Evidence{})
		if got.SalesReady != c.want {
			t.Errorf("gates %v, ready %v: %v", c.gates, c.ready, got.SalesReady)
		}
	}
}

func TestWhatWouldMakeItQualify(t *testing.T) {
	fifty, two := 50.0, 2.0
	pricing := decision.Activity(decision.Measured{Place: 0, Rule: "pricing page", WithinDays: 30}, decision.Range{AtLeast: &two})
	rules := decision.Rules{
		FastTrack: rule("demo_request", decision.All(no, no, no)),
		NeedsData: decision.NeedsData{Attributes: []string{"country"}},
		Gates: decision.All(
			decision.EngagementScore(decision.Range{AtLeast: &fifty}),
			decision.Any(decision.All(no, no), pricing),
		),
	}
	got := decision.Decide(&rules, &decision.Evidence{
		Engagement: decision.Engagement{Score: decision.Score{Scored: true, Points: 4200}, Watched: []float64{1}},
	}).Lacking
	number := func(n float64) *float64 { return &n }
	want := []decision.Lack{
		{Words: "engagement score at least 50", Have: number(42), Need: number(8)},
		{Words: "pricing page at least 2 times within 30 days", Have: number(1), Need: number(1)},
		{Words: "country known", Missing: []string{"country"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for _, rules := range []decision.Rules{{Gates: yes}, {Exclude: rule("staff", yes), Gates: no}} {
		if got := decision.Decide(&rules, &decision.Evidence{}); len(got.Lacking) != 0 {
			t.Errorf("%s lacks %v", got.Verdict, got.Lacking)
		}
	}
}

func TestNurtureSaysWhatIsLacking(t *testing.T) {
	sixty, two, once := 60.0, 2.0, 1.0
	rules := decision.Rules{Gates: decision.All(
		decision.FitClass("A", "B"),
		decision.EngagementScore(decision.Range{AtLeast: &sixty}),
		decision.Any(
			decision.Activity(decision.Measured{Rule: "pricing page", WithinDays: 30}, decision.Range{AtLeast: &two}),
			decision.Activity(decision.Measured{Place: 1, Rule: "trial"}, decision.Range{AtLeast: &once}),
		),
	)}
	got := decision.Decide(&rules, &decision.Evidence{
		Fit: decision.Fit{Assessed: true, Score: decision.Score{Scored: true, Label: "A"}},
	})
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
	want := []string{"country", "email_domain", "industry", "job_title", "suppressed"}
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
	sixty := 60.0
	rules := &decision.Rules{Gates: decision.Any(
		decision.All(decision.FitClass("A"), decision.EngagementScore(decision.Range{AtLeast: &sixty})),
		decision.AtLeast(2, decision.FitClass("B"), decision.FitClass("C"), decision.EngagementBand("1", "2")),
	)}
	for class, want := range map[string]string{
		"A": "fit class A and engagement score at least 60",
		"B": "fit class B and engagement band 1 or 2",
	} {
		evidence := &decision.Evidence{
			Fit:        decision.Fit{Assessed: true, Score: decision.Score{Scored: true, Label: class}},
			Engagement: decision.Engagement{Score: decision.Score{Scored: true, Points: 70_00, Label: "2"}},
		}
		got := decision.Decide(rules, evidence)
		if got.Verdict != decision.Qualified || got.Reasons[0].Description != want {
			t.Errorf("fit %s: %s because %q, want %q", class, got.Verdict, got.Reasons[0].Description, want)
		}
	}
}
