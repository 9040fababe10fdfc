package rescore

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// lease is how long a step may take before another worker begins it anew.
	lease = 20 * time.Second
	// enough is when a step begins no further page, so that little is done again after
	// a kill, and progress shows.
	enough = time.Second
	// pages is how many pages a step has at most, page how many leads each.
	pages, page = 4, 256
	// firstPage of an operation shows whether histories are needed; busyPage is the page
	// while live leads wait.
	firstPage, busyPage = 16, 64
	// deciders is how many pages are decided at once.
	deciders = 2
	// tryAgain is when a lead that failed, or a step, is tried again.
	tryAgain = time.Minute
	// longestPause bounds the pauses while a service is away.
	longestPause = 5 * time.Second
)

// Deps are what the worker needs.
type Deps struct {
	// Store keeps the operations.
	Store *store.Store
	// Pending leases leads.
	Pending ingestv1.PendingServiceClient
	// Qualifier decides them.
	Qualifier *qualifier.Qualifier
	// Standards are those that decide, or will.
	Standards *standard.Registry
	// Meter and Log tell what happens.
	Meter metric.Meter
	Log   *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Worker does the steps of operations. Start it once.
type Worker struct {
	Deps
	leads metric.Int64Counter
	// historyOf is the operation whose leads need their histories.
	historyOf string
	duework.Background
}

// New returns a worker that is not started.
func New(d Deps) (*Worker, error) {
	leads, err := d.Meter.Int64Counter("assay.rescore.leads",
		metric.WithDescription("Leads that operations over all leads are through with, by kind and outcome."))
	if err != nil {
		return nil, err
	}
	leads.Add(context.Background(), 0, outcome(handoffv1.Operation_KIND_RESCORE, "decided")) // there from the start
	return &Worker{Deps: d, leads: leads}, nil
}

// Start begins to work. The context gives values only: Stop ends the work.
func (w *Worker) Start(ctx context.Context) {
	w.Begin(ctx, "handoff", w.work)
}

func (w *Worker) work(ctx context.Context) {
	duework.Loop{
		Wait: w.Store.WaitForSteps, Pass: w.Step, LongestPause: longestPause,
		Failed: func(err error, first bool) {
			if first {
				w.Log.WarnContext(ctx, "an operation over all leads pauses", "code", status.Code(err).String(), "error", err)
			}
		},
	}.Run(ctx)
}

// Step does the next step of an operation, and says whether there was one. An error
// says that a service or the store is away.
func (w *Worker) Step(ctx context.Context) (found bool, err error) {
	step, err := w.Store.ClaimStep(ctx, lease)
	if err != nil || step == nil {
		return false, err
	}
	done, err := w.run(ctx, step)
	// Begun, it is ended, also when we are being stopped.
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestPause)
	defer cancel()
	switch {
	case err == nil:
		_, err = w.Store.SaveStep(ending, step, done)
		return true, err
	case ctx.Err() != nil, apierr.IsAway(err), sqldb.IsUnavailable(err):
		return true, errors.Join(err, w.Store.ReleaseStep(ending, step))
	default:
		w.Log.ErrorContext(ctx, "a step of an operation failed", "operation", step.ID, "error", err)
		return true, w.Store.FailStep(ending, step, status.Code(err).String(), w.Now().Add(tryAgain))
	}
}

// run goes over the leads of a step and notes in it how far it came. done: it was the
// last.
func (w *Worker) run(ctx context.Context, step *store.Step) (done bool, err error) {
	t := &tour{Worker: w, step: step, stride: 1, whole: w.historyOf == step.ID}
	if err := t.prepare(ctx); err != nil {
		return false, err
	}
	if step.End == "" { // there is no lead
		return true, nil
	}
	return t.walk(ctx)
}

// tour is one step on its way.
type tour struct {
	*Worker
	step      *store.Step
	stride    int                  // of a preview that looks at some of the leads only
	previewed []*standard.Compiled // the standards of a preview

	mu sync.Mutex // over step's progress and what follows
	// whole asks for whole histories.
	whole bool
	// leased are leads that another worker decides just now.
	leased []string
	// failed are leads to be tried again.
	failed []string
	err    error
}

var kinds = map[handoffv1.Operation_Kind]string{
	handoffv1.Operation_KIND_RESCORE: "rescore", handoffv1.Operation_KIND_PREVIEW: "preview",
}

func (t *tour) preview() bool { return t.step.Kind == handoffv1.Operation_KIND_PREVIEW }

// prepare finds out where the operation ends, and by which standards a preview decides.
func (t *tour) prepare(ctx context.Context) error {
	if t.preview() {
		if err := t.standards(ctx); err != nil {
			return err
		}
		t.whole = true
	}
	if t.step.End == "" {
		count, err := t.Pending.CountLeads(ctx, &ingestv1.CountLeadsRequest{})
		if err != nil {
			return err
		}
		// Leads that come later are decided by the new standards when they come.
		t.step.End, t.step.Progress.Total = count.GetLastLead(), count.GetLeads()
		if t.step.MaxLeads > 0 {
			t.stride = stride(int(count.GetLeads()), t.step.MaxLeads)
			t.step.Progress.Total = int32((int(count.GetLeads()) + t.stride - 1) / t.stride)
		}
		return nil
	}
	if t.step.MaxLeads > 0 {
		count, err := t.Pending.CountLeads(ctx, &ingestv1.CountLeadsRequest{})
		t.stride = stride(int(count.GetLeads()), t.step.MaxLeads)
		return err
	}
	return nil
}

// stride is how many leads a preview goes on at a time to look at most at so many.
func stride(leads, most int) int { return max(1, (leads+most-1)/most) }

// standards are those that decide, with the previewed version in the place of its own.
func (t *tour) standards(ctx context.Context) error {
	parts := strings.Split(t.step.Standard, "/") // standards/{standard}/versions/{version}
	version, err := t.Standards.Compiled(ctx, parts[1], parts[3])
	if err != nil {
		return err
	}
	active, err := t.Standards.Active(ctx)
	if err != nil {
		return err
	}
	t.previewed = []*standard.Compiled{version}
	for _, c := range active {
		if c.ID != version.ID {
			t.previewed = append(t.previewed, c)
		}
	}
	return nil
}
