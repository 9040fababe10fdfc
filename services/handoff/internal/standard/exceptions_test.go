package standard_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
)

// bant is a standard whose form lets buyers select themselves.
const bant = `
id: x
fit:
  groups: [{id: g, criteria: [{id: country, when: 'lead.country == "DE"', points: 90}]}]
engagement:
  signals: [{id: demo, activities: [demo.requested]}]
qualification:
  disqualify: [{id: student, when: {when: 'lead.student'}}]
  selfSelection:
    - id: buyer
      description: Ready to buy
      budget: {when: lead.budget >= 10000}
      authority: {any: [{when: 'lead.role == "decides"'}, {when: 'lead.role == "recommends"'}]}
      need: {known: {attributes: [need]}}
      timeline: {when: 'lead.timeline in ["now", "quarter"]'}
      overridesDisqualification: true
  fastTrack: [{id: demo, when: {activity: {rule: demo}}}]
  approval: {maxValidDays: 7, mayOverrideDisqualification: true}
`

func TestExceptions(t *testing.T) {
	c := compile(t, bant)
	if c.ApprovalValid != 7*24*time.Hour || !c.Rules.ApprovalMayOverride {
		t.Errorf("approvals: %v, may override %v", c.ApprovalValid, c.Rules.ApprovalMayOverride)
	}
	if c := compile(t, "id: x"); c.ApprovalValid != 30*24*time.Hour || c.Rules.ApprovalMayOverride {
		t.Errorf("approvals of a standard that says nothing of them: %v, may override %v", c.ApprovalValid, c.Rules.ApprovalMayOverride)
	}
	lead := condition.AttributeMap{
		"budget": condition.Number(20000), "role": condition.Text("recommends"), "need": condition.Text("scoring"),
		"student": condition.Bool(true),
	}
	if got := decision.Decide(&c.Rules, &decision.Evidence{Lead: lead}); got.Verdict != decision.Disqualified {
		t.Errorf("an unfinished self-selection overrides: %s", got.Verdict)
	}
	delete(lead, "student")
	got := decision.Decide(&c.Rules, &decision.Evidence{Lead: lead})
	if diff := cmp.Diff([]string{"timeline"}, got.Missing); diff != "" || got.Verdict != decision.NeedsAnswers {
		t.Errorf("%s asks for %s", got.Verdict, diff)
	}
	lead["timeline"], lead["student"] = condition.Text("now"), condition.Bool(true)
	got = decision.Decide(&c.Rules, &decision.Evidence{Lead: lead})
	if got.Verdict != decision.Qualified || got.Codes()[0] != "self_selection.buyer" {
		t.Errorf("%s because of %v", got.Verdict, got.Reasons)
	}
}

func TestAFormAsksThoseWhoSelectThemselves(t *testing.T) {
	want := []string{
		"budget number 0 buyer: below 10000; 10000 or more;",
		"role choice 0 buyer: decides; recommends;",
		"need text 0 buyer:",
		"timeline choice 0 buyer: now; quarter;",
		"country choice 90 country: DE;",
		"student boolean 0 student: yes; no;",
	}
	if diff := cmp.Diff(want, form(t, bant)); diff != "" {
		t.Error(diff)
	}
}

func TestExceptionsRefuse(t *testing.T) {
	for _, c := range []struct{ name, old, new, want string }{
		{"a question without a gate", "need: {known: {attributes: [need]}}", "", "qualification.selfSelection[0].need: expected "},
		{
			"a score is no answer", "{when: lead.budget >= 10000}", "{fitScore: {atLeast: 5}}",
			"qualification.selfSelection[0].budget: expected a gate over answers: `when` or `known`, joined by `all`, `any`, `atLeast` and `not`, no `fitScore`",
		},
		{
			"nor deep inside", "{when: lead.budget >= 10000}", "{any: [{when: lead.budget >= 10000}, {all: [{activity: {rule: demo}}]}]}",
			"qualification.selfSelection[0].budget: expected a gate over answers: `when` or `known`, joined by `all`, `any`, `atLeast` and `not`, no `activity`",
		},
		{
			"nothing to ask", "{when: lead.budget >= 10000}", `{when: now > timestamp("2026-01-01T00:00:00Z")}`,
			"qualification.selfSelection[0].budget: expected a gate over an attribute of the lead: whoever fills in a form has to be asked something",
		},
		{"an id of another rule", "id: buyer", "id: student", "qualification.selfSelection[0].id: expected "},
		{
			"what disqualifies overrides nothing", "when: {when: 'lead.student'}", "overridesDisqualification: true, when: {when: 'lead.student'}",
			"qualification.disqualify[0].overridesDisqualification: expected nothing: only an exception overrides a disqualification",
		},
		{"approvals for ever", "maxValidDays: 7", "maxValidDays: 999", "qualification.approval.maxValidDays: expected "},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(bant, c.old, c.new, 1)
			if text == bant {
				t.Fatal("nothing was replaced")
			}
			spec, err := standard.Parse("test.yaml", []byte(text))
			if err == nil {
				_, err = standard.Compile(spec, nil)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}
