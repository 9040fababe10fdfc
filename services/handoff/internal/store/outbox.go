package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Source of the activities that ingest is told of.
const Source = "assay:handoff"

// Telling is an activity that ingest is still to be told of.
type Telling struct {
	// ActivityID is stable, so that telling it twice changes nothing.
	ActivityID string
	// Lead without `leads/`.
	Lead string
	// Type of the activity, e.g. `sales.accepted`.
	Type string
	// Time it happened.
	Time time.Time
	// Properties as one JSON object.
	Properties []byte

	lease duework.Lease
}

var outbox = duework.Table{Name: "outbox", Key: []string{"activity_id"}}

const (
	insertTellings = `INSERT INTO outbox (activity_id, lead_id, type, occurred_time, properties, due_time) VALUES `
	tellingColumns = 6
	// retryTelling is when to try again what failed on its own account.
	retryTelling = time.Minute
)

func (t *Telling) columns(due time.Time) []any {
	return []any{t.ActivityID, t.Lead, t.Type, sqldb.Micros(t.Time), t.Properties, sqldb.Micros(due)}
}

// WaitForTellings returns when it is time to claim tellings: at once if the last
// claim found some, else after a commit that left one, or a pause. It returns the
// error of ctx when that ends.
func (s *Store) WaitForTellings(ctx context.Context, found bool) error {
	return s.waker.Wait(ctx, found)
}

// ClaimTellings leases at most limit tellings, those waiting longest first.
func (s *Store) ClaimTellings(ctx context.Context, lease time.Duration, limit int) ([]Telling, error) {
	// Most of the time there is nothing, and a look costs no writer.
	next, err := s.outbox.Next(ctx, s.db)
	if err != nil || next.IsZero() || next.After(s.now()) {
		return nil, err
	}
	var tellings []Telling
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		leases, err := s.outbox.Claim(tx, s.now(), lease, limit)
		if err != nil {
			return err
		}
		ids := make([]string, len(leases))
		index := make(map[string]int, len(leases))
		tellings = make([]Telling, len(leases))
		for i, l := range leases {
			ids[i], index[l.Key[0]] = l.Key[0], i
			tellings[i].lease = l
		}
		return selectIn(tx, `SELECT activity_id, lead_id, type, occurred_time, properties FROM outbox WHERE activity_id IN (`,
			ids, func(rows *sql.Rows) error {
				var t Telling
				var at int64
				err := rows.Scan(&t.ActivityID, &t.Lead, &t.Type, &at, &t.Properties)
				i := index[t.ActivityID]
				t.Time, t.lease = sqldb.Time(at), tellings[i].lease
				tellings[i] = t
				return err
			})
	})
	return tellings, err
}

// Told removes what ingest has.
func (s *Store) Told(ctx context.Context, tellings []Telling) error {
	return s.onLeases(ctx, tellings, s.outbox.Complete)
}

// TellLater gives back what could not be told because ingest is away.
func (s *Store) TellLater(ctx context.Context, tellings []Telling) error {
	return s.onLeases(ctx, tellings, s.outbox.Release)
}

// TellingFailed gives back what ingest does not take; after some tries it is kept
// for a person.
func (s *Store) TellingFailed(ctx context.Context, tellings []Telling, reason string) error {
	return s.onLeases(ctx, tellings, func(tx *sqldb.Tx, l duework.Lease) (bool, error) {
		return s.outbox.Fail(tx, l, reason, s.now().Add(retryTelling))
	})
}

func (s *Store) onLeases(ctx context.Context, tellings []Telling, end func(*sqldb.Tx, duework.Lease) (bool, error)) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, t := range tellings {
			if _, err := end(tx, t.lease); err != nil {
				return err
			}
		}
		return nil
	})
}

// VoidLeases ends the leases of whoever is gone. Call it at the start.
func (s *Store) VoidLeases(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, q := range []*duework.Queue{s.outbox, s.operations, s.held, s.reviews, s.awaited, s.crmPolls, s.sendings, s.erasures} {
			if err := q.VoidLeases(tx); err != nil {
				return err
			}
		}
		if err := voidRemoteLeases(tx); err != nil {
			return err
		}
		return errors.Join(retryOperations(tx), retryErasures(tx))
	})
}

// Untold is how much waits to be told, for metrics.
func (s *Store) Untold(ctx context.Context) (duework.Count, error) {
	return s.outbox.Count(ctx, s.db, s.now())
}
