package fit_test

import (
	"testing"

	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// The fit parts of standards that companies have published, with numbers worked out by
// hand from their tables. They hold the language to what the trade really asks for.

// posthog is PostHog's lead score out of 70. Its bands overlap as published ("11-1000"
// and "1000+"); this reading gives an edge to the band it begins.
func posthog() fit.Spec {
	return fit.Spec{MaxPoints: limit(70), Groups: []fit.Group{{ID: "icp", Criteria: []fit.Criterion{
		{ID: "employees", Choices: []fit.Choice{
			{When: `lead.employees < 11`, Points: 0},
			{When: `lead.employees < 1000`, Points: 10},
			{When: `lead.employees >= 1000`, Points: 20},
		}},
		{ID: "revenue", Choices: []fit.Choice{
			{When: `lead.revenue < 1000000`, Points: 0},
			{When: `lead.revenue < 10000000`, Points: 5},
			{When: `lead.revenue < 100000000`, Points: 10},
			{When: `lead.revenue >= 100000000`, Points: 20},
		}},
		{ID: "role", Choices: []fit.Choice{
			{When: `lead.role in ["engineering", "product", "leadership", "founder"]`, Points: 10},
			{When: `lead.role == "marketing"`, Points: 5},
		}},
		{ID: "sub_role", When: `lead.sub_role in ["data_science_engineer", "project_engineer", "software_engineer", "web_engineer", "founder", "ceo"]`, Points: 10},
		{ID: "country", Choices: []fit.Choice{
			{When: `lead.country in ["AT", "CA", "FR", "DE", "JP", "NO", "SE", "GB", "US"]`, Points: 10},
			{When: `lead.country in ["AU", "BE", "EE", "FI", "GE", "GG", "NL", "NZ", "PL", "PT", "SG"]`, Points: 5},
		}},
	}}}}
}

// gitlab is the demographic part of GitLab's standard of the fiscal year 2025: capped
// at 70 although its criteria sum to 100.
func gitlab() fit.Spec {
	tiers := func(id, key string, high, medium, low, negative float64) fit.Criterion {
		return fit.Criterion{ID: id, Choices: []fit.Choice{
			{When: `lead.` + key + ` == "high"`, Points: high},
			{When: `lead.` + key + ` == "medium"`, Points: medium},
			{When: `lead.` + key + ` == "low"`, Points: low},
			{When: `lead.` + key + ` == "negative"`, Points: negative},
		}}
	}
	return fit.Spec{Groups: []fit.Group{{ID: "demographic", Description: "Demographic", MaxPoints: limit(70), Criteria: []fit.Criterion{
		{ID: "team_use", When: `lead.team_use`, Points: 25},
		{ID: "email_domain", Choices: []fit.Choice{
			{When: `lead.email_domain_kind == "business"`, Points: 35},
			{When: `lead.email_domain_kind == "generic"`, Points: -10},
		}},
		tiers("seniority", "seniority", 15, 15, 5, -10),
		tiers("function", "job_function", 20, 15, 10, -20),
		{ID: "country", When: `lead.country_tier in [1, 2]`, Points: 5},
	}}}}
}

func TestPublishedStandards(t *testing.T) {
	for _, test := range []struct {
		name  string
		spec  fit.Spec
		facts map[string]string
		want  float64
	}{
		{"PostHog: the best", posthog(), map[string]string{"employees": `1000`, "revenue": `1e8`, "role": `"founder"`, "sub_role": `"ceo"`, "country": `"DE"`}, 70},
		{"PostHog: edges from below", posthog(), map[string]string{"employees": `10`, "revenue": `999999.99`, "role": `"sales"`, "sub_role": `"other"`, "country": `"IT"`}, 0},
		{"PostHog: edges from above", posthog(), map[string]string{"employees": `11`, "revenue": `1000000`, "role": `"marketing"`, "sub_role": `"other"`, "country": `"NL"`}, 25},
		{"PostHog: in the middle", posthog(), map[string]string{"employees": `999`, "revenue": `99999999`, "role": `"product"`, "sub_role": `"web_engineer"`, "country": `"JP"`}, 50},
		{"PostHog: only the country is known", posthog(), map[string]string{"country": `"SE"`}, 10},
		{"GitLab: the best, held at 70", gitlab(), map[string]string{"team_use": `true`, "email_domain_kind": `"business"`, "seniority": `"high"`, "job_function": `"high"`, "country_tier": `1`}, 70},
		{"GitLab: just below the cap", gitlab(), map[string]string{"team_use": `false`, "email_domain_kind": `"business"`, "seniority": `"medium"`, "job_function": `"medium"`, "country_tier": `3`}, 65},
		{"GitLab: all that takes away, held at 0", gitlab(), map[string]string{"team_use": `false`, "email_domain_kind": `"generic"`, "seniority": `"negative"`, "job_function": `"negative"`, "country_tier": `3`}, 0},
		{"GitLab: a private address in a team", gitlab(), map[string]string{"team_use": `true`, "email_domain_kind": `"generic"`, "seniority": `"low"`, "job_function": `"low"`, "country_tier": `2`}, 35},
	} {
		var facts []fit.Fact
		for key, value := range test.facts {
			facts = append(facts, known(0, key, value))
		}
		if got := assessed(t, test.spec, at(0), facts...).Result.Score.Float(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}
