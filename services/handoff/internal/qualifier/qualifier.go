package qualifier

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// maxLeads is the most leads of one pass.
	maxLeads = 256
	// lease is how long a pass may take before its leads are given to another.
	lease = 30 * time.Second
	// poll is how long one claim waits for a lead.
	poll = 5 * time.Second
	// patience bounds a pass: below the lease, so that a slow pass gives up before
	// another worker starts on its leads.
	patience = 25 * time.Second
	// defaultWorkers keep every service busy: while one pass waits for a scorer,
	// another stores its decisions.
	defaultWorkers = 3
	// firstPause and longestPause bound the pauses while a service is away.
	firstPause, longestPause = 100 * time.Millisecond, 5 * time.Second
)

// Deps are what the qualifier needs.
type Deps struct {
	// Pending leases changed leads.
	Pending ingestv1.PendingServiceClient
	// Fit and Behavior score them.
	Fit      profilefitv1.ProfileFitServiceClient
	Behavior behaviorv1.BehaviorScoringServiceClient
	// Scored forgets in both what was scored of leads, `leads/{lead}`.
	Scored interface {
		Forget(ctx context.Context, leads []string) error
	}
	// Standards are those that decide.
	Standards interface {
		Active(ctx context.Context) ([]*standard.Compiled, error)
	}
	// Store keeps the decisions.
	Store *store.Store
	// Tracer, Meter and Log tell what happens.
	Tracer trace.Tracer
	Meter  metric.Meter
	Log    *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Workers is how many passes run at once. Default 3.
	Workers int
}

// Qualifier is the loop. Start it once.
type Qualifier struct {
	Deps
	metrics metrics
	stop    context.CancelFunc
	workers sync.WaitGroup
}

// New returns a qualifier that is not started.
func New(d Deps) (*Qualifier, error) {
	if d.Workers <= 0 {
		d.Workers = defaultWorkers
	}
	m, err := newMetrics(d.Meter)
	if err != nil {
		return nil, err
	}
	return &Qualifier{Deps: d, metrics: m}, nil
}

// Start begins to claim leads. The context gives values only: Stop ends the work.
func (q *Qualifier) Start(ctx context.Context) {
	ctx = caller.With(context.WithoutCancel(ctx), caller.System("handoff"))
	claiming, stop := context.WithCancel(ctx)
	q.stop = stop
	for range q.Workers {
		q.workers.Go(func() { q.work(claiming, ctx) })
	}
}

// Stop stops claiming and waits until the passes that run are through.
func (q *Qualifier) Stop() {
	if q.stop != nil {
		q.stop()
		q.workers.Wait()
	}
}

// work is one worker: claiming ends when the qualifier is stopped, working does not,
// so that a pass is never cut off.
func (q *Qualifier) work(claiming, working context.Context) {
	pause := firstPause
	for claiming.Err() == nil {
		err := q.pass(claiming, working)
		if err == nil {
			pause = firstPause
			continue
		}
		if claiming.Err() != nil {
			return
		}
		if pause == firstPause {
			q.Log.WarnContext(working, "qualifier pauses", "code", status.Code(err).String(), "error", err)
		}
		q.rest(claiming, pause)
		pause = min(2*pause, longestPause)
	}
}

// rest pauses, from half the time to all of it, so that workers do not come back at
// once.
func (q *Qualifier) rest(ctx context.Context, pause time.Duration) {
	q.metrics.paused.Add(ctx, 1)
	defer q.metrics.paused.Add(ctx, -1)
	select {
	case <-time.After(pause/2 + rand.N(pause/2)):
	case <-ctx.Done():
	}
}

// pass claims leads, decides them and completes them. An error asks for a pause.
func (q *Qualifier) pass(claiming, working context.Context) error {
	claimed, err := q.claim(claiming)
	if err != nil || len(claimed) == 0 {
		return err
	}
	ctx, cancel := context.WithTimeout(working, patience)
	defer cancel()
	_, err = q.qualify(ctx, claimed, way{})
	return err
}

func (q *Qualifier) claim(ctx context.Context) ([]*ingestv1.ClaimedLead, error) {
	ctx, cancel := context.WithTimeout(untraced(ctx), 2*poll)
	defer cancel()
	response, err := q.Pending.ClaimPending(ctx, &ingestv1.ClaimPendingRequest{
		MaxLeads: maxLeads, LeaseDuration: durationpb.New(lease), WaitDuration: durationpb.New(poll),
	})
	return response.GetLeads(), err
}

// qualify decides claimed leads in a way and completes them. An error asks for a pause.
func (q *Qualifier) qualify(ctx context.Context, claimed []*ingestv1.ClaimedLead, w way) ([]*job, error) {
	jobs := make([]*job, len(claimed))
	now := q.Now()
	for i, lead := range claimed {
		jobs[i] = newJob(lead, w, now)
	}
	ctx, end := q.trace(ctx, jobs)
	defer end()

	err := q.attempt(ctx, jobs)
	if err != nil && !isAway(err) && len(jobs) > 1 {
		q.Log.WarnContext(ctx, "a pass failed, its leads are tried one by one", "leads", len(jobs), "error", err, "stack", stackOf(err))
		for _, j := range jobs {
			if err = q.single(ctx, j); isAway(err) {
				break
			}
		}
	} else if err != nil && !isAway(err) {
		q.fail(jobs[0], err)
	}
	away := err
	if !isAway(err) {
		away = nil
	}
	if w.dry { // nothing is leased
		return jobs, away
	}
	if err := q.complete(ctx, jobs); err != nil {
		return jobs, err
	}
	return jobs, away
}

// single tries one lead alone. Only that a service is away is an error.
func (q *Qualifier) single(ctx context.Context, j *job) error {
	if j.end != open {
		return nil
	}
	j.reset()
	err := q.attempt(ctx, []*job{j})
	if err != nil && !isAway(err) {
		q.fail(j, err)
		return nil
	}
	return err
}

// isAway says whether an error means that a service or the store is away: the same
// call may succeed later, and no lead is to blame.
func isAway(err error) bool { return apierr.IsAway(err) || sqldb.IsUnavailable(err) }
