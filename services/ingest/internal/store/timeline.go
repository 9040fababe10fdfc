package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// StoredActivity is an activity of a timeline.
type StoredActivity struct {
	ActivityKey
	// Lead is the id of the lead it arrived with.
	Lead                 string
	Type                 string
	OccurredAt, Received time.Time
	Campaign             string
	// Properties are a JSON object, or nil.
	Properties []byte
	Clamped    bool
	// Mark is what speaks against it.
	Mark traffic.Mark
}

// ActivityKey is where an activity stands in a timeline.
type ActivityKey struct {
	At         int64 // microseconds since 1970
	Source, ID string
}

// Timeline returns a page of the activities of a lead's person, latest first: those
// beyond a key, or the first for nil. [ErrNotFound] if there is no such lead.
func (s *Store) Timeline(ctx context.Context, id string, after *ActivityKey, limit int) ([]StoredActivity, error) {
	person, err := s.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &ActivityKey{At: math.MaxInt64}
	}
	const members = `f.lead_id IN (SELECT m.id FROM leads m WHERE m.canonical_id = $1)`
	// The inner query reads only times, which the index has: activities of the page
	// are not before the last of the next $5, those of one instant aside.
	result, err := s.db.Read().QueryContext(ctx, `SELECT f.lead_id, f.occurred_at, f.source, f.id, f.type, f.received_at, f.campaign, f.properties, f.clamped, f.mark
		FROM activities f WHERE `+members+` AND f.occurred_at <= $2
			AND f.occurred_at >= COALESCE((SELECT min(at) FROM (
				SELECT f.occurred_at AS at FROM activities f WHERE `+members+` AND f.occurred_at < $2
				ORDER BY f.occurred_at DESC LIMIT $5) AS next), $2)
			AND (f.occurred_at < $2 OR f.source < $3 OR (f.source = $3 AND f.id < $4))
		ORDER BY f.occurred_at DESC, f.source DESC, f.id DESC LIMIT $5`,
		person, after.At, after.Source, after.ID, limit)
	if err != nil {
		return nil, err
	}
	var list []StoredActivity
	err = each(result, func() error {
		var a StoredActivity
		var received int64
		err := result.Scan(&a.Lead, &a.At, &a.Source, &a.ID, &a.Type, &received, &a.Campaign, &a.Properties, &a.Clamped, &a.Mark)
		a.OccurredAt, a.Received = sqldb.Time(a.At), sqldb.Time(received)
		list = append(list, a)
		return err
	})
	return list, err
}

// Person returns the id of the person's lead, or [ErrNotFound].
func (s *Store) Person(ctx context.Context, id string) (person string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT canonical_id FROM leads WHERE id = $1`, id).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return person, err
}
