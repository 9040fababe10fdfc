package condition

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Document is a JSON document of somebody else's, which a [Selection] reads as `body`. One
// that is a part of it is read as `item` besides. It is immutable.
type Document struct{ body, item ref.Val }

var errTrailing = errors.New("something follows the JSON value")

// ParseDocument reads a JSON document. The caller has bounded its size and its depth.
func ParseDocument(data []byte) (*Document, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var tree any
	if err := decoder.Decode(&tree); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return nil, errTrailing
	}
	body := grown(tree)
	return &Document{body: body, item: body}, nil
}

// grown makes a value of CEL of one of encoding/json; nil for null.
func grown(tree any) ref.Val {
	switch v := tree.(type) {
	case string:
		return types.String(v)
	case bool:
		return types.Bool(v)
	case json.Number:
		return numberOf(v.String())
	case []any:
		items := make([]ref.Val, 0, len(v))
		for _, item := range v {
			if val := grown(item); val != nil {
				items = append(items, val)
			}
		}
		return makeList(items)
	case map[string]any:
		o := &object{indexed: true, valid: true, fields: make([]field, 0, len(v))}
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if val := grown(v[key]); val != nil {
				o.fields = append(o.fields, field{key: []byte(key), decoded: true, val: val})
			}
		}
		o.settle()
		return o
	default:
		return nil
	}
}

// numberOf reads a number. One whose digits a double cannot keep, such as a long id, stays
// the text that it is: rounded, two ids would become one.
func numberOf(text string) ref.Val {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(f) > 1<<53 {
		return types.String(text)
	}
	return types.Double(f)
}
