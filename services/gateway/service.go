package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc"

	"github.com/assay-hq/assay/services/gateway/internal/remote"
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
	switch rpc.ServiceOf(method) {
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

// Deps are what the gateway needs. All are required.
type Deps struct {
	// Conns are the connections to the services.
	Conns Conns
	// Telemetry is the gateway's own.
	Telemetry *telemetry.Telemetry
	// Keys knows the API keys and the sources, see [Keys].
	Keys *Keyring
	// TrustedProxies are addresses and networks of proxies whose X-Forwarded-For says where
	// a request comes from, e.g. `10.0.0.0/8`. Default: none.
	TrustedProxies []string
}

// Service is the gateway.
type Service struct {
	keys      *Keyring
	conns     Conns
	proxies   remote.Proxies
	mux       *runtime.ServeMux
	links     *links
	hooks     *hooks
	tools     tools
	telemetry *telemetry.Telemetry
	log       *slog.Logger
}

// New makes a gateway.
func New(d Deps) (*Service, error) {
	if d.Conns.Ingest == nil || d.Conns.ProfileFit == nil || d.Conns.Behavior == nil || d.Conns.Handoff == nil {
		return nil, errors.New("gateway: a connection to each of the four services is required")
	}
	proxies, err := remote.ParseProxies(d.TrustedProxies)
	if err != nil {
		return nil, fmt.Errorf("gateway: trusted proxies: %w", err)
	}
	mux, err := newMux(d.Conns, d.Keys)
	if err != nil {
		return nil, err
	}
	return &Service{
		keys: d.Keys, conns: d.Conns, proxies: proxies, mux: mux, links: newLinks(d.Conns), hooks: newHooks(d.Conns),
		tools:     newTools(d, proxies),
		telemetry: d.Telemetry, log: d.Telemetry.Log,
	}, nil
}

// Register adds nothing: the gateway has no gRPC service of its own.
func (s *Service) Register(grpc.ServiceRegistrar) {}

// Start does nothing: the gateway works only when it is called.
func (s *Service) Start(context.Context) error { return nil }

// Stop does nothing.
func (s *Service) Stop() {}
