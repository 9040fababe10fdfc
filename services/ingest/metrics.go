package ingest

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

type metrics struct {
	activities metric.Int64Counter
	rejected   metric.Int64Counter
	queue      metric.Registration
}

func newMetrics(meter metric.Meter, s *store.Store, now func() time.Time) (*metrics, error) {
	m := &metrics{}
	var err error
	if m.activities, err = meter.Int64Counter("assay.ingest.activities",
		metric.WithDescription("Activities received, by what became of them."), metric.WithUnit("{activity}")); err != nil {
		return nil, err
	}
	if m.rejected, err = meter.Int64Counter("assay.rejected_events",
		metric.WithDescription("What was sent and refused, by door and reason."), metric.WithUnit("{event}")); err != nil {
		return nil, err
	}
	m.rejected.Add(context.Background(), 0) // there from the start: alerts ask for it before the first
	depth, err := meter.Int64ObservableGauge("assay.queue.depth",
		metric.WithDescription("Leads whose facts changed and that wait for a decision, leased ones included."), metric.WithUnit("{lead}"))
	if err != nil {
		return nil, err
	}
	age, err := meter.Float64ObservableGauge("assay.queue.age",
		metric.WithDescription("How long the oldest capture has waited to be claimed; 0 when none waits."), metric.WithUnit("s"))
	if err != nil {
		return nil, err
	}
	quarantined, err := meter.Int64ObservableGauge("assay.queue.quarantined",
		metric.WithDescription("Leads set aside after too many failures."), metric.WithUnit("{lead}"))
	if err != nil {
		return nil, err
	}
	untold, err := meter.Int64ObservableGauge("assay.accounts.untold",
		metric.WithDescription("Accounts of which some leads are still to be told what is new."), metric.WithUnit("{account}"))
	if err != nil {
		return nil, err
	}
	deferred, err := meter.Int64ObservableGauge("assay.journal.captures",
		metric.WithDescription("Captures that are acknowledged and wait in the journal to be stored."), metric.WithUnit("{capture}"))
	if err != nil {
		return nil, err
	}
	m.queue, err = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		q, err := s.Queue(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(depth, q.Waiting+q.Leased)
		o.ObserveInt64(quarantined, q.Quarantined)
		o.ObserveInt64(untold, q.Untold)
		o.ObserveInt64(deferred, q.Deferred)
		waited := 0.0
		if !q.Oldest.IsZero() {
			waited = max(0, now().Sub(q.Oldest).Seconds())
		}
		o.ObserveFloat64(age, waited)
		return nil
	}, depth, age, quarantined, untold, deferred)
	return m, err
}

func (m *metrics) close() {
	_ = m.queue.Unregister()
}

// The attributes of results, made once.
var resultAttributes = map[ingestv1.ActivityResult_State]metric.MeasurementOption{
	ingestv1.ActivityResult_STATE_STORED:    metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "stored"))),
	ingestv1.ActivityResult_STATE_DUPLICATE: metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "duplicate"))),
	ingestv1.ActivityResult_STATE_CONFLICT:  metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "conflict"))),
	ingestv1.ActivityResult_STATE_REJECTED:  metric.WithAttributeSet(attribute.NewSet(attribute.String("result", "rejected"))),
}

// count counts what became of activities.
func (m *metrics) count(ctx context.Context, results []*ingestv1.ActivityResult) {
	var n [5]int64
	for _, r := range results {
		n[r.GetState()]++
	}
	for state, option := range resultAttributes {
		if n[state] > 0 {
			m.activities.Add(ctx, n[state], option)
		}
	}
}

// reject counts what was refused at a door.
func (m *metrics) reject(ctx context.Context, door, reason string) {
	m.rejected.Add(ctx, 1, metric.WithAttributes(attribute.String("door", door), attribute.String("reason", reason)))
}
