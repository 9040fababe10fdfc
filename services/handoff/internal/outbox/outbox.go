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
	"sync"
	"time"

	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

const (
	// batch is the most activities of one call.
	batch = 500
	// lease is how long a batch belongs to the worker that took it.
	lease = 30 * time.Second
	// patience bounds a call, below the lease.
	patience = 20 * time.Second
	// longestPause bounds the pauses while ingest is away.
	longestPause = 15 * time.Second
)

// Sender sends what the store has to tell. Start it once.
type Sender struct {
	store  *store.Store
	ingest ingestv1.IngestServiceClient
	log    *slog.Logger
	stop   context.CancelFunc
	worker sync.WaitGroup
}

// New returns a sender that is not started.
func New(s *store.Store, ingest ingestv1.IngestServiceClient, log *slog.Logger) *Sender {
	return &Sender{store: s, ingest: ingest, log: log}
}

// Start begins to send. The context gives values only: Stop ends the work.
func (s *Sender) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
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
	duework.Loop{
		Wait: s.store.WaitForTellings, LongestPause: longestPause,
		Pass: func(ctx context.Context) (bool, error) {
			n, err := s.Send(ctx)
			return n > 0, err
		},
		Failed: func(err error, _ bool) {
			s.log.WarnContext(ctx, "ingest could not be told", "code", status.Code(err).String(), "error", err)
		},
	}.Run(ctx)
}

// Send sends one batch and returns how many activities it claimed. An error says that
// ingest or the store is away.
func (s *Sender) Send(ctx context.Context) (int, error) {
	tellings, err := s.store.ClaimTellings(ctx, lease, batch)
	if err != nil || len(tellings) == 0 {
		return 0, err
	}
	// A batch that is on its way is ended also when we are being stopped.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	ctx = caller.With(telemetry.WithRemoteParent(ctx, ""), caller.System("handoff"))
	return len(tellings), s.tell(ctx, tellings)
}

func (s *Sender) tell(ctx context.Context, tellings []store.Telling) error {
	response, err := s.ingest.BatchRecordActivities(ctx, request(tellings))
	switch {
	case err == nil:
		s.reportRefused(ctx, response)
		return s.store.Told(ctx, tellings)
	case apierr.IsAway(err):
		return errors.Join(err, s.store.TellLater(ctx, tellings))
	case len(tellings) == 1:
		s.log.ErrorContext(ctx, "ingest does not take what it is told", "activity", tellings[0].ActivityID,
			"type", tellings[0].Type, "code", status.Code(err).String())
		return s.store.TellingFailed(ctx, tellings, status.Code(err).String())
	}
	// One of them is at fault: it shall not stop the others.
	for i := range tellings {
		if err := s.tell(ctx, tellings[i:i+1]); err != nil {
			return errors.Join(err, s.store.TellLater(ctx, tellings[i+1:]))
		}
	}
	return nil
}

// reportRefused logs what ingest took no notice of, e.g. because the lead was erased:
// telling it again would change nothing.
func (s *Sender) reportRefused(ctx context.Context, response *ingestv1.BatchRecordActivitiesResponse) {
	for _, r := range response.GetResults() {
		switch r.GetState() {
		case ingestv1.ActivityResult_STATE_STORED, ingestv1.ActivityResult_STATE_DUPLICATE:
		default:
			s.log.ErrorContext(ctx, "ingest refused what it was told", "activity", r.GetId(),
				"state", r.GetState().String(), "reason", r.GetErrorReason(), "field", r.GetErrorField())
		}
	}
}

func request(tellings []store.Telling) *ingestv1.BatchRecordActivitiesRequest {
	r := &ingestv1.BatchRecordActivitiesRequest{Historical: true}
	for _, t := range tellings {
		r.Activities = append(r.Activities, &ingestv1.ActivityRecord{
			Lead: store.LeadName(t.Lead),
			Activity: &ingestv1.Activity{
				Id: t.ActivityID, Type: t.Type, OccurredTime: timestamppb.New(t.Time),
				PropertiesJson: t.Properties, Source: store.Source,
			},
		})
	}
	return r
}
