package lint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConsent(t *testing.T) {
	for _, c := range []struct {
		why, rule string
		want      []string
	}{
		{"what is meant", "{id: page, activities: [page.viewed], points: 1}", nil},
		{
			"asked twice", "{id: page, activities: [page.viewed], points: 1, when: 'lead.consent_analytics == true'}",
			[]string{"warning engagement.groups[0].rules[0]: `page` asks for `lead.consent_analytics`, without which `engagement.consent` withholds its activities already"},
		},
		{"another category", "{id: page, activities: [page.viewed], points: 1, when: 'lead.consent_advertising == true'}", nil},
		{
			"nothing to withhold", "{id: call, activities: [sales.called], points: 1}",
			[]string{"warning engagement.consent: no rule gives points for what a lead does, so that the gate withholds nothing"},
		},
	} {
		text := engagement("consent: {category: analytics, unknown: withheld}\ngroups:\n- id: g\n  rules:\n  - " + c.rule + "\n")
		if diff := cmp.Diff(c.want, found(t, text, "consent")); diff != "" {
			t.Errorf("%s: %s", c.why, diff)
		}
	}
}
