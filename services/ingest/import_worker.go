package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/leadfile"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/tabular"
)

const (
	// importLease is how long a worker may be silent before another takes over.
	importLease = 10 * time.Second
	// How much one transaction of an import takes in. Captures of others wait for it.
	stepRows       = 200
	stepActivities = 1000
	stepBytes      = 1 << 20
	// undoneLeads is how many leads one transaction of an undo rewrites.
	undoneLeads = 50
	// importPause bounds the rests of the worker while the store is away.
	importPause = 5 * time.Second
)

// importWorker does what takes long of imports: one at a time, a few rows in each
// transaction.
type importWorker struct {
	*ingestAPI
	duework.Background
}

func (w *importWorker) start(ctx context.Context) {
	w.Begin(ctx, "ingest", func(ctx context.Context) {
		duework.Loop{
			Wait: w.store.WaitForImports, Pass: w.step, LongestPause: importPause,
			Failed: func(err error, first bool) {
				if first {
					w.log.Log.WarnContext(ctx, "imports pause", "error", err)
				}
			},
		}.Run(ctx)
	})
}

// step works on one import until it ends, and says whether there was one.
func (w *importWorker) step(ctx context.Context) (found bool, err error) {
	work, err := w.store.ClaimImport(ctx, importLease)
	if err != nil || work == nil {
		return false, err
	}
	err = w.run(ctx, work)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), importPause)
	defer cancel()
	switch {
	case err == nil, errors.Is(err, store.ErrNotOurs):
		return true, nil
	case ctx.Err() != nil:
		return true, w.store.ReleaseImport(ending, work)
	case sqldb.IsUnavailable(err), errors.Is(err, store.ErrRaced):
		return true, errors.Join(err, w.store.ReleaseImport(ending, work))
	default:
		w.log.Log.ErrorContext(ctx, "a step of an import failed", "import", work.ID, "error", err)
		return true, w.store.FailImport(ending, work, "an error inside Assay; its log says which", w.now().Add(importPause))
	}
}

func (w *importWorker) run(ctx context.Context, work *store.ImportWork) error {
	switch work.State {
	case ingestv1.Import_STATE_TRYING:
		// What a try that broke off found is not kept.
		if err := w.store.BeginAgain(ctx, work); err != nil {
			return err
		}
		return w.rows(ctx, work, ingestv1.Import_STATE_TRIED, newTrial())
	case ingestv1.Import_STATE_RUNNING:
		return w.rows(ctx, work, ingestv1.Import_STATE_DONE, nil)
	case ingestv1.Import_STATE_UNDOING:
		about := &ingestv1.Import{}
		if err := proto.Unmarshal(work.About, about); err != nil {
			return err
		}
		for {
			more, err := w.store.UndoLeads(ctx, work, about.GetSource(), "imports/"+work.ID, undoneLeads)
			if err != nil {
				return err
			}
			if !more {
				return w.store.EndWork(ctx, work, ingestv1.Import_STATE_UNDONE, "")
			}
		}
	}
	return fmt.Errorf("ingest: an import in the state %s has work", work.State)
}

// rows goes over the rows of a file, from where the import is.
func (w *importWorker) rows(ctx context.Context, work *store.ImportWork, end ingestv1.Import_State, t *trial) error {
	about := &ingestv1.Import{}
	if err := proto.Unmarshal(work.About, about); err != nil {
		return err
	}
	binding, err := bindingOf(about)
	if err != nil {
		return w.store.EndWork(ctx, work, ingestv1.Import_STATE_FAILED, err.Error())
	}
	file, err := w.table(ctx, work.ID, about.GetFormat())
	if err != nil {
		return errors.Join(ctx.Err(), err)
	}
	in := &importing{importWorker: w, work: work, about: about, binding: binding, file: file, trial: t}
	for range work.Done {
		if _, err := file.Next(); err != nil {
			return err
		}
	}
	for {
		more, err := in.next(ctx)
		if err != nil {
			return err
		}
		if !more {
			return w.store.EndWork(ctx, work, end, "")
		}
	}
}

// importing is an import on its way through the file.
type importing struct {
	*importWorker
	work    *store.ImportWork
	about   *ingestv1.Import
	binding *leadfile.Binding
	file    *tabular.Table
	trial   *trial    // nil: it is run
	last    time.Time // when the latest step was received
}

// importRow is a row on its way.
type importRow struct {
	tabular.Row
	reason string
	said   *saidOfLead
	hashes rowHashes
}

// next takes in the next few rows in one transaction.
func (in *importing) next(ctx context.Context) (more bool, err error) {
	// The time of receipt tells the facts of this step from all others of the source.
	received := in.now().Truncate(time.Microsecond)
	if !received.After(in.last) {
		received = in.last.Add(time.Microsecond)
	}
	in.last = received
	capture := &store.Capture{Received: received, Historical: !in.about.GetHandOff()}
	var rows []*importRow
	activities, size := 0, 0
	for more = true; more && len(rows) < stepRows && activities < stepActivities && size < stepBytes; {
		row, err := in.file.Next()
		switch {
		case errors.Is(err, io.EOF):
			more = false
			continue
		case err != nil:
			return false, err
		}
		r := in.row(row, received)
		rows = append(rows, r)
		for _, c := range row.Cells {
			size += len(c)
		}
		if r.said != nil {
			capture.Subjects = append(capture.Subjects, r.said.subject)
			activities += len(r.said.subject.Activities)
		}
	}
	if len(rows) == 0 {
		return false, nil
	}
	count := func() (store.ImportCounts, []store.Rejected) { return in.count(rows) }
	if in.trial != nil {
		if err := in.store.TryRows(ctx, in.work, capture, len(rows), count); err != nil {
			return false, err
		}
		in.trial.add(rows)
		return more, nil
	}
	if err := in.store.StoreRows(ctx, in.work, capture, len(rows), count); err != nil {
		return false, err
	}
	for _, r := range rows {
		if r.said != nil && r.said.subject.Result.Err == nil {
			in.metrics.count(ctx, r.said.results.list())
		}
	}
	return more, nil
}

// row reads one row. What is wrong with it rejects it.
func (in *importing) row(row tabular.Row, received time.Time) *importRow {
	r := &importRow{Row: row}
	if row.Err != nil {
		r.reason = in.binding.Trouble(row.Err).Error()
		return r
	}
	req, err := in.binding.Capture(row.Cells)
	if err != nil {
		r.reason = err.Error()
		return r
	}
	req.Historical = !in.about.GetHandOff()
	if req.GetDefaultTime() == nil {
		req.DefaultTime = in.about.GetDefaultTime()
	}
	said, v := in.read(req, "", received, false)
	if v != nil {
		r.reason = refusalOf(v).words()
		return r
	}
	r.said = said
	if in.trial != nil {
		r.hashes = in.trial.hash(said.subject)
	}
	return r
}

// words are a refusal as a reader of the file is told it.
func (r refusal) words() string {
	if r.field == "" {
		return r.message
	}
	return r.field + ": " + r.message
}

// count says what became of rows.
func (in *importing) count(rows []*importRow) (c store.ImportCounts, rejected []store.Rejected) {
	for _, r := range rows {
		reason := r.reason
		if r.said != nil {
			result := &r.said.subject.Result
			switch outcome := in.outcome(r); {
			case result.Err != nil:
				reason = refusedItem(result.Err, "").words()
			case outcome == ingestv1.CaptureLeadResponse_OUTCOME_CREATED:
				c.Created++
			case outcome == ingestv1.CaptureLeadResponse_OUTCOME_UPDATED:
				c.Updated++
			default:
				c.Unchanged++
			}
			if result.Err == nil {
				// The lead was stored and one of its activities was not: the row is
				// counted once, with the lead, and stands in the rejects too.
				if reason = refusedActivity(r.said.results.list()); reason == "" {
					continue
				}
				c.Rejected--
			}
		}
		c.Rejected++
		cells, err := json.Marshal(r.Cells)
		if err != nil {
			panic(err) // a list of texts
		}
		rejected = append(rejected, store.Rejected{Line: int64(r.Line), Reason: reason, Cells: cells})
	}
	return c, rejected
}

func (in *importing) outcome(r *importRow) ingestv1.CaptureLeadResponse_Outcome {
	outcome := ingestv1.CaptureLeadResponse_OUTCOME_UNCHANGED
	switch result := &r.said.subject.Result; {
	case result.Created:
		outcome = ingestv1.CaptureLeadResponse_OUTCOME_CREATED
	case result.Changed:
		outcome = ingestv1.CaptureLeadResponse_OUTCOME_UPDATED
	}
	if in.trial != nil {
		outcome = in.trial.outcome(r.hashes, outcome)
	}
	return outcome
}

func refusedActivity(results []*ingestv1.ActivityResult) string {
	for _, a := range results {
		switch a.GetState() {
		case ingestv1.ActivityResult_STATE_REJECTED:
			return "an activity was refused: " + refusal{a.GetErrorReason(), a.GetErrorField(), a.GetErrorMessage()}.words()
		case ingestv1.ActivityResult_STATE_CONFLICT:
			return "the activity " + a.GetId() + " was stored before with other content, which was kept"
		}
	}
	return ""
}

// trial is what a try remembers of the rows before, which are not in the store: enough
// to tell what a later row of the same file brings.
type trial struct {
	seed maphash.Seed
	seen map[uint64]struct{}
}

func newTrial() *trial { return &trial{maphash.MakeSeed(), map[uint64]struct{}{}} }

// rowHashes stand for what a row says: who it is about, what it says of them, what they
// did.
type rowHashes struct {
	who, did []uint64
	what     uint64
}

func (t *trial) hash(s *store.Subject) (h rowHashes) {
	sum := func(parts ...any) uint64 { return maphash.String(t.seed, fmt.Sprint(parts...)) }
	var what []any
	for _, id := range s.Identities {
		h.who = append(h.who, sum("who", int64(id.Kind), " ", id.Value))
		what = append(what, int64(id.Kind), id.Value)
	}
	for _, a := range s.Attributes {
		what = append(what, a.Key, string(a.Value))
	}
	h.what = sum("what", s.Effective.UnixMicro()*int64(flag(s.Dated)), string(s.LeadSource), what)
	for _, a := range s.Activities {
		h.did = append(h.did, sum("did", a.Source, " ", a.ID))
	}
	return h
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (t *trial) has(hashes ...uint64) int {
	n := 0
	for _, h := range hashes {
		if _, seen := t.seen[h]; seen {
			n++
		}
	}
	return n
}

// outcome corrects what the store says, which does not know the rows of earlier steps.
func (t *trial) outcome(h rowHashes, outcome ingestv1.CaptureLeadResponse_Outcome) ingestv1.CaptureLeadResponse_Outcome {
	switch {
	case t.has(h.what) == 1 && t.has(h.did...) == len(h.did):
		return ingestv1.CaptureLeadResponse_OUTCOME_UNCHANGED
	case outcome == ingestv1.CaptureLeadResponse_OUTCOME_CREATED && t.has(h.who...) > 0:
		return ingestv1.CaptureLeadResponse_OUTCOME_UPDATED
	}
	return outcome
}

// add remembers rows that were tried.
func (t *trial) add(rows []*importRow) {
	for _, r := range rows {
		if r.said == nil || r.said.subject.Result.Err != nil {
			continue
		}
		for _, h := range append(append(r.hashes.who, r.hashes.did...), r.hashes.what) {
			t.seen[h] = struct{}{}
		}
	}
}
