package standard

import (
	"context"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Kind says what happened to a standard.
type Kind string

// What happens to standards, as the log spells it.
const (
	Created       Kind = "created"
	SignedOff     Kind = "signed_off"
	Published     Kind = "published"
	Retired       Kind = "retired"
	FeedbackGiven Kind = "feedback"
)

// Entry is one record of the log of a standard: what happened to it, and by whom.
// Entries are only ever added, so that the log is the proof of what was agreed.
type Entry struct {
	// Sequence is its place in the log of the standard: 1, 2, …
	Sequence int64
	// Kind of what happened.
	Kind Kind
	// Version it is about; empty when retired. Of feedback: the one that decided at
	// the time, or empty.
	Version string
	// Side of a sign-off.
	Side Side
	// Actor and CreateTime say who and when.
	Actor      string
	CreateTime time.Time
	// Comment of the signer, reason of a publication outside of the change window, or
	// text of feedback.
	Comment string
	// WindowOverridden: published although the change window was shut.
	WindowOverridden bool
	// Lead and Rule that feedback is about; may be empty.
	Lead, Rule string
}

const entryColumns = `
	SELECT sequence, kind, version_id, side, actor, create_time, comment, window_overridden, lead_id, rule_id
	FROM standard_log`

func scanEntry(row scanner) (Entry, error) {
	var (
		e          Entry
		at         int64
		overridden int64
	)
	err := row.Scan(&e.Sequence, &e.Kind, &e.Version, &e.Side, &e.Actor, &at, &e.Comment, &overridden, &e.Lead, &e.Rule)
	e.CreateTime, e.WindowOverridden = sqldb.Time(at), overridden != 0
	return e, found(err)
}

// lock makes the transactions that write the log of a standard take turns;
// ErrNotFound if there is no such standard.
func (store) lock(tx *sqldb.Tx, id string) error {
	n, err := tx.Affected(`UPDATE standards SET log_size = log_size WHERE standard_id = $1`, id)
	if err == nil && n == 0 {
		return ErrNotFound
	}
	return err
}

// record adds an entry to the log of a standard and returns it with its place.
func (store) record(tx *sqldb.Tx, id string, e Entry) (Entry, error) {
	err := tx.QueryRow(`UPDATE standards SET log_size = log_size + 1 WHERE standard_id = $1 RETURNING log_size`, id).Scan(&e.Sequence)
	if err != nil {
		return Entry{}, found(err)
	}
	overridden := 0
	if e.WindowOverridden {
		overridden = 1
	}
	_, err = tx.Exec(`
		INSERT INTO standard_log (standard_id, sequence, kind, version_id, side, actor, create_time, comment, window_overridden, lead_id, rule_id)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id, e.Sequence, string(e.Kind), e.Version, string(e.Side), e.Actor, sqldb.Micros(e.CreateTime), e.Comment, overridden, e.Lead, e.Rule)
	return e, err
}

// ListLog returns at most limit entries of the log of a standard, first to last, of
// those after the given one; ErrNotFound if there is no such standard.
func (r *Registry) ListLog(ctx context.Context, id string, after int64, limit int) ([]Entry, error) {
	if _, err := r.Get(ctx, id); err != nil {
		return nil, err
	}
	return collect(ctx, r.db.Read(), scanEntry,
		entryColumns+` WHERE standard_id = $1 AND sequence > $2 ORDER BY sequence LIMIT $3`, id, after, limit)
}
