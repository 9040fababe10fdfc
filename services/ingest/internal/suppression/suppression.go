// Package suppression knows who must not be handed off, or not be captured at all. Whom an
// entry is of cannot be read from it: only a keyed hash of the identifier is kept, so that a
// list of those who want to be left alone is no list of people.
package suppression

import (
	"cmp"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"strings"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
)

// Mode is what an entry does. The numbers are stored, and a greater one is stricter.
type Mode int64

// The modes.
const (
	// HandOff: captured and scored, and never handed off.
	HandOff Mode = iota + 1
	// Capture: not captured at all.
	Capture
)

// Domain is the kind of an entry that is of everybody with an email address of a domain.
// The number is stored.
const Domain identity.Kind = 100

// Hash stands for an identifier.
type Hash [sha256.Size]byte

// Key makes hashes. Without it nobody can find out whether somebody is on a list.
type Key []byte

// Of returns the hash of an identity, or of a domain under the kind [Domain].
func (k Key) Of(id identity.Identity) (h Hash) {
	mac := hmac.New(sha256.New, k)
	var kind [8]byte
	binary.BigEndian.PutUint64(kind[:], uint64(id.Kind)) //nolint:gosec // small and positive
	mac.Write(kind[:])
	mac.Write([]byte(id.Value))
	mac.Sum(h[:0])
	return h
}

// Check is a hash that tells two keys apart.
func (k Key) Check() Hash { return k.Of(identity.Identity{Value: "assay suppressions"}) }

// NewDomain returns what an entry of a domain is of: without an @ before it, in lower case.
func NewDomain(domain string) (identity.Identity, bool) {
	domain = strings.ToLower(strings.TrimPrefix(strings.TrimSpace(domain), "@"))
	if domain == "" || strings.ContainsAny(domain, "@ \t\r\n<>,;\x00") {
		return identity.Identity{}, false
	}
	return identity.Identity{Kind: Domain, Value: domain}, true
}

// Subjects are what entries may be of to concern an identity: itself and, of an address,
// the domain.
func Subjects(id identity.Identity) []identity.Identity {
	if id.Kind != identity.Email {
		return []identity.Identity{id}
	}
	return []identity.Identity{id, {Kind: Domain, Value: id.Domain()}}
}

// Entry of the list.
type Entry struct {
	// ID of the entry.
	ID string
	// Mode is what it does, Reason why, in snake_case.
	Mode   Mode
	Reason string
	// CreatedAt is when it was added, in microseconds since 1970.
	CreatedAt int64
	// Actor who added it.
	Actor string
	// Removed says that it was taken from the list a moment ago: it concerns nobody, and
	// whoever it concerned is to hear of that.
	Removed bool
}

// before orders entries of one person: the strictest first, then the oldest.
func (e Entry) before(other Entry) bool {
	return cmp.Or(cmp.Compare(other.Mode, e.Mode), cmp.Compare(e.CreatedAt, other.CreatedAt), cmp.Compare(e.ID, other.ID)) < 0
}

// List is all entries, as a capture asks them. It does not change.
type List struct {
	key     Key
	entries map[Hash]Entry
}

// NewList returns a list.
func NewList(key Key, entries map[Hash]Entry) *List { return &List{key, entries} }

// Len returns how many entries there are, those removed included.
func (l *List) Len() int { return len(l.entries) }

// Find returns the entry that concerns somebody with the identities: the strictest of
// several, of equally strict ones the oldest.
func (l *List) Find(ids []identity.Identity) (found Entry, ok bool) {
	found, ok, _ = l.Say(ids)
	return found, ok
}

// Say is Find, and says besides whether an entry that concerned them was removed.
func (l *List) Say(ids []identity.Identity) (found Entry, ok, removed bool) {
	if l.Len() == 0 {
		return Entry{}, false, false
	}
	for _, id := range ids {
		for _, subject := range Subjects(id) {
			switch e, listed := l.entries[l.key.Of(subject)]; {
			case !listed:
			case e.Removed:
				removed = true
			case !ok || e.before(found):
				found, ok = e, true
			}
		}
	}
	return found, ok, removed
}
