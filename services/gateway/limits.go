package gateway

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/peer"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// sender is where a request comes from.
type sender struct {
	address netip.Addr
	// origin of the page that sent it; empty: no page did.
	origin string
}

type senderKey struct{}

// CheckProxies says what is wrong with [Deps.TrustedProxies].
func CheckProxies(list []string) error {
	_, err := remote.ParseProxies(list)
	return err
}

func (s *Service) withSender(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := sender{address: s.proxies.Address(r), origin: r.Header.Get("Origin")}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), senderKey{}, from)))
	})
}

// captureConn lets write keys bring no more to ingest than their sources may. Calls of
// others it leaves alone.
type captureConn struct {
	grpc.ClientConnInterface
	sources *sourcecache.Cache
}

// Invoke counts what a write key sends and calls the method.
func (c captureConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	if who, ok := caller.From(ctx); ok && who.Source != "" {
		from, _ := ctx.Value(senderKey{}).(sender)
		if err := admit(ctx, c.sources, who.Source, from, args); err != nil {
			return err
		}
	}
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// Admit says whether a write key may bring a request that did not come by REST: the limit
// of public gRPC.
func (s *Service) Admit(ctx context.Context, request any) error {
	who, ok := caller.From(ctx)
	if !ok || who.Source == "" {
		return nil
	}
	var from sender
	if p, ok := peer.FromContext(ctx); ok {
		if tcp, ok := p.Addr.(*net.TCPAddr); ok {
			from.address = tcp.AddrPort().Addr()
		}
	}
	return admit(ctx, s.keys, who.Source, from, request)
}

// admit says whether a source may send what it does.
func admit(ctx context.Context, sources *sourcecache.Cache, source string, from sender, request any) error {
	s, err := sources.ByID(ctx, source)
	if err != nil {
		return err
	}
	if s.Browser() && from.origin != "" && !s.AllowsOrigin(from.origin) {
		return apierr.WrongOrigin()
	}
	if _, many := request.(*ingestv1.BatchCaptureLeadsRequest); many && s.Browser() {
		// Its answer says of each lead why it was refused: that is for who may know.
		return apierr.PermissionDeniedFor("the key of a browser captures one lead at a time, or sends as tracking clients do")
	}
	return sources.Take(s, from.address, events(request))
}

// events counts what a request brings: a lead without activities is one.
func events(request any) int {
	switch in := request.(type) {
	case *ingestv1.CaptureLeadRequest:
		return max(len(in.GetActivities()), 1)
	case *ingestv1.BatchCaptureLeadsRequest:
		n := 0
		for _, one := range in.GetRequests() {
			n += events(one)
		}
		return n
	case *ingestv1.BatchRecordActivitiesRequest:
		return len(in.GetActivities())
	}
	return 1
}

// Forward carries a call to the service it is for, see [Conns.Forward]; of a write key only
// what it may bring.
func (s *Service) Forward(srv any, in grpc.ServerStream) error {
	if who, _ := caller.From(in.Context()); who.Source == "" {
		return s.conns.Forward(srv, in)
	}
	admitted := &admittedStream{ServerStream: in, admit: s.Admit}
	err := s.conns.Forward(srv, admitted)
	if refused := admitted.refused.Load(); refused != nil {
		return *refused
	}
	return err
}

// admittedStream reads the messages that go through it, and refuses the rest at one that the
// caller may not bring.
type admittedStream struct {
	grpc.ServerStream
	admit   func(ctx context.Context, request any) error
	refused atomic.Pointer[error]
}

// RecvMsg takes a message that nobody has decoded.
func (s *admittedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	name, _ := grpc.MethodFromServerStream(s.ServerStream)
	kind, err := protoregistry.GlobalTypes.FindMessageByName(methodByName(name).Input().FullName())
	if err != nil {
		return err
	}
	request := kind.New().Interface()
	// What cannot be read is counted as one, and refused where it goes.
	_ = proto.Unmarshal(m.(proto.Message).ProtoReflect().GetUnknown(), request)
	if err = s.admit(s.Context(), request); err != nil {
		s.refused.Store(&err)
	}
	return err
}
