package source

import (
	"slices"
	"strings"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

// noBrowser are the attributes that no browser may say, whatever its source allows: they
// take a lead out of sales' hands, or say how things stand between it and sales. Whoever
// finds the key in a page could otherwise unsubscribe, or disqualify, anybody whose address
// they know.
var noBrowser = []string{
	"bounced", "blocked", "competitor", "customer", "disqualified", "disqualification_reason",
	"do_not_call", "do_not_contact", "do_not_email", "email_bounced", "email_opt_out",
	"employee", "excluded", "existing_customer", "gdpr_consent", "is_competitor", "is_customer", "is_employee",
	"is_partner", "is_spam", "is_student", "is_test", "lead_owner", "lead_stage", "lead_status", "lifecycle_stage",
	"marketing_consent", "marketing_opt_out", "opted_out", "opt_out", "owner", "partner", "spam", "student",
	"subscribed", "suppressed", "suppression_reason", "unsubscribed",
}

// families are beginnings of such attributes: consent and permission have records of their
// own.
var families = []string{"consent_", "permission_"}

// Protected reports whether no browser may say an attribute.
func Protected(key string) bool {
	return slices.Contains(noBrowser, key) ||
		slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(key, f) })
}

// Split parts what a source says of a lead into what is taken and the keys of what is not.
// browser tells that its key is public; ofSource are the attributes that it may not say.
func Split(said []lead.Attribute, browser bool, ofSource []string) (taken []lead.Attribute, left []string) {
	if !browser && len(ofSource) == 0 {
		return said, nil
	}
	for i, a := range said {
		protected := slices.Contains(ofSource, a.Key) || browser && Protected(a.Key)
		switch {
		case protected && left == nil:
			taken, left = slices.Clone(said[:i]), []string{a.Key}
		case protected:
			left = append(left, a.Key)
		case left != nil:
			taken = append(taken, a)
		}
	}
	if left == nil {
		return said, nil
	}
	return taken, left
}
