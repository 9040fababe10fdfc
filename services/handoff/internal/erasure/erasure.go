// Package erasure forgets persons: it has every service delete what it keeps of their
// leads, and write its files anew so that nothing can be read from them.
//
//	CreateErasure ─▶ erasures (the row) ─▶ delete: ingest, handoff, profilefit, behavior
//	                                            │ a while, in which what was under way ends
//	                                            ▼
//	                                       sweep: the same again
//	                                            ▼
//	                                       scrub: the files of each
//
// ingest is first: from then on there are no facts to be scored or sent. Then handoff,
// which from then on takes no decision of the lead. What a pass or a delivery that was
// under way writes after that is what the sweep is for.
//
// Each step ends together with its lease, so that after a kill whoever takes the next one
// goes on from there; a step that is done twice comes to the same. Erasures that wait for
// the same scrub share it.
package erasure

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// lease is how long a worker may be silent before another begins its steps anew.
	lease = 10 * time.Second
	// patience bounds a step: a large file takes its time to be written.
	patience = 9 * time.Minute
	// together is how many erasures are worked on at a time.
	together = 50
	// tryAgain is when a step that failed is tried again.
	tryAgain = time.Minute
	// longestPause bounds the pauses while a service is away.
	longestPause = 10 * time.Second
)

// Settle is how long what is under way is given to end: as long as a pass of the qualifier
// may take.
const Settle = 30 * time.Second

// Keeper is a service that keeps something of leads.
type Keeper interface {
	// Erase deletes all that is kept of leads, `leads/{lead}`, and returns how many rows of
	// each table it was.
	Erase(ctx context.Context, erasure string, leads []string) ([]*handoffv1.ErasureStep, error)
	// Scrub makes what was deleted unreadable in files.
	Scrub(ctx context.Context) error
}

// Deps are what the worker needs.
type Deps struct {
	// Store keeps the erasures.
	Store *store.Store
	// Keepers are the services by name, in the order in which they delete.
	Keepers []Named
	// Settle is how long to wait before the sweep. Default: [Settle].
	Settle time.Duration
	// Log tells what goes wrong.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Named is a keeper with the name of its service.
type Named struct {
	Name string
	Keeper
}

// Worker does the steps of erasures. Start it once.
type Worker struct {
	Deps
	duework.Background
}

// New returns a worker that is not started.
func New(d Deps) *Worker {
	if d.Settle == 0 {
		d.Settle = Settle
	}
	return &Worker{Deps: d}
}

// Start begins to work. The context gives values only: Stop ends the work.
func (w *Worker) Start(ctx context.Context) {
	w.Begin(ctx, "handoff", func(ctx context.Context) {
		duework.Loop{
			Wait: w.Store.WaitForErasures, Pass: w.Pass, LongestPause: longestPause,
			Failed: func(err error, first bool) {
				if first {
					w.Log.WarnContext(ctx, "erasures pause", "code", status.Code(err).String(), "error", err)
				}
			},
		}.Run(ctx)
	})
}

// Pass does a step of each erasure that is due, and says whether there was any. An error
// says that a service or the store is away.
func (w *Worker) Pass(ctx context.Context) (found bool, err error) {
	due, err := w.Store.ClaimErasures(ctx, lease, together)
	if err != nil || len(due) == 0 {
		return false, err
	}
	defer w.keep(ctx, due)()
	scrubbed := map[int]error{} // by the stage
	for _, e := range due {
		steps, failed := w.step(ctx, e, scrubbed)
		err = errors.Join(err, w.end(ctx, e, steps, failed))
	}
	return true, err
}

// keep keeps erasures leased until what it returns is called. One that ended is not leased
// any more, and stays as it is.
func (w *Worker) keep(ctx context.Context, due []*store.Erasure) (end func()) {
	ctx, stop := context.WithCancel(ctx)
	var alive sync.WaitGroup
	alive.Go(func() {
		ticker := time.NewTicker(lease / 4)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
			if err := w.Store.KeepErasures(ctx, due, lease); err != nil && ctx.Err() == nil {
				w.Log.WarnContext(ctx, "the lease of erasures was not kept", "error", err)
			}
		}
	})
	return func() {
		stop()
		alive.Wait()
	}
}

// step does the next step of an erasure. A scrub that was done in this pass is done for all
// who wait for it.
func (w *Worker) step(ctx context.Context, e *store.Erasure, scrubbed map[int]error) ([]*handoffv1.ErasureStep, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	n := len(w.Keepers)
	keeper := w.Keepers[e.Stage%n]
	if e.Stage < 2*n {
		steps, err := keeper.Erase(ctx, e.ID, e.GetLeads())
		for _, s := range steps {
			s.Service = keeper.Name
			if s.Step == "" {
				s.Step = []string{"delete", "sweep"}[e.Stage/n]
			}
		}
		return steps, err
	}
	if _, done := scrubbed[e.Stage]; !done {
		scrubbed[e.Stage] = keeper.Scrub(ctx)
	}
	return []*handoffv1.ErasureStep{{Service: keeper.Name, Step: "scrub"}}, scrubbed[e.Stage]
}

// end ends a step: begun, it is ended, also when we are being stopped.
func (w *Worker) end(ctx context.Context, e *store.Erasure, steps []*handoffv1.ErasureStep, failed error) error {
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), longestPause)
	defer cancel()
	switch {
	case failed == nil:
		now := w.Now()
		for _, s := range steps {
			s.EndTime = timestamppb.New(now)
		}
		e.Steps = append(e.Steps, steps...)
		e.Stage++
		e.Done = e.Stage == 3*len(w.Keepers)
		if e.Stage == len(w.Keepers) {
			now = now.Add(w.Settle)
		}
		return w.Store.SaveErasure(ending, e, now)
	case ctx.Err() != nil, apierr.IsAway(failed), sqldb.IsUnavailable(failed):
		return errors.Join(failed, w.Store.ReleaseErasure(ending, e))
	default:
		w.Log.ErrorContext(ctx, "a step of an erasure failed", "erasure", e.ID, "stage", e.Stage, "error", failed)
		return w.Store.FailErasure(ending, e, status.Code(failed).String(), w.Now().Add(tryAgain))
	}
}
