package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Leads are decided again although nothing is new of them: because a standard was
// published, or because time passed. What waits for a decision goes first and is left
// alone here.

// maxHistories is how many facts the whole histories of one answer have together. An
// answer of usual facts weighs a few megabytes then, of which several are on their way.
const maxHistories = 8000

// Left says why a lead was not leased.
type Left int

// Why a lead was left.
const (
	// LeftPending: it is decided anyway.
	LeftPending Left = iota
	// LeftLeased: another worker decides it again.
	LeftLeased
	// LeftQuarantined: it failed too often.
	LeftQuarantined
	// LeftNotFound: there is no such lead.
	LeftNotFound
)

// LeftLead is a lead that was not leased.
type LeftLead struct {
	ID  string
	Why Left
}

// Count returns how many leads there are, and the last of them in their order.
func (s *Store) Count(ctx context.Context) (leads int, last string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT count(*), COALESCE(max(lead_id), '') FROM pending`).Scan(&leads, &last)
	return leads, last, err
}

// Waiting reports whether leads wait to be claimed.
func (s *Store) Waiting(ctx context.Context) (bool, error) { return s.ready(ctx) }

// Following returns at most n leads after one, up to another (empty: the last), in
// their order: each stride-th there is.
func (s *Store) Following(ctx context.Context, stride int, after, to string, n int) (ids []string, err error) {
	where, args := `lead_id > $1`, []any{after, n * stride}
	if to != "" {
		where, args = where+` AND lead_id <= $3`, append(args, to)
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT lead_id FROM pending WHERE `+where+` ORDER BY lead_id LIMIT $2`, args...) //nolint:sqlclosecheck // each closes them
	if err != nil {
		return nil, err
	}
	last, looked := "", 0
	err = each(result, func() error {
		err := result.Scan(&last)
		if looked++; looked%stride == 0 {
			ids = append(ids, last)
		}
		return err
	})
	if looked%stride != 0 { // the end: nothing is left to look at after it
		ids = append(ids, last)
	}
	return ids, err
}

// Again is what is asked of leads that are decided again.
type Again struct {
	// Lease is how long they are leased.
	Lease time.Duration
	// Whole asks for the whole histories; otherwise there are no facts.
	Whole bool
	// ReadOnly leases nothing, and leaves no lead that there is.
	ReadOnly bool
}

// ClaimLeads leases leads of those given, in their order. It returns them, those that
// were left, and how many of the given were looked at: fewer than all if their
// histories do not fit into one answer.
func (s *Store) ClaimLeads(ctx context.Context, ids []string, how Again) (claimed []*Claimed, left []LeftLead, seen int, err error) {
	omitted := map[string]bool{}
	if how.Whole {
		if ids, omitted, err = s.fitting(ctx, ids); err != nil {
			return nil, nil, 0, err
		}
	}
	rows, err := s.claimIdle(ctx, ids, how)
	if err != nil {
		return nil, nil, 0, err
	}
	for _, id := range ids {
		switch r, found := rows[id]; {
		case !found:
			left = append(left, LeftLead{id, LeftNotFound})
		case r.claimed:
			claimed = append(claimed, &Claimed{Row: r.Row, Omitted: omitted[id]})
		default:
			left = append(left, LeftLead{id, r.why()})
		}
	}
	// Ids of merged leads may name one person twice.
	slices.SortFunc(claimed, func(a, b *Claimed) int { return cmp.Compare(a.Lead, b.Lead) })
	claimed = slices.CompactFunc(claimed, func(a, b *Claimed) bool { return a.Lead == b.Lead })
	kept, err := s.fill(ctx, claimed, how.Whole)
	for _, c := range claimed[len(kept):] {
		left = append(left, LeftLead{c.Lead, LeftLeased}) // given back: to be asked for again
	}
	return kept, left, len(ids), err
}

// idle is a row that may have been claimed.
type idle struct {
	pending.Row
	claimed bool
}

func (i *idle) why() Left {
	switch {
	case i.State == pending.Quarantined:
		return LeftQuarantined
	case i.State == pending.Leased && !i.Owes():
		return LeftLeased
	default:
		return LeftPending
	}
}

// claimIdle claims the leads that do not wait, and returns the rows of all by the ids
// that were given.
func (s *Store) claimIdle(ctx context.Context, ids []string, how Again) (map[string]*idle, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows map[string]*idle
	from, args := keysOf(ids).from(s.db.Dialect())
	query := `SELECT k.a, ` + pendingColumns + ` FROM ` + from + ` CROSS JOIN leads l CROSS JOIN pending p
		WHERE l.id = k.a AND p.lead_id = l.canonical_id ORDER BY p.lead_id`
	scan := func(result *sql.Rows, now time.Time) (map[string]*idle, error) {
		rows := make(map[string]*idle, len(ids))
		persons := make(map[string]*idle, len(ids))
		err := each(result, func() error {
			var id string
			r, err := scanPending(result.Scan, &id)
			if persons[r.Lead] == nil {
				persons[r.Lead] = &idle{Row: r}
			}
			rows[id] = persons[r.Lead]
			return err
		})
		for _, r := range persons {
			if r.State == pending.Leased && r.LeaseUntil <= now.UnixMicro() {
				r.Expire(now)
			}
		}
		return rows, err
	}
	if how.ReadOnly {
		now := s.now()
		result, err := s.db.Read().QueryContext(ctx, query, args...) //nolint:rowserrcheck // each does
		if err != nil {
			return nil, err
		}
		rows, err = scan(result, now)
		for _, r := range rows {
			r.claimed, r.Claimed, r.AsOf = true, r.Version, max(now.UnixMicro(), r.Latest)
		}
		return rows, err
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		result, err := tx.Query(query+lock(tx.Dialect()), args...) //nolint:rowserrcheck // each does
		if err != nil {
			return err
		}
		if rows, err = scan(result, now); err != nil {
			return err
		}
		var changed []pending.Row
		for _, r := range rows {
			if r.State == pending.Idle && !r.claimed {
				r.claimed = r.Claim(now, how.Lease)
				changed = append(changed, r.Row)
			}
		}
		slices.SortFunc(changed, func(a, b pending.Row) int { return cmp.Compare(a.Lead, b.Lead) })
		return savePending(tx, changed)
	})
	return rows, err
}

// fitting returns those of the leads, from the first on, whose histories fit into one
// answer, and which of them have so long a history that it is read in chunks.
func (s *Store) fitting(ctx context.Context, ids []string) (fit []string, omitted map[string]bool, err error) {
	if len(ids) == 0 {
		return nil, nil, nil
	}
	from, args := keysOf(ids).from(s.db.Dialect())
	// Counted in the index by lead alone.
	result, err := s.db.Read().QueryContext(ctx, //nolint:sqlclosecheck // each closes them
		`SELECT k.a, (SELECT count(*) FROM leads m CROSS JOIN activities f
			WHERE m.canonical_id = l.canonical_id AND f.lead_id = m.id)
		FROM `+from+` CROSS JOIN leads l WHERE l.id = k.a`, args...)
	if err != nil {
		return nil, nil, err
	}
	facts := make(map[string]int, len(ids))
	err = each(result, func() error {
		var id string
		var n int
		err := result.Scan(&id, &n)
		facts[id] = n
		return err
	})
	omitted = map[string]bool{}
	all := 0
	for i, id := range ids {
		if facts[id] > maxFacts {
			omitted[id] = true
			continue
		}
		if all += facts[id]; all > maxHistories && i > 0 {
			return ids[:i], omitted, err
		}
	}
	return ids, omitted, err
}
