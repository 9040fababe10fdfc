package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// keys asks handoff's AccessService who holds an API key, or a token.
type keys struct{ access handoffv1.AccessServiceClient }

// Keyring knows who holds a secret, and the sources of write keys.
type Keyring = sourcecache.Cache

// Keys returns a keyring whose answers are at most five seconds old, for the two doors of a
// process: REST and public gRPC.
func Keys(conns Conns, now func() time.Time) *Keyring {
	return sourcecache.New(conns.Ingest, rpc.CacheKeys(keys{handoffv1.NewAccessServiceClient(conns.Handoff)}, now), now)
}

// verifyTimeout is how long a call waits to learn who calls: a service that hangs must
// not make every caller hang.
const verifyTimeout = 3 * time.Second

// Verify returns who holds the secret and until when, see [rpc.KeyVerifier].
func (k keys) Verify(ctx context.Context, secret string) (caller.Caller, time.Time, error) {
	ctx, cancel := context.WithTimeout(caller.With(ctx, caller.System("gateway")), verifyTimeout)
	defer cancel()
	got, err := k.access.VerifyApiKey(ctx, &handoffv1.VerifyApiKeyRequest{Secret: secret})
	var until time.Time
	if got.GetExpireTime() != nil {
		until = got.GetExpireTime().AsTime()
	}
	switch status.Code(err) {
	case codes.OK:
		return caller.Caller{Actor: got.GetActor(), Role: got.GetRole(), Source: strings.TrimPrefix(got.GetSource(), "sources/")}, until, nil
	case codes.Unauthenticated, codes.PermissionDenied:
		return caller.Caller{}, until, err // it says why
	case codes.InvalidArgument, codes.NotFound:
		return caller.Caller{}, until, rpc.ErrUnknownKey
	}
	return caller.Caller{}, until, apierr.Unavailable("the check of API keys")
}

type authErrorKey struct{}

// authenticated finds out who calls, once. A request without a good key goes on
// nameless, so that unknown paths and methods are answered alike for everybody; the
// route refuses it.
func (s *Service) authenticated(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		who, err := rpc.Authenticate(ctx, s.keys, r.Header.Get("Authorization"))
		if err != nil {
			ctx = context.WithValue(ctx, authErrorKey{}, err)
		} else {
			ctx = caller.With(ctx, who)
		}
		r = r.WithContext(ctx)
		// The key ends here: no service and no log gets to see it.
		r.Header.Del("Authorization")
		r.Header.Del("Grpc-Timeout")
		next.ServeHTTP(w, r)
	})
}

// whyUnknown returns why nobody is known to call.
func whyUnknown(ctx context.Context) error {
	if err, ok := ctx.Value(authErrorKey{}).(error); ok {
		return err
	}
	return apierr.Unauthenticated()
}

// Forward carries any call to the service it is for, unread: the handler of the gRPC
// server for services that live in another process. The caller is authenticated
// before, and authorized by the service.
func (c Conns) Forward(_ any, in grpc.ServerStream) error {
	ctx, cancel := context.WithCancel(in.Context())
	defer cancel()
	method, ok := grpc.MethodFromServerStream(in)
	if !ok {
		return status.Error(codes.Internal, "no method in the stream")
	}
	conn := c.forMethod(method)
	if conn == nil || methodByName(method) == nil {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	out, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, method)
	if err != nil {
		return err
	}
	go func() {
		// A failure here shows as the end of the other direction.
		if err := pump(in, out); errors.Is(err, io.EOF) {
			_ = out.CloseSend()
		} else {
			cancel()
		}
	}()
	header, err := out.Header()
	if err == nil {
		_ = in.SetHeader(publicMetadata(header))
	}
	err = pump(out, in)
	in.SetTrailer(publicMetadata(out.Trailer()))
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// stream is what the two ends of a call have in common.
type stream interface {
	SendMsg(m any) error
	RecvMsg(m any) error
}

// pump carries messages one way until the sender ends. An empty message keeps the
// bytes of the real one as unknown fields, so nothing is decoded on the way.
func pump(from, to stream) error {
	for {
		m := new(emptypb.Empty)
		if err := from.RecvMsg(m); err != nil {
			return err
		}
		if err := to.SendMsg(m); err != nil {
			return err
		}
	}
}

// publicMetadata drops what the transport sets by itself.
func publicMetadata(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for key, values := range md {
		if key != "content-type" && !strings.HasPrefix(key, "grpc-") {
			out[key] = values
		}
	}
	return out
}
