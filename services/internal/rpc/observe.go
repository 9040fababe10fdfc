package rpc

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// RequestIDHeader is the gRPC metadata key under which a request id travels.
const RequestIDHeader = "x-request-id"

// call is what the steps of a call learn about it, for its log line.
type call struct {
	caller    caller.Caller
	requestID string
}

type callKey struct{}

// RequestID returns the id under which the log has a call, "" if it has none.
func RequestID(ctx context.Context) string {
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		return c.requestID
	}
	return ""
}

// WithRequestID returns a context whose calls, and theirs in turn, are logged under
// the id: at most 64 letters, digits, `-`, `_` and `.`.
func WithRequestID(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, callKey{}, &call{requestID: id})
}

func observeUnary(log func(method string) *slog.Logger) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (resp any, err error) {
		c := &call{requestID: requestID(ctx)}
		begin := time.Now()
		ctx = context.WithValue(ctx, callKey{}, c)
		err = catch(func() (err error) { resp, err = handler(ctx, req); return err })
		if err = c.end(ctx, log(info.FullMethod), info.FullMethod, begin, err); err != nil {
			return nil, err
		}
		return resp, nil
	}
}

func observeStream(log func(method string) *slog.Logger) grpc.StreamServerInterceptor {
	return func(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := stream.Context()
		c := &call{requestID: requestID(ctx)}
		begin := time.Now()
		ctx = context.WithValue(ctx, callKey{}, c)
		err := catch(func() error { return handler(srv, contextStream{stream, ctx}) })
		return c.end(ctx, log(info.FullMethod), info.FullMethod, begin, err)
	}
}

// contextStream is a stream with another context.
type contextStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s contextStream) Context() context.Context { return s.ctx }

// panicked is an error with the stack it came from.
type panicked struct {
	value any
	stack []byte
}

func (p panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

func catch(f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked{v, debug.Stack()}
		}
	}()
	return f()
}

// end writes the log line of the call and returns the error that the caller may see.
func (c *call) end(ctx context.Context, log *slog.Logger, method string, begin time.Time, cause error) error {
	var err error
	if sqldb.IsUnavailable(cause) {
		err = apierr.Unavailable("the store")
	} else {
		err = apierr.From(cause, c.requestID)
	}
	code := status.Code(err)
	if code == codes.Internal && c.requestID == "" {
		c.requestID = newRequestID()
		err = apierr.From(cause, c.requestID)
	}
	level := level(code, c.caller.Role, method)
	if !log.Enabled(ctx, level) {
		return err
	}
	attrs := []slog.Attr{
		slog.String("method", method),
		slog.String("code", code.String()),
		slog.Float64("ms", float64(time.Since(begin).Microseconds())/1000),
		slog.String("actor", c.caller.Actor),
	}
	if c.requestID != "" {
		attrs = append(attrs, slog.String("request_id", c.requestID))
	}
	if reason := apierr.Reason(err); reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	// The cause of an error that is ours. That of a bad request may quote it.
	if cause != nil && level >= slog.LevelWarn {
		attrs = append(attrs, slog.String("error", cause.Error()))
		if p, ok := cause.(panicked); ok { //nolint:errorlint // catch returns it as it is
			attrs = append(attrs, slog.String("stack", string(p.stack)))
		}
	}
	log.LogAttrs(ctx, level, "rpc", attrs...)
	return err
}

// level keeps the calls between services, many for each from outside, and the
// probes out of the log unless they fail.
func level(code codes.Code, role typev1.Role, method string) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return slog.LevelWarn
	}
	if role == typev1.Role_ROLE_SERVICE || isOpen(method) {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// requestID returns the id that came with the call if it is one: it goes to the log.
func requestID(ctx context.Context) string {
	values := metadata.ValueFromIncomingContext(ctx, RequestIDHeader)
	if len(values) != 1 || values[0] == "" || len(values[0]) > 64 {
		return ""
	}
	for _, c := range []byte(values[0]) {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' && c != '.' {
			return ""
		}
	}
	return values[0]
}

func newRequestID() string {
	var id [12]byte
	rand.Read(id[:]) // never fails, by its documentation
	return hex.EncodeToString(id[:])
}

// deadline bounds calls that have no deadline.
func deadline(d time.Duration) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if _, has := ctx.Deadline(); !has {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, d)
			defer cancel()
		}
		return handler(ctx, req)
	}
}
