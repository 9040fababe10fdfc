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
	if err := errors.Join(err1, err2, err3, err4); err != nil {
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
		return nil
	}, held, due, failed, running)
}
