package telemetry

import (
	"context"
	"encoding/binary"
	"math/rand/v2"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// Traceparent returns the current span as a W3C traceparent to store with work that
// goes on later. It is empty when the trace is not sampled.
func Traceparent(ctx context.Context) string {
	s := trace.SpanContextFromContext(ctx)
	if !s.IsValid() || !s.IsSampled() {
		return ""
	}
	return "00-" + s.TraceID().String() + "-" + s.SpanID().String() + "-01"
}

// TraceID returns the trace id of a traceparent; empty if it has none.
func TraceID(traceparent string) string {
	s := parse(traceparent)
	if !s.HasTraceID() {
		return ""
	}
	return s.TraceID().String()
}

// WithRemoteParent returns a context whose spans go on with the stored trace,
// whatever trace ctx belongs to. An empty or garbled traceparent means that the
// trace was not sampled, so that its spans are not sampled either.
func WithRemoteParent(ctx context.Context, traceparent string) context.Context {
	s := parse(traceparent)
	if !s.IsValid() {
		s = unsampled()
	}
	return trace.ContextWithRemoteSpanContext(ctx, s)
}

// Link returns a link to the stored trace, which the SDK drops if the traceparent is
// empty or garbled.
func Link(traceparent string) trace.Link {
	return trace.Link{SpanContext: parse(traceparent)}
}

func parse(traceparent string) trace.SpanContext {
	if traceparent == "" {
		return trace.SpanContext{}
	}
	carrier := propagation.MapCarrier{"traceparent": traceparent}
	return trace.SpanContextFromContext(propagation.TraceContext{}.Extract(context.Background(), carrier))
}

func unsampled() trace.SpanContext {
	var config trace.SpanContextConfig
	binary.NativeEndian.PutUint64(config.TraceID[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(config.TraceID[8:], rand.Uint64()|1) // an id is not zero
	binary.NativeEndian.PutUint64(config.SpanID[:], rand.Uint64()|1)
	return trace.NewSpanContext(config)
}
