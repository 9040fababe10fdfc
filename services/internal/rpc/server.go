package rpc

import (
	"context"
	"time"

	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
)

// ServerOptions configures a server.
type ServerOptions struct {
	// Telemetry is that of the service behind the server. Default: silent.
	Telemetry *telemetry.Telemetry
	// Services are the telemetries of services that share the server, by name. Calls
	// of others are reported with Telemetry.
	Services map[string]*telemetry.Telemetry
	// Unknown handles the methods that no registered service has, e.g. by forwarding
	// them; the caller is authenticated and authorized before. Default: UNIMPLEMENTED.
	Unknown grpc.StreamHandler
	// Forwarded are the full names of the services that Unknown handles, for
	// reflection.
	Forwarded []string
	// Admit says whether who calls may bring a request; what Unknown handles it does not see.
	// Default: yes.
	Admit func(ctx context.Context, request any) error
	// Signer verifies internal tokens. Required.
	Signer *caller.Signer
	// Keys verifies API keys, on a server that faces the outside. Wrap it with
	// [CacheKeys]. Default: internal tokens only.
	Keys KeyVerifier
	// Credentials are those of TLS. Default: none.
	Credentials credentials.TransportCredentials
	// Deadline is for calls that have none. Default 30 s.
	Deadline time.Duration
	// Now is the clock, for tokens. Default time.Now.
	Now func() time.Time
}

// Server is a gRPC server with its health.
type Server struct {
	*grpc.Server
	// Health answers SERVING for the server as a whole (``) from the start.
	Health *health.Server
}

// Sizes of requests. A method whose name begins with `Batch` takes the larger of the
// public ones; a service takes what another service sends.
const (
	maxRequest         = 1 << 20
	maxBatchRequest    = 4 << 20
	maxInternalRequest = 64 << 20
)

// Windows of HTTP/2 that are wide enough for a batch: it then goes out without
// waiting, and gRPC leaves out its bandwidth pings, a fifth of the time of a call.
const (
	streamWindow     = 4 << 20
	connectionWindow = 16 << 20
)

// NewServer returns a server with health and reflection registered and nothing else.
func NewServer(o ServerOptions) *Server {
	if o.Telemetry == nil {
		o.Telemetry = telemetry.New("", nil)
	}
	if o.Deadline == 0 {
		o.Deadline = 30 * time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	reports := reporters{o.Telemetry, o.Services}
	received := maxInternalRequest
	if o.Keys != nil && len(o.Services) == 0 {
		// Only strangers call: beyond this gRPC refuses before it reads. The rest is
		// for the headers. A server that services call too has to read what they send,
		// and refuses the public after that.
		received = maxBatchRequest + 64<<10
	}
	options := []grpc.ServerOption{
		grpc.ForceServerCodecV2(lenientCodec{}),
		grpc.MaxRecvMsgSize(received),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
		grpc.StatsHandler(reports.handler()),
		grpc.ChainUnaryInterceptor(
			observeUnary(reports.log),
			deadline(o.Deadline),
			guard{signer: o.Signer, keys: o.Keys, now: o.Now}.unary,
			limitRequest,
			validateRequest,
			admit(o.Admit),
			record,
		),
		grpc.ChainStreamInterceptor(
			observeStream(reports.log),
			guard{signer: o.Signer, keys: o.Keys, now: o.Now}.stream,
		),
	}
	if o.Unknown != nil {
		options = append(options, grpc.UnknownServiceHandler(o.Unknown))
	}
	if o.Credentials != nil {
		options = append(options, grpc.Creds(o.Credentials))
	}
	s := &Server{Server: grpc.NewServer(options...), Health: health.NewServer()}
	healthpb.RegisterHealthServer(s, s.Health)
	reflection.Register(reflected{s.Server, o.Forwarded})
	return s
}

// Shutdown says that the server is not serving, takes no new calls and waits for
// running ones until ctx ends; then it cuts them off.
func (s *Server) Shutdown(ctx context.Context) {
	s.Health.Shutdown()
	done := make(chan struct{})
	go func() {
		s.GracefulStop()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.Stop()
		<-done
	}
}
