package condition_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/condition"
)

func TestAccount(t *testing.T) {
	lead := condition.AttributeMap{
		"industry":                   condition.Text("Retail"), // of the lead itself
		"account.industry":           condition.Text("Software"),
		"account.intent_score":       condition.Number(82.5),
		"account.technologies":       condition.Texts("go", "kafka"),
		"account.opportunities_open": condition.Number(0),
	}
	const no, yes, unknown = condition.False, condition.True, condition.Unknown
	for _, c := range []struct {
		text string
		want condition.Truth
	}{
		{`account.industry == "Software"`, yes},
		{`account.industry == lead.industry`, no},
		{`account.intent_score >= 80`, yes},
		{`account.intent_score + 1 == 83.5`, yes},
		{`"kafka" in account.technologies`, yes},
		{`hasWord(account.industry, "software")`, yes},
		{`account.opportunities_open > 0`, no},
		{`account.opportunities_open == 0`, yes},
		{`has(account.industry)`, yes},
		{`has(account.revenue)`, no},
		{`account.revenue > 1`, unknown},
		{`!(account.revenue > 1)`, unknown},
		{`account.industry >= 5`, unknown},
	} {
		compiled, err := condition.Compile(c.text, condition.LeadVar)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got, _ := compiled.Eval(&condition.Facts{Lead: lead}); got != c.want {
			t.Errorf("%s: got %v, want %v", c.text, got, c.want)
		}
		if got, _ := compiled.Eval(&condition.Facts{}); got == yes {
			t.Errorf("%s: true of nobody", c.text)
		}
	}
}

func TestAccountReads(t *testing.T) {
	c, err := condition.Compile(`has(account.industry) && lead.b == account.b && lead.country == "DE"`, condition.LeadVar)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"account.b", "account.industry", "lead.b", "lead.country"}, c.Reads()); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"account.b", "account.industry", "b", "country"}, c.Attributes()); diff != "" {
		t.Error(diff)
	}
}

func TestAccountAlone(t *testing.T) {
	for text, vars := range map[string]condition.Vars{
		`account == lead`:                          condition.LeadVar,
		`account.exists(account, true)`:            condition.LeadVar,
		`["x"].exists(account, account == "x")`:    condition.LeadVar,
		`account.industry == "x"`:                  condition.ActivityVar,
		`account.industry == "x" && fit.score > 1`: condition.FitVar,
	} {
		if _, err := condition.Compile(text, vars); err == nil {
			t.Errorf("%s: it compiles", text)
		}
	}
}
