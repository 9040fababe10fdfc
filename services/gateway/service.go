package gateway

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Conns are the connections to the services, wherever they live. Calls through them
// carry the caller of their context.
type Conns struct {
	Ingest, ProfileFit, Behavior, Handoff grpc.ClientConnInterface
}

// forMethod finds the connection for `/assay.<service>.v1.Service/Method`.
func (c Conns) forMethod(method string) grpc.ClientConnInterface {
	name, ok := strings.CutPrefix(method, "/assay.")
	if !ok {
		return nil
	}
	service, _, _ := strings.Cut(name, ".")
	switch service {
	case "ingest":
		return c.Ingest
	case "profilefit":
		return c.ProfileFit
	case "behavior":
		return c.Behavior
	case "handoff":
		return c.Handoff
	}
	return nil
}

// Deps are what the gateway needs. All are required but Ready and Metrics.
type Deps struct {
	// Conns are the connections to the services.
	Conns Conns
	// Telemetry is the gateway's own.
	Telemetry *telemetry.Telemetry
	// Keys knows the API keys, see [Keys].
	Keys rpc.KeyVerifier
	// Ready says whether this process can serve, and if not why, for /readyz.
	// Default: always.
	Ready func(context.Context) error
	// Metrics serves /metrics. Default: 404.
	Metrics http.Handler
}

// Service is the gateway.
type Service struct {
	keys      rpc.KeyVerifier
	mux       *runtime.ServeMux
	telemetry *telemetry.Telemetry
	log       *slog.Logger
	ready     func(context.Context) error
	metrics   http.Handler
}

// New makes a gateway. It holds nothing that must be started or stopped.
func New(d Deps) (*Service, error) {
	if d.Conns.Ingest == nil || d.Conns.ProfileFit == nil || d.Conns.Behavior == nil || d.Conns.Handoff == nil {
		return nil, errors.New("gateway: a connection to each of the four services is required")
	}
	mux, err := newMux(d.Conns)
	if err != nil {
		return nil, err
	}
	s := &Service{
		keys:      d.Keys,
		mux:       mux,
		telemetry: d.Telemetry,
		log:       d.Telemetry.Log,
		ready:     d.Ready,
		metrics:   d.Metrics,
	}
	if s.ready == nil {
		s.ready = func(context.Context) error { return nil }
	}
	if s.metrics == nil {
		s.metrics = http.NotFoundHandler()
	}
	return s, nil
}
