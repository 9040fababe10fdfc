package rpc

import (
	"context"
	"log/slog"
	"maps"
	"strings"

	"github.com/assay-hq/assay/services/internal/telemetry"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/stats"
)

// ServiceOf returns the service that a method belongs to: `ingest` for
// `/assay.ingest.v1.IngestService/GetLead`; "" for methods that are not ours.
func ServiceOf(method string) string {
	name, ours := strings.CutPrefix(method, "/assay.")
	if !ours {
		return ""
	}
	service, _, _ := strings.Cut(name, ".")
	return service
}

// reporters are the telemetries of the services behind one server.
type reporters struct {
	own       *telemetry.Telemetry
	byService map[string]*telemetry.Telemetry
}

func (r reporters) log(method string) *slog.Logger {
	if t, ok := r.byService[ServiceOf(method)]; ok {
		return t.Log
	}
	return r.own.Log
}

// handler returns a stats handler that reports each call with its service's
// telemetry.
func (r reporters) handler() stats.Handler {
	h := sharedStats{own: serverStats(r.own), byService: map[string]stats.Handler{}}
	for service, t := range r.byService {
		h.byService[service] = serverStats(t)
	}
	if len(h.byService) == 0 {
		return h.own
	}
	return h
}

func serverStats(t *telemetry.Telemetry) stats.Handler {
	return otelgrpc.NewServerHandler(
		otelgrpc.WithTracerProvider(t.TracerProvider),
		otelgrpc.WithMeterProvider(t.MeterProvider),
		otelgrpc.WithPropagators(propagator),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool { return !isOpen(info.FullMethodName) }),
	)
}

type sharedStats struct {
	own       stats.Handler
	byService map[string]stats.Handler
}

type statsKey struct{}

func (h sharedStats) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	chosen, ok := h.byService[ServiceOf(info.FullMethodName)]
	if !ok {
		chosen = h.own
	}
	return context.WithValue(chosen.TagRPC(ctx, info), statsKey{}, chosen)
}

func (h sharedStats) HandleRPC(ctx context.Context, s stats.RPCStats) {
	if chosen, ok := ctx.Value(statsKey{}).(stats.Handler); ok {
		chosen.HandleRPC(ctx, s)
	}
}

func (h sharedStats) TagConn(ctx context.Context, info *stats.ConnTagInfo) context.Context {
	return h.own.TagConn(ctx, info)
}

func (h sharedStats) HandleConn(ctx context.Context, s stats.ConnStats) { h.own.HandleConn(ctx, s) }

// reflected is what reflection shows of a server: what is registered, and what it
// forwards.
type reflected struct {
	*grpc.Server
	forwarded []string
}

func (r reflected) GetServiceInfo() map[string]grpc.ServiceInfo {
	info := maps.Clone(r.Server.GetServiceInfo())
	for _, name := range r.forwarded {
		if _, here := info[name]; !here {
			info[name] = grpc.ServiceInfo{}
		}
	}
	return info
}
