package decision_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/condition"
)

// bant is a self-selection over the answers of a form.
func bant() decision.SelfSelection {
	return decision.SelfSelection{
		ID: "buyer", Description: "Ready to buy by their own answers",
		Budget:    when(`lead.budget >= 10000`),
		Authority: decision.Any(when(`lead.role == "decides"`), when(`lead.role == "recommends"`)),
		Need:      decision.Known(1, "need"),
		Timeline:  decision.All(when(`lead.months <= 6`), decision.Known(1, "start")),
	}
}

type answersOf = condition.AttributeMap

func TestSelfSelection(t *testing.T) {
	full := answersOf{
		"budget": condition.Number(20000), "role": condition.Text("decides"), "need": condition.Text("scoring"),
		"months": condition.Number(3), "start": condition.Text("spring"),
	}
	but := func(change func(answersOf)) answersOf {
		answers := answersOf{}
		for k, v := range full {
			answers[k] = v
		}
		change(answers)
		return answers
	}
	for _, c := range []struct {
		name    string
		answers answersOf
		verdict decision.Verdict
		reason  string
		missing []string
	}{
		{"all four hold", full, decision.Qualified, "self_selection.buyer: Ready to buy by their own answers: " +
			`budget (lead.budget >= 10000), authority (lead.role == "decides" or lead.role == "recommends"), ` +
			`need (need known), timeline (lead.months <= 6 and start known)`, nil},
		{"nothing said", answersOf{}, decision.Nurture, "gates: the standard qualifies by exception only", nil},
		{
			"begun",
			answersOf{"budget": condition.Number(20000)},
			decision.NeedsAnswers,
			"self_selection.buyer: begun, ask for: authority (role), need, timeline (months, start)",
			[]string{"role", "need", "months", "start"},
		},
		{
			"half of an answer", but(func(a answersOf) { delete(a, "start") }), decision.NeedsAnswers,
			"self_selection.buyer: begun, ask for: timeline (start)",
			[]string{"start"},
		},
		{
			"refused at the end", but(func(a answersOf) { a["months"] = condition.Number(24) }), decision.Nurture,
			"gates: the standard qualifies by exception only", nil,
		},
		{
			"refused while begun",
			answersOf{"budget": condition.Number(1), "role": condition.Text("decides")},
			decision.Nurture,
			"gates: the standard qualifies by exception only", nil,
		},
		{
			"something said, nothing that holds",
			answersOf{"start": condition.Text("spring")},
			decision.Nurture,
			"gates: the standard qualifies by exception only", nil,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules := &decision.Rules{SelfSelection: []decision.SelfSelection{bant()}}
			got := decision.Decide(rules, &decision.Evidence{Lead: c.answers})
			if reason := got.Reasons[0].Code + ": " + got.Reasons[0].Description; got.Verdict != c.verdict || reason != c.reason {
				t.Errorf("got %s because\n%s, want %s because\n%s", got.Verdict, reason, c.verdict, c.reason)
			}
			if !slices.Equal(got.Missing, c.missing) {
				t.Errorf("asks for %v, want %v", got.Missing, c.missing)
			}
		})
	}
	if diff := cmp.Diff([]string{"budget", "months", "need", "role", "start", "suppressed"}, (&decision.Rules{SelfSelection: []decision.SelfSelection{bant()}}).Attributes()); diff != "" {
		t.Errorf("what a decision freezes of the answers: %s", diff)
	}
}

// Whoever qualifies by the gates is not asked first: an exception only ever helps.
func TestABegunSelfSelectionKeepsNobodyFromQualifying(t *testing.T) {
	rules := &decision.Rules{SelfSelection: []decision.SelfSelection{bant()}, Gates: yes}
	got := decision.Decide(rules, &decision.Evidence{Lead: answersOf{"budget": condition.Number(20000)}})
	if got.Verdict != decision.Qualified || got.Reasons[0].Code != "gates" {
		t.Errorf("got %s because of %v", got.Verdict, got.Codes())
	}
}

// What a begun self-selection lacks is what it asks for.
func TestWhatABegunSelfSelectionLacks(t *testing.T) {
	rules := &decision.Rules{SelfSelection: []decision.SelfSelection{bant()}}
	got := decision.Decide(rules, &decision.Evidence{Lead: answersOf{
		"budget": condition.Number(20000), "role": condition.Text("decides"), "months": condition.Number(3),
	}})
	want := []decision.Lack{{Words: "need known", Missing: []string{"need"}}, {Words: "start known", Missing: []string{"start"}}}
	if diff := cmp.Diff(want, got.Lacking); diff != "" {
		t.Error(diff)
	}
}

var approval = &decision.Approval{
	RequestedBy: "jane", Why: "met them at the trade show", ApprovedBy: "kim", Comment: "go ahead",
}

func TestApproval(t *testing.T) {
	overriding := *approval
	overriding.OverridesDisqualification = true
	for _, c := range []struct {
		name     string
		rules    decision.Rules
		approval *decision.Approval
		verdict  decision.Verdict
		codes    []string
	}{
		{"in place of the gates", decision.Rules{Gates: no}, approval, decision.Qualified, []string{"approval"}},
		{"and of the answers to ask for", decision.Rules{NeedsData: decision.NeedsData{Attributes: []string{"country"}}}, approval, decision.Qualified, []string{"approval"}},
		{"beside gates that hold it says so", decision.Rules{Gates: yes}, approval, decision.Qualified, []string{"approval"}},
		{"first of the exceptions", decision.Rules{FastTrack: rule("demo", yes)}, approval, decision.Qualified, []string{"approval", "fast_track.demo"}},
		{"not over an exclusion", decision.Rules{Exclude: rule("staff", yes), ApprovalMayOverride: true}, &overriding, decision.Disqualified, []string{"staff"}},
		{"not over a disqualification", decision.Rules{Disqualify: rule("student", yes), ApprovalMayOverride: true}, approval, decision.Disqualified, []string{"student"}},
		{"unless it says so", decision.Rules{Disqualify: rule("student", yes), ApprovalMayOverride: true}, &overriding, decision.Qualified, []string{"approval"}},
		{"and the standard lets it", decision.Rules{Disqualify: rule("student", yes)}, &overriding, decision.Disqualified, []string{"student"}},
		{"none", decision.Rules{Gates: no}, nil, decision.Nurture, []string{"gates"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := decision.Decide(&c.rules, &decision.Evidence{Approval: c.approval})
			if got.Verdict != c.verdict || !slices.Equal(got.Codes(), c.codes) {
				t.Errorf("got %s because of %v, want %s because of %v", got.Verdict, got.Codes(), c.verdict, c.codes)
			}
			if got.Excluded != (c.codes[0] == "staff") {
				t.Errorf("excluded is %v", got.Excluded)
			}
		})
	}
}

// A salesperson reads who approved and why, and what that overrides.
func TestTheWordsOfAnApproval(t *testing.T) {
	overriding := *approval
	overriding.OverridesDisqualification = true
	silent := *approval
	silent.Comment = ""
	for _, c := range []struct {
		rules    decision.Rules
		approval *decision.Approval
		want     string
	}{
		{decision.Rules{}, approval, "approved by kim: go ahead; asked for by jane: met them at the trade show"},
		{decision.Rules{}, &silent, "approved by kim; asked for by jane: met them at the trade show"},
		{
			decision.Rules{Disqualify: rule("student", yes), ApprovalMayOverride: true},
			&overriding,
			"approved by kim: go ahead; asked for by jane: met them at the trade show; overrides: because of student",
		},
	} {
		if got := decision.Decide(&c.rules, &decision.Evidence{Approval: c.approval}).Reasons[0].Description; got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

// drawn are rules and evidence drawn at random, with the answers of their parts.
type drawn struct {
	rules      decision.Rules
	evidence   decision.Evidence
	excluded   bool
	disqualify bool
	// codes of the exceptions that hold, and whether each overrides.
	exceptions []string
	overrides  []bool
	asks       bool
	gates      bool
	begun      bool
}

func draw(t *rapid.T) drawn {
	var d drawn
	held := func(name string) (decision.Gate, bool) {
		a := truths.Draw(t, name)
		return is(a), a == decision.True
	}
	for _, tier := range []struct {
		name  string
		rules *[]decision.Rule
		holds *bool
	}{{"exclude", &d.rules.Exclude, &d.excluded}, {"disqualify", &d.rules.Disqualify, &d.disqualify}} {
		for range rapid.IntRange(0, 2).Draw(t, tier.name) {
			gate, holds := held(tier.name)
			*tier.rules, *tier.holds = append(*tier.rules, rule(tier.name, gate)...), *tier.holds || holds
		}
	}
	d.rules.ApprovalMayOverride = rapid.Bool().Draw(t, "approvals may override")
	if rapid.Bool().Draw(t, "approved") {
		a := *approval
		a.OverridesDisqualification = rapid.Bool().Draw(t, "approval overrides")
		d.evidence.Approval = &a
		d.exceptions, d.overrides = append(d.exceptions, "approval"), append(d.overrides, a.OverridesDisqualification && d.rules.ApprovalMayOverride)
	}
	for range rapid.IntRange(0, 2).Draw(t, "self-selections") {
		four := rapid.SliceOfN(truths, 4, 4).Draw(t, "answers")
		s := decision.SelfSelection{
			ID: "s", Budget: is(four[0]), Authority: is(four[1]), Need: is(four[2]), Timeline: is(four[3]),
			OverridesDisqualification: rapid.Bool().Draw(t, "self-selection overrides"),
		}
		d.rules.SelfSelection = append(d.rules.SelfSelection, s)
		switch count := func(a decision.Truth) bool { return slices.Contains(four, a) }; {
		case !count(decision.False) && !count(decision.Unknown):
			d.exceptions, d.overrides = append(d.exceptions, "self_selection.s"), append(d.overrides, s.OverridesDisqualification)
		case count(decision.True) && !count(decision.False):
			d.begun = true
		}
	}
	for range rapid.IntRange(0, 2).Draw(t, "fast tracks") {
		gate, holds := held("fast track")
		r := decision.Rule{ID: "f", When: gate, OverridesDisqualification: rapid.Bool().Draw(t, "fast track overrides")}
		d.rules.FastTrack = append(d.rules.FastTrack, r)
		if holds {
			d.exceptions, d.overrides = append(d.exceptions, "fast_track.f"), append(d.overrides, r.OverridesDisqualification)
		}
	}
	if rapid.Bool().Draw(t, "asks") {
		var worth decision.Gate
		worth, d.asks = held("worth asking")
		d.rules.NeedsData = decision.NeedsData{Attributes: []string{"country"}, When: worth}
	}
	d.rules.Gates, d.gates = held("gates")
	return d
}

// want is the verdict by the precedence, said the slow way, with the first code.
func (d *drawn) want() (decision.Verdict, string) {
	if d.excluded {
		return decision.Disqualified, "exclude"
	}
	for i, code := range d.exceptions {
		if !d.disqualify || d.overrides[i] {
			return decision.Qualified, code
		}
	}
	switch {
	case d.disqualify:
		return decision.Disqualified, "disqualify"
	case d.asks:
		return decision.NeedsAnswers, "needs_data"
	case d.gates:
		return decision.Qualified, "gates"
	case d.begun:
		return decision.NeedsAnswers, "self_selection.s"
	default:
		return decision.Nurture, "gates"
	}
}

func TestPrecedenceEqualsItsDescription(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		verdict, code := d.want()
		got := decision.Decide(&d.rules, &d.evidence)
		if got.Verdict != verdict || got.Reasons[0].Code != code {
			t.Fatalf("got %s because of %v, want %s because of %s", got.Verdict, got.Codes(), verdict, code)
		}
		if (got.Verdict == decision.NeedsAnswers) != (len(got.Missing) > 0) {
			t.Fatalf("%s asks for %v", got.Verdict, got.Missing)
		}
	})
}

// Without its exceptions a lead that qualifies may not, but none that is refused, asked
// or nurtured qualifies; and what excludes a lead excludes it either way.
func TestExceptionsOnlyEverHelp(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := draw(t)
		with := decision.Decide(&d.rules, &d.evidence)
		plain, evidence := d.rules, d.evidence
		plain.SelfSelection, plain.FastTrack, evidence.Approval = nil, nil, nil
		without := decision.Decide(&plain, &evidence)
		switch {
		case without.Verdict == decision.Qualified && with.Verdict != decision.Qualified:
			t.Fatalf("exceptions turn QUALIFIED into %s because of %v", with.Verdict, with.Codes())
		case without.Excluded != with.Excluded:
			t.Fatalf("exceptions change an exclusion: %v, %v", without.Codes(), with.Codes())
		case without.Verdict == decision.Disqualified && with.Verdict != decision.Disqualified &&
			!strings.Contains(with.Reasons[0].Description, "overrides: "):
			t.Fatalf("a disqualification is overridden without a word: %v", with.Reasons)
		}
	})
}
