package delivery

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// metrics of the sender.
type metrics struct {
	attempts metric.Int64Counter
	duration metric.Float64Histogram
	lag      metric.Float64Histogram
	gauges   metric.Registration
}

func newMetrics(meter metric.Meter, s *store.Store) (m metrics, err error) {
	var err1, err2, err3, err7 error
	m.attempts, err1 = meter.Int64Counter("assay.delivery.attempts",
		metric.WithDescription("Attempts to deliver, by destination and outcome."), metric.WithUnit("{attempt}"))
	m.duration, err2 = meter.Float64Histogram("assay.delivery.duration",
		metric.WithDescription("How long an attempt took."), metric.WithUnit("s"))
	m.lag, err3 = meter.Float64Histogram("assay.delivery.lag",
		metric.WithDescription("From an event to its arrival."), metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86400))
	due, err4 := meter.Int64ObservableGauge("assay.delivery.due",
		metric.WithDescription("Deliveries that are due."), metric.WithUnit("{delivery}"))
	dead, err5 := meter.Int64ObservableGauge("assay.delivery.dead",
		metric.WithDescription("Dead letters: deliveries that are tried no more."), metric.WithUnit("{delivery}"))
	age, err6 := meter.Float64ObservableGauge("assay.delivery.oldest.due.age",
		metric.WithDescription("Since when the oldest delivery is due."), metric.WithUnit("s"))
	m.gauges, err7 = meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		backlogs, err := s.Backlogs(ctx)
		if err != nil {
			return err
		}
		for _, b := range backlogs {
			on := metric.WithAttributes(attribute.String("destination", b.Destination))
			o.ObserveInt64(due, b.Due, on)
			o.ObserveInt64(dead, b.Dead, on)
			seconds := 0.0
			if !b.Oldest.IsZero() {
				seconds = max(time.Since(b.Oldest).Seconds(), 0)
			}
			o.ObserveFloat64(age, seconds, on)
		}
		return nil
	}, due, dead, age)
	return m, errors.Join(err1, err2, err3, err4, err5, err6, err7)
}

// stop ends the reports of what waits.
func (m metrics) stop() { _ = m.gauges.Unregister() }

// attempt counts an attempt that was made.
func (m metrics) attempt(ctx context.Context, d *handoffv1.Destination, row *store.Delivery, r *Result, took time.Duration, at time.Time) {
	on := attribute.String("destination", store.DestinationID(d.GetName()))
	m.attempts.Add(ctx, 1, metric.WithAttributes(on, attribute.String("outcome", r.Outcome.String())))
	m.duration.Record(ctx, took.Seconds(), metric.WithAttributes(on))
	if r.Outcome == Delivered && row.Type != event.DestinationDisabled {
		m.lag.Record(ctx, max(at.Sub(row.Time).Seconds(), 0), metric.WithAttributes(on))
	}
}
