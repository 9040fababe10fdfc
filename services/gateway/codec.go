package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/bodycheck"
)

// codec is protojson as REST speaks it: scalars and lists are always shown, messages
// that are not set are absent; unknown fields, fields given twice and anything after
// the end of the body are refused.
type codec struct{ runtime.JSONPb }

func newCodec() *codec {
	return &codec{runtime.JSONPb{
		MarshalOptions:   protojson.MarshalOptions{EmitDefaultValues: true},
		UnmarshalOptions: protojson.UnmarshalOptions{RecursionLimit: bodycheck.MaxDepth + 16},
	}}
}

// NewDecoder reads the whole body as one value; an empty body is io.EOF.
func (c *codec) NewDecoder(r io.Reader) runtime.Decoder {
	return runtime.DecoderFunc(func(v any) error {
		body, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if len(body) == 0 {
			return io.EOF
		}
		return c.Unmarshal(body, v)
	})
}

// Unmarshal decodes one value, which must be all there is.
func (c *codec) Unmarshal(body []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return c.UnmarshalOptions.Unmarshal(body, m)
	}
	// `body: "lead"` decodes into a **Lead.
	if rv := reflect.ValueOf(v); rv.Kind() == reflect.Pointer && rv.Elem().Kind() == reflect.Pointer {
		fresh := reflect.New(rv.Elem().Type().Elem())
		if m, ok := fresh.Interface().(proto.Message); ok {
			if err := c.UnmarshalOptions.Unmarshal(body, m); err != nil {
				return err
			}
			rv.Elem().Set(fresh)
			return nil
		}
	}
	return c.JSONPb.Unmarshal(body, v)
}

// method finds the descriptor of the method that a request was routed to.
func method(ctx context.Context) protoreflect.MethodDescriptor {
	full, ok := runtime.RPCMethod(ctx)
	if !ok {
		return nil
	}
	return methodByName(full)
}

// methodByName finds a method by its gRPC path, `/package.Service/Method`.
func methodByName(full string) protoreflect.MethodDescriptor {
	name := protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(full, "/"), "/", "."))
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil
	}
	md, _ := d.(protoreflect.MethodDescriptor)
	return md
}

// malformed says what is wrong with a request that could not be decoded. The error
// that the decoder gave is about lines and columns; this one is about fields.
func malformed(ctx context.Context, r *http.Request, decodeErr error) error {
	md := method(ctx)
	if md == nil {
		return decodeErr
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return apierr.InvalidField("query", "name=value pairs with `&` between, other characters percent-encoded")
	}
	if violations := queryViolations(md.Input(), query); len(violations) > 0 {
		return apierr.InvalidFields(violations...)
	}
	var violations []apierr.Violation
	if message, prefix := bodyOf(md); message != nil {
		for _, p := range bodycheck.Explain(bodyFrom(ctx), message, prefix) {
			violations = append(violations, apierr.Violation(p))
		}
	}
	if len(violations) == 0 {
		violations = []apierr.Violation{{Expected: "JSON of " + string(md.Input().Name())}}
	}
	return apierr.MalformedBody(violations...)
}

// bodyOf returns the message that a method's body is, and its path in the request.
func bodyOf(md protoreflect.MethodDescriptor) (message protoreflect.MessageDescriptor, prefix string) {
	rule, ok := proto.GetExtension(md.Options(), annotations.E_Http).(*annotations.HttpRule)
	if !ok {
		return nil, ""
	}
	switch body := rule.GetBody(); body {
	case "":
		return nil, ""
	case "*":
		return md.Input(), ""
	default:
		fd := md.Input().Fields().ByTextName(body)
		if fd == nil {
			return nil, ""
		}
		return fd.Message(), fd.JSONName()
	}
}

// queryParser is grpc-gateway's, but a parameter that the method does not know is
// refused instead of ignored.
type queryParser struct{ runtime.DefaultQueryParser }

// Parse fills the message from the query.
func (p *queryParser) Parse(msg proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	if violations := queryViolations(msg.ProtoReflect().Descriptor(), values); len(violations) > 0 {
		return errors.New("unknown or unreadable parameters") // malformed says which
	}
	return p.DefaultQueryParser.Parse(msg, values, filter)
}

func queryViolations(md protoreflect.MessageDescriptor, values url.Values) []apierr.Violation {
	var problems []apierr.Violation
	for name, given := range values {
		fd := fieldByPath(md, name)
		switch {
		case !utf8.ValidString(name):
			problems = append(problems, apierr.Violation{Field: "query", Expected: "valid UTF-8"})
		case fd == nil:
			problems = append(problems, apierr.Violation{Field: name, Expected: "a known parameter: " + strings.Join(parameters(md), ", ")})
		case len(given) > 1 && !fd.IsList():
			problems = append(problems, apierr.Violation{Field: name, Expected: "the parameter once"})
		default:
			for _, v := range given {
				if expected := queryValue(fd, v); expected != "" {
					problems = append(problems, apierr.Violation{Field: name, Expected: expected})
				}
			}
		}
	}
	slices.SortFunc(problems, func(a, b apierr.Violation) int { return strings.Compare(a.Field, b.Field) })
	return problems
}

func fieldByPath(md protoreflect.MessageDescriptor, path string) protoreflect.FieldDescriptor {
	var fd protoreflect.FieldDescriptor
	for name := range strings.SplitSeq(path, ".") {
		if md == nil {
			return nil
		}
		if fd = md.Fields().ByJSONName(name); fd == nil {
			fd = md.Fields().ByTextName(name)
		}
		if fd == nil {
			return nil
		}
		md = fd.Message()
	}
	return fd
}

func parameters(md protoreflect.MessageDescriptor) []string {
	var names []string
	for i := range md.Fields().Len() {
		names = append(names, md.Fields().Get(i).JSONName())
	}
	return names
}

func queryValue(fd protoreflect.FieldDescriptor, v string) string {
	if !utf8.ValidString(v) {
		return "valid UTF-8"
	}
	var err error
	switch fd.Kind() {
	case protoreflect.BoolKind:
		_, err = strconv.ParseBool(v)
		if err != nil {
			return "true or false"
		}
	case protoreflect.Int32Kind:
		_, err = strconv.ParseInt(v, 10, 32)
		if err != nil {
			return "a whole number"
		}
	case protoreflect.DoubleKind:
		_, err = strconv.ParseFloat(v, 64)
		if err != nil {
			return "a number"
		}
	case protoreflect.MessageKind:
		if fd.Message().FullName() == "google.protobuf.Timestamp" && v != "null" {
			problems := bodycheck.Explain([]byte(strconv.Quote(v)), fd.Message(), "")
			if len(problems) > 0 {
				return problems[0].Expected
			}
		}
	}
	return ""
}
