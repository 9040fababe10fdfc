package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

func readOutcome(blob []byte) (*handoffv1.Outcome, error) {
	if len(blob) == 0 {
		return nil, nil
	}
	o := &handoffv1.Outcome{}
	return o, proto.Unmarshal(blob, o)
}

// outcomeColumns are an outcome as stored, with its time; nil and 0 for none.
func outcomeColumns(o *handoffv1.Outcome) (any, int64, error) {
	if o == nil {
		return nil, 0, nil
	}
	blob, err := proto.Marshal(o)
	return blob, sqldb.Micros(o.GetOccurredTime().AsTime()), err
}

// latestOutcome is the later of what sales reported and what an import brought.
func latestOutcome(reported, imported []byte) (*handoffv1.Outcome, error) {
	r, err := readOutcome(reported)
	if err != nil {
		return nil, err
	}
	i, err := readOutcome(imported)
	if err != nil {
		return nil, err
	}
	if r == nil || (i != nil && i.GetOccurredTime().AsTime().After(r.GetOccurredTime().AsTime())) {
		return i, nil
	}
	return r, nil
}

// messageLife is how long the id of a message is remembered. A message is refused that is
// older than minutes, so that is more than enough.
const messageLife = 24 * time.Hour

// OutcomeMessage is what a destination said, by the id of its message.
type OutcomeMessage struct {
	// Destination by its id, and the ID that it gave the message.
	Destination, ID string
	// Handoff it was about, by its id, and what became of it.
	Handoff string
	Status  handoffv1.OutcomeResult_Status
}

// HeardOutcome returns a message that was heard before. ErrNotFound if it was not.
func (s *Store) HeardOutcome(ctx context.Context, destination, id string) (*OutcomeMessage, error) {
	m := &OutcomeMessage{Destination: destination, ID: id}
	var status int64
	err := s.db.Read().QueryRowContext(ctx, `SELECT handoff_id, status FROM outcome_messages WHERE destination_id = $1 AND message_id = $2`,
		destination, id).Scan(&m.Handoff, &status)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	m.Status = handoffv1.OutcomeResult_Status(status)
	return m, err
}

// HearOutcome remembers a message, and forgets those that nobody could send again.
func (s *Store) HearOutcome(ctx context.Context, m OutcomeMessage) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		if _, err := tx.Exec(`DELETE FROM outcome_messages WHERE receive_time < $1`, sqldb.Micros(now.Add(-messageLife))); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO outcome_messages (destination_id, message_id, handoff_id, status, receive_time) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (destination_id, message_id) DO NOTHING`, m.Destination, m.ID, m.Handoff, int64(m.Status), sqldb.Micros(now))
		return err
	})
}
