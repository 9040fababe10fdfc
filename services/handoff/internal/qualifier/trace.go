package qualifier

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/assay-hq/assay/services/internal/telemetry"
)

// trace begins the spans of a pass: for each traced lead `assay.queue.wait` and
// `assay.qualify` in its own trace, and one span for the pass itself, under which
// the calls to the services are. If no lead is traced there are no spans at all.
// end ends them.
func (q *Qualifier) trace(ctx context.Context, jobs []*job) (_ context.Context, end func()) {
	var pass trace.Span
	for _, j := range jobs {
		if j.GetTraceparent() == "" {
			continue
		}
		own := telemetry.WithRemoteParent(context.Background(), j.GetTraceparent())
		if !trace.SpanContextFromContext(own).IsSampled() {
			continue
		}
		if pass == nil {
			ctx, pass = q.Tracer.Start(ctx, "assay.qualify.batch", trace.WithNewRoot(),
				trace.WithTimestamp(j.claimed), trace.WithAttributes(attribute.Int("assay.leads", len(jobs))))
		}
		j.begin(own, q.Tracer, pass.SpanContext())
	}
	if pass == nil {
		return untraced(ctx), func() {}
	}
	return ctx, func() {
		for _, j := range jobs {
			if j.span != nil {
				if j.end == failed {
					j.span.SetStatus(codes.Error, j.error)
				}
				j.span.End()
			}
		}
		pass.End()
	}
}

// begin begins the lead's own spans.
func (j *job) begin(ctx context.Context, tracer trace.Tracer, pass trace.SpanContext) {
	_, wait := tracer.Start(ctx, "assay.queue.wait", trace.WithTimestamp(j.GetAcceptedTime().AsTime()))
	wait.End(trace.WithTimestamp(j.claimed))

	links := []trace.Link{{SpanContext: pass}}
	for _, joined := range j.GetLinks() {
		links = append(links, telemetry.Link(joined))
	}
	_, j.span = tracer.Start(ctx, "assay.qualify", trace.WithTimestamp(j.claimed), trace.WithLinks(links...),
		trace.WithAttributes(
			attribute.String("assay.lead", j.GetLead()),
			attribute.Int("assay.facts_version", int(j.GetToVersion())),
			attribute.Int("assay.attempt", int(j.GetAttempt())),
			attribute.Bool("assay.historical", j.GetHistorical()),
		))
}

// traceDecide makes the span of the decision.
func (j *job) traceDecide(tracer trace.Tracer, start, end time.Time) {
	if j.span == nil {
		return
	}
	ctx := trace.ContextWithSpan(context.Background(), j.span)
	_, span := tracer.Start(ctx, "assay.decide", trace.WithTimestamp(start), trace.WithAttributes(
		attribute.String("assay.verdict", j.digest.GetVerdict().String()),
		attribute.String("assay.stage", j.digest.GetStage().String()),
		attribute.String("assay.standard_version", j.digest.GetStandardVersion()),
	))
	span.End(trace.WithTimestamp(end))
}

// traceparent is the parent of the spans that scorers make for the lead; empty if it
// is not traced.
func (j *job) traceparent() string {
	if j.span == nil {
		return ""
	}
	return telemetry.Traceparent(trace.ContextWithSpan(context.Background(), j.span))
}

// untraced is a context whose calls make no spans.
func untraced(ctx context.Context) context.Context { return telemetry.WithRemoteParent(ctx, "") }
