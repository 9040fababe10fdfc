package telemetry

import (
	"log/slog"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	noopmetric "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	nooptrace "go.opentelemetry.io/otel/trace/noop"
)

// Telemetry is what one service reports with.
type Telemetry struct {
	// Tracer makes the service's own spans, named `assay.*`.
	Tracer trace.Tracer
	// Meter makes the service's own instruments, named `assay.<service>.*`.
	Meter metric.Meter
	// Log writes JSON lines with `service`, and `trace_id` and `span_id` of the
	// context that the …Context methods are given. Never log personal data.
	Log *slog.Logger
	// TracerProvider is for instrumentation libraries.
	TracerProvider trace.TracerProvider
	// MeterProvider is for instrumentation libraries.
	MeterProvider metric.MeterProvider
}

const scope = "github.com/assay-hq/assay/services"

// New returns the telemetry of a service, e.g. `ingest`: the same one each time for a
// service of a process. Without a process it is silent, for tests.
func New(service string, p *Process) *Telemetry {
	if p == nil {
		return build(service, nil)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t, ok := p.services[service]
	if !ok {
		t = build(service, p)
		p.services[service] = t
	}
	return t
}

func build(service string, p *Process) *Telemetry {
	t := &Telemetry{
		Log:            slog.New(slog.DiscardHandler),
		TracerProvider: nooptrace.NewTracerProvider(),
		MeterProvider:  noopmetric.NewMeterProvider(),
	}
	if p != nil {
		t.Log = slog.New(p.log).With("service", service)
		attributes := []attribute.KeyValue{attribute.String("service.name", service)}
		if p.version != "" {
			attributes = append(attributes, attribute.String("service.version", p.version))
		}
		r := resource.NewSchemaless(attributes...)
		t.MeterProvider = p.meterProvider(r)
		if p.spans != nil {
			t.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithResource(r), sdktrace.WithSpanProcessor(p.spans))
		}
	}
	t.Tracer = t.TracerProvider.Tracer(scope)
	t.Meter = t.MeterProvider.Meter(scope)
	return t
}

// meterProvider reports into the registry of the process, told apart by the label
// `service_name`.
func (p *Process) meterProvider(r *resource.Resource) metric.MeterProvider {
	exporter, err := otelprometheus.New(
		otelprometheus.WithRegisterer(p.registry),
		otelprometheus.WithResourceAsConstantLabels(attribute.NewAllowKeysFilter("service.name")),
		otelprometheus.WithoutTargetInfo(),
		otelprometheus.WithoutScopeInfo(),
	)
	if err != nil { // metrics are worth less than the service
		otel.Handle(err)
		return noopmetric.NewMeterProvider()
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithResource(r), sdkmetric.WithReader(exporter))
	p.stops = append(p.stops, provider.Shutdown)
	return provider
}
