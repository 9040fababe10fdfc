package account_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

func TestCompanyDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"acme.com":             "acme.com",
		"mail.eu.acme.co.uk":   "acme.co.uk",
		"ACME.com.":            "acme.com",
		"bücher.de":            "xn--bcher-kva.de",
		"xn--bcher-kva.de":     "xn--bcher-kva.de",
		"uni-bonn.de":          "uni-bonn.de",
		"gmail.com":            "",
		"mail.gmail.com":       "",
		"mailinator.com":       "",
		"github.io":            "",
		"foo.github.io":        "",
		"co.uk":                "",
		"com":                  "",
		"localhost":            "",
		"srv1.corp.local":      "",
		"mail.intranet":        "",
		"192.0.2.7":            "",
		"example.com":          "",
		"www.example.org":      "",
		"acme.example":         "",
		"acme.test":            "",
		"":                     "",
		"not a domain":         "",
		"under_score.acme.com": "acme.com",
	} {
		if got := account.CompanyDomain(domain); got != want {
			t.Errorf("%q belongs to %q, want %q", domain, got, want)
		}
	}
}

// A company's domain is its own, and so is whatever is below it.
func TestACompanyHasAllBelowIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		domain := rapid.StringMatching(`[a-z]{1,8}(\.[a-z]{1,8}){0,2}\.(com|de|co\.uk|io|github\.io|local)`).Draw(t, "domain")
		company := account.CompanyDomain(domain)
		if company == "" {
			return
		}
		if again := account.CompanyDomain(company); again != company {
			t.Errorf("%s belongs to %s, and that to %q", domain, company, again)
		}
		if below := account.CompanyDomain("mail." + company); below != company {
			t.Errorf("what is below %s belongs to %q", company, below)
		}
	})
}

var (
	acme  = account.NewID()
	rival = account.NewID()
	known = map[string]string{"acme.com": acme, "rival.de": rival}
)

func saidAt(at int64, value string) account.Said {
	return account.Said{At: lead.Place{At: at, Source: "api", ID: fmt.Sprint(at, value)}, Value: []byte(value)}
}

func TestBelong(t *testing.T) {
	name := func(id string) string { return `"` + account.Name(id) + `"` }
	for what, c := range map[string]struct {
		said, domains []account.Said
		want          []account.Stay
	}{
		"by its domain":                   {nil, []account.Said{saidAt(5, `"mail.acme.com"`)}, []account.Stay{{5, acme}}},
		"free mail":                       {nil, []account.Said{saidAt(5, `"gmail.com"`)}, nil},
		"a company that nobody knows":     {nil, []account.Said{saidAt(5, `"other.com"`)}, nil},
		"another company":                 {nil, []account.Said{saidAt(5, `"acme.com"`), saidAt(7, `"rival.de"`)}, []account.Stay{{5, acme}, {7, rival}}},
		"to free mail":                    {nil, []account.Said{saidAt(5, `"acme.com"`), saidAt(7, `"gmail.com"`)}, []account.Stay{{5, acme}, {7, ""}}},
		"said before":                     {[]account.Said{saidAt(3, name(rival))}, []account.Said{saidAt(5, `"acme.com"`)}, []account.Stay{{3, rival}}},
		"said after":                      {[]account.Said{saidAt(9, name(rival))}, []account.Said{saidAt(5, `"acme.com"`)}, []account.Stay{{5, acme}, {9, rival}}},
		"said at once":                    {[]account.Said{saidAt(5, name(rival))}, []account.Said{saidAt(5, `"acme.com"`)}, []account.Stay{{5, rival}}},
		"said to belong nowhere":          {[]account.Said{saidAt(9, `null`)}, []account.Said{saidAt(5, `"acme.com"`)}, []account.Stay{{5, acme}, {9, ""}}},
		"nowhere, then by another domain": {[]account.Said{saidAt(3, `null`)}, []account.Said{saidAt(5, `"acme.com"`)}, nil},
		"said and left":                   {[]account.Said{saidAt(9, name(rival)), saidAt(11, `null`)}, []account.Said{saidAt(5, `"acme.com"`)}, []account.Stay{{5, acme}, {9, rival}, {11, ""}}},
	} {
		t.Run(what, func(t *testing.T) {
			for range 2 { // in both orders
				if got := account.Belong(c.said, c.domains, known); !slices.Equal(got, c.want) {
					t.Errorf("%v, want %v", got, c.want)
				}
				slices.Reverse(c.said)
				slices.Reverse(c.domains)
			}
		})
	}
}
