package canonical

import (
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// FromStruct returns a protobuf object as canonical JSON. A nil struct is `{}`.
func FromStruct(s *structpb.Struct) ([]byte, *violation.Violation) {
	w := &writer{}
	if v := w.object(s, 1); v != nil {
		return nil, v
	}
	return w.out, nil
}

// FromValue returns a protobuf value as canonical JSON. A nil value is `null`.
func FromValue(value *structpb.Value) ([]byte, *violation.Violation) {
	w := &writer{}
	if v := w.value(value, 0); v != nil {
		return nil, v
	}
	return w.out, nil
}

func (w *writer) value(value *structpb.Value, depth int) *violation.Violation {
	switch kind := value.GetKind().(type) {
	case nil, *structpb.Value_NullValue:
		w.out = append(w.out, null...)
	case *structpb.Value_BoolValue:
		w.bool(kind.BoolValue)
	case *structpb.Value_NumberValue:
		return w.float(kind.NumberValue)
	case *structpb.Value_StringValue:
		return w.text(kind.StringValue)
	case *structpb.Value_ListValue:
		return w.list(kind.ListValue, depth+1)
	case *structpb.Value_StructValue:
		return w.object(kind.StructValue, depth+1)
	}
	return nil
}

func (w *writer) object(s *structpb.Struct, depth int) *violation.Violation {
	if depth > MaxDepth {
		return tooDeep()
	}
	w.out = append(w.out, '{')
	start := len(w.out)
	members := make([]member, 0, len(s.GetFields()))
	for key, value := range s.GetFields() {
		if len(members) > 0 {
			w.out = append(w.out, ',')
		}
		m := member{key: key, start: len(w.out)}
		if v := w.key(key); v != nil {
			return v
		}
		if v := w.value(value, depth); v != nil {
			return v.Under(key)
		}
		m.end = len(w.out)
		members = append(members, m)
	}
	if v := w.sort(start, members); v != nil {
		return v
	}
	w.out = append(w.out, '}')
	return nil
}

func (w *writer) list(l *structpb.ListValue, depth int) *violation.Violation {
	if depth > MaxDepth {
		return tooDeep()
	}
	w.out = append(w.out, '[')
	for i, value := range l.GetValues() {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		if v := w.value(value, depth); v != nil {
			return v.At("", i)
		}
	}
	w.out = append(w.out, ']')
	return nil
}

func (w *writer) bool(b bool) {
	if b {
		w.out = append(w.out, "true"...)
	} else {
		w.out = append(w.out, "false"...)
	}
}

func tooDeep() *violation.Violation {
	return violation.New("", "at most 16 levels of nesting")
}
