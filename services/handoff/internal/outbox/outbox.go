// Package outbox tells ingest what happened here: stage moves and what sales said,
// as activities of the source `assay:handoff`.
//
// What is told was written in the transaction of the move it tells of, with an id
// that never changes. It is sent after the commit, as often as it takes, and removed
// when ingest has it: telling it twice changes nothing. It is sent as history, so
// that it is scored and decided like any fact but never hands a lead off by itself.
package outbox

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Source of the activities that handoff sends.
const Source = "assay:handoff"

const (
	// batch is the most activities of one call.
	batch = 500
	// poll is how long to wait for a wake-up before looking again: another process
	// may have left something.
	poll = 5 * time.Second
	// lease is how long a batch belongs to the worker that took it.
	lease = 30 * time.Second
	// firstPause and longestPause bound the pauses while ingest is away.
	firstPause, longestPause = 100 * time.Millisecond, 30 * time.Second
)

// Sender sends what the store has to tell. Start it once.
type Sender struct {
	store  *store.Store
	ingest ingestv1.IngestServiceClient
	log    *slog.Logger
	wake   chan struct{}
	stop   context.CancelFunc
	worker sync.WaitGroup
}

// New returns a sender that is not started.
func New(s *store.Store, ingest ingestv1.IngestServiceClient, log *slog.Logger) *Sender {
	return &Sender{store: s, ingest: ingest, log: log, wake: make(chan struct{}, 1)}
}

// Wake says that there is something to tell. It never blocks.
func (s *Sender) Wake() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// Start begins to send. The context gives values only: Stop ends the work.
func (s *Sender) Start(ctx context.Context) {
	ctx = caller.With(context.WithoutCancel(ctx), caller.System("handoff"))
	ctx, s.stop = context.WithCancel(ctx)
	s.worker.Go(func() { s.work(ctx) })
}

// Stop stops sending. What is not sent stays for the next start.
func (s *Sender) Stop() {
	if s.stop != nil {
		s.stop()
		s.worker.Wait()
	}
}

func (s *Sender) work(ctx context.Context) {
	pause := firstPause
	for ctx.Err() == nil {
		n, err := s.Send(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.WarnContext(ctx, "ingest could not be told", "code", status.Code(err).String(), "error", err)
			s.rest(ctx, pause/2+rand.N(pause/2), nil)
			pause = min(2*pause, longestPause)
		case n == 0:
			s.rest(ctx, poll, s.wake)
			pause = firstPause
		default:
			pause = firstPause
		}
	}
}

// rest waits for a wake-up, no longer than d.
func (s *Sender) rest(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-wake:
	}
}

// Send sends one batch and returns how many activities ingest took.
func (s *Sender) Send(ctx context.Context) (int, error) {
	tellings, err := s.store.ClaimTellings(ctx, batch, lease)
	if err != nil || len(tellings) == 0 {
		return 0, err
	}
	response, err := s.ingest.BatchRecordActivities(ctx, request(tellings))
	if err != nil {
		// Also when we are being stopped: the next start finds it due.
		ctx := context.WithoutCancel(ctx)
		return 0, errors.Join(err, s.store.TellLater(ctx, tellings, retryAfter(tellings[0].Attempts)))
	}
	for _, r := range response.GetResults() {
		switch r.GetState() {
		case ingestv1.ActivityResult_STATE_STORED, ingestv1.ActivityResult_STATE_DUPLICATE:
		default: // e.g. the lead was erased: telling it again would change nothing
			s.log.ErrorContext(ctx, "ingest refused what it was told", "activity", r.GetId(),
				"state", r.GetState().String(), "reason", r.GetErrorReason(), "field", r.GetErrorField())
		}
	}
	return len(tellings), s.store.Told(ctx, tellings)
}

func request(tellings []store.Telling) *ingestv1.BatchRecordActivitiesRequest {
	r := &ingestv1.BatchRecordActivitiesRequest{Historical: true}
	for _, t := range tellings {
		r.Activities = append(r.Activities, &ingestv1.ActivityRecord{
			Lead: store.LeadName(t.Lead),
			Activity: &ingestv1.Activity{
				Id: t.ActivityID, Type: t.Type, OccurredTime: timestamppb.New(t.Time),
				PropertiesJson: t.Properties, Source: Source,
			},
		})
	}
	return r
}

// retryAfter doubles from attempt to attempt.
func retryAfter(attempts int) time.Duration {
	return min(firstPause<<min(attempts, 10), longestPause)
}
