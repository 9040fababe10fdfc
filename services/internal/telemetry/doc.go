// Package telemetry gives each service its traces, metrics and log.
//
// A [Process] holds what the services of one process share: the OTLP exporter, the
// Prometheus registry, the log. [New] gives a service its own providers on top, so
// that one process still shows several `service.name`s, as many processes would.
//
// Traces leave by OTLP when OTEL_EXPORTER_OTLP_ENDPOINT (or …_TRACES_ENDPOINT) is
// set; the other OTEL_* variables hold as the OpenTelemetry SDK documents them.
// Otherwise tracing is a no-op that costs nothing. Metrics are always collected and
// served by [Process.Handler], with exemplars that point at sampled traces.
//
// A trace that outlives a process, such as a lead's from its capture to its
// decision, is stored as a W3C traceparent: [Traceparent], [WithRemoteParent],
// [Link].
package telemetry
