package condition_test

import (
	"fmt"
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
		"before":      `before.country != "DE" && lead.country == "DE"`,
		"ago":         `lead.employees > ago(lead.employees, 30)`,
		"days":        `daysSince(lead.trial) >= 7`,
		"now":         `now > timestamp(lead.renewal)`,
		"in a list":   `lead.domain in lists.rivals`,
		"list words":  `hasWord(lead.job_title, lists.leaders)`,
	} {
		b.Run(name, func(b *testing.B) {
			c, err := condition.CompileWith(text, condition.Options{Vars: all, Lists: lists})
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
	b.Run("value", func(b *testing.B) {
		e, err := condition.CompileValue(`lead.revenue / lead.employees`, condition.Options{Vars: all})
		if err != nil {
			b.Fatal(err)
		}
		facts := ada()
		b.ReportAllocs()
		for b.Loop() {
			e.Eval(facts)
		}
	})
	b.Run("words of a list of 50,000", func(b *testing.B) {
		values := make([]string, 50_000)
		for i := range values {
			values[i] = fmt.Sprintf("title %d of something", i)
		}
		c, err := condition.CompileWith(`hasWord(lead.job_title, lists.many) || lead.job_title in lists.many`, condition.Options{
			Vars: all, Lists: map[string]*condition.List{"many": condition.NewList(values)},
		})
		if err != nil {
			b.Fatal(err)
		}
		facts := ada()
		b.ReportAllocs()
		for b.Loop() {
			c.Eval(facts)
		}
	})
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
