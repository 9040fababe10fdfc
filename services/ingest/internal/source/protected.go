package source

import (
	"slices"
	"strings"
)

// noBrowser are the attributes that no browser may say, whatever its source allows: they
// take a lead out of sales' hands, or say how things stand between it and sales. Whoever
// finds the key in a page could otherwise unsubscribe, or disqualify, anybody whose address
// they know.
var noBrowser = []string{
	"blocked", "bounced", "competitor", "customer", "disqualification_reason", "disqualified",
	"do_not_call", "do_not_contact", "do_not_email", "email_bounced", "email_opt_out", "employee",
	"excluded", "existing_customer", "gdpr_consent", "is_blocked", "is_competitor", "is_customer",
	"is_employee", "is_partner", "is_spam", "is_student", "is_test", "lead_owner", "lead_stage",
	"lead_status", "lifecycle_stage", "marketing_consent", "marketing_opt_out", "opt_out", "opted_out",
	"owner", "partner", "spam", "student", "subscribed", "suppressed", "suppression_reason",
	"unsubscribed",
}

// families are beginnings of such attributes: consent and permission have records of their
// own.
var families = []string{"consent_", "permission_"}

// Protected reports whether no browser may say an attribute.
func Protected(key string) bool {
	_, found := slices.BinarySearch(noBrowser, key)
	return found || slices.ContainsFunc(families, func(f string) bool { return strings.HasPrefix(key, f) })
}
