package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

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
	// Attempts is how often it was claimed, this time included.
	Attempts int
}

const (
	insertTellings = `INSERT INTO outbox (activity_id, lead_id, type, occurred_time, properties, due_time) VALUES `
	tellingColumns = 6
)

func (t *Telling) columns(due time.Time) []any {
	return []any{t.ActivityID, t.Lead, t.Type, sqldb.Micros(t.Time), t.Properties, sqldb.Micros(due)}
}

// ClaimTellings leases what is due to be told, longest due first. Whoever's lease
// ran out may tell it all the same: telling twice changes nothing.
func (s *Store) ClaimTellings(ctx context.Context, most int, lease time.Duration) ([]Telling, error) {
	// Most of the time there is nothing, and a look costs no writer.
	var due int
	now := sqldb.Micros(s.now())
	err := s.db.Read().QueryRowContext(ctx, `SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE due_time <= $1 LIMIT 1) o`, now).Scan(&due)
	if err != nil || due == 0 {
		return nil, err
	}
	var tellings []Telling
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		tellings = nil
		rows, err := tx.Query(`SELECT activity_id, lead_id, type, occurred_time, properties, attempts + 1 FROM outbox
			WHERE due_time <= $1 ORDER BY due_time, activity_id LIMIT $2`+tx.Dialect().ForUpdateSkipLocked(), now, most)
		err = scanAll(rows, err, func(rows *sql.Rows) error {
			var t Telling
			var at int64
			err := rows.Scan(&t.ActivityID, &t.Lead, &t.Type, &at, &t.Properties, &t.Attempts)
			t.Time = sqldb.Time(at)
			tellings = append(tellings, t)
			return err
		})
		if err != nil {
			return err
		}
		return onTellings(tx, `UPDATE outbox SET attempts = attempts + 1, due_time = $1 WHERE activity_id IN (`,
			tellings, sqldb.Micros(s.now().Add(lease)))
	})
	return tellings, err
}

// Told removes what ingest has.
func (s *Store) Told(ctx context.Context, tellings []Telling) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return onTellings(tx, `DELETE FROM outbox WHERE activity_id IN (`, tellings)
	})
}

// TellLater gives back what could not be told, to be claimed again after a pause.
func (s *Store) TellLater(ctx context.Context, tellings []Telling, pause time.Duration) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return onTellings(tx, `UPDATE outbox SET due_time = $1 WHERE activity_id IN (`, tellings, sqldb.Micros(s.now().Add(pause)))
	})
}

// VoidLeases makes everything due, also what a process that is gone had claimed.
// Only for a database with one process, at its start.
func (s *Store) VoidLeases(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := sqldb.Micros(s.now())
		_, err := tx.Exec(`UPDATE outbox SET due_time = $1 WHERE due_time > $1`, now)
		return err
	})
}

// onTellings runs a statement that ends on `IN (` for some tellings; first are the
// arguments before their ids.
func onTellings(tx *sqldb.Tx, statement string, tellings []Telling, first ...any) error {
	return chunks(len(tellings), func(from, to int) error {
		args := slices.Clone(first)
		for _, t := range tellings[from:to] {
			args = append(args, t.ActivityID)
		}
		_, err := tx.Exec(statement+sqldb.List(len(first)+1, to-from)+`)`, args...)
		return err
	})
}
