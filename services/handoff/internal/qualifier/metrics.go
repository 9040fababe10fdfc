package qualifier

import (
	"context"
	"errors"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// metrics of the qualifier.
type metrics struct {
	duration  metric.Float64Histogram
	decisions metric.Int64Counter
	paused    metric.Int64UpDownCounter
}

func newMetrics(meter metric.Meter) (metrics, error) {
	duration, err1 := meter.Float64Histogram("assay.qualification.duration", metric.WithUnit("s"),
		metric.WithDescription("From the capture being durable to its decision being stored."),
		metric.WithExplicitBucketBoundaries(.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 3600))
	decisions, err2 := meter.Int64Counter("assay.decisions",
		metric.WithDescription("Leads decided, by the leading verdict."))
	paused, err3 := meter.Int64UpDownCounter("assay.qualifier.paused",
		metric.WithDescription("Workers of the qualifier that pause because a service is away."))
	if err := errors.Join(err1, err2, err3); err != nil {
		return metrics{}, err
	}
	paused.Add(context.Background(), 0) // an alert can tell "not paused" from "not there"
	return metrics{duration, decisions, paused}, nil
}

// decided counts a decision, in the lead's own trace so that exemplars lead there.
func (m *metrics) decided(j *job, now time.Time) {
	ctx := context.Background()
	if j.span != nil {
		ctx = trace.ContextWithSpan(ctx, j.span)
	}
	if j.cause == store.Live {
		m.duration.Record(ctx, now.Sub(j.GetAcceptedTime().AsTime()).Seconds())
	}
	verdict := "NONE" // no standard applies
	if j.digest != nil {
		verdict = strings.TrimPrefix(j.digest.GetVerdict().String(), "VERDICT_")
	}
	m.decisions.Add(ctx, 1, metric.WithAttributes(attribute.String("verdict", verdict)))
}
