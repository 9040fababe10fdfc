package store

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var (
	// ErrNotFound: what is asked for is not there.
	ErrNotFound = errors.New("not found")
	// ErrEtag: what is to change was changed since its etag was read.
	ErrEtag = errors.New("etag does not match")
)

// Store keeps decisions in handoff's database. It is safe for concurrent use.
type Store struct {
	db       *sqldb.DB
	now      func() time.Time
	activeIn func(tx *sqldb.Tx) (map[string]string, error)
	agreed   Agreements
	outbox   *duework.Queue
	waker    *duework.Waker

	operations, held, reviews, awaited *duework.Queue
	// steps wakes the worker of operations, due that of reviews and held leads, somebody
	// that of waiting handoffs.
	steps, due, somebody *duework.Waker

	// timers are the steps of clocks, ticks wakes the worker that does them.
	timers *duework.Queue
	ticks  *duework.Waker
	terms  terms

	// crmPolls are the CRMs whose changes are read; polls wakes who reads them.
	crmPolls *duework.Queue
	polls    *duework.Waker

	// erasures are the persons to forget; forgets wakes who does.
	erasures *duework.Queue
	forgets  *duework.Waker

	sendings        *duework.Queue
	sends           *duework.Waker // wakes the sender of deliveries
	claimDeliveries string
}

// New returns the store over handoff's database. now gives the times of records;
// activeIn gives the names of the versions that decide, by the id of their standard.
func New(db *sqldb.DB, now func() time.Time, activeIn func(tx *sqldb.Tx) (map[string]string, error)) *Store {
	return &Store{
		db: db, now: now, activeIn: activeIn,
		outbox: duework.New(db.Dialect(), outbox), waker: duework.NewWaker(5*time.Millisecond, time.Second),
		operations: duework.New(db.Dialect(), operations),
		held:       duework.New(db.Dialect(), heldLeads),
		reviews:    duework.New(db.Dialect(), reviews),
		awaited:    duework.New(db.Dialect(), awaited),
		steps:      duework.NewWaker(5*time.Millisecond, 500*time.Millisecond),
		due:        duework.NewWaker(10*time.Millisecond, 500*time.Millisecond),
		somebody:   duework.NewWaker(10*time.Millisecond, 250*time.Millisecond),
		timers:     duework.New(db.Dialect(), timers),
		ticks:      duework.NewWaker(5*time.Millisecond, 500*time.Millisecond),
		erasures:   duework.New(db.Dialect(), erasures),
		forgets:    duework.NewWaker(10*time.Millisecond, time.Second),
		crmPolls:   duework.New(db.Dialect(), crmPolls),
		polls:      duework.NewWaker(50*time.Millisecond, time.Second),
		sendings:   duework.New(db.Dialect(), deliveries), sends: duework.NewWaker(2*time.Millisecond, 250*time.Millisecond),
		claimDeliveries: claimDeliveries(db.Dialect()),
	}
}

// newID is the id of a new record; ids of one process sort by the time they were made.
func newID() string { return uuid.Must(uuid.NewV7()).String() }

// LeadName is the resource name of a lead.
func LeadName(id string) string { return "leads/" + id }

// LeadID is the id in a lead's resource name.
func LeadID(name string) string { return strings.TrimPrefix(name, "leads/") }

// HandoffName is the resource name of a handoff; empty for no id.
func HandoffName(id string) string {
	if id == "" {
		return ""
	}
	return "handoffs/" + id
}

// HandoffID is the id in a handoff's resource name.
func HandoffID(name string) string { return strings.TrimPrefix(name, "handoffs/") }

// DecisionName is the resource name of a decision about a lead; empty for no id.
func DecisionName(lead, id string) string {
	if id == "" {
		return ""
	}
	return LeadName(lead) + "/decisions/" + id
}

// DecisionID is the id in a decision's resource name; empty for no name.
func DecisionID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }

// etag is the etag of a handoff's revision.
func etag(revision int64) string { return strconv.FormatInt(revision, 10) }
