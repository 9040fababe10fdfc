package loop_test

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Every lead's way from the capture to the decision lies in the capture's own trace,
// also when many leads went through one pass; each lead's part links to the pass.
func TestEachLeadHasItsTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	process, err := telemetry.Start(t.Context(), telemetry.Options{SpanExporter: spans, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, dbtest.SQLite(t), aStandard, process)
	web := sdktrace.NewTracerProvider().Tracer("web") // who calls us is sampled, and exports elsewhere

	const leads = 20
	traces := make([]trace.TraceID, leads)
	var captures sync.WaitGroup
	for i := range leads {
		captures.Go(func() {
			ctx, span := web.Start(t.Context(), "POST /v1/leads:capture")
			defer span.End()
			traces[i] = span.SpanContext().TraceID()
			h.capture(ctx, fmt.Sprintf("lead%d@example.com", i), "page.viewed")
		})
	}
	captures.Wait()

	for _, id := range traces {
		own := spansOf(spans, id, "assay.qualify") // ends last
		for name, want := range map[string]struct{ service, parent string }{
			"assay.queue.wait": {"handoff", "ingest"},
			"assay.qualify":    {"handoff", "ingest"},
			"assay.fit":        {"profilefit", "assay.qualify"},
			"assay.engagement": {"behavior", "assay.qualify"},
			"assay.decide":     {"handoff", "assay.qualify"},
		} {
			s, found := own[name]
			if !found {
				t.Fatalf("no span %s in the trace of a lead", name)
			}
			service, _ := s.Resource.Set().Value(attribute.Key("service.name"))
			if service.AsString() != want.service {
				t.Errorf("%s is of %s", name, service.AsString())
			}
			if parent := own[want.parent]; s.Parent.SpanID() != parent.SpanContext.SpanID() {
				t.Errorf("%s does not hang below %s", name, want.parent)
			}
			if s.EndTime.Before(s.StartTime) {
				t.Errorf("%s ends before it starts", name)
			}
		}
		links := own["assay.qualify"].Links
		if len(links) == 0 || !slices.ContainsFunc(spans.GetSpans(), func(s tracetest.SpanStub) bool {
			return s.Name == "assay.qualify.batch" && s.SpanContext.TraceID() == links[0].SpanContext.TraceID() && s.SpanContext.TraceID() != id
		}) {
			t.Errorf("assay.qualify does not link to its pass: %v", links)
		}
		if q := own["assay.queue.wait"]; own["assay.qualify"].StartTime.Before(q.EndTime) {
			t.Error("qualified before the wait was over")
		}
	}
}

// spansOf is the spans of a trace by name, once the last one is there; `ingest` is
// what ingest did for the capture.
func spansOf(all *tracetest.InMemoryExporter, id trace.TraceID, last string) map[string]tracetest.SpanStub {
	own := map[string]tracetest.SpanStub{}
	for deadline := time.Now().Add(10 * time.Second); own[last].Name == "" && time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		for _, s := range all.GetSpans() {
			if s.SpanContext.TraceID() != id {
				continue
			}
			own[s.Name] = s
			if s.SpanKind == trace.SpanKindServer {
				own["ingest"] = s
			}
		}
	}
	return own
}

// The API tells the trace and the steps, so that the answer survives sampling.
func TestTheAnswerToWhyItTookSoLong(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	process, err := telemetry.Start(t.Context(), telemetry.Options{SpanExporter: spans, Log: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	h := open(t, dbtest.SQLite(t), aStandard, process)
	ctx, span := sdktrace.NewTracerProvider().Tracer("web").Start(t.Context(), "capture")
	defer span.End()
	q := h.qualification(h.capture(ctx, "ana@example.com", "page.viewed").GetLead())
	if q.GetTraceId() != span.SpanContext().TraceID().String() {
		t.Errorf("trace id %q", q.GetTraceId())
	}
	s := q.GetStepTimings()
	sum := s.GetAcceptDuration().AsDuration() + s.GetQueueWaitDuration().AsDuration() + s.GetFitDuration().AsDuration() +
		s.GetEngagementDuration().AsDuration() + s.GetDecideDuration().AsDuration()
	if total := s.GetTotalDuration().AsDuration(); sum != total || s.GetEngagementDuration().AsDuration() <= 0 || total <= 0 {
		t.Errorf("steps %v sum to %v", s, sum)
	}
}
