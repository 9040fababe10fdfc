package decision_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/internal/condition"
)

func TestMayContact(t *testing.T) {
	calls := &decision.Permission{Channel: "phone", Purpose: "sales"}
	text := func(pairs ...string) condition.AttributeMap {
		m := condition.AttributeMap{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = condition.Text(pairs[i+1])
		}
		return m
	}
	for _, c := range []struct {
		lead  condition.Attributes
		needs *decision.Permission
		want  decision.Contact
	}{
		{nil, nil, decision.Contact{Allowed: true, Words: "may be contacted: no permission is asked for, and nothing speaks against it"}},
		{nil, calls, decision.Contact{Words: "may not be called: nobody gave permission for sales"}},
		{text("permission_phone_sales", "granted"), calls, decision.Contact{Allowed: true, Words: "may be called: permission for sales was granted"}},
		{text("permission_phone_sales", "pending"), calls, decision.Contact{Words: "may not be called: permission for sales is not confirmed yet"}},
		{text("permission_phone_sales", "withdrawn"), calls, decision.Contact{Words: "may not be called: permission for sales was withdrawn"}},
		{text("permission_email_sales", "granted"), calls, decision.Contact{Words: "may not be called: nobody gave permission for sales"}},
		{text("permission_phone_sales", "granted", "suppressed", "opt_out"), calls, decision.Contact{Words: "may not be called: suppressed (opt out)"}},
		{text("suppressed", "customer"), nil, decision.Contact{Words: "may not be contacted: suppressed (customer)"}},
		{text("suppressed", ""), nil, decision.Contact{Allowed: true, Words: "may be contacted: no permission is asked for, and nothing speaks against it"}},
		{condition.AttributeMap{"suppressed": condition.Bool(true)}, nil, decision.Contact{Words: "may not be contacted: suppressed (no reason was given)"}},
		{text(), &decision.Permission{Channel: "email", Purpose: "product_news"}, decision.Contact{Words: "may not be e-mailed: nobody gave permission for product news"}},
		{text(), &decision.Permission{Channel: "carrier_pigeon", Purpose: "sales"}, decision.Contact{Words: "may not be approached by carrier pigeon: nobody gave permission for sales"}},
	} {
		if got := decision.MayContact(c.lead, c.needs); got != c.want {
			t.Errorf("%v: %+v, want %+v", c.lead, got, c.want)
		}
	}
}

// Whatever qualifies a lead, it qualifies only if it may be approached: as it is now, even
// where the rules read an earlier instant. What scores it has changes nothing.
func TestNobodyQualifiesWhoMayNotBeApproached(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := decision.Rules{
			ApprovalMayOverride: true, Gates: is(truths.Draw(t, "gates")),
			Exclude: rule("staff", is(truths.Draw(t, "excluded"))), Disqualify: rule("student", is(truths.Draw(t, "disqualified"))),
			FastTrack: []decision.Rule{{ID: "demo", When: is(truths.Draw(t, "fast")), OverridesDisqualification: true}},
		}
		if rapid.Bool().Draw(t, "asks") {
			rules.Permission = &decision.Permission{Channel: "phone", Purpose: "sales"}
		}
		then, now := condition.AttributeMap{"permission_phone_sales": condition.Text("granted")}, condition.AttributeMap{}
		if state := rapid.SampledFrom([]string{"", "granted", "pending", "withdrawn"}).Draw(t, "permission"); state != "" {
			now["permission_phone_sales"] = condition.Text(state)
		}
		if rapid.Bool().Draw(t, "suppressed") {
			now["suppressed"] = condition.Text("opt_out")
		}
		e := &decision.Evidence{Lead: then, Now: now}
		if rapid.Bool().Draw(t, "approved") {
			e.Approval = &decision.Approval{OverridesDisqualification: true}
		}
		free := rules
		free.Permission = nil
		before, d := decision.Decide(&free, &decision.Evidence{Approval: e.Approval}), decision.Decide(&rules, e)
		switch contact := decision.MayContact(now, rules.Permission); {
		case now["suppressed"].Known():
			if d.Verdict != decision.Disqualified || !d.Excluded || !d.Barred() || d.Reasons[0].Code != "suppressed" {
				t.Fatalf("suppressed, and %+v", d)
			}
		case contact.Allowed || before.Verdict != decision.Qualified:
			if d.Verdict != before.Verdict || d.Barred() {
				t.Fatalf("%+v, without permissions %+v", d, before)
			}
		default:
			if d.Verdict != decision.Nurture || !d.Barred() || d.Reasons[0].Code != "permission" || len(d.Lacking) != 1 {
				t.Fatalf("not permitted, and %+v", d)
			}
		}
	})
}
