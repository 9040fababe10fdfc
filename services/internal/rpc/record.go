package rpc

import (
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
	name := strings.TrimPrefix(info.FullMethod, "/")
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(name, "/", ".")))
	method, ok := descriptor.(protoreflect.MethodDescriptor)
	if err != nil || !ok {
		return handler(ctx, req)
	}
	c := &audit.Call{
		Actor: who.Actor, Role: who.Role, Method: name, RequestID: RequestID(ctx),
		Resource: audit.Resource(method, message.ProtoReflect()), Fields: audit.Fields(message.ProtoReflect()),
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		c.TraceID = span.TraceID().String()
	}
	return handler(audit.With(ctx, c), req)
}
