// Package lead knows the profile of a person: which attributes may be said of a
// lead, how a new value stands to those known, and what changes with it.
package lead

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Limits.
const (
	// MaxAttributes is how many attributes a lead may have at a time.
	MaxAttributes = 200
	// maxElements is how long a list may be.
	maxElements = 256
)

// EmailDomain is the attribute derived from an email address: scoring may read it,
// the address never leaves this service.
const EmailDomain = "email_domain"

// Attribute is a value said of a lead.
type Attribute struct {
	// Key is in snake_case.
	Key string
	// Value is canonical JSON: a text, number, boolean, list of these, or `null`,
	// which removes the value.
	Value []byte
}

var keyPattern = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// CheckKey says what is wrong with the name of an attribute.
func CheckKey(key string) *violation.Violation {
	if !keyPattern.MatchString(key) {
		return violation.New("", "keys in snake_case of at most 63 characters, such as job_title")
	}
	return nil
}

// Attributes returns the values of a profile, sorted by key. Fields of a violation
// are relative to the profile.
func Attributes(in *structpb.Struct) ([]Attribute, *violation.Violation) {
	fields := in.GetFields()
	if len(fields) > MaxAttributes {
		return nil, violation.New("", "at most 200 attributes")
	}
	list := make([]Attribute, 0, len(fields))
	for key, value := range fields {
		if v := CheckKey(key); v != nil {
			return nil, v
		}
		if v := checkShape(value); v != nil {
			return nil, v.Under(key)
		}
		encoded, v := canonical.FromValue(value)
		if v != nil {
			return nil, v.Under(key)
		}
		list = append(list, Attribute{key, encoded})
	}
	slices.SortFunc(list, func(a, b Attribute) int { return strings.Compare(a.Key, b.Key) })
	return list, nil
}

// checkShape refuses what nests.
func checkShape(value *structpb.Value) *violation.Violation {
	switch kind := value.GetKind().(type) {
	case *structpb.Value_StructValue:
		return violation.New("", "a text, number, boolean or list of these, no object")
	case *structpb.Value_ListValue:
		if len(kind.ListValue.GetValues()) > maxElements {
			return violation.New("", "at most 256 elements")
		}
		for i, element := range kind.ListValue.GetValues() {
			switch element.GetKind().(type) {
			case *structpb.Value_StringValue, *structpb.Value_NumberValue, *structpb.Value_BoolValue:
			default:
				return violation.New("", "a text, number or boolean").At("", i)
			}
		}
	}
	return nil
}

// CheckSource says what is wrong with where a lead first came from.
func CheckSource(s *ingestv1.LeadSource) *violation.Violation {
	if v := activity.CheckText("channel", s.GetChannel(), 200); v != nil {
		return v
	}
	if v := activity.CheckText("campaign", s.GetCampaign(), 200); v != nil {
		return v
	}
	return activity.CheckText("detail", s.GetDetail(), 500)
}

// NewID returns the id of a new lead: it sorts by the time of its making and says
// nothing of the person.
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// Name returns the resource name of a lead.
func Name(id string) string { return "leads/" + id }

// ParseName returns the id in a resource name.
func ParseName(field, name string) (string, *violation.Violation) {
	id, ok := strings.CutPrefix(name, "leads/")
	if !ok || len(id) != 36 || uuid.Validate(id) != nil || id != strings.ToLower(id) {
		return "", violation.New(field, "leads/{lead}, where {lead} is a UUID in lower case")
	}
	return id, nil
}

// ETag returns a text that changes with every change of a lead: with its facts
// version, and with its revision where identities or lead source change.
func ETag(id string, factsVersion, revision int64) string {
	sum := sha256.Sum256([]byte(id + "/" + strconv.FormatInt(factsVersion, 10) + "/" + strconv.FormatInt(revision, 10)))
	return hex.EncodeToString(sum[:8])
}
