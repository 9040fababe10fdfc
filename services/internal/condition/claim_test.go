package condition_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/condition"
)

// said writes a claim in one line.
func said(c condition.Claim) string {
	var of []string
	for _, part := range c.Of {
		of = append(of, said(part))
	}
	switch c.Test {
	case condition.TestAnd:
		return "all(" + strings.Join(of, ", ") + ")"
	case condition.TestOr:
		return "any(" + strings.Join(of, ", ") + ")"
	case condition.TestNot:
		return "not(" + strings.Join(of, ", ") + ")"
	case condition.TestIn:
		return fmt.Sprint(c.Term, " in ", c.Values)
	case condition.TestAtLeast:
		return fmt.Sprint(c.Term, " >= ", c.Values[0])
	case condition.TestOver:
		return fmt.Sprint(c.Term, " > ", c.Values[0])
	case condition.TestWords:
		return fmt.Sprintf("%s words %q", c.Term, c.Texts)
	case condition.TestPrefix:
		return fmt.Sprintf("%s begins %q", c.Term, c.Texts)
	case condition.TestPresent:
		return c.Term + " known"
	default:
		return "holds{" + c.Term + "}"
	}
}

func TestClaims(t *testing.T) {
	options := condition.Options{
		Vars:  condition.LeadVar | condition.ActivityVar | condition.NowVar | condition.PastVar | condition.FitVar,
		Lists: map[string]*condition.List{"ours": condition.NewList([]string{"a.example", "b.example"})},
	}
	for text, want := range map[string]string{
		`lead.country == "DE"`:                             `lead.country in [DE]`,
		`"DE" != lead.country`:                             `not(lead.country in [DE])`,
		`lead.employees >= 10 && lead.employees < 50`:      `all(lead.employees >= 10, not(lead.employees >= 50))`,
		`50 > lead.employees || 10 <= lead.employees`:      `any(not(lead.employees >= 50), lead.employees >= 10)`,
		`lead.n <= -3`:                                     `not(lead.n > -3)`,
		`5 < lead.n`:                                       `lead.n > 5`,
		`lead.customer`:                                    `lead.customer in [true]`,
		`!has(lead.phone)`:                                 `not(lead.phone known)`,
		`"form" in activity.properties`:                    `activity.properties.form known`,
		`lead.email_domain in lists.ours`:                  `lead.email_domain in [a.example b.example]`,
		`lead.n in [1, 2.5, true]`:                         `lead.n in [1 2.5 true]`,
		`hasWord(lead.job_title, ["VP", "Head of"])`:       `lead.job_title words [" vp " " head of "]`,
		`hasWord(lead.job_title, lists.ours)`:              `lead.job_title words [" a example " " b example "]`,
		`activity.properties.path.startsWith("/p")`:        `activity.properties.path begins ["/p"]`,
		`activity.properties.path.matches("^/(jobs|ca)")`:  `activity.properties.path begins ["/jobs" "/ca"]`,
		`activity.properties.path.matches("jobs$")`:        `holds{activity.properties.path.matches("jobs$")}`,
		`emailKind(lead.email_domain) == "free"`:           `emailKind(lead.email_domain) in [free]`,
		`daysSince(lead.trial_start) < 40`:                 `not(daysSince(lead.trial_start) >= 40)`,
		`ago(lead.spend, 30) < 5`:                          `not(ago(lead.spend, 30) >= 5)`,
		`lead.spend / lead.employees > 3`:                  `(lead.spend / lead.employees) > 3`,
		`lead.a == lead.b`:                                 `holds{(lead.a == lead.b)}`,
		`"crm" in lead.tools`:                              `holds{("crm" in lead.tools)}`,
		`lists.ours.exists(p, lead.website.startsWith(p))`: `lead.website begins ["a.example" "b.example"]`,
		`lists.ours.exists(p, lead.website.endsWith(p))`:   `holds{loop p (lists.ours, @not_strictly_false(!@result), (@result || lead.website.endsWith(p)), @result)}`,
		`true`:  `all()`,
		`false`: `any()`,
	} {
		if _, err := condition.CompileWith(text, options); err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		claim, err := condition.ClaimOf(text, options)
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if got := said(claim); got != want {
			t.Errorf("%s:\n got %s\nwant %s", text, got, want)
		}
	}
}

// Whatever compiles can be taken apart.
func FuzzClaims(f *testing.F) {
	for _, text := range []string{
		`lead.a in ["x"] || !(lead.b > 2) && has(lead.c)`, `hasWord(lead.d, "x") ? lead.e : lead.f == [1]`,
		`"x" in activity.properties`, `-lead.a < -(-3)`, `lead.tags.exists(t, t == "a")`, `{"a": lead.b}["a"] == 1`,
		`lead.a.matches("^(a|b)[c-e]?$")`, `1 < 2`, `"a" == "b"`, `-3 < lead.a`,
	} {
		f.Add(text)
	}
	options := condition.Options{Vars: condition.LeadVar | condition.ActivityVar | condition.NowVar | condition.PastVar}
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := condition.CompileWith(text, options); err != nil {
			return
		}
		if _, err := condition.ClaimOf(text, options); err != nil {
			t.Error(err)
		}
	})
}
