package condition

import (
	"fmt"
	"strings"
	"testing"
)

func TestLiterals(t *testing.T) {
	options := Options{Vars: LeadVar | ActivityVar | FitVar | NowVar | PastVar | BeforeVar, Lists: map[string]*List{"ours": {}}}
	for text, want := range map[string]string{
		`lead.country == "DE"`:                           `lead.country equal DE`,
		`"DE" != lead.country`:                           `lead.country equal DE`,
		`lead.country.lowerAscii() == "de"`:              `lead.country equal de`,
		`lead.country in ["DE", "FR"]`:                   `lead.country equal DE FR`,
		`lead.industry in lists.ours`:                    `lead.industry equal lists.ours`,
		`"crm" in lead.tools`:                            `lead.tools equal crm`,
		`lead.employees >= 50 && lead.employees < 200.5`: `lead.employees from 50, lead.employees from 200.5`,
		`lead.employees > 50`:                            `lead.employees over 50`,
		`50 < lead.employees`:                            `lead.employees over 50`,
		`50 >= lead.employees`:                           `lead.employees over 50`,
		`50 > lead.employees`:                            `lead.employees from 50`,
		`lead.balance < -5`:                              `lead.balance from -5`,
		`lead.customer`:                                  `lead.customer itself`,
		`!lead.customer || lead.partner == true`:         `lead.customer truth, lead.partner equal true`,
		`has(lead.phone) && lead.a`:                      `lead.phone presence, lead.a truth`,
		`hasWord(lead.job_title, ["VP", "head of"])`:     `lead.job_title words`,
		`lead.title.startsWith("V")`:                     `lead.title words`,
		`lead.revenue / lead.employees > 3`:              `lead.revenue number, lead.employees number`,
		`daysSince(lead.trial_start) <= 40`:              `lead.trial_start time`,
		`seniority(lead.job_title) == "vp"`:              `lead.job_title other`,
		`ago(lead.spend, 30) < lead.spend`:               `lead.spend number, lead.spend number`,
		`before.country != lead.country`:                 `lead.country other, lead.country other`,
		`account.industry == "software"`:                 `account.industry equal software`,
		`activity.properties.form == "demo"`:             `activity.properties.form equal demo`,
		`"form" in activity.properties`:                  `activity.properties.form presence`,
		`lead.a ? lead.b == 1 : lead.c > 2`:              `lead.a truth, lead.b equal 1, lead.c over 2`,
		`["x", "y"].exists(v, lead.tools == v)`:          `lead.tools other`,
		`fit.score >= 50`:                                `fit.score from 50`,
		`true`:                                           ``,
	} {
		if _, err := CompileWith(text, options); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		found, err := Literals(text, options)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		var got []string
		for _, c := range found {
			line := c.Path + " " + []string{"other", "equal", "from", "over", "truth", "words", "presence", "number", "time", "itself"}[c.How]
			for _, v := range c.Values {
				line += " " + fmt.Sprint(v)
			}
			if c.List != "" {
				line += " lists." + c.List
			}
			got = append(got, line)
		}
		if strings.Join(got, ", ") != want {
			t.Errorf("%s:\n got %s\nwant %s", text, strings.Join(got, ", "), want)
		}
	}
}

// Whatever compiles can be walked, and what is found is what is read.
func FuzzLiterals(f *testing.F) {
	for _, text := range []string{
		`lead.a in ["x"] || !(lead.b > 2) && has(lead.c)`, `hasWord(lead.d, "x") ? lead.e : lead.f == [1]`,
		`"x" in activity.properties`, `-lead.a < -(-3)`, `lead.tags.exists(t, t == "a")`, `{"a": lead.b}["a"] == 1`,
	} {
		f.Add(text)
	}
	options := Options{Vars: LeadVar | ActivityVar | FitVar | NowVar | PastVar | BeforeVar}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := CompileWith(text, options)
		if err != nil {
			return
		}
		found, err := Literals(text, options)
		if err != nil {
			t.Fatal(err)
		}
		keys := map[string]bool{}
		for _, read := range found {
			if key, ok := attributeKey(read.Path); ok {
				keys[strings.SplitN(key, ".", 3)[0]] = true
			}
		}
		for _, key := range c.Attributes() {
			if !keys[strings.SplitN(key, ".", 3)[0]] {
				t.Errorf("%s reads %s, found only %v", text, key, found)
			}
		}
	})
}
