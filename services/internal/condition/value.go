package condition

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Value is the value of an attribute: a text, a number, a boolean or a list of
// these. The zero Value is not known. Values are immutable and can be shared.
type Value struct{ val ref.Val }

// Known reports whether there is a value.
func (v Value) Known() bool { return v.val != nil }

// AsNumber returns the number, and whether it is one.
func (v Value) AsNumber() (float64, bool) {
	f, ok := v.val.(types.Double)
	return float64(f), ok
}

// AsText returns the text, and whether it is one.
func (v Value) AsText() (string, bool) {
	s, ok := v.val.(types.String)
	return string(s), ok
}

var (
	errNotJSON   = errors.New("must be JSON")
	errNotScalar = errors.New("must be a JSON string, number, boolean or a list of these")
)

// ParseValue reads a JSON string, number, boolean or list of these. `null` and no
// bytes at all are the Value that is not known; a `null` in a list is left out.
func ParseValue(data []byte) (Value, error) {
	if len(data) == 0 {
		return Value{}, nil
	}
	if !json.Valid(data) {
		return Value{}, errNotJSON
	}
	val := decode(trim(data))
	if !storable(val, true) {
		return Value{}, errNotScalar
	}
	return Value{val}, nil
}

// Text returns the Value of a text.
func Text(s string) Value { return Value{types.String(s)} }

// Number returns the Value of a number.
func Number(f float64) Value { return Value{types.Double(f)} }

// Bool returns the Value of a boolean.
func Bool(b bool) Value { return Value{types.Bool(b)} }

// Texts returns the Value of a list of texts.
func Texts(s ...string) Value {
	items := make([]ref.Val, len(s))
	for i := range s {
		items[i] = types.String(s[i])
	}
	return Value{makeList(items)}
}

// storable reports whether a decoded value may be an attribute's.
func storable(val ref.Val, listAllowed bool) bool {
	switch v := val.(type) {
	case nil, types.String, types.Double, types.Bool:
		return true
	case *list:
		return listAllowed && !slices.ContainsFunc(v.items, func(item ref.Val) bool { return !storable(item, false) })
	default:
		return false
	}
}

// decode reads one JSON value without space around it; nil for null and for what is
// no JSON value. Objects are decoded only as far as they are read.
func decode(data []byte) ref.Val {
	if len(data) == 0 {
		return nil
	}
	switch data[0] {
	case '"':
		if s, ok := unquote(data); ok {
			return types.String(s)
		}
	case '{':
		if o := (&object{raw: data}); o.index() {
			return o
		}
	case '[':
		var items []ref.Val
		if ok := scanList(data, func(item []byte) {
			if v := decode(item); v != nil {
				items = append(items, v)
			}
		}); ok {
			return makeList(items)
		}
	case 't':
		if string(data) == "true" {
			return types.True
		}
	case 'f':
		if string(data) == "false" {
			return types.False
		}
	case 'n':
	default:
		// A number past the range of a double is no number to compare with.
		if f, err := strconv.ParseFloat(string(data), 64); err == nil && !math.IsInf(f, 0) {
			return types.Double(f)
		}
	}
	return nil
}

// unquote reads a JSON string.
func unquote(data []byte) (string, bool) {
	b, ok := unquoteBytes(data)
	return string(b), ok
}

// unquoteBytes reads a JSON string. Most have no escapes and are taken as they are,
// without a copy.
func unquoteBytes(data []byte) ([]byte, bool) {
	if len(data) < 2 || data[len(data)-1] != '"' {
		return nil, false
	}
	inner := data[1 : len(data)-1]
	plain := true
	for _, c := range inner {
		if c == '\\' || c == '"' || c < ' ' {
			plain = false
			break
		}
	}
	if plain && utf8.Valid(inner) {
		return inner, true
	}
	var s string
	err := json.Unmarshal(data, &s)
	return []byte(s), err == nil
}

func trim(data []byte) []byte {
	start, end := 0, len(data)
	for start < end && isSpace(data[start]) {
		start++
	}
	for start < end && isSpace(data[end-1]) {
		end--
	}
	return data[start:end]
}
