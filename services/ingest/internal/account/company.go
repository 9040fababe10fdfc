package account

import (
	"encoding/json"
	"slices"

	"golang.org/x/net/publicsuffix"

	"github.com/assay-hq/assay/services/internal/traits"
)

// reserved are domains that nobody has: they are for examples.
var reserved = []string{"example.com", "example.net", "example.org"}

// CompanyDomain returns the domain by which the company of an email domain is known: the
// name that was registered, in the form of DNS, as `acme.co.uk` for `mail.eu.acme.co.uk`. It
// is "" where there is no company: for free and disposable mail, for names below somebody's
// own suffix (`foo.github.io`), for names of an intranet and those kept for examples.
func CompanyDomain(emailDomain string) string {
	domain := traits.RegistrableDomain(emailDomain)
	if _, official := publicsuffix.PublicSuffix(domain); !official || slices.Contains(reserved, domain) || !domainPattern.MatchString(domain) {
		return ""
	}
	return domain
}

// companyOf is CompanyDomain of the value of an attribute.
func companyOf(value []byte) string {
	var domain string
	if json.Unmarshal(value, &domain) != nil {
		return ""
	}
	return CompanyDomain(domain)
}

// Companies returns the domains of the companies that email domains over time name: what was
// said of the attribute that holds them.
func Companies(said []Said) (domains []string) {
	for _, s := range said {
		if domain := companyOf(s.Value); domain != "" && !slices.Contains(domains, domain) {
			domains = append(domains, domain)
		}
	}
	return domains
}

// Belong returns where a lead belonged over time: to the company of its email domain until
// somebody first says where it belongs, or that it belongs nowhere, and from then on as that
// is said. accounts are the ids of companies by their domains. The arguments are put in
// order.
func Belong(said, emailDomains []Said, accounts map[string]string) []Stay {
	explicit := Stays(said)
	slices.SortFunc(emailDomains, func(a, b Said) int { return a.At.Compare(b.At) })
	var stays []Stay
	now := ""
	for _, s := range stepsOf(emailDomains) {
		if len(said) > 0 && s.At >= said[0].At.At {
			break
		}
		if id := accounts[companyOf(s.Value)]; id != now {
			now = id
			stays = append(stays, Stay{s.At, id})
		}
	}
	if len(said) > 0 && now != "" && (len(explicit) == 0 || explicit[0].From > said[0].At.At) {
		stays = append(stays, Stay{said[0].At.At, ""})
	}
	return append(stays, explicit...)
}
