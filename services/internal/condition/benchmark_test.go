package condition_test

import (
	"testing"

	"github.com/assay-hq/assay/services/internal/condition"
)

// The aim is less than a microsecond for a simple condition.
func BenchmarkEval(b *testing.B) {
	for name, text := range map[string]string{
		"attribute":   `lead.country == "DE"`,
		"list":        `lead.country in ["FR", "ES", "IT", "DE"]`,
		"band":        `lead.employees >= 201 && lead.employees < 1001`,
		"unknown":     `lead.budget > 3 && lead.country == "DE"`,
		"type":        `activity.type == "form.submitted"`,
		"property":    `activity.properties.form == "demo"`,
		"word":        `hasWord(lead.job_title, ["vp", "director", "head"])`,
		"regexp":      `lead.job_title.matches("(?i)\\bvp\\b")`,
		"loop":        `lead.tags.exists(t, t == "saas")`,
		"fit and has": `has(lead.country) && fit.score >= 50`,
	} {
		b.Run(name, func(b *testing.B) {
			c, err := condition.Compile(text, all)
			if err != nil {
				b.Fatal(err)
			}
			facts := ada()
			b.ReportAllocs()
			for b.Loop() {
				c.Eval(facts)
			}
		})
	}
	b.Run("property of a new activity", func(b *testing.B) {
		c, err := condition.Compile(`activity.properties.form == "demo"`, all)
		if err != nil {
			b.Fatal(err)
		}
		properties := ada().Activity.Properties
		b.ReportAllocs()
		for b.Loop() {
			c.Eval(&condition.Facts{Activity: &condition.Activity{Type: "x", Properties: properties}})
		}
	})
}
