package traits_test

import (
	"bufio"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/traits"
)

func TestEmailKind(t *testing.T) {
	for domain, want := range map[string]string{
		"gmail.com": traits.Free, "GMail.COM": traits.Free, "gmail.com.": traits.Free, "ada@gmail.com": traits.Free,
		"web.de": traits.Free, "orange.fr": traits.Free, "hey.com": traits.Free, "corp.yahoo.com": traits.Free, "hotmail.es": traits.Free,
		"mailinator.com": traits.Disposable, "x.mailinator.com": traits.Disposable,
		"acme.com": traits.Business, "notgmail.com": traits.Business, "mail.acme.co.uk": traits.Business, "münchen.de": traits.Business,
		"MÜNCHEN.de": traits.Business, "acme.github.io": traits.Business, "tum.de": traits.Business, "ac": "",
		"mit.edu": traits.Education, "ox.ac.uk": traits.Education, "unimelb.edu.au": traits.Education, "u-tokyo.ac.jp": traits.Education,
		"nasa.gov": traits.Government, "service.gov.uk": traits.Government, "interieur.gouv.fr": traits.Government,
		"army.mil": traits.Government, "mofa.go.jp": traits.Government, "sat.gob.mx": traits.Government, "acme.ac": traits.Business,
		"": "", " ": "", "localhost": "", "192.168.0.1": "", "[::1]": "", "ada@": "", "no domain": "", ".com": "", "a..b": "",
	} {
		if got := traits.EmailKind(domain); got != want {
			t.Errorf("EmailKind(%q) = %q, want %q", domain, got, want)
		}
	}
}

func TestRegistrableDomain(t *testing.T) {
	for domain, want := range map[string]string{
		"acme.com": "acme.com", "mail.eu.acme.co.uk": "acme.co.uk", "ACME.com": "acme.com", "ada@sales.acme.com": "acme.com",
		"https://www.acme.de/contact?x=1": "acme.de", "acme.com:8443": "acme.com", "www.bücher.de": "xn--bcher-kva.de",
		"acme.github.io": "acme.github.io", "mit.edu": "mit.edu",
		"gmail.com": "", "mail.gmail.com": "", "mailinator.com": "", "co.uk": "", "com": "", "": "", "192.168.0.1": "", "no domain": "",
	} {
		if got := traits.RegistrableDomain(domain); got != want {
			t.Errorf("RegistrableDomain(%q) = %q, want %q", domain, got, want)
		}
	}
}

// TestMailDomainsAgreeWithOtherLists measures our lists on lists of another day. The
// floors are what was measured.
func TestMailDomainsAgreeWithOtherLists(t *testing.T) {
	disposable := domainsIn(t, "disposable_email_domains.txt")
	free := domainsIn(t, "free_email_domains.txt") // holds the disposable ones, too
	for domain := range disposable {
		delete(free, domain)
	}
	for _, test := range []struct {
		kind    string
		domains map[string]bool
		floor   float64
	}{{traits.Disposable, disposable, 0.999}, {traits.Free, free, 0.9}} {
		agreed := 0
		for domain := range test.domains {
			if traits.EmailKind(domain) == test.kind {
				agreed++
			}
		}
		share := float64(agreed) / float64(len(test.domains))
		t.Logf("%s: %d of %d domains, %.4f", test.kind, agreed, len(test.domains), share)
		if share < test.floor {
			t.Errorf("of %s domains %.4f agree, the floor is %v", test.kind, share, test.floor)
		}
	}
}

func domainsIn(t *testing.T, name string) map[string]bool {
	t.Helper()
	domains := map[string]bool{}
	lines := bufio.NewScanner(reference(t, name))
	for lines.Scan() {
		if domain := strings.TrimSpace(lines.Text()); domain != "" && domain[0] != '#' {
			domains[domain] = true
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return domains
}
