// Package store keeps facts and the queue of leads to decide. All SQL of ingest
// stands here.
//
// # Capturing
//
// Every change goes through one group commit ([Store.Capture]): what arrives while
// a transaction runs goes into the next one together. A transaction takes few round
// trips, however many activities it has: it reads replies of repeated calls, who
// has which identity, the rows of the queue (which locks the leads), and activities
// with the same ids; decides in Go what is new; and writes each table once.
//
// # Several processes on PostgreSQL
//
// The lock of a lead's row in `pending` guards its facts version, its place in the
// queue and its current attributes. Locks are taken in the order of the ids. What
// no lock guards has a unique key: two processes that make a lead for the same new
// address, or store the same activity, collide there; the one that loses sees fewer
// rows written than it meant to, rolls back and runs again, now seeing the other's.
//
// # Persons
//
// Facts keep the lead id they arrived with. `leads.canonical_id` names the person's
// lead; versions, queue and current attributes belong to that one, and reads of facts
// resolve over all its members. Who is who follows from claims and merges: a
// transaction stores what arrives with the persons as they are (claims.go), reads what
// that may change (region.go), resolves it, and rewrites the persons that became others
// (partition.go, rewrite.go).
//
// # Personal values
//
// Tables that hold them: identities, identity_claims (values, and the reasons people
// gave), lead_merges and merge_proposals (reasons), leads (attributes, lead source),
// attributes, activities, requests (replies: ids only), import_rejects, rejected events,
// and what the caches of this package hold of the first two.
package store

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/recent"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// What callers can do something about.
var (
	// ErrNotFound: there is no such lead.
	ErrNotFound = errors.New("store: no such lead")
	// ErrETagMismatch: the lead was changed since its etag was read.
	ErrETagMismatch = errors.New("store: etag mismatch")
	// ErrRequestIDReused: the request id was used with another body.
	ErrRequestIDReused = errors.New("store: request id reused")
	// ErrTooManyAttributes: the lead would have more attributes than it may.
	ErrTooManyAttributes = errors.New("store: too many attributes")
	// ErrLeadSourceSet: the lead source is set, and to something else.
	ErrLeadSourceSet = errors.New("store: lead source is set")
	// ErrBlocked: none of the identities says who somebody is.
	ErrBlocked = errors.New("store: blocked identities")
	// ErrNoAccount: the account that a lead is said to belong to does not exist.
	ErrNoAccount = errors.New("store: no such account")
)

// IsRefusal reports whether an error of [Store.Capture] is the refusal of its one
// subject.
func IsRefusal(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrETagMismatch) || errors.Is(err, ErrTooManyAttributes) || errors.Is(err, ErrLeadSourceSet) || errors.Is(err, ErrNoAccount) || errors.Is(err, ErrSuppressed) || errors.Is(err, ErrBlocked)
}

// ErrRaced says that another process was faster: a capture that runs again sees what
// it did. It is returned only after many races lost in a row.
var ErrRaced = errors.New("store: lost a race")

// maxRaces bounds how often a capture runs again. Each race is lost to a commit of
// another process, so that somebody always gets on.
const maxRaces = 10

// maxRemembered bounds what is remembered of each kind to about 40 MB.
const maxRemembered = 1 << 17

// Store is safe for concurrent use.
type Store struct {
	db        *sqldb.DB
	now       func() time.Time
	committer *sqldb.Committer[*Capture]
	bell      pending.Bell
	crowd     pending.Crowd
	claiming  pending.Turns
	journal   *journal
	waiters   *pending.Waiters
	toTell    chan struct{}

	// What never changes once it is committed is remembered, so that an entry can be missing
	// but not wrong. Should a lead be gone, the capture that finds out drops the entry and
	// looks again.
	homes  *recent.Map[identity.Identity, string] // leads of their own, by value
	claims *recent.Map[link, bool]                // whether they are trusted

	settings atomic.Pointer[identity.Settings] // as read last

	traffic    atomic.Pointer[compiledRules] // nil: the defaults
	correcting chan struct{}

	key          suppression.Key
	suppressed   atomic.Pointer[suppression.List]
	toTellListed chan struct{}
	telling      sync.Mutex      // guards told
	told         map[string]told // by entries of the suppression list that changed
	loading      sync.Mutex      // guards what follows
	listVersion  int64           // of the suppression list in memory
	erasures     int64           // up to which the caches forgot persons
	imports      *duework.Queue
	importing    *duework.Waker
}

// Open returns the store of a database. Before anything is claimed, call
// [Store.VoidLeases].
func Open(db *sqldb.DB, now func() time.Time) *Store {
	s := &Store{
		db: db, now: now, homes: recent.New[identity.Identity, string](maxRemembered), claims: recent.New[link, bool](maxRemembered),
		toTell: make(chan struct{}, 1), toTellListed: make(chan struct{}, 1), told: map[string]told{}, correcting: make(chan struct{}, 1),
	}
	s.suppressed.Store(suppression.NewList(nil, nil))
	s.imports, s.importing = duework.New(db.Dialect(), importWork), duework.NewWaker(50*time.Millisecond, 2*time.Second)
	s.settings.Store(&identity.Settings{})
	s.waiters = pending.NewWaiters(s.decisions)
	s.committer = sqldb.NewCommitter(db, "capture", s.apply,
		sqldb.MaxBytes(4<<20, func(c *Capture) int { return c.size() }))
	s.journal = newJournal(db)
	return s
}

// Crowd is of the captures that are on their way.
func (s *Store) Crowd() *pending.Crowd { return &s.crowd }

// Close commits what was submitted, and ends all waiting. The database stays open.
func (s *Store) Close() {
	s.journal.committer.Close()
	s.committer.Close()
	s.waiters.Close()
}

// Prune forgets replies of calls that were received before an instant.
func (s *Store) Prune(ctx context.Context, before time.Time) error {
	for {
		var gone int64
		err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			gone, err = tx.Affected(`DELETE FROM requests WHERE id IN (
				SELECT id FROM requests WHERE received_at < $1 ORDER BY received_at LIMIT 1000)`, before.UnixMicro())
			return err
		})
		if err != nil || gone == 0 {
			return err
		}
	}
}
