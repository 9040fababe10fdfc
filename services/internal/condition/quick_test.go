package condition

import (
	"testing"

	"pgregory.net/rapid"
)

// The parts that conditions are made of here: nearly all that are answered without CEL,
// some that are not, and what is neither true nor false.
var quickParts = []string{
	`lead.a == "x"`, `lead.a != "x"`, `lead.a == 2`, `lead.a == 2.0`, `lead.a == true`, `lead.a in ["x", "yy"]`, `lead.a in [1, 2]`,
	`lead.a`, `!lead.a`, `has(lead.a)`, `!has(lead.a)`, `lead.a >= 2`, `lead.a < 2.5`, `lead.a > 1`, `lead.a <= 2`, `2 <= lead.a`,
	`account.tier == 2`, `has(account.tier)`, `before.a == "x"`, `before.a != lead.a`, `lead.a.startsWith("x")`, `lead.a == ""`,
	`lead.a in lists.some`, `lead.a in lists.none`, `lists.some.exists(p, lead.a.startsWith(p))`, `lists.none.exists(p, lead.a.startsWith(p))`,
	`lists.some.all(p, lead.a.startsWith(p))`, `lists.some.exists_one(p, lead.a.startsWith(p))`, `hasWord(lead.a, "x")`, `lead.a.size() == 1`,
	`activity.type == "x"`, `activity.campaign != "x"`, `activity.source in ["x"]`, `activity.type.startsWith("x")`, `has(activity.campaign)`,
	`activity.properties.p == "x"`, `activity.properties["p q"] == 2`, `activity.properties.p in ["x", "a\"b"]`, `has(activity.properties.p)`,
	`activity.properties.p`, `activity.properties.p > 2`, `activity.properties.p.startsWith("x")`, `"p" in activity.properties`,
	`activity.properties.p in lists.some`, `lists.some.exists(p, activity.properties.p.startsWith(p))`, `activity.properties.p == ""`,
	`activity.properties.p.r == "x"`, `has(activity.properties.p.r)`, `activity.properties.p == activity.properties.q`, `fit.score >= 2`, `true`,
}

var quickValues = []string{
	``, `null`, `"x"`, `"yy"`, `"xyz"`, `""`, `"a\"b"`, `2`, `2.0`, `1`, `-3.5`, `true`, `false`, `["x"]`, `[]`,
}

func drawCondition(t *rapid.T, depth int) string {
	if depth == 0 {
		return rapid.SampledFrom(quickParts).Draw(t, "part")
	}
	switch rapid.IntRange(0, 5).Draw(t, "join") {
	case 0, 1:
		return `(` + drawCondition(t, depth-1) + ` && ` + drawCondition(t, depth-1) + `)`
	case 2, 3:
		return `(` + drawCondition(t, depth-1) + ` || ` + drawCondition(t, depth-1) + `)`
	case 4:
		return `!(` + drawCondition(t, depth-1) + `)`
	default:
		return drawCondition(t, 0)
	}
}

func drawFacts(t *rapid.T) *Facts {
	attributes := func(name string) Attributes {
		known := AttributeMap{}
		for _, key := range []string{"a", "account.tier"} {
			value, err := ParseValue([]byte(rapid.SampledFrom(quickValues).Draw(t, name+" "+key)))
			if err != nil {
				t.Fatal(err)
			}
			known[key] = value
		}
		return known
	}
	facts := &Facts{}
	if rapid.IntRange(0, 9).Draw(t, "known") > 0 {
		facts.Lead, facts.Before = attributes("lead"), attributes("before")
	}
	if rapid.IntRange(0, 9).Draw(t, "active") > 0 {
		text := rapid.SampledFrom([]string{"", "x", "xy"})
		facts.Activity = &Activity{Type: text.Draw(t, "type"), Source: text.Draw(t, "source"), Campaign: text.Draw(t, "campaign")}
		properties := `{`
		for _, key := range []string{"p", "p q", "q", "p"} { // one stands there twice
			value := rapid.SampledFrom(append([]string{`{"r":"x"}`}, quickValues[1:]...)).Draw(t, key)
			if properties != `{` {
				properties += `, `
			}
			properties += `"` + key + `": ` + value
		}
		facts.Activity.Properties = []byte(rapid.SampledFrom([]string{properties + `}`, properties + `}`, ``, `{}`, `[`, `{"p"`}).Draw(t, "properties"))
	}
	if rapid.Bool().Draw(t, "scored") {
		facts.Fit = &Fit{Score: 2}
	}
	return facts
}

// What is answered without CEL is what CEL answers, fault and all.
func TestQuickAnswersAreThoseOfCEL(t *testing.T) {
	options := Options{
		Vars:  LeadVar | ActivityVar | FitVar | NowVar | BeforeVar,
		Lists: map[string]*List{"some": NewList([]string{"x", "yy"}), "none": NewList(nil)},
	}
	asked, answered := 0, 0
	activity := &Activity{}
	rapid.Check(t, func(t *rapid.T) {
		text := drawCondition(t, rapid.IntRange(0, 3).Draw(t, "depth"))
		c, err := CompileWith(text, options)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for range 20 {
			facts := drawFacts(t)
			want, wantFault := c.ask(facts)
			if facts.Activity != nil { // in the room of another
				other := *facts.Activity
				other.properties = nil
				activity.Become(other)
				facts.Activity = activity
			}
			got, gotFault := c.Eval(facts)
			if got != want || gotFault != wantFault {
				t.Fatalf("%s is %v (fault %v), CEL says %v (fault %v)", text, got, gotFault, want, wantFault)
			}
			asked++
			if c.quick != nil && c.quick.answer(facts) != undecided {
				answered++
			}
		}
	})
	if answered < asked/4 {
		t.Errorf("%d of %d questions were answered without CEL", answered, asked)
	}
}

// A text on which CEL could run into its limit is left to CEL.
func TestQuickLeavesLongTexts(t *testing.T) {
	long := make([]byte, 2*maxQuickText)
	for i := range long {
		long[i] = 'x'
	}
	values := make([]string, 5000)
	for i := range values {
		values[i] = string(long[:maxQuickText]) + "y"
	}
	options := Options{Vars: LeadVar, Lists: map[string]*List{"some": NewList([]string{"y", "x"}), "many": NewList(values)}}
	for text, quick := range map[string]bool{
		`lists.some.exists(p, lead.a.startsWith(p))`: true,
		`lists.many.exists(p, lead.a.startsWith(p))`: false,
	} {
		c, err := CompileWith(text, options)
		if err != nil {
			t.Fatal(err)
		}
		facts := &Facts{Lead: AttributeMap{"a": Text(string(long))}}
		if c.quick != nil && c.quick.answer(facts) != undecided {
			t.Errorf("%s does not leave a long text", text)
		}
		if got := c.quick != nil; got != quick {
			t.Errorf("%s is quick: %v", text, got)
		}
		want, wantFault := c.ask(facts)
		if got, fault := c.Eval(facts); got != want || fault != wantFault {
			t.Errorf("%s is %v (fault %v), CEL says %v (fault %v)", text, got, fault, want, wantFault)
		}
	}
}
