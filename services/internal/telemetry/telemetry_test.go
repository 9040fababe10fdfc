package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/telemetry"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, o telemetry.Options) *telemetry.Process {
	t.Helper()
	if o.Log == nil {
		o.Log = t.Output()
	}
	p, err := telemetry.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestOneProcessShowsSeveralServices(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{SpanExporter: spans})
	for _, service := range []string{"ingest", "handoff"} {
		tel := telemetry.New(service, p)
		ctx, span := tel.Tracer.Start(t.Context(), "assay.test")
		counter, err := tel.Meter.Int64Counter("assay.things")
		if err != nil {
			t.Fatal(err)
		}
		counter.Add(ctx, 1)
		span.End()
	}
	if first, second := telemetry.New("ingest", p), telemetry.New("ingest", p); first != second {
		t.Error("a service has two telemetries: its metrics would be there twice")
	}
	var names []string
	for _, s := range spans.GetSpans() {
		names = append(names, s.Resource.String())
	}
	if got := strings.Join(names, " "); got != "service.name=ingest service.name=handoff" {
		t.Error(got)
	}

	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	answer := httptest.NewRecorder()
	p.Handler().ServeHTTP(answer, request)
	for _, want := range []string{
		`assay_things_total{service_name="ingest"} 1`, `assay_things_total{service_name="handoff"} 1`,
		`} 1.0 # {`, // the exemplar
	} {
		if !strings.Contains(answer.Body.String(), want) {
			t.Errorf("%s is missing in:\n%s", want, answer.Body)
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTracingIsOffWithoutEndpoint(t *testing.T) {
	p := start(t, telemetry.Options{})
	ctx, span := telemetry.New("ingest", p).Tracer.Start(t.Context(), "assay.test")
	if span.IsRecording() || telemetry.Traceparent(ctx) != "" {
		t.Error("a span is recorded")
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestOTLPExporterStartsWithoutCollectorAndStops(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	t.Setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "10")
	p := start(t, telemetry.Options{})
	_, span := telemetry.New("ingest", p).Tracer.Start(t.Context(), "assay.test")
	if !span.IsRecording() {
		t.Error("no span is recorded")
	}
	span.End()
	_ = p.Stop(t.Context()) // says that the collector is away
}

func TestLogLinesCarryTheTrace(t *testing.T) {
	var out bytes.Buffer
	p := start(t, telemetry.Options{Log: &out, SpanExporter: tracetest.NewInMemoryExporter()})
	tel := telemetry.New("ingest", p)
	ctx, span := tel.Tracer.Start(t.Context(), "assay.test")
	tel.Log.InfoContext(ctx, "hello", slog.Int("leads", 2))
	tel.Log.DebugContext(ctx, "too low")
	span.End()
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, out.String())
	}
	if line["service"] != "ingest" || line["leads"] != 2.0 || line["trace_id"] != span.SpanContext().TraceID().String() {
		t.Error(line)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestTraceparentGoesOnWithTheTrace(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	p := start(t, telemetry.Options{SpanExporter: spans})
	tel := telemetry.New("ingest", p)
	captured, span := tel.Tracer.Start(t.Context(), "capture")
	stored := telemetry.Traceparent(captured)
	span.End()

	batch, other := tel.Tracer.Start(t.Context(), "batch")
	_, later := tel.Tracer.Start(telemetry.WithRemoteParent(batch, stored), "qualify")
	if later.SpanContext().TraceID() != span.SpanContext().TraceID() || telemetry.TraceID(stored) != span.SpanContext().TraceID().String() {
		t.Error("the span is not in the stored trace")
	}
	if link := telemetry.Link(stored); link.SpanContext.SpanID() != span.SpanContext().SpanID() {
		t.Error("the link leads elsewhere")
	}
	for _, garbled := range []string{"", "00-0-0-01", "nonsense"} {
		_, s := tel.Tracer.Start(telemetry.WithRemoteParent(batch, garbled), "qualify")
		if s.IsRecording() || s.SpanContext().TraceID() == other.SpanContext().TraceID() {
			t.Errorf("%q: want a span that is not sampled and not of the batch's trace", garbled)
		}
		if telemetry.TraceID(garbled) != "" || telemetry.Link(garbled).SpanContext.IsValid() {
			t.Errorf("%q has a trace", garbled)
		}
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Error(err)
	}
}

func FuzzTraceparent(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Fuzz(func(t *testing.T, traceparent string) {
		ctx := telemetry.WithRemoteParent(t.Context(), traceparent)
		if !trace.SpanContextFromContext(ctx).IsValid() {
			t.Error("no valid parent")
		}
		if again := telemetry.Traceparent(ctx); again != "" && telemetry.TraceID(again) != telemetry.TraceID(traceparent) {
			t.Errorf("%q became %q", traceparent, again)
		}
	})
}

func BenchmarkSpanWhenTracingIsOff(b *testing.B) {
	tracer := telemetry.New("ingest", nil).Tracer
	for b.Loop() {
		_, span := tracer.Start(b.Context(), "assay.test")
		span.End()
	}
}
