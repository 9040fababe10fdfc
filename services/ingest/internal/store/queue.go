package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// How much one answer carries.
const (
	maxFacts     = 2000     // of one lead; more are read in chunks
	maxFactBytes = 2 << 20  // of one lead
	maxBytes     = 24 << 20 // of all leads together
)

// Claimed is a leased lead and what a worker needs to know of it.
type Claimed struct {
	pending.Row
	// From is the version after which the facts are; 0: the whole history.
	From int64
	// Facts are those after From up to Row.Claimed, unless Omitted.
	Facts   []*typev1.Fact
	Omitted bool
	// rewritten says that the history is another since the last decision.
	rewritten bool
	// Gone says that nothing is known of the lead any more.
	Gone bool
	// Attributes are the current values, as a JSON object.
	Attributes []byte
	// LeadSource is JSON, or nil.
	LeadSource []byte
	// Members are the ids of the other leads that are this person, in order.
	Members []string
}

// claimEvery is how often leads are claimed while captures crowd.
const claimEvery = 250 * time.Millisecond

// Claim leases up to n of the leads that wait longest. It waits for one up to wait; while
// captures crowd, it waits its turn.
func (s *Store) Claim(ctx context.Context, n int, lease, wait time.Duration) (claimed []*Claimed, err error) {
	err = s.bell.Poll(ctx, wait, func() (bool, error) {
		if !s.claiming.Take(&s.crowd, time.Now(), claimEvery) {
			return false, nil
		}
		ready, err := s.ready(ctx)
		if err != nil || !ready {
			return false, err
		}
		// Begun, it runs to its end: half of it would leave leases that nobody has.
		if claimed, err = s.claim(context.WithoutCancel(ctx), n, lease); err != nil {
			return false, err
		}
		return len(claimed) > 0, nil
	})
	return claimed, err
}

// ready looks whether there is anything to claim, without troubling the writer.
func (s *Store) ready(ctx context.Context) (ready bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM pending WHERE state = 1 AND queued_at <= $1)
		OR EXISTS (SELECT 1 FROM pending WHERE state = 2 AND lease_until <= $1)`, s.now().UnixMicro()).Scan(&ready)
	return ready, err
}

func (s *Store) claim(ctx context.Context, n int, lease time.Duration) ([]*Claimed, error) {
	var claimed []*Claimed
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		claimed = nil
		now := s.now()
		if err := expire(tx, now, now); err != nil {
			return err
		}
		list, err := readPending(tx, `WHERE p.state = 1 AND p.queued_at <= $2 ORDER BY p.queued_at, p.lead_id LIMIT $1`+lockFree(tx.Dialect()), n, now.UnixMicro())
		if err != nil {
			return err
		}
		for i := range list {
			list[i].Claim(now, lease)
			claimed = append(claimed, &Claimed{Row: list[i]})
		}
		return savePending(tx, list)
	})
	if err != nil {
		return nil, err
	}
	return s.fill(ctx, claimed, false)
}

// ClaimLead leases one lead, pending or not. It returns none if the lead is leased or
// quarantined, and [ErrNotFound] if it does not exist.
func (s *Store) ClaimLead(ctx context.Context, id string, lease time.Duration) ([]*Claimed, error) {
	var claimed []*Claimed
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		claimed = nil
		person, err := personOf(tx, id)
		if err != nil {
			return err
		}
		list, err := readPending(tx, `WHERE p.lead_id = $1`+lock(tx.Dialect()), person)
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return ErrNotFound
		}
		now, row := s.now(), &list[0]
		if row.State == pending.Leased && row.LeaseUntil <= now.UnixMicro() {
			row.Expire(now)
		}
		if row.Claim(now, lease) {
			claimed = append(claimed, &Claimed{Row: *row})
		}
		return savePending(tx, list)
	})
	if err != nil {
		return nil, err
	}
	return s.fill(ctx, claimed, false)
}

// personOf returns the id of the person's lead.
func personOf(tx *sqldb.Tx, id string) (person string, err error) {
	err = tx.QueryRow(`SELECT canonical_id FROM leads WHERE id = $1`, id).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return person, err
}

// expire ends the leases that end before an instant.
func expire(tx *sqldb.Tx, before, now time.Time) error {
	list, err := readPending(tx, `WHERE p.state = 2 AND p.lease_until <= $1 ORDER BY p.lease_until, p.lead_id LIMIT 1000`+lockFree(tx.Dialect()), before.UnixMicro())
	if err != nil || len(list) == 0 {
		return err
	}
	for i := range list {
		list[i].Expire(now)
	}
	return savePending(tx, list)
}

// VoidLeases ends all leases on SQLite, where at the start nobody else can hold one.
func (s *Store) VoidLeases(ctx context.Context) error {
	if s.db.Dialect() != sqldb.SQLite {
		return nil
	}
	for {
		var left bool
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := expire(tx, s.now().AddDate(100, 0, 0), s.now()); err != nil {
				return err
			}
			return tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM pending WHERE state = 2)`).Scan(&left)
		})
		if err != nil || !left {
			return err
		}
	}
}

func readPending(tx *sqldb.Tx, where string, args ...any) (list []pending.Row, err error) {
	result, err := tx.Query(`SELECT `+pendingColumns+` FROM pending p `+where, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		r, err := scanPending(result.Scan)
		list = append(list, r)
		return err
	})
	return list, err
}

// fill reads what a worker needs. It runs after the claim is committed, in
// statements of its own: what it reads is never older than the claimed version.
// Leads that do not fit into one answer are given back. whole asks for the whole
// histories, of leads that [Store.fitting] chose.
func (s *Store) fill(ctx context.Context, claimed []*Claimed, whole bool) ([]*Claimed, error) {
	if len(claimed) == 0 {
		return nil, nil
	}
	if err := s.readClaimedLeads(ctx, claimed); err != nil {
		return nil, err
	}
	budget, fits := int64(maxBytes), len(claimed)
	for i, c := range claimed {
		if budget -= int64(len(c.Attributes)+len(c.LeadSource)) + 1000; budget < 0 && i > 0 {
			fits = i
			break
		}
	}
	if err := s.Release(ctx, claimed[fits:]); err != nil {
		return nil, err
	}
	claimed = claimed[:fits]
	if !whole {
		if err := s.omitLong(ctx, claimed); err != nil {
			return nil, err
		}
	}
	var ask []*Claimed
	for _, c := range claimed {
		switch {
		case whole, c.rewritten: // what was summed up is not the whole history
			c.From = 0
			if !c.Omitted {
				ask = append(ask, c)
			}
		case c.From == c.Claimed: // nothing is new
		case c.Serving.Facts > maxFacts, c.Serving.Bytes > maxFactBytes, c.Serving.Bytes > budget:
			c.Omitted = true
		default:
			budget -= c.Serving.Bytes
			ask = append(ask, c)
		}
	}
	return claimed, s.readDeltas(ctx, ask)
}

// omitLong leaves out the histories that were rewritten and are too long for this
// answer.
func (s *Store) omitLong(ctx context.Context, claimed []*Claimed) error {
	var ids []string
	for _, c := range claimed {
		if c.rewritten {
			ids = append(ids, c.Lead)
		}
	}
	fit, omitted, err := s.fitting(ctx, ids)
	for _, c := range claimed {
		if c.rewritten {
			c.Omitted = omitted[c.Lead] || !slices.Contains(fit, c.Lead)
		}
	}
	return err
}

func (s *Store) readClaimedLeads(ctx context.Context, claimed []*Claimed) error {
	byLead, ids := make(map[string]*Claimed, len(claimed)), make([]string, len(claimed))
	for i, c := range claimed {
		byLead[c.Lead], ids[i] = c, c.Lead
	}
	from, args := keysOf(ids).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT l.id, l.rewritten_version, l.emptied_version, l.attributes, l.lead_source FROM `+from+`
		CROSS JOIN leads l WHERE l.id = k.a`, args...)
	if err != nil {
		return err
	}
	err = each(result, func() error {
		var id string
		var rewritten, emptied int64
		var attributes, leadSource []byte
		if err := result.Scan(&id, &rewritten, &emptied, &attributes, &leadSource); err != nil {
			return err
		}
		c := byLead[id]
		c.Gone = emptied != 0 && emptied == c.Claimed
		c.Attributes, c.LeadSource = withCreateTime(attributes, c.Earliest), leadSource
		if c.rewritten = c.Decided < rewritten; !c.rewritten {
			c.From = c.Decided
		}
		return nil
	})
	if err != nil {
		return err
	}
	return s.readClaimedMembers(ctx, claimed)
}

// readClaimedMembers reads the other leads of those that were ever more than one, and
// where the person came from first.
func (s *Store) readClaimedMembers(ctx context.Context, claimed []*Claimed) error {
	var list []Lead
	var of []*Claimed
	for _, c := range claimed {
		if c.IdentityVersion > 0 {
			list, of = append(list, Lead{ID: c.Lead}), append(of, c)
		}
	}
	if list == nil {
		return nil
	}
	err := s.readMembers(ctx, list)
	for i, l := range list {
		of[i].Members = slices.DeleteFunc(l.Members, func(id string) bool { return id == l.ID })
		slices.Sort(of[i].Members)
		of[i].LeadSource = l.LeadSource
	}
	return err
}

// withCreateTime adds to attributes what follows from the earliest fact.
func withCreateTime(attributes []byte, earliest int64) []byte {
	if earliest == 0 || len(attributes) < 2 {
		return attributes
	}
	out := append([]byte(`{"`+lead.CreateTime+`":`), createTimeJSON(earliest)...)
	if len(attributes) > 2 {
		out = append(out, ',')
	}
	return append(out, attributes[1:]...)
}

// Release gives back leads that were claimed and not handed out.
func (s *Store) Release(ctx context.Context, claimed []*Claimed) error {
	ends := make([]Completion, len(claimed))
	for i, c := range claimed {
		ends[i] = Completion{Lead: c.Lead, Fence: c.Fence, Version: c.Claimed, Outcome: Released}
	}
	_, err := s.Complete(ctx, ends)
	return err
}

// How a lease ends.
type EndOutcome int

// The ends.
const (
	// Decided: the facts were decided.
	Decided EndOutcome = iota
	// Released: given back untried.
	Released
	// Failed: tried in vain.
	Failed
	// Forgotten: nothing was known of it any more, and nothing is of what was decided.
	Forgotten
)

// Completion is the end of a lease.
type Completion struct {
	// Lead, Fence and Version are those of the claim.
	Lead           string
	Fence, Version int64
	Outcome        EndOutcome
	// Digest of the decision, if decided.
	Digest []byte
	// Error says why it failed; never personal.
	Error string
}

// Ended is what became of a lease.
type Ended int

// What became of it.
const (
	// Done: nothing newer waits.
	Done Ended = iota
	// StillPending: newer facts wait, or it was not decided.
	StillPending
	// Fenced: the lease was lost; nothing changed.
	Fenced
	// InQuarantine after too many failures.
	InQuarantine
)

// Complete ends leases, all in one transaction, each only if it still holds.
func (s *Store) Complete(ctx context.Context, ends []Completion) ([]Ended, error) {
	if len(ends) == 0 {
		return nil, nil
	}
	var states []Ended
	again := false
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		states, again, err = s.complete(tx, ends)
		return err
	})
	if err != nil {
		return nil, err
	}
	for i, e := range ends {
		if e.Outcome == Decided && states[i] != Fenced {
			s.waiters.Tell(e.Lead, pending.Decision{Version: e.Version, Digest: e.Digest})
		}
	}
	if again {
		s.bell.Ring()
	}
	return states, nil
}

func (s *Store) complete(tx *sqldb.Tx, ends []Completion) (states []Ended, again bool, err error) {
	ids := make([]string, len(ends))
	for i, e := range ends {
		ids[i] = e.Lead
	}
	from, args := keysOf(ids).from(tx.Dialect())
	query := `SELECT ` + pendingColumns + ` FROM ` + from + ` CROSS JOIN pending p WHERE p.lead_id = k.a ORDER BY p.lead_id`
	result, err := tx.Query(query+lock(tx.Dialect()), args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, false, err
	}
	found := map[string]*pending.Row{}
	err = each(result, func() error {
		r, err := scanPending(result.Scan)
		found[r.Lead] = &r
		return err
	})
	if err != nil {
		return nil, false, err
	}
	now := s.now()
	digests := map[string][]byte{}
	changed := map[string]*pending.Row{}
	var gone []string
	states = make([]Ended, len(ends))
	for i, e := range ends {
		r := found[e.Lead]
		if r == nil || !r.Holds(e.Fence, e.Version) {
			states[i] = Fenced
			continue
		}
		changed[e.Lead] = r
		switch e.Outcome {
		case Decided:
			r.Decide(now)
			digests[e.Lead] = e.Digest
		case Forgotten:
			r.Decide(now)
			if r.State == pending.Idle {
				gone = append(gone, e.Lead)
			}
		case Released:
			r.Release(now)
		case Failed:
			r.Fail(now, e.Error)
		}
		switch r.State {
		case pending.Waiting:
			states[i], again = StillPending, true
		case pending.Quarantined:
			states[i] = InQuarantine
		}
	}
	to := pendingTable.rows()
	for _, id := range slices.Sorted(maps.Keys(changed)) {
		addPending(to, changed[id], digests[id])
	}
	if _, err = to.write(tx); err == nil {
		err = removeLeads(tx, gone)
	}
	return states, again, err
}

// Retry lets a quarantined lead be claimed again, or all of them if id is empty. It
// returns how many.
func (s *Store) Retry(ctx context.Context, id string) (retried int, err error) {
	defer s.bell.Ring()
	for {
		n := 0
		err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
			n = 0
			where, args := `WHERE p.state = 3 ORDER BY p.lead_id LIMIT 1000`, []any{}
			if id != "" {
				person, err := personOf(tx, id)
				if err != nil {
					return err
				}
				where, args = `WHERE p.lead_id = $1`, []any{person}
			}
			list, err := readPending(tx, where+lock(tx.Dialect()), args...)
			if err != nil {
				return err
			}
			for i := range list {
				if list[i].Retry(s.now()) {
					n++
				}
			}
			return savePending(tx, list)
		})
		retried += n
		if err != nil || n == 0 || id != "" {
			return retried, err
		}
	}
}

// Queue is how things stand with the leads to decide.
type Queue struct {
	// Waiting, Leased and Quarantined leads.
	Waiting, Leased, Quarantined int64
	// Untold accounts: some of their leads are still to be told what is new.
	Untold int64
	// Deferred captures: they are acknowledged, and wait in the journal.
	Deferred int64
	// Oldest is when the oldest waiting capture was accepted; zero if none waits.
	Oldest time.Time
}

// Queue counts the leads to decide.
func (s *Store) Queue(ctx context.Context) (q Queue, err error) {
	var oldest int64
	err = s.db.Read().QueryRowContext(ctx, `SELECT
		(SELECT count(*) FROM pending WHERE state = 1), (SELECT count(*) FROM pending WHERE state = 2),
		(SELECT count(*) FROM pending WHERE state = 3), (SELECT COALESCE(min(queued_at), 0) FROM pending WHERE state = 1),
		(SELECT count(*) FROM accounts WHERE told_version < facts_version), (SELECT COALESCE(sum(captures), 0) FROM journal)`).
		Scan(&q.Waiting, &q.Leased, &q.Quarantined, &oldest, &q.Untold, &q.Deferred)
	q.Oldest = sqldb.Time(oldest)
	return q, err
}

// decisions returns the last decisions of leads.
func (s *Store) decisions(ctx context.Context, leads []string) (map[string]pending.Decision, error) {
	from, args := keysOf(leads).from(s.db.Dialect())
	// Of a lead that became somebody else's, the person's decision with its facts.
	result, err := s.db.Read().QueryContext(ctx, `SELECT k.a, p.decided_version, p.decision FROM `+from+`
		CROSS JOIN leads m CROSS JOIN leads l CROSS JOIN pending p
		WHERE m.id = k.a AND l.id = m.canonical_id AND p.lead_id = l.id AND p.decision IS NOT NULL
			AND (m.id = l.id OR p.decided_version >= l.rewritten_version)`, args...)
	if err != nil {
		return nil, err
	}
	found := map[string]pending.Decision{}
	err = each(result, func() error {
		var id string
		var d pending.Decision
		if err := result.Scan(&id, &d.Version, &d.Digest); err != nil {
			return err
		}
		found[id] = d
		return nil
	})
	return found, err
}
