package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Work over all leads is done in steps. A step is leased, and its end stores how far
// the work is together with the end of the lease: whoever takes the next step, in
// this process or another, goes on from there.

var operations = duework.Table{Name: "operations", Key: []string{"operation_id"}, KeepDone: true}

// ErrEnded: the operation has ended.
var ErrEnded = errors.New("the operation has ended")

// Order is an operation to begin.
type Order struct {
	// Kind of work.
	Kind handoffv1.Operation_Kind
	// Standard is what it is for: a version, a retired standard, or nothing.
	Standard string
	// Actor who began it.
	Actor string
	// SampleSize and MaxLeads of a preview.
	SampleSize, MaxLeads int
}

// Begin begins an operation in the transaction of what it follows from, and returns
// its id. A new re-score supersedes the one that runs: it goes over all leads.
func (s *Store) Begin(tx *sqldb.Tx, o Order) (id string, err error) {
	now := sqldb.Micros(s.now())
	if o.Kind == handoffv1.Operation_KIND_RESCORE {
		_, err := tx.Exec(endOperation+`kind = $3 AND ended = 0`,
			int64(handoffv1.Operation_STATE_SUPERSEDED), now, int64(o.Kind))
		if err != nil {
			return "", err
		}
	}
	defer s.steps.Wake() // a look before the commit is followed by others soon
	id = newID()
	_, err = tx.Exec(`INSERT INTO operations (operation_id, kind, standard, actor, create_time, sample_size, max_leads, due_time)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $5)`, id, int64(o.Kind), o.Standard, o.Actor, now, o.SampleSize, o.MaxLeads)
	return id, err
}

// endOperation ends operations from outside: whoever works on one notices at the end
// of the step.
const endOperation = `UPDATE operations SET ended = $1, end_time = $2, state = 2, lease_until = 0, fence = fence + 1 WHERE `

// BeginOperation begins an operation and returns it.
func (s *Store) BeginOperation(ctx context.Context, o Order) (*handoffv1.Operation, error) {
	var id string
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		id, err = s.Begin(tx, o)
		audit.About(tx.Context(), OperationName(id))
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Operation(ctx, id)
}

// CancelOperation ends an operation, or says ErrEnded or ErrNotFound.
func (s *Store) CancelOperation(ctx context.Context, id string) (*handoffv1.Operation, error) {
	var ended int64
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		ended, err = tx.Affected(endOperation+`operation_id = $3 AND ended = 0 AND state = 0`,
			int64(handoffv1.Operation_STATE_CANCELLED), sqldb.Micros(s.now()), id)
		return err
	})
	if err != nil {
		return nil, err
	}
	o, err := s.Operation(ctx, id)
	if err == nil && ended == 0 {
		err = ErrEnded
	}
	return o, err
}

// WaitForSteps returns when it is time to look for a step, see [Store.WaitForTellings].
func (s *Store) WaitForSteps(ctx context.Context, found bool) error { return s.steps.Wait(ctx, found) }

// Step is a step of an operation, under a lease, with how far it is.
type Step struct {
	Order
	// ID of the operation.
	ID string
	// Last is the lead after which to go on, End the last to look at; `leads/…`.
	Last, End string
	// Progress so far.
	Progress *handoffv1.OperationProgress
	// Preview so far, of one.
	Preview *handoffv1.PreviewResult

	lease duework.Lease
}

// ClaimStep leases the next step of an operation; nil if there is none to do.
func (s *Store) ClaimStep(ctx context.Context, lease time.Duration) (*Step, error) {
	leases, err := s.claimDue(ctx, s.operations, operations.Name, lease, 1)
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	step := &Step{ID: leases[0].Key[0], lease: leases[0], Progress: &handoffv1.OperationProgress{}, Preview: &handoffv1.PreviewResult{}}
	var preview []byte
	p := step.Progress
	err = s.db.Read().QueryRowContext(ctx, `SELECT kind, standard, actor, sample_size, max_leads, last_lead, end_lead,
		total, done, failed, newly_qualified, dropped, preview FROM operations WHERE operation_id = $1`, step.ID).
		Scan(&step.Kind, &step.Standard, &step.Actor, &step.SampleSize, &step.MaxLeads, &step.Last, &step.End,
			&p.Total, &p.Done, &p.Failed, &p.NewlyQualified, &p.Dropped, &preview)
	if err == nil && len(preview) > 0 {
		err = proto.Unmarshal(preview, step.Preview)
	}
	return step, err
}

// SaveStep ends a step: done ends the operation, otherwise its next step is due now.
// It reports whether the step was still ours; if not, nothing is saved.
func (s *Store) SaveStep(ctx context.Context, step *Step, done bool) (held bool, err error) {
	var preview []byte
	if step.Kind == handoffv1.Operation_KIND_PREVIEW {
		if preview, err = proto.Marshal(step.Preview); err != nil {
			return false, err
		}
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		end := s.operations.Complete
		var ended, endTime int64
		if done {
			ended, endTime = int64(handoffv1.Operation_STATE_SUCCEEDED), sqldb.Micros(now)
		} else {
			end = func(tx *sqldb.Tx, l duework.Lease) (bool, error) { return s.operations.Postpone(tx, l, now) }
		}
		if held, err = end(tx, step.lease); err != nil || !held {
			return err
		}
		p := step.Progress
		_, err := tx.Exec(`UPDATE operations SET ended = $1, end_time = $2, last_lead = $3, end_lead = $4, total = $5, done = $6,
			failed = $7, newly_qualified = $8, dropped = $9, preview = $10 WHERE operation_id = $11`,
			ended, endTime, step.Last, step.End, p.Total, p.Done, p.Failed, p.NewlyQualified, p.Dropped, preview, step.ID)
		return err
	})
	return held, err
}

// ReleaseStep gives a step back because a service is away.
func (s *Store) ReleaseStep(ctx context.Context, step *Step) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.operations.Release(tx, step.lease)
		return err
	})
}

// FailStep ends a step with an error, which must hold no personal data. After some
// tries the operation has failed.
func (s *Store) FailStep(ctx context.Context, step *Step, reason string, again time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.operations.Fail(tx, step.lease, reason, again)
		return err
	})
}

// retryOperations gives operations that were cut off too often another chance at the
// start, on SQLite: kills are not their fault.
func retryOperations(tx *sqldb.Tx) error {
	if tx.Dialect() != sqldb.SQLite {
		return nil
	}
	_, err := tx.Exec(`UPDATE operations SET attempts = 0, state = 0 WHERE ended = 0`)
	return err
}

const selectOperation = `SELECT operation_id, kind, ended, state, standard, actor, create_time, end_time, last_error,
	total, done, failed, newly_qualified, dropped, `

// Operation returns an operation, or ErrNotFound.
func (s *Store) Operation(ctx context.Context, id string) (*handoffv1.Operation, error) {
	o, err := scanOperation(s.db.Read().QueryRowContext(ctx, selectOperation+`preview FROM operations WHERE operation_id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	return o, err
}

// Operations lists operations without their previews, latest first.
func (s *Store) Operations(ctx context.Context, place []any, limit int) ([]*handoffv1.Operation, error) {
	var w where
	w.from("create_time, operation_id", "<", place)
	var list []*handoffv1.Operation
	rows, err := s.db.Read().QueryContext(ctx, selectOperation+`NULL FROM operations`+w.String()+
		` ORDER BY create_time DESC, operation_id DESC LIMIT `+w.arg(limit), w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		o, err := scanOperation(rows)
		list = append(list, o)
		return err
	})
	return list, err
}

// OperationPlace is the place of an operation in the list.
func OperationPlace(o *handoffv1.Operation) []any {
	return []any{sqldb.Micros(o.GetCreateTime().AsTime()), OperationID(o.GetName())}
}

// quarantined is the state of due work that failed too often.
const quarantined = 1

func scanOperation(row interface{ Scan(...any) error }) (*handoffv1.Operation, error) {
	o := &handoffv1.Operation{Progress: &handoffv1.OperationProgress{}}
	p := o.Progress
	var id string
	var ended, state, created, end int64
	var preview []byte
	err := row.Scan(&id, &o.Kind, &ended, &state, &o.StandardVersion, &o.Actor, &created, &end, &o.Error,
		&p.Total, &p.Done, &p.Failed, &p.NewlyQualified, &p.Dropped, &preview)
	if err != nil {
		return nil, err
	}
	o.Name, o.CreateTime = OperationName(id), timestamppb.New(sqldb.Time(created))
	if end != 0 {
		o.EndTime = timestamppb.New(sqldb.Time(end))
	}
	switch {
	case ended != 0:
		o.State, o.Done = handoffv1.Operation_State(ended), true
	case state == quarantined:
		o.State, o.Done = handoffv1.Operation_STATE_FAILED, true
	default:
		o.State = handoffv1.Operation_STATE_RUNNING
	}
	if len(preview) > 0 {
		o.Preview = &handoffv1.PreviewResult{}
		err = proto.Unmarshal(preview, o.Preview)
	}
	return o, err
}

// OperationName is the resource name of an operation.
func OperationName(id string) string { return "operations/" + id }

// OperationID is the id in an operation's resource name.
func OperationID(name string) string { return name[len("operations/"):] }
