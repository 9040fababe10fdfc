// Package otlp is a trace backend for tests: a real OTLP gRPC receiver that keeps
// what it is sent and answers with trees of spans.
package otlp

import (
	"context"
	"encoding/hex"
	"net"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
)

// Span is one span as it was exported.
type Span struct {
	Trace, ID, Parent string // hexadecimal; Parent is empty on a root
	Service, Name     string
	Kind              string
	Begin, End        time.Time
	Attributes        map[string]string
	Links             []string // trace ids
	Failed            bool
}

// Receiver takes spans. Its methods are safe to call while spans arrive.
type Receiver struct {
	collector.UnimplementedTraceServiceServer
	// Endpoint is the value for OTEL_EXPORTER_OTLP_ENDPOINT.
	Endpoint string

	mu      sync.Mutex
	spans   []Span
	arrived chan struct{} // closed and replaced at each arrival
	raw     []byte
}

// Start starts a receiver on loopback for the time of the test.
func Start(t testing.TB) *Receiver {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &Receiver{Endpoint: "http://" + listener.Addr().String(), arrived: make(chan struct{})}
	server := grpc.NewServer()
	collector.RegisterTraceServiceServer(server, r)
	go func() { _ = server.Serve(listener) }() // ends with Stop
	t.Cleanup(server.Stop)
	return r
}

// Export implements the OTLP service.
func (r *Receiver) Export(_ context.Context, request *collector.ExportTraceServiceRequest) (*collector.ExportTraceServiceResponse, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, request.String()...)
	for _, resource := range request.ResourceSpans {
		service := ""
		for _, attribute := range resource.Resource.Attributes {
			if attribute.Key == "service.name" {
				service = attribute.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, span(service, s))
			}
		}
	}
	close(r.arrived)
	r.arrived = make(chan struct{})
	return &collector.ExportTraceServiceResponse{}, nil
}

func span(service string, s *trace.Span) Span {
	got := Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Service: service, Name: s.Name, Kind: s.Kind.String(),
		Begin: time.Unix(0, int64(s.StartTimeUnixNano)), End: time.Unix(0, int64(s.EndTimeUnixNano)),
		Attributes: map[string]string{}, Failed: s.Status.GetCode() == trace.Status_STATUS_CODE_ERROR,
	}
	for _, attribute := range s.Attributes {
		got.Attributes[attribute.Key] = attribute.Value.GetStringValue()
	}
	for _, link := range s.Links {
		got.Links = append(got.Links, hex.EncodeToString(link.TraceId))
	}
	return got
}

// Wait returns the spans of a trace as soon as `enough` says they suffice, and
// fails the test after 15 s.
func (r *Receiver) Wait(t testing.TB, traceID string, enough func([]Span) bool) []Span {
	t.Helper()
	for timeout := time.After(15 * time.Second); ; {
		r.mu.Lock()
		var spans []Span
		for _, s := range r.spans {
			if s.Trace == traceID {
				spans = append(spans, s)
			}
		}
		arrived := r.arrived
		r.mu.Unlock()
		if enough(spans) {
			return spans
		}
		select {
		case <-arrived:
		case <-timeout:
			for _, s := range spans {
				t.Logf("%s  %s ← %s  %s  %s", s.Kind, s.ID, s.Parent, s.Service, s.Name)
			}
			t.Fatalf("the trace %s never had the spans wanted; it has the %d above", traceID, len(spans))
		}
	}
}

// Raw returns everything that was received, as text.
func (r *Receiver) Raw() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return string(r.raw)
}
