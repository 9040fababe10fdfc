package decision

import (
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/internal/condition"
)

// Attributes that say whether a lead may be approached. Only Assay itself writes them.
const (
	// Suppressed is an attribute: while it has a value nobody approaches the lead. The value
	// is why.
	Suppressed = "suppressed"
	// permissionPrefix begins the attributes of permissions: `permission_phone_sales`.
	permissionPrefix = "permission_"
)

// Codes of reasons.
const (
	// SuppressedCode is that of a lead that is suppressed.
	SuppressedCode = Suppressed
	// PermissionCode is that of a lead that would qualify, and may not be approached.
	PermissionCode = "permission"
)

// Permission is one that a lead gives: to be approached by a channel for a purpose.
type Permission struct {
	// Channel, e.g. `phone`, and Purpose, e.g. `sales`.
	Channel, Purpose string
}

// Attribute is the key of the attribute that says how the permission stands.
func (p Permission) Attribute() string { return permissionPrefix + p.Channel + "_" + p.Purpose }

// Channels are those by which people are approached.
var Channels = []string{"email", "phone", "sms", "post"}

// approached are the words for being approached by a channel.
var approached = map[string]string{"email": "be e-mailed", "phone": "be called", "sms": "be texted", "post": "be written to"}

// verb says what is done with a lead by the channel: `be called`.
func (p Permission) verb() string {
	if words := approached[p.Channel]; words != "" {
		return words
	}
	return "be approached by " + strings.ReplaceAll(p.Channel, "_", " ")
}

// Contact says whether somebody may be approached, and why, as a salesperson reads it.
type Contact struct {
	// Allowed: they may.
	Allowed bool
	// Words are the whole answer: `may not be called: permission for sales was withdrawn`.
	Words string
}

// MayContact answers by the attributes of a lead whether it may be approached. A permission
// that is needed has to be granted; without one (nil) the lead may be approached unless it
// is suppressed.
func MayContact(lead condition.Attributes, needs *Permission) Contact {
	verb := "be contacted"
	if needs != nil {
		verb = needs.verb()
	}
	if why := suppression(lead); why != "" {
		return Contact{Words: "may not " + verb + ": suppressed (" + why + ")"}
	}
	if needs == nil {
		return Contact{Allowed: true, Words: "may " + verb + ": no permission is asked for, and nothing speaks against it"}
	}
	purpose := strings.ReplaceAll(needs.Purpose, "_", " ")
	switch state := textOf(lead, needs.Attribute()); state {
	case "granted":
		return Contact{Allowed: true, Words: "may " + verb + ": permission for " + purpose + " was granted"}
	case "pending":
		return Contact{Words: "may not " + verb + ": permission for " + purpose + " is not confirmed yet"}
	case "withdrawn":
		return Contact{Words: "may not " + verb + ": permission for " + purpose + " was withdrawn"}
	default:
		return Contact{Words: "may not " + verb + ": nobody gave permission for " + purpose}
	}
}

// suppression is why a lead is suppressed, in words; empty: it is not.
func suppression(lead condition.Attributes) string {
	if lead == nil {
		return ""
	}
	v, known := lead.Attribute(Suppressed)
	if !known {
		return ""
	}
	why, isText := v.AsText()
	switch {
	case isText && why == "": // it was lifted
		return ""
	case !isText:
		return "no reason was given"
	}
	return strings.ReplaceAll(why, "_", " ")
}

func textOf(lead condition.Attributes, key string) string {
	if lead == nil {
		return ""
	}
	v, _ := lead.Attribute(key)
	text, _ := v.AsText()
	return text
}

// Barred says whether the lead may not be approached, and that alone decides: the verdict is
// another as soon as it may.
func (d *Decision) Barred() bool {
	return d.Suppressed || d.Verdict == Nurture && d.Reasons[0].Code == PermissionCode
}

// permitted holds back who qualifies and may not be approached: nothing overrides that.
func (rules *Rules) permitted(d Decision, e *Evidence) Decision {
	if d.Verdict != Qualified || rules.Permission == nil {
		return d
	}
	contact := MayContact(e.now(), rules.Permission)
	if contact.Allowed {
		return d
	}
	words := make([]string, len(d.Reasons))
	for i, reason := range d.Reasons {
		words[i] = reason.Description
	}
	return Decision{
		Verdict: Nurture,
		Reasons: []Reason{{
			Code: PermissionCode, Description: contact.Words + "; it would qualify: " + strings.Join(words, ", "),
		}},
		Lacking: []Lack{{Words: "permission to " + rules.Permission.verb() + " for " + strings.ReplaceAll(rules.Permission.Purpose, "_", " ")}},
	}
}

// KnownChannel says whether there is such a channel.
func KnownChannel(name string) bool { return slices.Contains(Channels, name) }
