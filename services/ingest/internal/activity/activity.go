// Package activity checks what a sender says that a lead did, and brings it into
// the form in which it is stored: identity, time, properties and digest.
package activity

import (
	"crypto/sha256"
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Limits, in characters unless said.
const (
	maxID         = 200
	maxType       = 100
	maxSource     = 100
	maxCampaign   = 200
	maxProperties = 32 << 10 // bytes of JSON
	// MaxPerCall is how many activities one call may bring.
	MaxPerCall = 2500
)

// DefaultSource is the source of what does not name one.
const DefaultSource = "api"

// Digest tells one body from another. It covers what the sender said: type,
// properties, campaign and, only if given, the time. It does not cover the lead.
type Digest [16]byte

// Activity is one thing a lead did.
type Activity struct {
	// ID and Source together identify it for ever.
	ID, Source string
	// Type is dotted, e.g. `page.viewed`.
	Type string
	// Campaign it belongs to, or empty.
	Campaign string
	// Properties are a canonical JSON object; nil means none.
	Properties []byte
	// Occurred is when it happened, held within the window.
	Occurred time.Time
	// Clamped says that the sender's time was outside of the window.
	Clamped bool
	// Mark is what speaks against it: if anything does, it counts as if it had never
	// happened.
	Mark traffic.Mark
	// Random ids were made here: nothing stored can have the same one.
	Random bool
	Digest Digest
}

// Circumstances are what a call says about all its activities.
type Circumstances struct {
	// Window holds the times.
	Window effective.Window
	// Default is the time of an activity without its own, already in the window.
	Default time.Time
	// DefaultClamped says that Default was outside of the window.
	DefaultClamped bool
	// RequestID makes ids for activities without one; empty: ids are random.
	RequestID string
	// Trusted senders, the services themselves, may use reserved names.
	Trusted bool
}

// New returns the activity at a position of a call, or what is wrong with it.
// Fields in the violation are relative to the activity.
func New(in *ingestv1.Activity, index int, c Circumstances) (Activity, *violation.Violation) {
	a := Activity{ID: in.GetId(), Source: in.GetSource(), Type: in.GetType(), Campaign: in.GetCampaign()}
	if v := checkNames(&a, c.Trusted); v != nil {
		return Activity{}, v
	}
	if v := a.setProperties(in); v != nil {
		return Activity{}, v
	}
	var given *time.Time
	if in.GetOccurredTime() == nil {
		a.Occurred, a.Clamped = c.Default, c.DefaultClamped
	} else {
		t, v := effective.Time("occurredTime", in.GetOccurredTime())
		if v != nil {
			return Activity{}, v
		}
		given = &t
		a.Occurred, a.Clamped = c.Window.Clamp(t)
	}
	switch {
	case a.ID != "":
	case c.RequestID != "":
		a.ID = DerivedID(c.RequestID, index)
	default:
		a.ID, a.Random = uuid.Must(uuid.NewV7()).String(), true
	}
	if a.Source == "" {
		a.Source = DefaultSource
	}
	a.Digest = digest(&a, given)
	return a, nil
}

// DerivedID is the id of an activity that came without one in a call that can be
// repeated: the same in each repetition.
func DerivedID(requestID string, index int) string {
	return strings.ToLower(requestID) + "." + strconv.Itoa(index)
}

var (
	typePattern   = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)
	sourcePattern = regexp.MustCompile(`^([a-zA-Z0-9][a-zA-Z0-9:._/-]*)?$`)
)

func checkNames(a *Activity, trusted bool) *violation.Violation {
	if v := checkType("type", a.Type, trusted); v != nil {
		return v
	}
	if v := CheckText("id", a.ID, maxID); v != nil {
		return v
	}
	if v := CheckText("campaign", a.Campaign, maxCampaign); v != nil {
		return v
	}
	return CheckSource("source", a.Source, trusted)
}

// CheckType says what is wrong with a type that somebody else than a service gives.
func CheckType(field, text string) *violation.Violation { return checkType(field, text, false) }

func checkType(field, text string, trusted bool) *violation.Violation {
	switch {
	case text == "":
		return violation.New(field, "a dotted type such as page.viewed")
	case len(text) > maxType:
		return violation.New(field, "at most 100 characters")
	case !typePattern.MatchString(text):
		return violation.New(field, "a dotted type in lower case such as page.viewed")
	case !trusted && (text == "lifecycle" || strings.HasPrefix(text, "lifecycle.")):
		return violation.New(field, "no type of the reserved lifecycle.*")
	}
	return nil
}

// CheckSource says what is wrong with the name of a source.
func CheckSource(field, source string, trusted bool) *violation.Violation {
	switch {
	case len(source) > maxSource:
		return violation.New(field, "at most 100 characters")
	case !sourcePattern.MatchString(source):
		return violation.New(field, "letters, digits and : . _ / - such as web or import:leads.csv")
	case !trusted && strings.HasPrefix(source, "assay:"):
		return violation.New(field, "no source of the reserved assay:*")
	}
	return nil
}

// CheckText says what is wrong with a free text of at most so many characters.
func CheckText(field, s string, maxChars int) *violation.Violation {
	switch {
	case !utf8.ValidString(s):
		return violation.New(field, "valid UTF-8")
	case strings.IndexByte(s, 0) >= 0:
		return violation.New(field, "no NUL characters")
	case len(s) > maxChars && utf8.RuneCountInString(s) > maxChars:
		return violation.New(field, "at most "+strconv.Itoa(maxChars)+" characters")
	}
	return nil
}

func (a *Activity) setProperties(in *ingestv1.Activity) *violation.Violation {
	var v *violation.Violation
	field := "properties"
	switch {
	case in.GetProperties() != nil && len(in.GetPropertiesJson()) > 0:
		return violation.New("propertiesJson", "either properties or propertiesJson")
	case in.GetProperties() != nil:
		a.Properties, v = canonical.FromStruct(in.GetProperties())
	case len(in.GetPropertiesJson()) > maxProperties:
		return violation.New("propertiesJson", "at most 32 KiB")
	case len(in.GetPropertiesJson()) > 0:
		// Where a value inside is wrong, its path is the same in both forms.
		if a.Properties, v = canonical.Object(in.GetPropertiesJson()); v != nil && v.Field == "" {
			field = "propertiesJson"
		}
	}
	switch {
	case v != nil:
		return v.Under(field)
	case len(a.Properties) > maxProperties:
		return violation.New(field, "at most 32 KiB as JSON")
	case string(a.Properties) == "{}":
		a.Properties = nil
	}
	return nil
}

// digest hashes the parts with their lengths, so that no two bodies run together.
func digest(a *Activity, given *time.Time) Digest {
	buf := make([]byte, 0, len(a.Type)+len(a.Campaign)+len(a.Properties)+48)
	for _, part := range []string{a.Type, a.Campaign} {
		buf = binary.AppendUvarint(buf, uint64(len(part)))
		buf = append(buf, part...)
	}
	buf = binary.AppendUvarint(buf, uint64(len(a.Properties)))
	buf = append(buf, a.Properties...)
	if given != nil {
		buf = binary.AppendVarint(buf, given.Unix())
		buf = binary.AppendVarint(buf, int64(given.Nanosecond()))
	}
	sum := sha256.Sum256(buf)
	return Digest(sum[:16])
}
