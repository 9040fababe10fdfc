// Package dispatch gives handoffs an owner that wait for one, as soon as somebody who may
// get them is available.
//
//	awaited ── due ──▶ AssignWaiting: the hottest first, by their routes ──▶ owner, clock, events
//	    ▲                       │ nobody (any more)
//	    └── when one is back ◀──┘
//
// What waits is not looked through: a team or a person that handoffs wait for is one row of
// due work. It is due when time alone may bring somebody, and at once when somebody has
// room again, comes back, or joins.
package dispatch

import (
	"context"
	"log/slog"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
)

// longestPause bounds the pauses while the store is away.
const longestPause = time.Second

// Worker assigns what waits. Start it once.
type Worker struct {
	store *store.Store
	log   *slog.Logger
	duework.Background
}

// New returns a worker that is not started.
func New(s *store.Store, log *slog.Logger) *Worker { return &Worker{store: s, log: log} }

// Start begins to work. The context gives values only: Stop ends the work.
func (w *Worker) Start(ctx context.Context) {
	w.Begin(ctx, "handoff", func(ctx context.Context) {
		duework.Loop{
			Wait: w.store.WaitForSomebody, LongestPause: longestPause,
			Pass: func(ctx context.Context) (bool, error) {
				n, err := w.store.AssignWaiting(context.WithoutCancel(ctx))
				return n > 0, err
			},
			Failed: func(err error, first bool) {
				if first {
					w.log.WarnContext(ctx, "handoffs wait for an owner", "error", err)
				}
			},
		}.Run(ctx)
	})
}
