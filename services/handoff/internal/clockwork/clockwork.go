// Package clockwork does what falls due while the clocks of handoffs run: it warns, says
// that the time is over, tells the manager, and gives the handoff to somebody else.
//
//	sla_timers ── due ──▶ Claim (lease) ──▶ Fire: lead locked, lease held?
//	    ▲                                     │ yes: what follows, and the next step,
//	    └───────── next step's due time ◀─────┘      in one transaction
//
// The worker sleeps until the next step is due, or until a clock that starts wakes it.
// What is due was claimed for it alone, and a step is done in the transaction that ends
// the lease: so it is done once, also if the process dies in between, and never before its
// time. A clock that is stopped takes its timer with it.
package clockwork

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
)

const (
	// batch is how many steps are done in one transaction.
	batch = 128
	// lease is how long they belong to the worker. Doing them takes milliseconds.
	lease = 10 * time.Second
	// again is when a step that failed is tried again.
	again = 5 * time.Second
	// longestPause bounds the pauses while the store is away.
	longestPause = time.Second
)

// Worker does what is due. Start it once.
type Worker struct {
	store *store.Store
	log   *slog.Logger
	now   func() time.Time
	// late counts the steps that were done, by how late they were.
	late metric.Float64Histogram
	duework.Background
}

// New returns a worker that is not started.
func New(s *store.Store, meter metric.Meter, log *slog.Logger, now func() time.Time) (*Worker, error) {
	late, err := meter.Float64Histogram("assay.clocks.lateness", metric.WithUnit("s"),
		metric.WithDescription("From the instant at which a step of an SLA clock is due until it is done, by the kind of step."),
		metric.WithExplicitBucketBoundaries(.001, .005, .01, .025, .05, .1, .25, .5, 1, 5, 30, 300, 3600))
	return &Worker{store: s, log: log, now: now, late: late}, err
}

// Start begins to work. The context gives values only: Stop ends the work.
func (w *Worker) Start(ctx context.Context) {
	w.Begin(ctx, "handoff", func(ctx context.Context) {
		duework.Loop{
			Wait: w.store.WaitForTimers, LongestPause: longestPause,
			Pass: func(ctx context.Context) (bool, error) {
				n, err := w.Pass(context.WithoutCancel(ctx))
				return n > 0, err
			},
			Failed: func(err error, first bool) {
				if first {
					w.log.WarnContext(ctx, "clocks wait", "error", err)
				}
			},
		}.Run(ctx)
	})
}

// Pass does one batch of what is due, and returns how many steps that were. An error says
// that the store is away, or that steps failed and are tried again later.
func (w *Worker) Pass(ctx context.Context) (int, error) {
	due, err := w.store.ClaimTimers(ctx, lease, batch)
	if err != nil || len(due) == 0 {
		return 0, err
	}
	err = w.fire(ctx, due)
	if err == nil || len(due) == 1 {
		return len(due), w.later(ctx, due[0], err)
	}
	// One of them fails: each by itself, so that it holds up no other.
	var failed []error
	for _, t := range due {
		failed = append(failed, w.later(ctx, t, w.fire(ctx, []store.Timer{t})))
	}
	return len(due), errors.Join(failed...)
}

func (w *Worker) fire(ctx context.Context, due []store.Timer) error {
	done, err := w.store.Fire(ctx, due)
	for _, f := range done {
		w.late.Record(ctx, f.Time.Sub(f.DueTime).Seconds(), metric.WithAttributes(attribute.String("step", string(f.Kind))))
	}
	return err
}

// later has a step that failed done later.
func (w *Worker) later(ctx context.Context, t store.Timer, err error) error {
	if err == nil {
		return nil
	}
	return errors.Join(err, w.store.FireLater(ctx, t, "the step of a clock failed", w.now().Add(again)))
}
