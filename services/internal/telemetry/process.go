package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// Options configures a [Process].
type Options struct {
	// Version is the version of the binary, shown as `service.version`.
	Version string
	// Log is where log lines go, as JSON. Default: standard error.
	Log io.Writer
	// Level is the lowest level that is logged; a *slog.LevelVar can change it while
	// running. Default: Info.
	Level slog.Leveler
	// SpanExporter replaces the OTLP exporter, for tests. Spans then leave at once.
	SpanExporter sdktrace.SpanExporter
}

// Process is what the services of one process share.
type Process struct {
	version  string
	log      slog.Handler
	registry *prometheus.Registry
	spans    sdktrace.SpanProcessor // nil: tracing is off

	mu       sync.Mutex
	services map[string]*Telemetry
	stops    []func(context.Context) error
}

// Start prepares the telemetry of a process. It connects to nothing yet: a collector
// that is away delays no start.
func Start(ctx context.Context, o Options) (*Process, error) {
	if o.Log == nil {
		o.Log = os.Stderr
	}
	if o.Level == nil {
		o.Level = slog.LevelInfo
	}
	p := &Process{
		version:  o.Version,
		log:      traceHandler{slog.NewJSONHandler(o.Log, &slog.HandlerOptions{Level: o.Level})},
		registry: prometheus.NewRegistry(),
		services: map[string]*Telemetry{},
	}
	p.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	otel.SetErrorHandler(logged(slog.New(p.log)))

	switch {
	case o.SpanExporter != nil:
		p.spans = sdktrace.NewSimpleSpanProcessor(o.SpanExporter)
	case os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != "":
		exporter, err := otlptracegrpc.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("telemetry: OTLP exporter: %w", err)
		}
		p.spans = sdktrace.NewBatchSpanProcessor(exporter)
	}
	if p.spans != nil {
		p.stops = append(p.stops, p.spans.Shutdown)
	}
	return p, nil
}

// logged logs what OpenTelemetry fails at, which happens outside every call.
func logged(log *slog.Logger) otel.ErrorHandlerFunc {
	return func(err error) { log.Warn("telemetry", "error", err.Error()) }
}

// Handler serves the metrics of all services of the process, in Prometheus' or the
// OpenMetrics format (which has exemplars).
func (p *Process) Handler() http.Handler {
	return promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{EnableOpenMetrics: true})
}

// Log returns a log of the process as a whole.
func (p *Process) Log() *slog.Logger { return slog.New(p.log) }

// Stop sends what is left, no longer than ctx. Call it after the services stopped.
func (p *Process) Stop(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for i := len(p.stops) - 1; i >= 0; i-- { // providers before the exporter they share
		errs = append(errs, p.stops[i](ctx))
	}
	p.stops = nil
	return errors.Join(errs...)
}
