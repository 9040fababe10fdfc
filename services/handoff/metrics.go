package handoff

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// registerGauges offers what stands in the store as gauges.
func registerGauges(meter metric.Meter, s *store.Store) (metric.Registration, error) {
	held, err1 := meter.Int64ObservableGauge("assay.held.leads",
		metric.WithDescription("Leads that a publish qualified and that wait for their release."), metric.WithUnit("{lead}"))
	due, err2 := meter.Int64ObservableGauge("assay.reviews.due",
		metric.WithDescription("Leads whose review or release time has come and that are not decided yet."), metric.WithUnit("{lead}"))
	failed, err3 := meter.Int64ObservableGauge("assay.reviews.quarantined",
		metric.WithDescription("Leads whose review or release failed too often."), metric.WithUnit("{lead}"))
	running, err4 := meter.Int64ObservableGauge("assay.operations.running",
		metric.WithDescription("Operations over all leads that have not ended."), metric.WithUnit("{operation}"))
	late, err5 := meter.Int64ObservableGauge("assay.clocks.due",
		metric.WithDescription("Steps of SLA clocks (a warning, a breach, what follows it) that are due and not done yet."), metric.WithUnit("{step}"))
	stuck, err6 := meter.Int64ObservableGauge("assay.clocks.quarantined",
		metric.WithDescription("SLA clocks whose step failed too often."), metric.WithUnit("{clock}"))
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		return nil, err
	}
	return meter.RegisterCallback(func(ctx context.Context, o metric.Observer) error {
		w, err := s.Waiting(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(held, w.Held)
		o.ObserveInt64(due, w.Due)
		o.ObserveInt64(failed, w.Quarantined)
		o.ObserveInt64(running, w.Operations)
		clocks, err := s.DueTimers(ctx)
		if err != nil {
			return err
		}
		o.ObserveInt64(late, int64(clocks.Due))
		o.ObserveInt64(stuck, int64(clocks.Quarantined))
		return nil
	}, held, due, failed, running, late, stuck)
}
