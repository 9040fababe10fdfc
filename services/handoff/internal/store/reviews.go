package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Time alone may change a verdict: points fade, an activity leaves its window, an
// approval ends. A lead has one review, at the earliest such instant of all its standards,
// and whatever decides the lead sets the next. An approval that is granted or revoked asks
// for one at once.

var reviews = duework.Table{Name: "reviews", Key: []string{"lead_id"}}

const (
	insertReviews = `INSERT INTO reviews (lead_id, standard_id, cause, due_time) VALUES `
	reviewColumns = 4

	reviewConflict = `, standard_id = excluded.standard_id, cause = excluded.cause`
	// causes of a review.
	byTime, byApproval = "time", "approval"
)

// readReviews reads when the leads are to be reviewed.
func (b *batch) readReviews() error {
	b.reviews = map[string]time.Time{}
	return selectIn(b.querier, `SELECT lead_id, due_time FROM reviews WHERE lead_id IN (`, b.ids, func(rows *sql.Rows) error {
		var lead string
		var due int64
		err := rows.Scan(&lead, &due)
		b.reviews[lead] = sqldb.Time(due)
		return err
	})
}

// review sets when the lead is decided again because of time alone.
func (b *batch) review(l *Lead) {
	next, standard := b.nextExpiry(l.ID), ""
	for i := range l.Assessments {
		if a := &l.Assessments[i]; !a.Review.IsZero() && (next.IsZero() || a.Review.Before(next)) {
			next, standard = a.Review, a.Standard
		}
	}
	due, known := b.reviews[l.ID]
	switch {
	case next.IsZero() && known:
		b.reviewed = append(b.reviewed, l.ID)
	case !next.IsZero() && !next.Equal(due):
		b.newReviews = append(b.newReviews, l.ID, standard, byTime, sqldb.Micros(next))
	}
}

func (b *batch) writeReviewed() error {
	return chunks(len(b.reviewed), func(from, to int) error {
		_, err := b.tx.Exec(`DELETE FROM reviews WHERE lead_id IN (`+sqldb.List(1, to-from)+`)`, b.reviewed[from:to]...)
		return err
	})
}

// Review is a lead to be decided again, under a lease.
type Review struct {
	// Lead without `leads/`.
	Lead string
	// Urgent: somebody asked for it just now, so that what is on its way may not know of it.
	Urgent bool

	lease duework.Lease
}

// ClaimReviews leases at most limit leads that are due for a review, those due longest
// first.
func (s *Store) ClaimReviews(ctx context.Context, lease time.Duration, limit int) ([]Review, error) {
	leases, err := s.claimDue(ctx, s.reviews, reviews.Name, lease, limit)
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	list, ids, index := make([]Review, len(leases)), make([]string, len(leases)), map[string]int{}
	for i, l := range leases {
		list[i] = Review{Lead: l.Key[0], lease: l}
		ids[i], index[l.Key[0]] = l.Key[0], i
	}
	return list, selectIn(reader{ctx, s.db}, `SELECT lead_id, cause FROM reviews WHERE lead_id IN (`, ids, func(rows *sql.Rows) error {
		var lead, cause string
		err := rows.Scan(&lead, &cause)
		list[index[lead]].Urgent = cause == byApproval
		return err
	})
}

// EndReviews ends the leases on reviews, each as end says, see [Store.EndHeld].
func (s *Store) EndReviews(ctx context.Context, list []Review, end func(Review) (again time.Time, failed string)) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, r := range list {
			again, failed := end(r)
			if err := endDue(tx, s.reviews, r.lease, again, failed); err != nil {
				return err
			}
		}
		return nil
	})
}

// ReviewAt has leads decided again at a time, e.g. because it failed just now.
func (s *Store) ReviewAt(ctx context.Context, leads []string, at time.Time, cause string) error {
	if len(leads) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var columns []any
		for _, lead := range leads {
			columns = append(columns, lead, "", cause, sqldb.Micros(at))
		}
		return insert(tx, insertReviews, reviewColumns, s.reviews.OnConflict()+reviewConflict, columns)
	})
}

// reviewNow has a lead decided again at once, since somebody granted or revoked something.
func (s *Store) reviewNow(tx *sqldb.Tx, lead string, moment time.Time) error {
	return insert(tx, insertReviews, reviewColumns, s.reviews.OnConflict()+reviewConflict,
		[]any{lead, "", byApproval, sqldb.Micros(moment)})
}

// reviewBy has a lead decided again at a time, unless it is before that.
func (s *Store) reviewBy(tx *sqldb.Tx, lead string, at time.Time) error {
	return insert(tx, insertReviews, reviewColumns,
		s.reviews.OnConflict()+reviewConflict+` WHERE reviews.due_time > excluded.due_time`, []any{lead, "", byTime, sqldb.Micros(at)})
}
