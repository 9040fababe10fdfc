// Package identity knows the ways to recognise a person, which of them is
// stronger, and the one form in which each is compared.
package identity

import (
	"log/slog"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/text/unicode/norm"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Limits.
const (
	// MaxChars is how long a value may be, in characters.
	MaxChars = 320
	// MaxPerCapture is how many identities one capture may give.
	MaxPerCapture = 50
)

// Kind is a way to recognise a person. A lower kind is stronger.
type Kind int64

// The kinds, in the order of strength. The numbers are stored.
const (
	UserID      = Kind(ingestv1.Identity_KIND_USER_ID)
	Email       = Kind(ingestv1.Identity_KIND_EMAIL)
	CRMID       = Kind(ingestv1.Identity_KIND_CRM_ID)
	AnonymousID = Kind(ingestv1.Identity_KIND_ANONYMOUS_ID)
)

// Identity is one way to recognise a person, in the form in which it is compared.
// The value is personal data.
type Identity struct {
	Kind  Kind
	Value string
}

// New returns the identity in the form in which it is compared: without white space
// around it; an email address composed (NFC), in lower case and with its domain in
// ASCII. What a provider may pass over in an address, dots and +tags, is kept: others
// do not pass over it.
func New(in *ingestv1.Identity) (Identity, *violation.Violation) {
	kind, value := Kind(in.GetKind()), in.GetValue()
	if kind < UserID || kind > AnonymousID {
		return Identity{}, violation.New("kind", "one of KIND_USER_ID, KIND_EMAIL, KIND_CRM_ID, KIND_ANONYMOUS_ID")
	}
	switch {
	case !utf8.ValidString(value):
		return Identity{}, violation.New("value", "valid UTF-8")
	case strings.ContainsRune(value, 0):
		return Identity{}, violation.New("value", "no NUL characters")
	case utf8.RuneCountInString(value) > MaxChars:
		return Identity{}, violation.New("value", "at most 320 characters")
	}
	value = strings.TrimSpace(value)
	if value == "" {
		return Identity{}, violation.New("value", "a value")
	}
	if kind == Email {
		value = norm.NFC.String(strings.ToLower(norm.NFC.String(value)))
		local, domain, ok := strings.Cut(value, "@")
		if !ok || local == "" || domain == "" || strings.ContainsAny(value, " \t\r\n<>,;") || strings.Contains(domain, "@") {
			return Identity{}, violation.New("value", "an email address such as name@example.com")
		}
		value = local + "@" + ascii(domain)
	}
	return Identity{kind, value}, nil
}

var domains = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// ascii returns a domain as name servers know it; one that they cannot know stays.
func ascii(domain string) string {
	known, err := domains.ToASCII(domain)
	if again, errAgain := domains.ToASCII(known); err != nil || errAgain != nil || again != known || strings.ContainsAny(known, "@ ") || known == "" {
		return domain
	}
	return known
}

// NewList returns identities without repetitions, in the order given. field is
// the name of the list in a violation.
func NewList(field string, in []*ingestv1.Identity) ([]Identity, *violation.Violation) {
	if len(in) > MaxPerCapture {
		return nil, violation.New(field, "at most 50 identities")
	}
	list := make([]Identity, 0, len(in))
next:
	for i, raw := range in {
		id, v := New(raw)
		if v != nil {
			return nil, v.At(field, i)
		}
		for _, known := range list {
			if known == id {
				continue next
			}
		}
		list = append(list, id)
	}
	return list, nil
}

// Domain returns the part of an email address after the @; empty for other kinds.
func (i Identity) Domain() string {
	if i.Kind != Email {
		return ""
	}
	_, domain, _ := strings.Cut(i.Value, "@")
	return domain
}

// String names the kind only: the value is personal data.
func (i Identity) String() string {
	return strings.ToLower(strings.TrimPrefix(ingestv1.Identity_Kind(i.Kind).String(), "KIND_"))
}

// LogValue keeps the value out of logs.
func (i Identity) LogValue() slog.Value { return slog.StringValue(i.String()) }
