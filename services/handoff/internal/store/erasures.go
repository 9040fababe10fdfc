package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var erasures = duework.Table{Name: "erasures", Key: []string{"erasure_id"}, KeepDone: true}

// ErasureName is the resource name of an erasure.
func ErasureName(id string) string { return "erasures/" + id }

// ErasureID is the id in an erasure's resource name.
func ErasureID(name string) string { return strings.TrimPrefix(name, "erasures/") }

// Erasure is an erasure in the hands of whoever does its next step.
type Erasure struct {
	*handoffv1.Erasure
	// ID of the erasure.
	ID string
	// Stage counts the steps that are done, and Done says that all are.
	Stage int
	Done  bool
	// Leads are the ids of the leads that were the person.
	Leads []string

	lease duework.Lease
}

const selectErasure = `SELECT erasure_id, mode, stage, leads, steps, reason, actor, create_time, end_time, last_error, state FROM erasures`

// scanErasure reads a row; ErrNotFound if there is none.
func scanErasure(row interface{ Scan(...any) error }) (*Erasure, error) {
	e := &Erasure{Erasure: &handoffv1.Erasure{}}
	var mode, created, ended, state int64
	var leads, reason, actor, failed string
	var steps []byte
	err := row.Scan(&e.ID, &mode, &e.Stage, &leads, &steps, &reason, &actor, &created, &ended, &failed, &state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	if err := proto.Unmarshal(steps, e.Erasure); err != nil {
		return nil, err
	}
	e.Leads = ids(leads)
	e.Name, e.Mode, e.Reason, e.Actor = ErasureName(e.ID), handoffv1.Erasure_Mode(mode), reason, actor
	e.CreateTime, e.State = timestamppb.New(sqldb.Time(created)), handoffv1.Erasure_STATE_RUNNING
	for _, lead := range e.Leads {
		e.Erasure.Leads = append(e.Erasure.Leads, LeadName(lead))
	}
	e.Done = ended != 0
	switch {
	case e.Done:
		e.State, e.EndTime = handoffv1.Erasure_STATE_DONE, timestamppb.New(sqldb.Time(ended))
	case state == 1: // due work gave up
		e.State, e.Error = handoffv1.Erasure_STATE_FAILED, failed
	}
	return e, nil
}

// stepsColumn is what is stored of the steps.
func stepsColumn(steps []*handoffv1.ErasureStep) ([]byte, error) {
	return proto.Marshal(&handoffv1.Erasure{Steps: steps})
}

// BeginErasure begins an erasure and returns it; one of the same id is returned as it is.
// What is given are ID, mode, leads, reason, actor and the steps that were done.
func (s *Store) BeginErasure(ctx context.Context, e Erasure) (*handoffv1.Erasure, error) {
	if e.ID == "" {
		e.ID = newID()
	}
	steps, err := stepsColumn(e.GetSteps())
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now, state, end := sqldb.Micros(s.now()), 0, int64(0)
		if e.Done {
			state, end = 2, now
		}
		_, err := tx.Exec(`INSERT INTO erasures (erasure_id, mode, stage, leads, steps, reason, actor, create_time, end_time, due_time, state)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8, $10) ON CONFLICT (erasure_id) DO NOTHING`,
			e.ID, int64(e.GetMode()), e.Stage, strings.Join(e.Leads, " "), steps, e.GetReason(), e.GetActor(), now, end, state)
		audit.About(tx.Context(), ErasureName(e.ID))
		return err
	})
	if err != nil {
		return nil, err
	}
	s.forgets.Wake()
	return s.Erasure(ctx, e.ID)
}

// Erasure returns one, or ErrNotFound.
func (s *Store) Erasure(ctx context.Context, id string) (*handoffv1.Erasure, error) {
	e, err := scanErasure(s.db.Read().QueryRowContext(ctx, selectErasure+` WHERE erasure_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return e.Erasure, nil
}

// Erasures lists erasures, latest first.
func (s *Store) Erasures(ctx context.Context, place []any, limit int) (list []*handoffv1.Erasure, err error) {
	var w where
	w.from("create_time, erasure_id", "<", place)
	rows, err := s.db.Read().QueryContext(ctx, selectErasure+w.String()+` ORDER BY create_time DESC, erasure_id DESC LIMIT `+w.arg(limit), w.args...)
	return list, scanAll(rows, err, func(rows *sql.Rows) error {
		e, err := scanErasure(rows)
		if err == nil {
			list = append(list, e.Erasure)
		}
		return err
	})
}

// ErasurePlace is where an erasure stands in the list.
func ErasurePlace(e *handoffv1.Erasure) []any {
	return []any{sqldb.Micros(e.GetCreateTime().AsTime()), ErasureID(e.GetName())}
}

// WaitForErasures returns when it is time to look for erasures, see [Store.WaitForTellings].
func (s *Store) WaitForErasures(ctx context.Context, found bool) error {
	return s.forgets.Wait(ctx, found)
}

// ClaimErasures leases at most limit erasures of which a step is due.
func (s *Store) ClaimErasures(ctx context.Context, lease time.Duration, limit int) ([]*Erasure, error) {
	leases, err := s.claimDue(ctx, s.erasures, erasures.Name, lease, limit)
	if err != nil {
		return nil, err
	}
	list := make([]*Erasure, len(leases))
	for i, l := range leases {
		if list[i], err = scanErasure(s.db.Read().QueryRowContext(ctx, selectErasure+` WHERE erasure_id = $1`, l.Key[0])); err != nil {
			return nil, err
		}
		list[i].lease = l
	}
	return list, nil
}

// KeepErasures keeps those that are being worked on leased for as long again.
func (s *Store) KeepErasures(ctx context.Context, list []*Erasure, lease time.Duration) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, e := range list {
			if _, err := s.erasures.Keep(tx, e.lease, s.now().Add(lease)); err != nil {
				return err
			}
		}
		return nil
	})
}

// retryErasures begins those again that were given up, on SQLite when a process starts: kills
// are not their fault, and whatever was is maybe mended.
func retryErasures(tx *sqldb.Tx) error {
	if tx.Dialect() != sqldb.SQLite {
		return nil
	}
	_, err := tx.Exec(`UPDATE erasures SET attempts = 0, state = 0 WHERE end_time = 0`)
	return err
}

// SaveErasure ends a step: what was done, how far it is, and when the next is due.
func (s *Store) SaveErasure(ctx context.Context, e *Erasure, due time.Time) error {
	steps, err := stepsColumn(e.GetSteps())
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		end := int64(0)
		var held bool
		if e.Done {
			end = sqldb.Micros(s.now())
			held, err = s.erasures.Complete(tx, e.lease)
		} else {
			held, err = s.erasures.Postpone(tx, e.lease, due)
		}
		if err != nil || !held {
			return err
		}
		_, err = tx.Exec(`UPDATE erasures SET stage = $1, steps = $2, end_time = $3 WHERE erasure_id = $4`, e.Stage, steps, end, e.ID)
		return err
	})
}

// ReleaseErasure gives a step back because a service is away.
func (s *Store) ReleaseErasure(ctx context.Context, e *Erasure) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.erasures.Release(tx, e.lease)
		return err
	})
}

// FailErasure notes that a step failed, and when to try again. After some tries it stays
// failed.
func (s *Store) FailErasure(ctx context.Context, e *Erasure, reason string, retry time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.erasures.Fail(tx, e.lease, reason, retry)
		return err
	})
}
