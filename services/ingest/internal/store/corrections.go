package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A correction is said once and then brought to its activities piece by piece: a step
// takes the next of them, in the order of source and id, and changes them, their leads and
// how far it came in one transaction. Any process may take the next step; of two that take
// the same one, the one that comes second sees that it came further and does nothing.
//
// Of several corrections of an activity the latest that stands counts, whatever the order
// in which they were brought to it.

// CorrectionState is how a correction stands. The numbers are stored.
type CorrectionState int64

// The states.
const (
	CorrectionRunning CorrectionState = iota + 1
	CorrectionDone
	CorrectionRevoking
	CorrectionRevoked
)

// Correction says of activities that they do not count.
type Correction struct {
	ID        string
	CreatedAt time.Time
	Actor     string
	Kind      traffic.Kind
	Reason    string
	// Selection is JSON that says which activities; nil: they are listed.
	Selection []byte
	State     CorrectionState
	// Corrected is of how many activities, Leads of how many leads they are.
	Corrected, Leads int64
	RevokedAt        time.Time // zero: it was not
	RevokeActor      string
	RevokeReason     string

	at activityKey
}

// Correctable reports whether an activity is one that somebody observed: what Assay says
// itself, and the moves of the lifecycle, happened.
func Correctable(source, kind string) bool {
	return !strings.HasPrefix(source, "assay:") && kind != "lifecycle" && !strings.HasPrefix(kind, "lifecycle.")
}

const correctionColumns = `c.id, c.created_at, c.actor, c.kind, c.reason, c.selection, c.state, c.corrected, c.leads,
	c.revoked_at, c.revoke_actor, c.revoke_reason, c.at_source, c.at_id`

func scanCorrection(scan func(...any) error) (c Correction, err error) {
	var created, revoked int64
	err = scan(&c.ID, &created, &c.Actor, &c.Kind, &c.Reason, &c.Selection, &c.State, &c.Corrected, &c.Leads,
		&revoked, &c.RevokeActor, &c.RevokeReason, &c.at.source, &c.at.id)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	c.CreatedAt = sqldb.Time(created)
	if revoked != 0 {
		c.RevokedAt = sqldb.Time(revoked)
	}
	return c, err
}

// Correction returns a correction, or [ErrNotFound].
func (s *Store) Correction(ctx context.Context, id string) (Correction, error) {
	return scanCorrection(s.db.Read().QueryRowContext(ctx, `SELECT `+correctionColumns+` FROM corrections c WHERE c.id = $1`, id).Scan)
}

// Corrections returns a page of corrections, latest first: those beyond a place, a time
// and an id, or the first for nil.
func (s *Store) Corrections(ctx context.Context, after []any, limit int) ([]Correction, error) {
	where, args := "", []any{limit}
	if after != nil {
		where, args = ` WHERE (c.created_at, c.id) < ($2, $3)`, append(args, after...)
	}
	return s.corrections(ctx, where+` ORDER BY c.created_at DESC, c.id DESC LIMIT $1`, args...)
}

func (s *Store) corrections(ctx context.Context, where string, args ...any) ([]Correction, error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+correctionColumns+` FROM corrections c`+where, args...) //nolint:sqlclosecheck // each closes it
	return every(result, err, scanCorrection)
}

// NewCorrection is a correction that is made.
type NewCorrection struct {
	Correction
	Once
	// Listed are the activities, if there is no selection.
	Listed []ActivityKey
}

var correctedTable = table{
	name:    "corrected_activities",
	columns: "source text, id text, correction_id text, lead_id text",
	suffix:  "ON CONFLICT DO NOTHING",
}

// Correct makes a correction. Its steps are still to be taken: [Store.StepCorrection]. Made
// again with the same request id, it is the first one.
func (s *Store) Correct(ctx context.Context, n *NewCorrection) (made Correction, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		c := newCommit(s, tx)
		known, err := c.done(n.Once)
		if err != nil {
			return err
		}
		if known != nil {
			made, err = scanCorrection(tx.QueryRow(`SELECT `+correctionColumns+` FROM corrections c WHERE c.id = $1`, string(known)).Scan)
			return err
		}
		made = n.Correction
		made.ID, made.CreatedAt, made.State = uuid.Must(uuid.NewV7()).String(), s.now().Truncate(time.Microsecond), CorrectionRunning
		if _, err := tx.Exec(`INSERT INTO corrections (id, created_at, actor, kind, reason, selection, state) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			made.ID, made.CreatedAt.UnixMicro(), made.Actor, int64(made.Kind), made.Reason, made.Selection, int64(made.State)); err != nil {
			return err
		}
		listed := correctedTable.rows()
		for _, key := range n.Listed {
			listed.add(key.Source, key.ID, made.ID, "")
		}
		if _, err := listed.write(tx); err != nil {
			return err
		}
		return c.note(n.Once, made.CreatedAt, made.ID)
	})
	return made, err
}

// Revoke takes a correction back. Its steps are still to be taken. Taken back before, it
// stays as it is.
func (s *Store) Revoke(ctx context.Context, id, actor, reason string) (c Correction, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE corrections SET state = 3, at_source = '', at_id = '', revoked_at = $2, revoke_actor = $3, revoke_reason = $4
			WHERE id = $1 AND state IN (1, 2)`, id, s.now().UnixMicro(), actor, reason)
		if err != nil {
			return err
		}
		c, err = scanCorrection(tx.QueryRow(`SELECT `+correctionColumns+` FROM corrections c WHERE c.id = $1`, id).Scan)
		return err
	})
	return c, err
}

// CorrectionsAtWork returns corrections whose steps are still to be taken.
func (s *Store) CorrectionsAtWork(ctx context.Context) ([]Correction, error) {
	return s.corrections(ctx, ` WHERE c.state IN (1, 3) ORDER BY c.id LIMIT 100`)
}

// Correcting delivers when there may be corrections with steps to take.
func (s *Store) Correcting() <-chan struct{} { return s.correcting }

// TakeUp lets the steps of corrections be taken in the background.
func (s *Store) TakeUp() {
	select {
	case s.correcting <- struct{}{}:
	default:
	}
}
