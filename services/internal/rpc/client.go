package rpc

import (
	"context"
	"fmt"
	"time"

	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/propagation"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
)

// propagator carries the trace between processes. Baggage is not carried: what a
// stranger sends would travel everywhere.
var propagator = propagation.TraceContext{}

// ClientOptions configures a connection.
//
// A call goes out in the name of the caller in its context. A service that acts for
// itself, not for who called it, says so: caller.With(ctx, caller.System("handoff")).
type ClientOptions struct {
	// Telemetry is that of the service that dials. Default: silent.
	Telemetry *telemetry.Telemetry
	// Service is the name of the service that dials: who calls when the context does
	// not say.
	Service string
	// Signer signs internal tokens. Required between services.
	Signer *caller.Signer
	// APIKey is sent instead of an internal token, by clients from outside.
	APIKey string
	// Memory is the network of the process; the target is then the name of a service.
	// Default: TCP, or whatever the target says.
	Memory *Memory
	// Credentials are those of TLS. Default: none.
	Credentials credentials.TransportCredentials
	// Now is the clock, for tokens. Default time.Now.
	Now func() time.Time
}

// reconnect bounds how long a service that came back is still taken to be away: the
// default of gRPC waits up to two minutes between attempts.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 100 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// Dial returns a connection to a server. It connects at the first call; a server that
// is away fails calls at once with UNAVAILABLE. Nothing is retried here: the
// outermost caller retries, if anybody does.
func Dial(target string, o ClientOptions) (*grpc.ClientConn, error) {
	if o.Telemetry == nil {
		o.Telemetry = telemetry.New("", nil)
	}
	if o.Credentials == nil {
		o.Credentials = insecure.NewCredentials()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(o.Credentials),
		grpc.WithDisableRetry(),
		grpc.WithDisableServiceConfig(),
		grpc.WithConnectParams(reconnect),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxInternalRequest), grpc.MaxCallSendMsgSize(maxInternalRequest)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}),
		grpc.WithStatsHandler(otelgrpc.NewClientHandler(
			otelgrpc.WithTracerProvider(o.Telemetry.TracerProvider),
			otelgrpc.WithMeterProvider(o.Telemetry.MeterProvider),
			otelgrpc.WithPropagators(propagator),
			otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool { return !isOpen(info.FullMethodName) }),
		)),
		grpc.WithChainUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			return invoke(o.introduce(ctx), method, req, reply, cc, opts...)
		}),
		grpc.WithChainStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, stream grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			return stream(o.introduce(ctx), desc, cc, method, opts...)
		}),
	}
	if o.Memory != nil {
		target = "passthrough:///" + target
		options = append(options, grpc.WithContextDialer(o.Memory.dial))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, fmt.Errorf("rpc: dial %s: %w", target, err)
	}
	return conn, nil
}

// introduce attaches who calls and the request id to an outgoing call.
func (o ClientOptions) introduce(ctx context.Context) context.Context {
	var pairs []string
	switch {
	case o.APIKey != "":
		pairs = append(pairs, "authorization", "Bearer "+o.APIKey)
	case o.Signer != nil:
		who, ok := caller.From(ctx)
		if !ok {
			who = caller.System(o.Service)
		}
		pairs = append(pairs, caller.TokenHeader, o.Signer.Sign(who, o.Now()))
	}
	if id := RequestID(ctx); id != "" {
		pairs = append(pairs, RequestIDHeader, id)
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}
