package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

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
}

// ActivityKey is where an activity stands in a timeline.
type ActivityKey struct {
	At         int64 // microseconds since 1970
	Source, ID string
}

// Timeline returns a page of the activities of a lead's person, latest first: those
// beyond a key, or the first for nil. [ErrNotFound] if there is no such lead.
func (s *Store) Timeline(ctx context.Context, id string, after *ActivityKey, limit int) ([]StoredActivity, error) {
	members, err := s.members(ctx, id)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &ActivityKey{At: math.MaxInt64}
	}
	const columns = `SELECT f.lead_id, f.occurred_at, f.source, f.id, f.type, f.received_at, f.campaign, f.properties, f.clamped`
	const order = ` ORDER BY f.occurred_at DESC, f.source DESC, f.id DESC`
	k := keysOf(members)
	from, args := k.from(s.db.Dialect())
	query := columns + ` FROM ` + from + ` CROSS JOIN activities f WHERE f.lead_id = k.a`
	if len(members) == 1 { // can stop early: the index has the order
		k, args = keys{}, []any{members[0]}
		query = columns + ` FROM activities f WHERE f.lead_id = $1`
	}
	arg := func(n int) string {
		if k.columns == nil {
			return "$" + string(rune('1'+n))
		}
		return k.next(s.db.Dialect(), n)
	}
	query += ` AND f.occurred_at <= ` + arg(1) + ` AND (f.occurred_at < ` + arg(1) + ` OR f.source < ` + arg(2) +
		` OR (f.source = ` + arg(2) + ` AND f.id < ` + arg(3) + `))` + order + ` LIMIT ` + arg(4)
	result, err := s.db.Read().QueryContext(ctx, query, append(args, after.At, after.Source, after.ID, limit)...)
	if err != nil {
		return nil, err
	}
	var list []StoredActivity
	err = each(result, func() error {
		var a StoredActivity
		var received int64
		err := result.Scan(&a.Lead, &a.At, &a.Source, &a.ID, &a.Type, &received, &a.Campaign, &a.Properties, &a.Clamped)
		a.OccurredAt, a.Received = sqldb.Time(a.At), sqldb.Time(received)
		list = append(list, a)
		return err
	})
	return list, err
}

// members returns the ids of all leads of a lead's person.
func (s *Store) members(ctx context.Context, id string) (list []string, err error) {
	var person string
	err = s.db.Read().QueryRowContext(ctx, `SELECT canonical_id FROM leads WHERE id = $1`, id).Scan(&person)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT id FROM leads WHERE canonical_id = $1`, person)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var member string
		err := result.Scan(&member)
		list = append(list, member)
		return err
	})
	return list, err
}
