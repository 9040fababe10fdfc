package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrNotOurs: somebody else works on the import, or it was stopped.
var ErrNotOurs = errors.New("store: the import is not ours any more")

// errTried rolls back what was only tried.
var errTried = errors.New("store: tried")

// ImportWork is an import in the hands of one worker.
type ImportWork struct {
	*Import
	lease duework.Lease
	held  time.Duration
}

// WaitForImports returns when it is time to look for an import to work on.
func (s *Store) WaitForImports(ctx context.Context, found bool) error {
	return s.importing.Wait(ctx, found)
}

// VoidImportLeases makes imports due that another process left, on SQLite; it comes
// before any worker.
func (s *Store) VoidImportLeases(ctx context.Context) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.imports.VoidLeases(tx); err != nil || tx.Dialect() != sqldb.SQLite {
			return err
		}
		_, err := tx.Exec(`UPDATE import_work SET attempts = 0, state = 0`) // kills are not its fault
		return err
	})
}

// ClaimImport leases an import to work on; nil if there is none.
func (s *Store) ClaimImport(ctx context.Context, lease time.Duration) (*ImportWork, error) {
	var due bool
	err := s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM import_work WHERE state = 0 AND due_time <= $1 AND lease_until <= $1)`,
		s.now().UnixMicro()).Scan(&due)
	if err != nil || !due {
		return nil, err
	}
	var w *ImportWork
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		w = nil
		leases, err := s.imports.Claim(tx, s.now(), lease, 1)
		if err != nil || len(leases) == 0 {
			return err
		}
		i, err := scanImport(tx.QueryRow(selectImport+` WHERE id = $1`, leases[0].Key[0]).Scan)
		w = &ImportWork{Import: i, lease: leases[0], held: lease}
		return err
	})
	return w, err
}

// hold makes sure in a transaction that the import is still the worker's, and keeps it.
func (s *Store) hold(tx *sqldb.Tx, w *ImportWork) error {
	return held(tx.Affected(`UPDATE import_work SET lease_until = $1 WHERE import_id = $2 AND fence = $3 AND lease_until > 0`,
		s.now().Add(w.held).UnixMicro(), w.ID, w.lease.Fence))
}

// proceed is hold for a transaction that brings the import on for good: failures before it
// count no more.
func (s *Store) proceed(tx *sqldb.Tx, w *ImportWork) error {
	return held(tx.Affected(`UPDATE import_work SET lease_until = $1, attempts = 1 WHERE import_id = $2 AND fence = $3 AND lease_until > 0`,
		s.now().Add(w.held).UnixMicro(), w.ID, w.lease.Fence))
}

func held(n int64, err error) error {
	if err == nil && n == 0 {
		err = ErrNotOurs
	}
	return err
}

// StoreRows stores what some rows say, in one transaction with how far the import is
// then and what was rejected. count, called with the results there, says what became of
// the rows. ErrNotOurs if the import was stopped: nothing is stored then.
func (s *Store) StoreRows(ctx context.Context, w *ImportWork, capture *Capture, rows int, count func() (ImportCounts, []Rejected)) error {
	err := s.storeRows(ctx, w, capture, rows, count)
	if err == nil {
		s.bell.Ring()
	}
	return err
}

func (s *Store) storeRows(ctx context.Context, w *ImportWork, capture *Capture, rows int, count func() (ImportCounts, []Rejected)) error {
	next := *w.Import
	err := s.again(ctx, func(tx *sqldb.Tx) error {
		if err := s.proceed(tx, w); err != nil {
			return err
		}
		did := importLeadTable.rows()
		if err := s.captureRows(tx, capture, w.ID, did); err != nil {
			return err
		}
		if _, err := did.write(tx); err != nil {
			return err
		}
		next = *w.Import
		counts, rejected := count()
		next.add(rows, counts)
		if err := writeRejected(tx, w.ID, rejected); err != nil {
			return err
		}
		return saveImport(tx, &next)
	})
	if err == nil {
		*w.Import = next
	}
	return err
}

// TryRows says what storing some rows would do: it stores them and takes that back.
// Then it stores how far the try is, and what would be rejected.
func (s *Store) TryRows(ctx context.Context, w *ImportWork, capture *Capture, rows int, count func() (ImportCounts, []Rejected)) error {
	err := s.again(ctx, func(tx *sqldb.Tx) error {
		if err := s.captureRows(tx, capture, w.ID, importLeadTable.rows()); err != nil {
			return err
		}
		return errTried
	})
	if !errors.Is(err, errTried) {
		return err
	}
	next := *w.Import
	counts, rejected := count()
	next.add(rows, counts)
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.hold(tx, w); err != nil {
			return err
		}
		if err := writeRejected(tx, w.ID, rejected); err != nil {
			return err
		}
		return saveImport(tx, &next)
	})
	if err == nil {
		*w.Import = next
	}
	return err
}

func (i *Import) add(rows int, c ImportCounts) {
	i.Done += int64(rows)
	i.Counts.Created += c.Created
	i.Counts.Updated += c.Updated
	i.Counts.Unchanged += c.Unchanged
	i.Counts.Rejected += c.Rejected
}

// again runs a transaction until no race is lost.
func (s *Store) again(ctx context.Context, fn func(tx *sqldb.Tx) error) (err error) {
	for range maxRaces {
		if err = s.db.Write(ctx, fn); !errors.Is(err, ErrRaced) {
			break
		}
	}
	return err
}

// captureRows captures in a transaction of its own, and notes which leads it said
// something new of.
func (s *Store) captureRows(tx *sqldb.Tx, capture *Capture, id string, did *rows) error {
	if len(capture.Subjects) == 0 {
		return nil
	}
	s.suppress(capture)
	s.block(capture)
	items := []*Capture{capture}
	c := newCommit(s, tx)
	c.historical = capture.Historical
	if err := c.read(items); err != nil {
		return err
	}
	before := c.leadSources()
	if err := c.capture(capture); err != nil && !IsRefusal(err) {
		return err
	}
	if err := c.sayAgain(capture); err != nil {
		return err
	}
	if err := c.write(); err != nil {
		return err
	}
	c.settle(items)
	type effect struct{ created, sourced bool }
	effects := map[string]effect{}
	for _, sub := range capture.Subjects {
		r := &sub.Result
		// What only repeats what is known changes nothing and is kept all the same.
		if r.Err != nil || r.Lead == "" || !r.Changed && len(c.leads[r.Person].late) == 0 {
			continue
		}
		e := effects[r.Lead]
		e.created = e.created || r.Created
		was := before[r.Person]
		e.sourced = e.sourced || sub.LeadSource != nil && c.leads[r.Person].sourced && was.by != c.leads[r.Person].known.sourceBy
		effects[r.Lead] = e
	}
	for lead, e := range effects {
		was := sourced{}
		if e.sourced {
			was = before[c.person[lead]]
		}
		did.add(id, lead, capture.Received.UnixMicro(), flag(e.created), flag(e.sourced), was.source, was.at, was.by)
	}
	return nil
}

// sourced is where a lead was said to come from.
type sourced struct {
	source []byte
	at     int64
	by     string
}

// leadSources are those of the leads that were read.
func (c *commit) leadSources() map[string]sourced {
	all := make(map[string]sourced, len(c.leads))
	for person, w := range c.leads {
		if w.known != nil {
			all[person] = sourced{w.known.leadSource, w.known.sourceAt, w.known.sourceBy}
		}
	}
	return all
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

var importLeadTable = table{
	name: "import_leads",
	columns: `import_id text, lead_id text, received_at bigint, created bigint, sourced bigint, lead_source bytea, lead_source_at bigint,
		lead_source_by text`,
	suffix: "ON CONFLICT DO NOTHING",
}

var rejectTable = table{
	name:    "import_rejects",
	columns: "import_id text, line bigint, reason text, cells bytea",
	suffix:  "ON CONFLICT DO NOTHING",
}

func writeRejected(tx *sqldb.Tx, id string, rejected []Rejected) error {
	to := rejectTable.rows()
	for _, r := range rejected {
		to.add(id, r.Line, r.Reason, r.Cells)
	}
	_, err := to.write(tx)
	return err
}

// EndWork ends the work on an import in a state; reason says why it failed.
func (s *Store) EndWork(ctx context.Context, w *ImportWork, state ingestv1.Import_State, reason string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.hold(tx, w); err != nil {
			return err
		}
		next := *w.Import
		next.Error = reason
		if err := s.endImport(tx, &next, state); err != nil {
			return err
		}
		return saveImport(tx, &next)
	})
}

// ReleaseImport gives the work back, as the store is away or the worker stops.
func (s *Store) ReleaseImport(ctx context.Context, w *ImportWork) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.imports.Release(tx, w.lease)
		return err
	})
}

// FailImport notes that a step failed: it is tried again, and after some times the
// import has failed. The reason must hold no personal data.
func (s *Store) FailImport(ctx context.Context, w *ImportWork, reason string, again time.Time) error {
	if w.lease.Attempts < duework.MaxAttempts {
		return s.db.Write(ctx, func(tx *sqldb.Tx) error {
			_, err := s.imports.Fail(tx, w.lease, reason, again)
			return err
		})
	}
	return s.EndWork(ctx, w, ingestv1.Import_STATE_FAILED, fmt.Sprintf("%s, %d times", reason, w.lease.Attempts))
}

// BeginAgain begins a try from the first row.
func (s *Store) BeginAgain(ctx context.Context, w *ImportWork) error {
	next := *w.Import
	next.Done, next.Counts = 0, ImportCounts{}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.hold(tx, w); err != nil {
			return err
		}
		if err := forgetRejects(tx, w.ID); err != nil {
			return err
		}
		return saveImport(tx, &next)
	})
	if err == nil {
		*w.Import = next
	}
	return err
}
