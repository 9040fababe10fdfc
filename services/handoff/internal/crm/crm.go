package crm

import (
	"context"
	"strings"
	"time"
)

// Connector is one CRM. Its methods may be called at once for different handoffs, and
// never at once for two of the same lead. Every error is an *Error, or that of ctx.
type Connector interface {
	// Find looks for the record that carries the key; false: there is none. If there are
	// more, it is the oldest: people copy records, with all that is in them.
	Find(ctx context.Context, key string) (Remote, bool, error)
	// Upsert makes the record that carries the key, or brings the one that is known up to
	// date. What it got hold of it returns also with an error, e.g. the contact without
	// the opportunity.
	Upsert(ctx context.Context, key string, known Remote, r Record) (Remote, error)
	// Changes returns a page of the records with a key of ours that changed, and the
	// cursor of the next page. What was seen may come again, what changed is never
	// left out.
	Changes(ctx context.Context, since Cursor) ([]Change, Cursor, error)
}

// Remote is where a lead and its handoff are in a CRM, by the CRM's own ids.
type Remote struct {
	// Contact is the person, empty while there is none.
	Contact string
	// Opportunity is the record that carries the key, empty while there is none.
	Opportunity string
}

// Record is what a CRM is told of a handoff.
type Record struct {
	// Lead is whom it is about: `leads/{lead}`.
	Lead string
	// Name of the person, never empty.
	Name string
	// Email, Phone and Company, empty if not known.
	Email, Phone, Company string
	// Title is one line: what sales does next, and why.
	Title string
	// Text is the handoff in words: reasons, scores, the last activities.
	Text string
	// Owner is the CRM's id of who works it; empty: the CRM's own default.
	Owner string
}

// Change is what a record in a CRM has become.
type Change struct {
	// Key that it carries.
	Key string
	// Remote is where it is.
	Remote Remote
	// State in the CRM's own word: what tells one change of a record from another.
	State string
	// Outcome that the state stands for; NoOutcome: none.
	Outcome Outcome
	// Reason as a person wrote it there, at most 200 bytes; empty: none.
	Reason string
	// Amount as a decimal number with at most two digits after the point; empty: unknown.
	Amount string
	// Currency is the ISO 4217 code of the amount.
	Currency string
	// Time of the change, by the CRM's clock.
	Time time.Time
}

// Outcome of a handoff, as CRMs know it.
type Outcome int

// The outcomes, in the order in which a lead comes to them.
const (
	NoOutcome Outcome = iota
	Opportunity
	Won
	Lost
)

// Cursor is a place in the changes of a CRM. The zero cursor is before all of them.
type Cursor struct {
	// Since is the instant from which this pass looks, by the CRM's clock.
	Since time.Time
	// Newest is the latest change that this pass has met.
	Newest time.Time
	// After is the last record of the pages read; empty: the pass is at its end, and the
	// next one begins.
	After string
}

const prefix = "assay:handoffs/"

// Key is what a record in a CRM carries, so that it is found also by who has forgotten
// where it put it.
func Key(handoff string) string { return prefix + handoff }

// Prefix is what all keys begin with, and nothing else of the CRM's should.
func Prefix() string { return prefix }

// HandoffOf is the handoff that a key stands for; false: it is not a key of ours.
func HandoffOf(key string) (handoff string, ok bool) {
	handoff, ok = strings.CutPrefix(key, prefix)
	return handoff, ok && isID(handoff)
}

// isID: lower-case letters, digits and hyphens as in an UUID.
func isID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for _, c := range id {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return true
}
