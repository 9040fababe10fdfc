package condition

import (
	"errors"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// object is a JSON object as CEL sees it: a map whose missing keys are unknown. It
// is indexed when first asked and each value decoded when first read, because most
// activities are asked about one property, if any.
type object struct {
	raw     []byte
	indexed bool
	valid   bool
	fields  []field
	byKey   map[string]int // only for objects with many fields
}

type field struct {
	key     []byte // part of the object's text, unless it has escapes
	raw     []byte
	decoded bool
	val     ref.Val // nil: null
	looked  bool
	seen    seen // for quick answers
}

// scanUpTo is how many fields are looked through one by one.
const scanUpTo = 24

var errNoNative = errors.New("a JSON object has no native form")

var objectType = types.NewMapType(types.StringType, types.DynType)

// index finds the keys and reports whether the bytes are an object, or nothing.
func (o *object) index() bool {
	if o.indexed {
		return o.valid
	}
	o.indexed = true
	raw := trim(o.raw)
	o.valid = len(raw) == 0 || scanObject(raw, func(key, value []byte) bool {
		name, ok := unquoteBytes(key)
		if !ok {
			return false
		}
		if o.fields == nil {
			o.fields = make([]field, 0, 8)
		}
		o.fields = append(o.fields, field{key: name, raw: value})
		return true
	})
	if !o.valid {
		o.fields = nil
	}
	o.settle()
	return o.valid
}

// settle makes the fields of a large object easy to find.
func (o *object) settle() {
	if len(o.fields) <= scanUpTo {
		return
	}
	o.byKey = make(map[string]int, len(o.fields))
	for i := range o.fields {
		o.byKey[string(o.fields[i].key)] = i
	}
}

// get returns the value of a key; nil if it is missing or null. Of a key that stands
// twice the last counts, as everywhere in Go.
func (o *object) get(key string) ref.Val {
	o.index()
	if f := o.find(key); f != nil {
		return f.value()
	}
	return nil
}

// find returns the field of a key; nil if it is missing. The object is indexed.
func (o *object) find(key string) *field {
	if o.byKey != nil {
		if i, ok := o.byKey[key]; ok {
			return &o.fields[i]
		}
		return nil
	}
	for i := len(o.fields) - 1; i >= 0; i-- {
		if string(o.fields[i].key) == key {
			return &o.fields[i]
		}
	}
	return nil
}

func (f *field) value() ref.Val {
	if !f.decoded {
		f.decoded, f.val = true, decode(f.raw)
	}
	return f.val
}

// Get implements traits.Indexer.
func (o *object) Get(index ref.Val) ref.Val {
	key, ok := index.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(index)
	}
	if v := o.get(string(key)); v != nil {
		return v
	}
	return unknown
}

// Fold implements traits.Foldable, over the keys with a value. An object is no
// traits.Mapper: what such a one lacks is an error, not unknown.
func (o *object) Fold(f traits.Folder) {
	for _, key := range o.keys() {
		if !f.FoldEntry(types.String(key), o.get(key)) {
			return
		}
	}
}

// IsSet implements traits.FieldTester: presence is always known.
func (o *object) IsSet(key ref.Val) ref.Val { return o.Contains(key) }

// Contains implements traits.Container.
func (o *object) Contains(key ref.Val) ref.Val {
	name, ok := key.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(key)
	}
	return types.Bool(o.get(string(name)) != nil)
}

// Size implements traits.Sizer: the number of keys with a value.
func (o *object) Size() ref.Val { return types.Int(len(o.keys())) }

// Iterator implements traits.Iterable, over the keys with a value.
func (o *object) Iterator() traits.Iterator {
	keys := make([]ref.Val, 0, len(o.fields))
	for _, key := range o.keys() {
		keys = append(keys, types.String(key))
	}
	return makeList(keys).Iterator()
}

// keys returns the keys with a value, each once, in the order of the text.
func (o *object) keys() []string {
	o.index()
	seen := make(map[string]bool, len(o.fields))
	var keys []string
	for i := range o.fields {
		if key := string(o.fields[i].key); !seen[key] && o.get(key) != nil {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// Equal implements ref.Val: the same keys with equal values.
func (o *object) Equal(other ref.Val) ref.Val {
	that, ok := other.(*object)
	if !ok {
		return types.False
	}
	keys := o.keys()
	if len(keys) != len(that.keys()) {
		return types.False
	}
	for _, key := range keys {
		if v := that.get(key); v == nil || types.Equal(o.get(key), v) != types.True {
			return types.False
		}
	}
	return types.True
}

// ConvertToNative implements ref.Val.
func (o *object) ConvertToNative(reflect.Type) (any, error) {
	return nil, errNoNative
}

// ConvertToType implements ref.Val.
func (o *object) ConvertToType(t ref.Type) ref.Val {
	switch t {
	case types.MapType:
		return o
	case types.TypeType:
		return types.MapType
	default:
		return types.NewErr("an object cannot be converted to %s", t.TypeName())
	}
}

// Type implements ref.Val.
func (o *object) Type() ref.Type { return objectType }

// Value implements ref.Val.
func (o *object) Value() any { return o }

// list is a JSON list: CEL's own, with its items at hand.
type list struct {
	traits.Lister
	items []ref.Val
}

func makeList(items []ref.Val) *list {
	return &list{Lister: types.NewRefValList(types.DefaultTypeAdapter, items), items: items}
}
