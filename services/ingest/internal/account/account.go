// Package account knows the company of a lead: by what it is recognised, what may be
// said of it, and how that counts for each of its leads over time.
//
//	what sources said ──Fold──▶ Timelines of the account ─┐
//	                                                       ├─View──▶ Timelines of the lead
//	where the lead belonged ──Stays───────────────────────┘
//
// Everything here follows from the set of what was said, whatever the order of its
// arrival. How a lead's facts are brought to what its timelines say, see [Missing].
package account

import (
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/net/idna"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Limits of one capture.
const (
	// MaxFacts is how many facts with a key a capture may bring.
	MaxFacts = 2500
	// maxIdentities is how many identities it may give.
	maxIdentities = 50
	maxProperties = 32 << 10
)

// NewID returns the id of a new account.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Name returns the resource name of an account.
func Name(id string) string { return prefix + id }

const prefix = "accounts/"

// ParseName returns the id in a resource name.
func ParseName(field, name string) (string, *violation.Violation) {
	id, ok := strings.CutPrefix(name, prefix)
	if !ok || len(id) != 36 || uuid.Validate(id) != nil || id != strings.ToLower(id) {
		return "", violation.New(field, "accounts/{account}, where {account} is a UUID in lower case")
	}
	return id, nil
}

// Kind is a way to recognise an account. A lower kind is stronger.
type Kind int64

// The kinds, in the order of strength. The numbers are stored.
const (
	ExternalID = Kind(ingestv1.AccountIdentity_KIND_EXTERNAL_ID)
	Domain     = Kind(ingestv1.AccountIdentity_KIND_DOMAIN)
)

// Identity is one way to recognise an account, in the form in which it is compared.
type Identity struct {
	Kind  Kind
	Value string
}

// NewIdentity returns an identity in the form in which it is compared: without white
// space around it, and a domain in lower case, as DNS has it.
func NewIdentity(in *ingestv1.AccountIdentity) (Identity, *violation.Violation) {
	i := Identity{Kind(in.GetKind()), strings.TrimSpace(in.GetValue())}
	switch i.Kind {
	case ExternalID:
		if v := activity.CheckText("value", in.GetValue(), 200); v != nil {
			return Identity{}, v
		}
		if i.Value == "" {
			return Identity{}, violation.New("value", "a value")
		}
	case Domain:
		ascii, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.ToLower(i.Value), "."))
		if err != nil || len(ascii) > 253 || !strings.Contains(ascii, ".") || !domainPattern.MatchString(ascii) {
			return Identity{}, violation.New("value", "a domain such as example.com, without https:// and path")
		}
		i.Value = ascii
	default:
		return Identity{}, violation.New("kind", "one of KIND_EXTERNAL_ID, KIND_DOMAIN")
	}
	return i, nil
}

var domainPattern = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)

// NewIdentities returns identities without repetitions, in the order given.
func NewIdentities(field string, in []*ingestv1.AccountIdentity) ([]Identity, *violation.Violation) {
	if len(in) > maxIdentities {
		return nil, violation.New(field, "at most 50 identities")
	}
	list, seen := make([]Identity, 0, len(in)), map[Identity]bool{}
	for n, raw := range in {
		i, v := NewIdentity(raw)
		if v != nil {
			return nil, v.At(field, n)
		}
		if !seen[i] {
			seen[i] = true
			list = append(list, i)
		}
	}
	return list, nil
}

var wordPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// Circumstances are those of a capture.
type Circumstances struct {
	// Window holds the times.
	Window effective.Window
	// Default is the time of what has none of its own, already in the window.
	Default time.Time
	// Dated says that Default is the sender's, not just when it was received.
	Dated bool
	// Source says who sent it.
	Source string
}

// Say returns what is said at the time of the circumstances: with a time of the sender's
// it has an id that follows from what is said; without, it stands where it arrived.
func Say(kind, key string, value []byte, c Circumstances) Said {
	s := Said{Kind: kind, Key: key, Value: value, At: lead.Place{At: c.Default.UnixMicro(), Source: c.Source}}
	if !c.Dated {
		s.At.ID = uuid.Must(uuid.NewV7()).String()
		return s
	}
	if kind != "" {
		key = kind + "/" + key
	}
	s.At.ID = lead.FactID(lead.Attribute{Key: key, Value: value}, s.At.At, s.At.Source)
	return s
}

// Read returns what is said of an account, and whether a time was out of range. Fields
// of a violation are relative to the account.
func Read(in *ingestv1.Account, c Circumstances) (list []Said, clamped bool, v *violation.Violation) {
	attributes, v := lead.Attributes(in.GetAttributes())
	if v != nil {
		return nil, false, v.Under("attributes")
	}
	for _, a := range attributes {
		list = append(list, Say("", a.Key, a.Value, c))
	}
	if len(in.GetFacts()) > MaxFacts {
		return nil, false, violation.New("facts", "at most 2,500 facts")
	}
	for n, f := range in.GetFacts() {
		said, out, v := c.fact(f)
		if v != nil {
			return nil, false, v.At("facts", n)
		}
		clamped = clamped || out
		list = append(list, said)
	}
	return list, clamped, nil
}

func (c Circumstances) fact(in *ingestv1.AccountFact) (s Said, clamped bool, v *violation.Violation) {
	switch {
	case !wordPattern.MatchString(in.GetKind()):
		return s, false, violation.New("kind", "a kind in snake_case of at most 40 characters, such as opportunities")
	case strings.TrimSpace(in.GetKey()) == "":
		return s, false, violation.New("key", "which one it is, e.g. the CRM's id of the opportunity")
	case in.GetState() != "" && !wordPattern.MatchString(in.GetState()):
		return s, false, violation.New("state", "a state in snake_case of at most 40 characters, such as open or closed_won, or nothing")
	}
	if v := activity.CheckText("key", in.GetKey(), 200); v != nil {
		return s, false, v
	}
	value := null
	if in.GetState() != "" {
		value = canonical.Text(in.GetState())
	}
	if in.GetOccurredTime() != nil {
		t, v := effective.Time("occurredTime", in.GetOccurredTime())
		if v != nil {
			return s, false, v
		}
		c.Default, clamped = c.Window.Clamp(t)
		c.Dated = true
	}
	s = Say(in.GetKind(), in.GetKey(), value, c)
	if in.GetProperties() != nil {
		if s.Properties, v = canonical.FromStruct(in.GetProperties()); v != nil {
			return s, false, v.Under("properties")
		}
		if len(s.Properties) > maxProperties {
			return s, false, violation.New("properties", "at most 32 KiB as JSON")
		}
	}
	return s, clamped, nil
}
