package lead

import (
	"encoding/json"
	"strings"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// Attributes that a sender does not name, or not freely.
const (
	// Account is the attribute that says to which account a lead belongs: the name of
	// the account.
	Account = "account"
	// AccountPrefix is of the attributes that a lead has through its account.
	AccountPrefix = "account."
	// SourceChannel, SourceCampaign and SourceDetail are the lead source as
	// attributes, true from the time of the first touch on.
	SourceChannel  = "lead_source"
	SourceCampaign = "lead_source_campaign"
	SourceDetail   = "lead_source_detail"
	// CreateTime is when the lead was first known: the effective time of its earliest
	// fact, as text in RFC 3339 and UTC.
	CreateTime = "create_time"
	// Suppressed is why a lead is not to be handed off: the reason of the entry of the
	// suppression list that concerns it.
	Suppressed = "suppressed"
	// ConsentPrefix is of the attributes that say whether a lead may be observed, by
	// category.
	ConsentPrefix = "consent_"
	// PermissionPrefix is of the attributes that say whether a lead may be written to or
	// called: `permission_<channel>_<purpose>`.
	PermissionPrefix = "permission_"
)

// Source of the facts that follow from others.
const (
	// FromAccount are those of an account, said of its leads.
	FromAccount = "assay:account"
	// FromDomain are those that say to which account a lead belongs by its email domain.
	FromDomain = "assay:domain"
	// FromLead are those that follow from what was said of the lead.
	FromLead = "assay:lead"
	// FromSuppression are those that follow from the suppression list.
	FromSuppression = "assay:suppression"
	// FromPermission are those that follow from the ledger of permissions.
	FromPermission = "assay:permission"
)

// OfAccount reports whether a lead has an attribute through its account.
func OfAccount(key string) bool { return strings.HasPrefix(key, AccountPrefix) }

// Reserved reports whether an attribute is said by us, of what people may do with a lead,
// and never among the attributes of a sender.
func Reserved(key string) bool {
	return key == Suppressed || strings.HasPrefix(key, ConsentPrefix) || strings.HasPrefix(key, PermissionPrefix)
}

// Replaceable reports whether an update that replaces all attributes speaks of this
// one: of those that follow from something else it does not.
func Replaceable(key string) bool {
	switch key {
	case EmailDomain, Account, SourceChannel, SourceCampaign, SourceDetail, CreateTime:
		return false
	}
	return !OfAccount(key) && !Reserved(key)
}

// Own takes out of the current values of a profile, one JSON object, what is shown
// elsewhere: the account, what the lead has through it, and the lead source.
func Own(values []byte) (own []byte, account string, err error) {
	p, err := ParseProfile(values, []byte("{}"))
	if err != nil {
		return nil, "", err
	}
	_ = json.Unmarshal(p.Value(Account), &account)
	for key := range p.values {
		if key != EmailDomain && !Reserved(key) && !Replaceable(key) {
			delete(p.values, key)
		}
	}
	return p.Values(), account, nil
}

// SplitSource takes the lead source out of attributes, where files and forms often
// have it. Fields of a violation are relative to the attributes.
func SplitSource(list []Attribute) (rest []Attribute, channel, campaign, detail string, v *violation.Violation) {
	for _, a := range list {
		if Reserved(a.Key) {
			return nil, "", "", "", violation.New(a.Key, "another name: consent, permissions and the suppression list have their own calls")
		}
		to, most := &channel, 200
		switch a.Key {
		case Account:
			return nil, "", "", "", violation.New(a.Key, "another name: the account stands in the lead's field account")
		case CreateTime:
			return nil, "", "", "", violation.New(a.Key, "another name: create_time follows from the lead's earliest fact")
		case SourceChannel:
		case SourceCampaign:
			to = &campaign
		case SourceDetail:
			to, most = &detail, 500
		default:
			rest = append(rest, a)
			continue
		}
		if string(a.Value) == "null" {
			continue // it is set once
		}
		if json.Unmarshal(a.Value, to) != nil || utf8.RuneCountInString(*to) > most {
			return nil, "", "", "", violation.New(a.Key, map[int]string{200: "a text of at most 200 characters", 500: "a text of at most 500 characters"}[most])
		}
	}
	return rest, channel, campaign, detail, nil
}
