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
	c := &audit.Call{
		Actor: who.Actor, Role: who.Role, Method: strings.TrimPrefix(info.FullMethod, "/"), RequestID: RequestID(ctx),
		Describe: func() (string, []string) { return describe(info.FullMethod, message.ProtoReflect()) },
	}
	if span := trace.SpanContextFromContext(ctx); span.HasTraceID() {
		c.TraceID = span.TraceID().String()
	}
	return handler(audit.With(ctx, c), req)
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
