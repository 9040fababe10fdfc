package rpc

import (
	"cmp"
	"context"
	"strings"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/caller"
)

// record lets a call from outside leave its entry in the audit log of the service, if it
// changes something there. What services do for themselves leaves none.
func record(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	who, known := caller.From(ctx)
	message, ok := req.(proto.Message)
	if !known || !ok || who.Role == typev1.Role_ROLE_SERVICE {
		return handler(ctx, req)
	}
	return handler(recorded(ctx, who, info.FullMethod, message, ""), req)
}

// Recorded returns a context under which a change leaves its entry in the audit log although
// a service asks for it: for what comes in without a key, where only the handler knows who it
// is and which resource it is about.
func Recorded(ctx context.Context, who caller.Caller, fullMethod, resource string, request proto.Message) context.Context {
	return recorded(ctx, who, fullMethod, request, resource)
}

// recorded is that of a call by somebody; resource is empty where the request names it.
func recorded(ctx context.Context, who caller.Caller, fullMethod string, request proto.Message, resource string) context.Context {
	c := &audit.Call{
		Actor: who.Actor, Role: who.Role, Method: strings.TrimPrefix(fullMethod, "/"), RequestID: RequestID(ctx),
		Describe: func() (string, []string) {
			named, fields := describe(fullMethod, request.ProtoReflect())
			return cmp.Or(resource, named), fields
		},
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		c.TraceID = span.TraceID().String()
	}
	return audit.With(ctx, c)
}

// describe says what a call is about and which fields it gives.
func describe(fullMethod string, request protoreflect.Message) (resource string, fields []string) {
	name := strings.ReplaceAll(strings.TrimPrefix(fullMethod, "/"), "/", ".")
	d, _ := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name))
	if method, ok := d.(protoreflect.MethodDescriptor); ok {
		resource = audit.Resource(method, request)
	}
	return resource, audit.Fields(request)
}
