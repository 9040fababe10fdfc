package reference

import (
	"bytes"
	"encoding/json"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schema is a JSON Schema, with its keys in an order for people.
type schema struct {
	Schema      string            `json:"$schema,omitempty"`
	ID          string            `json:"$id,omitempty"`
	Title       string            `json:"title,omitempty"`
	Ref         string            `json:"$ref,omitempty"`
	Description string            `json:"description,omitempty"`
	Type        string            `json:"type,omitempty"`
	Enum        []string          `json:"enum,omitempty"`
	Pattern     string            `json:"pattern,omitempty"`
	MinLength   *uint64           `json:"minLength,omitempty"`
	MaxLength   *uint64           `json:"maxLength,omitempty"`
	Minimum     *float64          `json:"minimum,omitempty"`
	Maximum     *float64          `json:"maximum,omitempty"`
	Over        *float64          `json:"exclusiveMinimum,omitempty"`
	Below       *float64          `json:"exclusiveMaximum,omitempty"`
	Items       *schema           `json:"items,omitempty"`
	MinItems    *uint64           `json:"minItems,omitempty"`
	MaxItems    *uint64           `json:"maxItems,omitempty"`
	Unique      bool              `json:"uniqueItems,omitempty"`
	Required    []string          `json:"required,omitempty"`
	Properties  *ordered          `json:"properties,omitempty"`
	Others      any               `json:"additionalProperties,omitempty"`
	MaxEntries  *uint64           `json:"maxProperties,omitempty"`
	Defs        map[string]schema `json:"$defs,omitempty"`
}

// ordered are properties in the order of the language.
type ordered struct {
	names []string
	of    map[string]schema
}

// MarshalJSON implements json.Marshaler.
func (o *ordered) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := marshal(o.of[name])
		if err != nil {
			return nil, err
		}
		b.Write(key)
		b.WriteByte(':')
		b.Write(value)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// marshal writes JSON as people read it: `<` as itself.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	err := encoder.Encode(v)
	return bytes.TrimSpace(b.Bytes()), err
}

// Schema is the JSON Schema of a standard's file.
func (l *Language) Schema() ([]byte, error) {
	root := object(l.messages[0])
	root.Schema, root.Title = "https://json-schema.org/draft/2020-12/schema", "A standard of Assay"
	root.ID = "https://assay.dev/standard.schema.json"
	root.Defs = map[string]schema{}
	for _, m := range l.messages[1:] {
		root.Defs[string(m.Name())] = object(m)
	}
	text, err := marshal(root)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return nil, err
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func object(m protoreflect.MessageDescriptor) schema {
	s := schema{Description: commentOf(m), Type: "object", Properties: &ordered{of: map[string]schema{}}, Others: false}
	for _, f := range fields(m) {
		s.Properties.names = append(s.Properties.names, f.JSONName())
		s.Properties.of[f.JSONName()] = field(f)
		if must(f) {
			s.Required = append(s.Required, f.JSONName())
		}
	}
	return s
}

func field(f protoreflect.FieldDescriptor) schema {
	var s schema
	rules := rulesOf(f)
	switch {
	case f.IsMap():
		value := one(f.MapValue(), rules.GetMap().GetValues())
		s = schema{Type: "object", Others: value, MaxEntries: rules.GetMap().MaxPairs}
	case f.IsList():
		items := one(f, rules.GetRepeated().GetItems())
		s = schema{Type: "array", Items: &items}
		if r := rules.GetRepeated(); r != nil {
			s.MinItems, s.MaxItems, s.Unique = r.MinItems, r.MaxItems, r.GetUnique()
		}
	default:
		s = one(f, rules)
	}
	s.Description = commentOf(f)
	return s
}

// one is a single value of a field.
func one(f protoreflect.FieldDescriptor, rules *validate.FieldRules) schema {
	switch f.Kind() {
	case protoreflect.MessageKind:
		return schema{Ref: "#/$defs/" + string(f.Message().Name())}
	case protoreflect.EnumKind:
		of, _ := words(f.Enum())
		return schema{Enum: of}
	case protoreflect.BoolKind:
		return schema{Type: "boolean"}
	case protoreflect.Int32Kind:
		s := schema{Type: "integer"}
		if r := rules.GetInt32(); r != nil {
			s.limits(r.HasGte(), float64(r.GetGte()), r.HasGt(), float64(r.GetGt()), r.HasLte(), float64(r.GetLte()), r.HasLt(), float64(r.GetLt()))
		}
		return s
	case protoreflect.DoubleKind:
		s := schema{Type: "number"}
		if r := rules.GetDouble(); r != nil {
			s.limits(r.HasGte(), r.GetGte(), r.HasGt(), r.GetGt(), r.HasLte(), r.GetLte(), r.HasLt(), r.GetLt())
		}
		return s
	default:
		s := schema{Type: "string"}
		if r := rules.GetString(); r != nil {
			s.Pattern, s.MinLength, s.MaxLength = r.GetPattern(), r.MinLen, r.MaxLen
		}
		return s
	}
}

func (s *schema) limits(hasGte bool, gte float64, hasGt bool, gt float64, hasLte bool, lte float64, hasLt bool, lt float64) {
	for _, limit := range []struct {
		given bool
		value float64
		to    **float64
	}{{hasGte, gte, &s.Minimum}, {hasGt, gt, &s.Over}, {hasLte, lte, &s.Maximum}, {hasLt, lt, &s.Below}} {
		if limit.given {
			*limit.to = &limit.value
		}
	}
}
