package store

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Capture is what one call brings: it is stored as a whole in one transaction.
type Capture struct {
	// RequestID makes the call repeatable; empty: it is not.
	RequestID string
	// Digest is of the body, for RequestID.
	Digest []byte
	// Received is when the call came in.
	Received time.Time
	// Historical facts are decided but nothing is handed off for them.
	Historical bool
	// Trace is the trace context of the call, or empty.
	Trace string
	// Subjects are who it is about.
	Subjects []*Subject
	// Reply makes the reply to keep under RequestID, once every subject has its
	// result.
	Reply func() ([]byte, error)
	// Also is what else is written in the transaction, once every subject has its result;
	// nil: nothing. It may be called more than once.
	Also func(tx *sqldb.Tx) error

	judged *suppression.List // by which list it is known who is suppressed

	// Replayed is the reply of the first call with the same RequestID; the subjects
	// then have no results.
	Replayed []byte
}

// Subject is a lead and what is said of it.
type Subject struct {
	// Lead is the id of a known lead; empty: it is found by its identities.
	Lead string
	// Identities say who it is. The facts belong to the lead of the strongest, which
	// claims the others.
	Identities []identity.Identity
	// Previous are identities that the person had before.
	Previous []identity.Identity
	// Untrusted says that a browser says so: it joins anonymous ids to leads, but never two
	// known leads.
	Untrusted bool
	// OnlyActivities says that a lead is not made unless an activity is new.
	OnlyActivities bool
	// Attributes said of it.
	Attributes []lead.Attribute
	// Replace removes attributes not named in Attributes, derived ones excepted.
	Replace bool
	// LeadSource is where it first came from, as JSON; nil: not said.
	LeadSource []byte
	// Account is the id of the account it belongs to; it must exist. Empty: not said.
	Account string
	// AccountIdentity finds that account instead; one that nobody knows makes one.
	AccountIdentity *account.Identity
	// LeaveAccount says that it belongs to none.
	LeaveAccount bool
	// StrictSource refuses a LeadSource other than the one that is set.
	StrictSource bool
	// Effective is since when attributes and identities hold.
	Effective time.Time
	// Dated says that Effective is the sender's, not just when it was received.
	Dated bool
	// Source says who sent attributes and identities.
	Source string
	// ETag must match; empty: anything does.
	ETag string
	// Activities it did.
	Activities []activity.Activity
	// Standing is what we ourselves say of it.
	Standing []Standing

	// Result is what became of it.
	Result Result

	// told are the identities of a lead that is to hear what the suppression list says of
	// it; listed is what it says.
	told   []identity.Identity
	listed *Standing
	// linked are the claims that follow from the identities.
	linked []link
	// madeAccount is the id of the account that is to be made with it.
	madeAccount string
	// suppressed says that it is not captured; blocked, that it names nobody.
	suppressed, blocked bool
}

// Result is what became of a subject.
type Result struct {
	// Err refuses the subject, of which nothing is stored: [ErrNotFound],
	// [ErrETagMismatch], [ErrTooManyAttributes], [ErrLeadSourceSet], [ErrNoAccount],
	// [ErrSuppressed], [ErrBlocked].
	Err error
	// Lead is the id of the lead that the facts belong to; empty if it was not made.
	Lead string
	// Person is the id of the person's lead: Lead, unless it is one of several.
	Person string
	// Created says that the lead is new; Changed that anything about it is.
	Created, Changed bool
	// Version is the facts version with these facts.
	Version int64
	// Activities has one outcome for each activity.
	Activities []Outcome
}

// Outcome is what became of an activity.
type Outcome struct {
	State OutcomeState
	// Lead is the id of the lead that has it.
	Lead string
}

// OutcomeState is what was done with an activity.
type OutcomeState int

// The states.
const (
	// Stored now.
	Stored OutcomeState = iota
	// Duplicate of a stored one.
	Duplicate
	// Conflict with a stored one of another body, which was kept.
	Conflict
)

// overhead is about what a fact costs beside its texts, in bytes of a message.
const overhead = 150

func (c *Capture) size() int {
	n := 0
	for _, s := range c.Subjects {
		for i := range s.Activities {
			n += overhead + len(s.Activities[i].Properties)
		}
		for i := range s.Attributes {
			n += overhead + len(s.Attributes[i].Value)
		}
	}
	return n
}

// Capture stores a capture and returns after the durable commit. A capture of one
// subject that is refused returns the refusal; of several each has its own. If ctx
// ends first the capture may still be stored.
func (s *Store) Capture(ctx context.Context, c *Capture) error {
	s.crowd.Enter(len(c.Subjects))
	defer func() { s.crowd.Leave(len(c.Subjects), time.Now()) }()
	return s.submit(ctx, c)
}

func (s *Store) submit(ctx context.Context, c *Capture) error {
	s.suppress(c)
	s.block(c)
	err := ErrRaced
	for range maxRaces {
		if err = s.committer.Submit(ctx, c); !errors.Is(err, ErrRaced) {
			break
		}
	}
	if err != nil {
		return err
	}
	s.bell.Ring()
	return nil
}

// apply stores captures in one transaction.
func (s *Store) apply(tx *sqldb.Tx, items []*Capture) []error {
	errs := make([]error, len(items))
	for _, item := range items {
		s.suppress(item) // again, if the list changed while it waited
	}
	c := newCommit(s, tx)
	if err := c.read(items); err != nil {
		return sqldb.All(len(items), err)
	}
	c.historical = !slices.ContainsFunc(items, func(item *Capture) bool { return !item.Historical })
	for i, item := range items {
		err := c.capture(item)
		switch {
		case err == nil:
		case errors.Is(err, ErrRequestIDReused), len(item.Subjects) == 1 && err == item.Subjects[0].Result.Err: //nolint:errorlint // the same error
			errs[i] = sqldb.Reject(err)
		default:
			return sqldb.All(len(items), err)
		}
	}
	if err := c.write(); err != nil {
		return sqldb.All(len(items), err)
	}
	c.settle(items)
	err := c.reply()
	if err == nil {
		err = c.writeNoneTwice(c.newRequests)
	}
	if err != nil {
		return sqldb.All(len(items), err)
	}
	for i, item := range items {
		if item.Also != nil && errs[i] == nil {
			if err := item.Also(tx); err != nil {
				return sqldb.All(len(items), err)
			}
		}
	}
	return errs
}

// Await returns the decision of a version of a person's lead or of a later one;
// false if ctx ends first. look says that it may be there already.
func (s *Store) Await(ctx context.Context, person string, version int64, look bool) (pending.Decision, bool) {
	if look {
		known, err := s.decisions(ctx, []string{person})
		if d, ok := known[person]; err == nil && ok && d.Version >= version {
			return d, true
		}
	}
	return s.waiters.Await(ctx, person, version)
}
