package standard

import (
	"context"
	"math"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// GiveFeedback records feedback on a standard: the actor, lead, rule and comment of e.
// It returns the record; ErrNotFound if there is no such standard.
func (r *Registry) GiveFeedback(ctx context.Context, id string, e Entry) (Entry, error) {
	err := r.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := r.lock(tx, id); err != nil {
			return err
		}
		s, err := r.get(ctx, tx, id)
		if err != nil {
			return err
		}
		e.Kind, e.Version, e.CreateTime = FeedbackGiven, s.ActiveVersion, r.now().Truncate(time.Microsecond) // as it is stored
		e, err = r.record(tx, id, e)
		return err
	})
	return e, err
}

// ListFeedback returns at most limit records of feedback on a standard, latest first,
// of those before the given one (0: from the latest); ErrNotFound if there is no such
// standard.
func (r *Registry) ListFeedback(ctx context.Context, id string, before int64, limit int) ([]Entry, error) {
	if _, err := r.Get(ctx, id); err != nil {
		return nil, err
	}
	if before == 0 {
		before = math.MaxInt64
	}
	return collect(ctx, r.db.Read(), scanEntry,
		entryColumns+` WHERE standard_id = $1 AND kind = 'feedback' AND sequence < $2 ORDER BY sequence DESC LIMIT $3`, id, before, limit)
}
