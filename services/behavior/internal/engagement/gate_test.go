package engagement

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/points"
)

// askable compiles one gate in a model with one signal, `visited`.
func askable(t interface{ Fatal(args ...any) }, g Gate) (*Compiled, *gate) {
	b := newCompiler(Model{Signals: []Signal{{ID: "visited", Activities: []string{"page.viewed"}}}})
	out := b.gate("gate", &g)
	b.compile()
	if len(b.problems) > 0 {
		t.Fatal(b.problems)
	}
	return &b.out, out
}

// A gate has three answers, and unknown does not turn into one of the others.
func TestGatesByHand(t *testing.T) {
	three := func(at int) *float64 { n := float64(at); return &n }
	german := Gate{When: `lead.country == "DE"`}
	sized := Gate{When: `lead.size > 100`} // nobody knows
	visited := Gate{Activity: &ActivityGate{Rule: "visited"}}
	fit := func(low points.Points) Gate { return Gate{FitScore: &Range{AtLeast: &low}} }
	for what, c := range map[string]struct {
		gate Gate
		want condition.Truth
	}{
		"a condition that holds":      {german, condition.True},
		"one that does not":           {Gate{When: `lead.country == "FR"`}, condition.False},
		"one about something unknown": {sized, condition.Unknown},
		"all of known and unknown":    {Gate{All: []Gate{german, sized}}, condition.Unknown},
		"any of known and unknown":    {Gate{Any: []Gate{sized, german}}, condition.True},
		"none of known and unknown":   {Gate{Any: []Gate{sized, {When: `lead.country == "FR"`}}}, condition.Unknown},
		"all of false and unknown":    {Gate{All: []Gate{sized, {When: `lead.country == "FR"`}}}, condition.False},
		"not unknown is unknown":      {Gate{Not: &sized}, condition.Unknown},
		"not true is false":           {Gate{Not: &german}, condition.False},
		"two of three, one unknown":   {Gate{AtLeast: &AtLeast{Count: 2, Of: []Gate{german, sized, visited}}}, condition.True},
		"three of three, one unknown": {Gate{AtLeast: &AtLeast{Count: 3, Of: []Gate{german, sized, visited}}}, condition.Unknown},
		"visited at least once":       {visited, condition.True},
		"visited over three times":    {Gate{Activity: &ActivityGate{Rule: "visited", Over: three(3)}}, condition.False},
		"visited exactly three times": {Gate{Activity: &ActivityGate{Rule: "visited", AtLeast: three(3), AtMost: three(3)}}, condition.True},
		"visited below three times":   {Gate{Activity: &ActivityGate{Rule: "visited", Below: three(3)}}, condition.False},
		"never visited":               {Gate{Activity: &ActivityGate{Rule: "visited", AtMost: three(0)}}, condition.False},
		"fit at the edge":             {fit(5000), condition.True},
		"fit below the edge":          {fit(5001), condition.False},
		"fit class":                   {Gate{FitClass: []string{"A", "B"}}, condition.True},
		"another persona":             {Gate{Persona: []string{"buyer"}}, condition.False},
		"one attribute is known":      {Gate{Known: &Known{Attributes: []string{"country"}}}, condition.True},
		"two are not":                 {Gate{Known: &Known{Attributes: []string{"country", "size"}}}, condition.False},
		"one of two is":               {Gate{Known: &Known{Count: 1, Attributes: []string{"country", "size"}}}, condition.True},
		"in a stage":                  {Gate{Stage: []string{"CUSTOMER", "SALES_ACCEPTED"}}, condition.True},
		"in another stage":            {Gate{Stage: []string{"CUSTOMER"}}, condition.False},
		"not, three times":            {Gate{Not: &Gate{Not: &Gate{Not: &sized}}}, condition.Unknown},
	} {
		t.Run(what, func(t *testing.T) {
			compiled, g := askable(t, c.gate)
			var profile Profile
			profile.put(compiled, &Fact{Kind: Attribute, Name: "country", Value: []byte(`"DE"`)})
			profile.setFit(compiled, []FitPoint{{Scored: true, Points: 5000, Class: "B", Persona: "user"}})
			v := newView(compiled, &profile)
			state := State{rules: []ruleState{{count: 3, measured: measured{matches: 3}}}}
			state.stage = "sales_accepted"
			p := compiled.present(&state, &v, hour)
			if got := p.answer(g); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
			if got := compiled.hold(g, &state, compiled.ask(g, &v, hour), hour); got != c.want {
				t.Errorf("asked beforehand %v, want %v", got, c.want)
			}
			if p.holds(g) != (c.want == condition.True) {
				t.Errorf("holds: %v", p.holds(g))
			}
		})
	}
}

// Nothing is known of a lead without a profile, and that is no answer.
func TestGatesWithoutProfile(t *testing.T) {
	low := points.Points(0)
	for _, g := range []Gate{
		{When: `lead.country == "DE"`}, {FitScore: &Range{AtLeast: &low}}, {FitClass: []string{"A"}}, {Persona: []string{"x"}},
	} {
		compiled, compiledGate := askable(t, g)
		v := newView(compiled, &Profile{})
		p := compiled.present(&State{}, &v, 0)
		if got := p.answer(compiledGate); got != condition.Unknown {
			t.Errorf("%+v: %v, want unknown", g, got)
		}
	}
}

// However gates nest, asking the profile beforehand changes no answer.
func TestGatesAskedBeforehand(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var draw func(depth int) Gate
		draw = func(depth int) Gate {
			several := func() []Gate {
				out := make([]Gate, rapid.IntRange(1, 3).Draw(t, "gates"))
				for i := range out {
					out[i] = draw(depth + 1)
				}
				return out
			}
			kinds := 8
			if depth > 2 {
				kinds = 4
			}
			switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
			case 0:
				return Gate{When: rapid.SampledFrom([]string{`lead.country == "DE"`, `lead.country == "FR"`, `lead.size > 1`}).Draw(t, "when")}
			case 1:
				return Gate{FitClass: []string{rapid.SampledFrom([]string{"A", "B"}).Draw(t, "class")}}
			case 2:
				return Gate{Stage: []string{rapid.SampledFrom([]string{"LEAD", "CUSTOMER"}).Draw(t, "stage")}}
			case 3:
				return Gate{Known: &Known{Attributes: []string{"country"}}}
			case 4:
				return Gate{All: several()}
			case 5:
				return Gate{Any: several()}
			case 6:
				inner := draw(depth + 1)
				return Gate{Not: &inner}
			default:
				of := several()
				return Gate{AtLeast: &AtLeast{Count: rapid.IntRange(1, len(of)).Draw(t, "count"), Of: of}}
			}
		}
		compiled, g := askable(t, draw(0))
		var profile Profile
		if rapid.Bool().Draw(t, "known") {
			profile.put(compiled, &Fact{Kind: Attribute, Name: "country", Value: []byte(`"DE"`)})
			profile.setFit(compiled, []FitPoint{{Scored: true, Class: "B"}})
		}
		v := newView(compiled, &profile)
		var state State
		state.stage = "customer"
		p := compiled.present(&state, &v, 0)
		if told, asked := compiled.hold(g, &state, compiled.ask(g, &v, 0), 0), p.answer(g); told != asked {
			t.Errorf("%v, asked beforehand %v", asked, told)
		}
	})
}
