package rpc

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// KeyVerifier knows who holds a secret: that of an API key, or a token of the identity
// provider.
type KeyVerifier interface {
	// Verify returns who holds the secret and until when, zero for ever. Nobody is
	// [ErrUnknownKey], or an error of the API that says why: UNAUTHENTICATED or
	// PERMISSION_DENIED. Other errors mean that it could not be found out.
	Verify(ctx context.Context, secret string) (who caller.Caller, until time.Time, err error)
}

// ErrUnknownKey says that a secret is nobody's, or no longer.
var ErrUnknownKey = errors.New("rpc: unknown API key")

// isRefusal reports whether an error of a verifier is an answer: it is nobody's secret.
func isRefusal(err error) bool {
	code := status.Code(err)
	return errors.Is(err, ErrUnknownKey) || code == codes.Unauthenticated || code == codes.PermissionDenied
}

// isOpen reports whether a method is for everyone: what probes and tools ask, and
// nothing of a lead.
func isOpen(method string) bool {
	return strings.HasPrefix(strings.TrimPrefix(method, "/"), "grpc.health.v1.Health/") ||
		strings.HasPrefix(strings.TrimPrefix(method, "/"), "grpc.reflection.")
}

// guard finds out who calls and whether they may.
type guard struct {
	signer *caller.Signer
	keys   KeyVerifier
	now    func() time.Time
}

func (g guard) unary(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	ctx, err := g.admit(ctx, info.FullMethod)
	if err != nil {
		return nil, err
	}
	return handler(ctx, req)
}

func (g guard) stream(srv any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
	ctx, err := g.admit(stream.Context(), info.FullMethod)
	if err != nil {
		return err
	}
	return handler(srv, contextStream{stream, ctx})
}

func (g guard) admit(ctx context.Context, method string) (context.Context, error) {
	if isOpen(method) {
		return ctx, nil
	}
	who, err := g.authenticate(ctx)
	if err != nil {
		return nil, err
	}
	if c, ok := ctx.Value(callKey{}).(*call); ok {
		c.caller = who
	}
	if !slices.Contains(allowedRoles(method), who.Role) {
		return nil, apierr.PermissionDenied()
	}
	return caller.With(ctx, who), nil
}

func (g guard) authenticate(ctx context.Context) (caller.Caller, error) {
	if tokens := metadata.ValueFromIncomingContext(ctx, caller.TokenHeader); len(tokens) > 0 {
		who, err := g.signer.Verify(tokens[0], g.now())
		if err != nil {
			return caller.Caller{}, apierr.Unauthenticated()
		}
		return who, nil
	}
	headers := metadata.ValueFromIncomingContext(ctx, "authorization")
	if g.keys == nil || len(headers) != 1 {
		return caller.Caller{}, apierr.Unauthenticated()
	}
	return Authenticate(ctx, g.keys, headers[0])
}

// Authenticate returns who holds the secret in an Authorization header, `Bearer
// <secret>`, or an error for the caller. It is the door of REST too.
func Authenticate(ctx context.Context, keys KeyVerifier, header string) (caller.Caller, error) {
	scheme, secret, _ := strings.Cut(header, " ")
	secret = strings.TrimSpace(secret)
	if !strings.EqualFold(scheme, "bearer") || secret == "" || len(secret) > MaxSecret {
		return caller.Caller{}, apierr.Unauthenticated()
	}
	who, _, err := keys.Verify(ctx, secret)
	switch {
	case errors.Is(err, ErrUnknownKey):
		return caller.Caller{}, apierr.Unauthenticated()
	case err != nil:
		return caller.Caller{}, err
	case who.Role == typev1.Role_ROLE_SERVICE || who.Role == typev1.Role_ROLE_UNSPECIFIED:
		// Never given to a key, whatever a store says.
		return caller.Caller{}, apierr.PermissionDenied()
	}
	return who, nil
}

// MaxSecret is the most bytes of a secret: tokens are longer than keys.
const MaxSecret = 8 << 10

var rolesOf sync.Map // full method → []typev1.Role

// allowedRoles returns the roles of a method's (assay.type.v1.access) option, none
// without it. The set of methods is that of the binary, so the cache is bounded.
func allowedRoles(method string) []typev1.Role {
	if roles, ok := rolesOf.Load(method); ok {
		return roles.([]typev1.Role)
	}
	name := strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if err != nil {
		return nil
	}
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil
	}
	access, _ := proto.GetExtension(m.Options(), typev1.E_Access).(*typev1.Access)
	roles := slices.DeleteFunc(slices.Clone(access.GetRoles()), func(r typev1.Role) bool {
		return r == typev1.Role_ROLE_UNSPECIFIED // never granted
	})
	rolesOf.Store(method, roles)
	return roles
}

// Allowed reports whether a role may call a method, `/package.Service/Method`.
func Allowed(method string, role typev1.Role) bool {
	return slices.Contains(allowedRoles(method), role)
}

// admit asks whether who calls may bring a request; nil asks nobody.
func admit(ask func(ctx context.Context, request any) error) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		if ask != nil {
			if err := ask(ctx, req); err != nil {
				return nil, err
			}
		}
		return handler(ctx, req)
	}
}
