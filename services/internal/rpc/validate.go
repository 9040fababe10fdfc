package rpc

import (
	"context"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"buf.build/go/protovalidate"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// limitRequest refuses requests that are larger than the public may send.
func limitRequest(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	who, _ := caller.From(ctx)
	message, ok := req.(proto.Message)
	if !ok || who.Role == typev1.Role_ROLE_SERVICE {
		return handler(ctx, req)
	}
	name := info.FullMethod[strings.LastIndexByte(info.FullMethod, '/')+1:]
	most, words := maxRequest, "1 MiB"
	if strings.HasPrefix(name, "Batch") {
		most, words = maxBatchRequest, "4 MiB"
	}
	if proto.Size(message) > most {
		return nil, apierr.TooLarge("", words)
	}
	return handler(ctx, req)
}

// validateRequest refuses requests that break the rules in the protos.
func validateRequest(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
	if message, ok := req.(proto.Message); ok {
		if err := checkDecoded(message); err != nil {
			return nil, err
		}
		if err := Validate(message); err != nil {
			return nil, err
		}
		if who, _ := caller.From(ctx); who.Role != typev1.Role_ROLE_SERVICE {
			if violations := nulls("", message.ProtoReflect()); len(violations) > 0 {
				return nil, apierr.InvalidFields(violations...)
			}
		}
	}
	return handler(ctx, req)
}

// nulls finds the texts with a NUL character, which PostgreSQL cannot store. Left out
// are the items that are checked one by one, and the free values of a Struct.
func nulls(prefix string, message protoreflect.Message) []apierr.Violation {
	var violations []apierr.Violation
	look := func(path string, field protoreflect.FieldDescriptor, v protoreflect.Value) {
		switch {
		case field.Kind() == protoreflect.StringKind:
			if strings.ContainsRune(v.String(), 0) {
				violations = append(violations, apierr.Violation{Field: path, Expected: "no NUL characters"})
			}
		case field.Message() != nil && field.Message().ParentFile().Package() != "google.protobuf":
			violations = append(violations, nulls(path+".", v.Message())...)
		}
	}
	message.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		path := prefix + field.JSONName()
		rules, _ := proto.GetExtension(field.Options(), validate.E_Field).(*validate.FieldRules)
		switch {
		case rules.GetIgnore() == validate.Ignore_IGNORE_ALWAYS || field.IsMap():
		case field.IsList():
			for i := range v.List().Len() {
				look(path+"["+strconv.Itoa(i)+"]", field, v.List().Get(i))
			}
		default:
			look(path, field, v)
		}
		return true
	})
	return violations
}

// Validate checks a message against the rules in its proto. The error is an
// apierr.InvalidFields.
func Validate(message proto.Message) error {
	violations, err := Violations("", message)
	if err != nil {
		return err
	}
	if len(violations) > 0 {
		return apierr.InvalidFields(violations...)
	}
	return nil
}

// Violations returns what breaks the rules in the message's proto, with the prefix,
// e.g. `activities[2]`, before each field. For items of a batch that are checked one
// by one.
func Violations(prefix string, message proto.Message) ([]apierr.Violation, error) {
	err := protovalidate.Validate(message)
	if err == nil {
		return nil, nil
	}
	var broken *protovalidate.ValidationError
	if !errors.As(err, &broken) {
		return nil, apierr.Internal(err) // a rule does not compile
	}
	var violations []apierr.Violation
	for _, v := range broken.Violations {
		field := fieldPath(message.ProtoReflect().Descriptor(), v.Proto.GetField())
		switch {
		case field == "":
			field = prefix
		case prefix != "":
			field = prefix + "." + field
		}
		violations = append(violations, apierr.Violation{Field: field, Expected: expected(v)})
	}
	return violations, nil
}

// fieldPath returns a path as in JSON: `lead.attributes["jobTitle"].values[2]`.
func fieldPath(message protoreflect.MessageDescriptor, path *validate.FieldPath) string {
	var b strings.Builder
	for _, element := range path.GetElements() {
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		name := element.GetFieldName()
		if message != nil {
			field := message.Fields().ByNumber(protoreflect.FieldNumber(element.GetFieldNumber()))
			message = nil
			if field != nil {
				name = field.JSONName()
				message = field.Message()
				if field.IsMap() {
					message = field.MapValue().Message()
				}
			}
		}
		b.WriteString(name)
		switch s := element.GetSubscript().(type) {
		case *validate.FieldPathElement_Index:
			b.WriteString("[" + strconv.FormatUint(s.Index, 10) + "]")
		case *validate.FieldPathElement_StringKey:
			b.WriteString("[" + strconv.Quote(s.StringKey) + "]")
		case *validate.FieldPathElement_IntKey:
			b.WriteString("[" + strconv.FormatInt(s.IntKey, 10) + "]")
		case *validate.FieldPathElement_UintKey:
			b.WriteString("[" + strconv.FormatUint(s.UintKey, 10) + "]")
		case *validate.FieldPathElement_BoolKey:
			b.WriteString("[" + strconv.FormatBool(s.BoolKey) + "]")
		}
	}
	return b.String()
}

// expected turns the library's message into what was expected, in a person's words.
func expected(v *protovalidate.Violation) string {
	if strings.HasSuffix(v.Proto.GetRuleId(), "string.pattern") && v.RuleValue.IsValid() {
		return patternWords(v.RuleValue.String())
	}
	if id := v.Proto.GetRuleId(); (id == "enum.not_in" || id == "enum.defined_only") && v.FieldDescriptor != nil && v.FieldDescriptor.Enum() != nil {
		return enumWords(v.FieldDescriptor.Enum())
	}
	message := v.Proto.GetMessage()
	for _, r := range rewrites {
		if r.is.MatchString(message) {
			return r.is.ReplaceAllString(message, r.to)
		}
	}
	return message
}

var rewrites = []struct {
	is *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`^value is required$`), "a value"},
	{regexp.MustCompile(`^must be greater than or equal to (\S+) and less than or equal to (\S+)$`), "a number from $1 to $2"},
	{regexp.MustCompile(`^must be greater than or equal to (\S+)$`), "a number of at least $1"},
	{regexp.MustCompile(`^must be less than or equal to (\S+)$`), "a number of at most $1"},
	{regexp.MustCompile(`^must be ((?:greater|less) than .*)$`), "a number $1"},
	{regexp.MustCompile(`^must be finite$`), "a finite number"},
	{regexp.MustCompile(`^must contain no more than (\d+) item\(s\)$`), "at most $1 items"},
	{regexp.MustCompile(`^must contain at least (\d+) item\(s\)$`), "at least $1 items"},
	{regexp.MustCompile(`^map must be (at (?:most|least) \d+ entries)$`), "$1"},
	{regexp.MustCompile(`^(?:repeated value )?must contain unique items$`), "no item twice"},
	{regexp.MustCompile(`^must be one of the defined enum values$`), "one of the defined values"},
	{regexp.MustCompile(`^must be in list \[(.*)\]$`), "one of $1"},
	{regexp.MustCompile(`^must not be in list \[(.*)\]$`), "none of $1"},
	{regexp.MustCompile(`^must equal (.*)$`), "$1"},
	{regexp.MustCompile(`^must be (.*)$`), "$1"},
}

// enumWords names the values of an enum that can be set.
func enumWords(enum protoreflect.EnumDescriptor) string {
	var names []string
	for i := range enum.Values().Len() {
		if value := enum.Values().Get(i); value.Number() != 0 {
			names = append(names, string(value.Name()))
		}
	}
	return "one of " + strings.Join(names, ", ")
}

// patternWords says in words what a pattern of the protos stands for.
func patternWords(pattern string) string {
	switch {
	case strings.Contains(pattern, `{8}-[0-9a-fA-F]{4}-`):
		return "a UUID"
	case pattern == `^[a-z][a-z0-9_]{0,62}$`:
		return "a name of at most 63 lower-case letters, digits and `_` that begins with a letter"
	case pattern == `^[a-z][a-z0-9-]{0,62}$`, pattern == `^([a-z][a-z0-9-]{0,62})?$`:
		return "a name of at most 63 lower-case letters, digits and `-` that begins with a letter"
	case strings.HasPrefix(pattern, `^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*`):
		return "dotted lower-case words such as `form.submitted`"
	case strings.HasPrefix(pattern, `^(\*|[a-z][a-z0-9_]*(\.[a-z0-9_]+)*`):
		return "dotted lower-case words such as `form.submitted`, a last part `*` for all below it, or `*`"
	}
	if name := resourceName(pattern); name != "" {
		return "a name such as `" + name + "`"
	}
	return "text that matches `" + pattern + "`"
}

var literal = regexp.MustCompile(`^[a-zA-Z]+$`)

// resourceName returns `leads/{lead}/fit` for `^leads/[0-9a-f-]{36}/fit$`, and "" for
// a pattern that is not one of a resource name.
func resourceName(pattern string) string {
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "("), ")?")
	segments := strings.Split(pattern, "/")
	if len(segments) < 2 || !literal.MatchString(segments[0]) {
		return ""
	}
	for i := 1; i < len(segments); i++ {
		if !literal.MatchString(segments[i]) {
			segments[i] = "{" + strings.TrimSuffix(segments[i-1], "s") + "}"
		}
	}
	return strings.Join(segments, "/")
}
