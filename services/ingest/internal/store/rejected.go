package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/terms"
)

// RejectedEvent is something that was sent and refused.
type RejectedEvent struct {
	// ID sorts by the time of its making.
	ID string
	// Source sent it, by a door.
	Source, Door string
	// Received is when.
	Received time.Time
	// EventID is the sender's id of it, or empty.
	EventID string
	// Reason, Field and Message say why it was refused.
	Reason, Field, Message string
	// Payload is what was sent: personal data. Lists leave it out.
	Payload string
}

var rejectedTable = table{
	name:    "rejected_events",
	columns: "id text, source text, door text, received_at bigint, event_id text, reason text, field text, message text, payload text",
}

// AddRejected keeps rejected events, all or none.
func (s *Store) AddRejected(ctx context.Context, list []RejectedEvent) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		to := rejectedTable.rows()
		for _, e := range list {
			to.add(e.ID, e.Source, e.Door, e.Received.UnixMicro(), e.EventID, e.Reason, e.Field, e.Message, e.Payload)
		}
		_, err := to.write(tx)
		return err
	})
}

const rejectedColumns = "id, source, door, received_at, event_id, reason, field, message"

func scanRejected(scan func(...any) error, more ...any) (e RejectedEvent, err error) {
	var received int64
	err = scan(append([]any{&e.ID, &e.Source, &e.Door, &received, &e.EventID, &e.Reason, &e.Field, &e.Message}, more...)...)
	e.Received = time.UnixMicro(received)
	return e, err
}

// Rejected returns one rejected event, or [ErrNotFound].
func (s *Store) Rejected(ctx context.Context, id string) (RejectedEvent, error) {
	row := s.db.Read().QueryRowContext(ctx, `SELECT `+rejectedColumns+`, payload FROM rejected_events WHERE id = $1`, id)
	payload := ""
	e, err := scanRejected(row.Scan, &payload)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	e.Payload = payload
	return e, err
}

// ListRejected returns at most limit rejected events for which all terms hold, of source,
// door, reason and received_time, the latest first: those beyond a
// place, a time and an id, or the first for nil.
func (s *Store) ListRejected(ctx context.Context, asked []terms.Term, after []any, limit int) ([]RejectedEvent, error) {
	where, args := []string{"1 = 1"}, []any{}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	for _, t := range asked {
		if t.Field == "received_time" {
			where = append(where, "received_at "+string(t.Op)+" "+arg(micros(t.Time, t.Op)))
		} else {
			where = append(where, t.Field+" = "+arg(t.Text))
		}
	}
	if after != nil {
		where = append(where, "(received_at, id) < ("+arg(after[0])+", "+arg(after[1])+")")
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+rejectedColumns+` FROM rejected_events WHERE `+strings.Join(where, " AND ")+ //nolint:sqlclosecheck // each closes it
		` ORDER BY received_at DESC, id DESC LIMIT `+arg(limit), args...)
	return every(result, err, func(scan func(...any) error) (RejectedEvent, error) { return scanRejected(scan) })
}

// PruneRejected forgets what was received before an instant.
func (s *Store) PruneRejected(ctx context.Context, before time.Time) error {
	for {
		var gone int64
		err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			gone, err = tx.Affected(`DELETE FROM rejected_events WHERE id IN (
				SELECT id FROM rejected_events WHERE received_at < $1 ORDER BY received_at LIMIT 1000)`, before.UnixMicro())
			return err
		})
		if err != nil || gone == 0 {
			return err
		}
	}
}
