package gateway

import (
	"context"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// preconditions are the headers of a request that stand for fields of its message.
type preconditions struct {
	ifMatch        string // the etag without quotes; empty: none
	idempotencyKey string
}

type preconditionsKey struct{}

var uuidPattern = regexp.MustCompile(`^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$`)

// readPreconditions reads If-Match and Idempotency-Key.
func readPreconditions(r *http.Request) (preconditions, error) {
	var p preconditions
	if v := r.Header.Get("If-Match"); v != "" && v != "*" && r.Method != http.MethodGet {
		if len(v) < 2 || !strings.HasPrefix(v, `"`) || !strings.HasSuffix(v, `"`) || strings.Count(v, `"`) != 2 {
			return p, apierr.InvalidField("If-Match", `one etag in quotes, as the ETag header or the field etag gave it`)
		}
		p.ifMatch = strings.Trim(v, `"`)
	}
	if v := strings.Trim(r.Header.Get("Idempotency-Key"), `"`); v != "" && r.Method != http.MethodGet {
		if !uuidPattern.MatchString(v) {
			return p, apierr.InvalidField("Idempotency-Key", "a UUID")
		}
		p.idempotencyKey = v
	}
	return p, nil
}

// headerConn puts what the headers say into the request, on its way to the service.
type headerConn struct{ grpc.ClientConnInterface }

// Invoke fills `etag` and `requestId` from the headers and calls the method.
func (c headerConn) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	m := args.(proto.Message).ProtoReflect()
	if p, ok := ctx.Value(preconditionsKey{}).(preconditions); ok && p != (preconditions{}) {
		if err := p.apply(m); err != nil {
			return err
		}
	}
	if err := dropReadOnlyPaths(m); err != nil {
		return err
	}
	visitFrom(ctx).forwarded = true
	return c.ClientConnInterface.Invoke(ctx, method, args, reply, opts...)
}

// dropReadOnlyPaths takes off the update mask what only answers carry. grpc-gateway
// makes the mask from the fields of the body, and a body may well be a whole resource
// that was read before. A mask that names nothing else is refused: an empty one would
// mean every field that is given.
func dropReadOnlyPaths(m protoreflect.Message) error {
	mask := m.Descriptor().Fields().ByName("update_mask")
	if mask == nil || !m.Has(mask) {
		return nil
	}
	resource := m.Descriptor().Fields().Get(0)
	if resource.Message() == nil {
		return nil
	}
	paths, ok := m.Mutable(mask).Message().Interface().(*fieldmaskpb.FieldMask)
	if !ok || len(paths.GetPaths()) == 0 {
		return nil
	}
	paths.Paths = slices.DeleteFunc(paths.GetPaths(), func(path string) bool {
		name, _, _ := strings.Cut(path, ".")
		fd := resource.Message().Fields().ByTextName(name)
		if fd == nil {
			return false
		}
		behavior, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		return name == "etag" || slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY) || slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER)
	})
	if len(paths.GetPaths()) == 0 {
		return apierr.InvalidField("updateMask", "a field that may be changed")
	}
	return nil
}

func (p preconditions) apply(m protoreflect.Message) error {
	if p.ifMatch != "" {
		holder, field := etagField(m)
		if field == nil {
			return apierr.InvalidField("If-Match", "no such header: this method takes no etag")
		}
		if err := setOnce(holder, field, p.ifMatch, "If-Match"); err != nil {
			return err
		}
	}
	if p.idempotencyKey != "" {
		// Methods without a request id are safe to repeat as they are.
		if field := m.Descriptor().Fields().ByName("request_id"); field != nil {
			return setOnce(m, field, p.idempotencyKey, "Idempotency-Key")
		}
	}
	return nil
}

// etagField finds the etag of a request: its own, or that of the resource it carries.
func etagField(m protoreflect.Message) (protoreflect.Message, protoreflect.FieldDescriptor) {
	fields := m.Descriptor().Fields()
	if fd := fields.ByName("etag"); fd != nil {
		return m, fd
	}
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Message() == nil || fd.Cardinality() == protoreflect.Repeated {
			continue
		}
		if etag := fd.Message().Fields().ByName("etag"); etag != nil && m.Has(fd) {
			return m.Mutable(fd).Message(), etag
		}
	}
	return nil, nil
}

func setOnce(m protoreflect.Message, fd protoreflect.FieldDescriptor, value, header string) error {
	if old := m.Get(fd).String(); old != "" && old != value {
		return apierr.InvalidField(header, "the same value as the field "+fd.JSONName()+", or only one of them")
	}
	m.Set(fd, protoreflect.ValueOfString(value))
	return nil
}

// setETag answers with the resource's etag as a header.
func setETag(_ context.Context, w http.ResponseWriter, msg proto.Message) error {
	m := msg.ProtoReflect()
	if fd := m.Descriptor().Fields().ByName("etag"); fd != nil && fd.Kind() == protoreflect.StringKind {
		if etag := m.Get(fd).String(); etag != "" {
			w.Header().Set("ETag", `"`+etag+`"`)
		}
	}
	return nil
}
