package condition

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/ext"
)

// Selection is a compiled expression over a [Document] that takes something out of it: a
// text, a number, true or false, a list or an object, or nothing where that is missing.
//
//	body.form.answers                     the whole document; what is missing is nothing
//	item.email                            the item of it in question
//	firstOf(item.email, body.user.email)  the first of up to eight that is there
//	first(body.answers.filter(a, a.type == "email")).email
//	                                      the first of a list
//	text(item.id)                         a number as text, without an exponent
//	item.name.trim(), item.tags.split(",")
//	body.answers.transformMapEntry(i, a, {a.ref: a.text})
//	                                      an object made of a list
//	(timestamp(item.left) - timestamp(item.joined)).getMinutes()
//
// and everything that a condition can say, but for its variables.
type Selection struct{ compiled }

// CompileSelection checks an expression and plans it. The error is an *Error that says
// where the expression is wrong.
func CompileSelection(text string) (*Selection, error) {
	made, err := compile(text, Options{Vars: documentVar}, anything)
	if err != nil {
		return nil, err
	}
	return &Selection{made}, nil
}

// Select returns what is selected: string, float64, bool, time.Time, []any, map[string]any,
// or nil for what is not there. It never fails: the fault says why there is nothing, if not
// for something missing.
func (s *Selection) Select(d *Document) (any, Fault) {
	out, fault := s.run(&Facts{document: d})
	value := native(out)
	if value == nil && out != nil && out.Type() != types.NullType {
		fault = TypeFault
	}
	return value, fault
}

// Items returns the document once for each item of the list that is selected. What is not
// there has none.
func (s *Selection) Items(d *Document) ([]*Document, Fault) {
	out, fault := s.run(&Facts{document: d})
	if out == nil {
		return nil, fault
	}
	items, ok := out.(traits.Lister)
	if !ok {
		return nil, TypeFault
	}
	var documents []*Document
	for it := items.Iterator(); it.HasNext() == types.True; {
		documents = append(documents, &Document{body: d.body, item: it.Next()})
	}
	return documents, NoFault
}

// native takes a value out of CEL; nil for null, and for what is nothing outside of it.
func native(v ref.Val) any {
	switch v := v.(type) {
	case types.String:
		return string(v)
	case types.Bool:
		return bool(v)
	case types.Double, types.Int, types.Uint:
		if number, ok := plain(v).(types.Double); ok {
			return float64(number)
		}
		return nil
	case types.Timestamp:
		return v.Time
	case types.Duration:
		return v.Seconds()
	case traits.Lister:
		items := []any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			if item := native(it.Next()); item != nil {
				items = append(items, item)
			}
		}
		return items
	case *object:
		fields := map[string]any{}
		for _, key := range v.keys() {
			if item := native(v.get(key)); item != nil {
				fields[key] = item
			}
		}
		return fields
	case traits.Mapper:
		fields := map[string]any{}
		for it := v.Iterator(); it.HasNext() == types.True; {
			key := it.Next()
			value, _ := v.Find(key)
			if item := native(value); item != nil {
				fields[asText(key)] = item
			}
		}
		return fields
	default:
		return nil
	}
}

// asText is a value as one writes it; "" for what is no text, number, or truth.
func asText(v ref.Val) string {
	switch v := native(v).(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	default:
		return ""
	}
}

const (
	bodyName = "body"
	itemName = "item"
)

// documentVar offers `body` and `item`, and what one needs to take things out of them.
const documentVar Vars = 1 << 7

// documentOptions are the functions that only selections have.
func documentOptions() []cel.EnvOption {
	var firsts []cel.FunctionOpt
	for n := 2; n <= 8; n++ {
		firsts = append(firsts, cel.Overload("first_of_"+strconv.Itoa(n), slices.Repeat([]*cel.Type{cel.DynType}, n), cel.DynType,
			cel.OverloadIsNonStrict(), cel.FunctionBinding(firstOf)))
	}
	return []cel.EnvOption{
		cel.Variable(bodyName, cel.DynType),
		cel.Variable(itemName, cel.DynType),
		ext.TwoVarComprehensions(),
		cel.Function("firstOf", firsts...),
		cel.Function("first", cel.Overload("first_list", []*cel.Type{cel.ListType(cel.DynType)}, cel.DynType, cel.UnaryBinding(first))),
		cel.Function("text", cel.Overload("text_dyn", []*cel.Type{cel.DynType}, cel.StringType, cel.UnaryBinding(func(v ref.Val) ref.Val {
			if s := asText(v); s != "" {
				return types.String(s)
			}
			return unknown
		}))),
		cel.Function("trim", cel.MemberOverload("string_trim", []*cel.Type{cel.StringType}, cel.StringType, cel.UnaryBinding(trimText))),
		cel.Function("split", cel.MemberOverload("string_split", []*cel.Type{cel.StringType, cel.StringType}, cel.ListType(cel.StringType),
			cel.BinaryBinding(split))),
	}
}

// firstOf is the first that is there: what is missing, or went wrong, is passed over.
func firstOf(args ...ref.Val) ref.Val {
	for _, arg := range args {
		if !types.IsUnknownOrError(arg) && arg != types.NullValue && arg != types.String("") {
			return arg
		}
	}
	return unknown
}

func first(list ref.Val) ref.Val {
	items, ok := list.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(list)
	}
	if items.Size() == types.IntZero {
		return unknown
	}
	return items.Get(types.IntZero)
}

func trimText(v ref.Val) ref.Val {
	s, ok := v.(types.String)
	if !ok {
		return types.MaybeNoSuchOverloadErr(v)
	}
	return types.String(strings.TrimSpace(string(s)))
}

func split(v, separator ref.Val) ref.Val {
	s, ok := v.(types.String)
	sep, isText := separator.(types.String)
	if !ok || !isText {
		return types.MaybeNoSuchOverloadErr(v)
	}
	parts := strings.Split(string(s), string(sep))
	items := make([]ref.Val, len(parts))
	for i, part := range parts {
		items[i] = types.String(part)
	}
	return makeList(items)
}
