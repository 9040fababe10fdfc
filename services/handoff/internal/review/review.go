// Package review decides leads again when their time has come: because time alone may
// have changed a verdict, or because a held lead is to be released.
//
//	reviews, held_leads ── due ──▶ ClaimLeads by name ─▶ the qualifier's pass ─▶ next time, or none
//
// Both are rows of due work, and the decision itself rewrites or removes them in its
// transaction: a row that was moved meanwhile, e.g. by something the lead did, is not
// touched by the end of its lease. One worker takes them in small batches beside the
// live ones, so that a midnight at which thousands of leads are due holds nobody up.
package review

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
)

const (
	// batch is how many leads are decided at once.
	batch = 128
	// lease is how long they belong to the worker, on both sides.
	lease = time.Minute
	// soon is when a lead that another worker has just now is tried again, later one
	// that failed.
	soon, later = time.Second, time.Minute
	// longestPause bounds the pauses while a service is away.
	longestPause = 5 * time.Second
)

// Deps are what the worker needs.
type Deps struct {
	// Store keeps what is due.
	Store *store.Store
	// Pending leases leads.
	Pending ingestv1.PendingServiceClient
	// Qualifier decides them.
	Qualifier *qualifier.Qualifier
	// Log tells what happens.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Worker decides leads whose time has come. Start it once.
type Worker struct {
	Deps
	duework.Background
}

// New returns a worker that is not started.
func New(d Deps) *Worker { return &Worker{Deps: d} }

// Start begins to work. The context gives values only: Stop ends the work.
func (w *Worker) Start(ctx context.Context) {
	w.Begin(ctx, "handoff", w.work)
}

func (w *Worker) work(ctx context.Context) {
	duework.Loop{
		Wait: w.Store.WaitForDue, LongestPause: longestPause,
		Pass: func(ctx context.Context) (bool, error) {
			n, err := w.Pass(context.WithoutCancel(ctx))
			return n > 0, err
		},
		Failed: func(err error, first bool) {
			if first {
				w.Log.WarnContext(ctx, "leads that are due wait", "code", status.Code(err).String(), "error", err)
			}
		},
	}.Run(ctx)
}

// Pass decides one batch of what is due of each kind, and returns how many leads that
// were. An error says that a service or the store is away.
func (w *Worker) Pass(ctx context.Context) (int, error) {
	held, err1 := w.release(ctx)
	reviewed, err2 := w.review(ctx)
	return held + reviewed, errors.Join(err1, err2)
}

// release decides held leads whose release time came.
func (w *Worker) release(ctx context.Context) (int, error) {
	held, err := w.Store.ClaimHeld(ctx, lease, batch)
	if err != nil || len(held) == 0 {
		return 0, err
	}
	tracks := map[string][]string{}
	var names []string
	for _, h := range held {
		name := store.LeadName(h.Lead)
		if tracks[name] == nil {
			names = append(names, name)
		}
		tracks[name] = append(tracks[name], h.Track)
	}
	ends, err := w.decide(ctx, names, store.ByRelease, tracks)
	return len(held), errors.Join(err, w.Store.EndHeld(ctx, held, func(h store.Held) (time.Time, string) {
		return ends.of(store.LeadName(h.Lead))
	}))
}

// review decides leads that time alone may have changed.
func (w *Worker) review(ctx context.Context) (int, error) {
	reviews, err := w.Store.ClaimReviews(ctx, lease, batch)
	if err != nil || len(reviews) == 0 {
		return 0, err
	}
	names, urgent := make([]string, len(reviews)), map[string]bool{}
	for i, r := range reviews {
		names[i] = store.LeadName(r.Lead)
		urgent[names[i]] = r.Urgent
	}
	ends, err := w.decide(ctx, names, store.ByReview, nil)
	return len(reviews), errors.Join(err, w.Store.EndReviews(ctx, reviews, func(r store.Review) (time.Time, string) {
		name := store.LeadName(r.Lead)
		if ends.pending[name] && !urgent[name] {
			return time.Time{}, "" // what waits is decided in a moment, and that decides this too
		}
		return ends.of(name)
	}))
}

// ends are how the leases on leads end: when to try again, and why it failed. One that
// is not in it is tried again soon.
type ends struct {
	again   map[string]time.Time
	failed  map[string]string
	pending map[string]bool // they wait to be decided anyway, or just were
	soon    time.Time
}

func (e *ends) of(lead string) (again time.Time, failed string) {
	at, known := e.again[lead]
	if !known {
		at = e.soon
	}
	return at, e.failed[lead]
}

// decide decides leads by name.
func (w *Worker) decide(ctx context.Context, names []string, cause store.Cause, tracks map[string][]string) (*ends, error) {
	e := &ends{again: map[string]time.Time{}, failed: map[string]string{}, pending: map[string]bool{}, soon: w.Now().Add(soon)}
	p, err := w.Pending.ClaimLeads(ctx, &ingestv1.ClaimLeadsRequest{Leads: names, LeaseDuration: durationpb.New(lease)})
	if err != nil {
		return e, err
	}
	for _, l := range p.GetLeft() {
		switch l.GetWhy() {
		case ingestv1.LeftLead_WHY_NOT_FOUND:
			e.again[l.GetLead()] = time.Time{}
		case ingestv1.LeftLead_WHY_QUARANTINED:
			e.again[l.GetLead()], e.failed[l.GetLead()] = w.Now().Add(later), "the lead is quarantined"
		case ingestv1.LeftLead_WHY_PENDING:
			e.pending[l.GetLead()] = true
		}
	}
	outcomes, err := w.Qualifier.Again(ctx, p.GetLeads(), cause, tracks)
	for _, o := range outcomes {
		switch {
		case o.Decided:
			e.again[o.Lead] = time.Time{}
		case o.Error != "":
			e.again[o.Lead], e.failed[o.Lead] = w.Now().Add(later), o.Error
		}
	}
	return e, err
}
