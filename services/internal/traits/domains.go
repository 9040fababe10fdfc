package traits

import (
	_ "embed"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Kinds of mail domains.
const (
	// Free: anybody gets a mailbox there, as at gmail.com.
	Free = "free"
	// Disposable: mailboxes made to be thrown away.
	Disposable = "disposable"
	// Education: under a suffix kept for schools and universities, as `edu` or
	// `ac.uk`. Universities under other suffixes, as in Germany, are Business.
	Education = "education"
	// Government: under a suffix kept for authorities or armed forces, as `gov`,
	// `gouv.fr` or `mil`.
	Government = "government"
	// Business: any other domain.
	Business = "business"
)

//go:embed data/free_email_domains.txt
var freeText string

//go:embed data/disposable_email_domains.txt
var disposableText string

// ownFree are providers that the list does not have.
var ownFree = []string{"hey.com", "mailbox.org", "mozmail.com", "tuta.com", "tuta.io", "tutamail.com", "tutanota.com", "tutanota.de"}

type domainList struct {
	version string
	domains map[string]struct{}
}

// has reports whether the list has a domain or one above it.
func (l domainList) has(domain string) bool {
	for {
		if _, ok := l.domains[domain]; ok {
			return true
		}
		_, above, ok := strings.Cut(domain, ".")
		if !ok {
			return false
		}
		domain = above
	}
}

// parseDomains reads a list: its version in the first line, more notes behind #, then a
// domain in each line.
func parseDomains(text string) domainList {
	first, _, _ := strings.Cut(text, "\n")
	list := domainList{version: strings.TrimPrefix(first, "# "), domains: make(map[string]struct{}, strings.Count(text, "\n"))}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			list.domains[line] = struct{}{}
		}
	}
	return list
}

// domainLists are read when first asked for: it takes a millisecond.
var domainLists = sync.OnceValue(func() (lists struct{ free, disposable domainList }) {
	lists.free, lists.disposable = parseDomains(freeText), parseDomains(disposableText)
	for _, domain := range ownFree {
		lists.free.domains[domain] = struct{}{}
	}
	return lists
})

// EmailKind returns the kind of a mail domain: Free, Disposable, Education, Government
// or Business, and "" for what is no domain on the public internet. A subdomain is of
// the kind of the domain above it; of two lists Disposable counts. An address or a URL
// stands for its domain.
func EmailKind(domain string) string {
	host := hostOf(domain)
	if host == "" {
		return ""
	}
	lists := domainLists()
	switch {
	case lists.disposable.has(host):
		return Disposable
	case lists.free.has(host):
		return Free
	default:
		return kindOfSuffix(host)
	}
}

// RegistrableDomain returns the name that was registered, which is the best name of a
// company a domain gives: `acme.co.uk` for `mail.eu.acme.co.uk`. It is "" where there is
// no company: for free and disposable mail, for a public suffix itself, for what is no
// domain. An address or a URL stands for its domain.
func RegistrableDomain(domain string) string {
	host := hostOf(domain)
	if host == "" {
		return ""
	}
	if lists := domainLists(); lists.disposable.has(host) || lists.free.has(host) {
		return ""
	}
	registered, err := publicsuffix.EffectiveTLDPlusOne(host)
	if err != nil {
		return ""
	}
	return registered
}

// goCountries are the countries whose `go.` is for authorities: elsewhere it is not.
var goCountries = map[string]bool{"id": true, "jp": true, "ke": true, "kr": true, "th": true, "tz": true, "ug": true}

// kindOfSuffix tells by the suffix. Only suffixes of the public list count, because the
// name in front of those can be anybody's.
func kindOfSuffix(host string) string {
	suffix, official := publicsuffix.PublicSuffix(host)
	for !official { // somebody's own suffix, as service.gov.uk
		_, above, ok := strings.Cut(suffix, ".")
		if !ok {
			return Business
		}
		suffix, official = publicsuffix.PublicSuffix(above)
	}
	kind, country, _ := strings.Cut(suffix, ".")
	switch kind {
	case "edu":
		return Education
	case "ac", "k12", "sch":
		if country != "" {
			return Education
		}
	case "gov", "mil":
		return Government
	case "gouv", "gob", "gub", "govt", "gv", "gc":
		if country != "" {
			return Government
		}
	case "go":
		if goCountries[country] {
			return Government
		}
	}
	return Business
}

// hostOf returns the domain of a domain, an address or a URL in lower-case ASCII form;
// "" if there is none with a dot in it.
func hostOf(text string) string {
	if len(text) > 2048 {
		return ""
	}
	text = strings.TrimSpace(text)
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if end := strings.IndexAny(text, "/?#"); end >= 0 {
		text = text[:end]
	}
	text = text[strings.LastIndexByte(text, '@')+1:]
	if colon := strings.IndexByte(text, ':'); colon >= 0 {
		text = text[:colon]
	}
	text = strings.ToLower(strings.TrimSuffix(text, "."))
	if !plainHost(text) {
		ascii, err := idna.Lookup.ToASCII(text)
		if err != nil {
			return ""
		}
		text = strings.TrimSuffix(ascii, ".")
	}
	if !strings.Contains(text, ".") || len(text) > 253 || strings.Contains(text, "..") || text[0] == '.' {
		return ""
	}
	if last := text[len(text)-1]; '0' <= last && last <= '9' {
		if _, err := netip.ParseAddr(text); err == nil {
			return ""
		}
	}
	return text
}

// plainHost reports whether a host is already in the form we look up: most are.
func plainHost(host string) bool {
	return !strings.ContainsFunc(host, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '.' && r != '-' && r != '_'
	})
}
