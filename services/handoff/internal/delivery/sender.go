package delivery

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

const (
	// lease is how long a delivery belongs to the sender that took it: longer than
	// everything that is done with it.
	lease = 30 * time.Second
	// preparing bounds what comes before the first attempt: reading the lead.
	preparing = 10 * time.Second
	// soon is when a delivery is tried again that could not be begun, later when somebody
	// has to change something first.
	soon, later = 2 * time.Second, time.Minute
	// grace is how long deliveries on their way may take when the sender stops.
	grace = 5 * time.Second
	// sameTrace is how long after an event its delivery belongs to the event's trace; what
	// comes later, such as a retry after hours, has a trace of its own with a link.
	sameTrace = 5 * time.Minute
	// longestPause bounds the pauses while the store is away.
	longestPause = 5 * time.Second
)

// Assembler makes the packet of a handoff.
type Assembler interface {
	// Packet returns what sales is given with a handoff, as it was when it was first
	// asked for. An error says that it cannot be had now.
	Packet(ctx context.Context, handoff string) (*handoffv1.HandoffPacket, error)
	// Person returns a packet with the person alone.
	Person(ctx context.Context, lead string) (*handoffv1.HandoffPacket, error)
}

// Deps are what a sender needs. All are required, but for Sealer: without it, nothing with
// a secret is sent.
type Deps struct {
	// Store keeps what is due.
	Store *store.Store
	// Transports by the kind they serve.
	Transports map[Kind]Transport
	// Assembler makes packets.
	Assembler Assembler
	// Sealer opens secrets.
	Sealer *seal.Sealer
	// Tracer, Meter and Log report.
	Tracer trace.Tracer
	Meter  metric.Meter
	Log    *slog.Logger
	// Now is the clock.
	Now func() time.Time
	// Timeout bounds an attempt. Default [Timeout].
	Timeout time.Duration
}

// Sender delivers what is due. Start it once.
type Sender struct {
	Deps
	metrics metrics
	log     *store.DeliveryLog
	// busy is how many deliveries to a destination are on their way.
	busy    map[string]*atomic.Int64
	sending sync.WaitGroup
	stop    context.CancelFunc
	abort   context.CancelFunc
	worker  sync.WaitGroup
}

// NewSender returns a sender that is not started.
func NewSender(d Deps) (*Sender, error) {
	m, err := newMetrics(d.Meter, d.Store)
	if err != nil {
		return nil, err
	}
	return &Sender{Deps: d, metrics: m, busy: map[string]*atomic.Int64{}}, nil
}

// Start begins to send. The context gives values only: Stop ends the work.
func (s *Sender) Start(ctx context.Context) {
	ctx = caller.With(context.WithoutCancel(ctx), caller.System("handoff"))
	ctx = telemetry.WithRemoteParent(ctx, "")
	s.log = s.Store.OpenDeliveryLog()
	var sends context.Context
	sends, s.abort = context.WithCancel(ctx)
	ctx, s.stop = context.WithCancel(ctx)
	s.worker.Go(func() {
		duework.Loop{
			Wait: s.Store.WaitForDeliveries, LongestPause: longestPause,
			Pass: func(ctx context.Context) (bool, error) { return s.pass(context.WithoutCancel(ctx), sends) },
			Failed: func(err error, first bool) {
				if first {
					s.Log.WarnContext(ctx, "deliveries wait", "error", err)
				}
			},
		}.Run(ctx)
	})
}

// Stop stops the work: what is on its way has a moment to end. What has not ended then may
// have arrived, and is noted so.
func (s *Sender) Stop() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.worker.Wait()
	late := time.AfterFunc(grace, s.abort)
	s.sending.Wait()
	late.Stop()
	s.abort()
	s.log.Close()
	s.metrics.stop()
}

// pass takes what is due, for each destination no more than it has free senders, so that
// a slow one keeps nobody waiting but itself.
func (s *Sender) pass(ctx, sends context.Context) (found bool, err error) {
	destinations, err := s.Store.DueDestinations(ctx)
	if err != nil {
		return false, err
	}
	for _, d := range destinations {
		id := store.DestinationID(d.GetName())
		busy := s.busy[id]
		if busy == nil {
			busy = &atomic.Int64{}
			s.busy[id] = busy
		}
		free := Concurrency(d.Destination) - int(busy.Load())
		if free <= 0 {
			continue // the end of one wakes us
		}
		claimed, err := s.Store.ClaimDeliveries(ctx, id, lease, Pace(d.Destination), free)
		if err != nil {
			return found, err
		}
		for i := range claimed {
			found = true
			busy.Add(1)
			s.sending.Go(func() {
				defer s.Store.WakeDeliveries()
				defer busy.Add(-1)
				s.send(sends, d, &claimed[i])
			})
		}
	}
	return found, nil
}

// send makes one attempt and writes down how it ended.
func (s *Sender) send(ctx context.Context, d *store.Destination, row *store.Delivery) {
	ctx, span := s.trace(ctx, d, row)
	defer span.End()
	start := s.Now()
	began := time.Now()
	result, unsent := s.attempt(ctx, d, row, start)
	took := time.Since(began)
	if result == nil && unsent == nil {
		return // somebody else has it
	}
	end := s.end(row, result, unsent, start, took)
	if result != nil {
		s.metrics.attempt(ctx, d.Destination, row, result, took, start.Add(took))
		span.SetAttributes(attribute.String("assay.delivery.outcome", result.Outcome.String()), attribute.Int("http.response.status_code", result.Code))
		if result.Outcome != Delivered {
			span.SetStatus(codes.Error, result.Reason)
		}
	}
	if end.State == store.Dead || end.Disable != "" {
		s.Log.ErrorContext(ctx, "a delivery is a dead letter", "delivery", row.ID, "destination", d.GetName(),
			"event_type", row.Type, "attempt", row.Attempt, "reason", end.Error, "disabled", end.Disable != "")
	}
	// What is known is written down, also while the sender stops.
	if _, err := s.log.End(context.WithoutCancel(ctx), row, end); err != nil {
		// The lease ends by itself, and the next attempt looks first.
		s.Log.WarnContext(ctx, "the end of a delivery was not written down", "delivery", row.ID, "error", err)
	}
}

// unsent says why an attempt was not begun, and when to try again.
type unsent struct {
	reason string
	again  time.Duration
	// dead: never.
	dead bool
}

// attempt makes the attempt, or says why not; neither, if the lease was lost.
func (s *Sender) attempt(ctx context.Context, d *store.Destination, row *store.Delivery, now time.Time) (*Result, *unsent) {
	transport, out, no := s.open(d, row, now)
	if no != nil {
		return nil, no
	}
	if row.Body == nil {
		if no := s.prepare(ctx, transport, out); no != nil {
			return nil, no
		}
		held, err := s.log.Keep(ctx, row, out.Body)
		switch {
		case err != nil:
			return nil, &unsent{reason: "the store is away", again: soon}
		case !held:
			return nil, nil
		}
	}
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(s.Timeout, Timeout))
	defer cancel()
	out.Event.Traceparent = telemetry.Traceparent(ctx)
	if finder, ok := transport.(Finder); ok && row.Uncertain {
		if result, found := finder.Lookup(ctx, out); found || result.Outcome != None {
			result.unseen = !found // who could not look knows no more than before
			return &result, nil
		}
	}
	result := transport.Deliver(ctx, out)
	return &result, nil
}

// open puts a delivery together from its row.
func (s *Sender) open(d *store.Destination, row *store.Delivery, now time.Time) (Transport, *Delivery, *unsent) {
	if s.Sealer == nil {
		return nil, nil, &unsent{reason: "there is no ASSAY_SECRETS_KEY to open its secrets with", again: later}
	}
	secrets, err := OpenSecrets(s.Sealer, d.GetName(), d.Secrets)
	if err != nil {
		return nil, nil, &unsent{reason: err.Error(), again: later}
	}
	out := &Delivery{
		Key: row.ID, Attempt: row.Attempt, Now: now, Sample: row.Sample, Body: row.Body,
		Event:       Event{ID: row.EventID, Type: row.Type, Time: row.Time, Lead: row.Lead, Handoff: row.Handoff, Data: row.Data},
		Destination: DestinationOf(d.Destination, secrets, now),
	}
	transport := s.Transports[out.Destination.Kind]
	if transport == nil {
		return nil, nil, &unsent{reason: "nothing here delivers to its kind", again: later}
	}
	return transport, out, nil
}

// prepare makes what is sent, before the first attempt.
func (s *Sender) prepare(ctx context.Context, transport Transport, d *Delivery) *unsent {
	if d.Destination.Detail != LinkOnly {
		ctx, cancel := context.WithTimeout(ctx, preparing)
		defer cancel()
		var packet *handoffv1.HandoffPacket
		var err error
		switch {
		case d.Sample:
			packet = SamplePacket()
		case d.Event.Handoff != "":
			packet, err = s.Assembler.Packet(ctx, d.Event.Handoff)
		case d.Event.Lead != "":
			packet, err = s.Assembler.Person(ctx, d.Event.Lead)
		}
		if err != nil {
			// Its text may hold anything; its kind is in the spans.
			return &unsent{reason: "what is known of the lead cannot be read now", again: soon}
		}
		d.Packet = ForDetail(packet, d.Destination.Detail)
	}
	body, err := transport.Render(d)
	if err != nil {
		return &unsent{reason: err.Error(), dead: true}
	}
	d.Body, d.Packet = body, nil
	return nil
}

// end is what to write down of an attempt.
func (s *Sender) end(row *store.Delivery, result *Result, no *unsent, start time.Time, took time.Duration) store.End {
	now := s.Now()
	if no != nil {
		if no.dead {
			return store.End{State: store.Dead, Error: no.reason, Start: start, Duration: took, Result: "rejected"}
		}
		return store.End{State: store.Unsent, Error: no.reason, Due: now.Add(no.again + rand.N(no.again/2))}
	}
	end := store.End{
		Unknown: result.Outcome == Unknown || result.unseen, Error: result.Reason, HTTPStatus: result.Code, RemoteID: result.RemoteID,
		Start: start, Duration: took, Result: result.Outcome.String(),
	}
	switch result.Outcome {
	case Delivered:
		end.State, end.Error = store.Done, ""
	case Throttled:
		wait := now.Add(Wait(result.After))
		end.Free, end.Due, end.Pause = true, wait, wait
		if now.Sub(row.First) > Horizon {
			end.State, end.Exhausted = store.Dead, true
		}
	case Rejected:
		end.State = store.Dead
	case Gone:
		end.State, end.Disable = store.Dead, result.Reason
	case Failed, Unknown, None:
		delay, again := Next(row.Attempt, rand.Float64())
		if !again {
			end.State, end.Exhausted = store.Dead, true
		}
		end.Due = now.Add(delay)
	}
	return end
}

// trace begins the span of an attempt: in the trace of what caused the event, or, if that
// is long ago, in its own with a link.
func (s *Sender) trace(ctx context.Context, d *store.Destination, row *store.Delivery) (context.Context, trace.Span) {
	options := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindProducer), trace.WithAttributes(
		attribute.String("assay.delivery", row.ID), attribute.String("assay.destination", d.GetName()),
		attribute.String("assay.event_type", row.Type), attribute.Int("assay.attempt", row.Attempt))}
	if row.Handoff != "" {
		options = append(options, trace.WithAttributes(attribute.String("assay.handoff", row.Handoff)))
	}
	if row.Traceparent == "" {
		return ctx, trace.SpanFromContext(context.Background())
	}
	if s.Now().Sub(row.Time) <= sameTrace {
		ctx = telemetry.WithRemoteParent(ctx, row.Traceparent)
	} else {
		options = append(options, trace.WithNewRoot(), trace.WithLinks(telemetry.Link(row.Traceparent)))
	}
	return s.Tracer.Start(ctx, "assay.deliver", options...)
}
