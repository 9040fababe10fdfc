package condition

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// Document is a JSON document of somebody else's, which a [Selection] reads as `body`. One
// that is a part of it is read as `item` besides. It is immutable.
type Document struct{ body, item ref.Val }

// MaxDepth is the deepest nesting of objects and lists in a document.
const MaxDepth = 64

// ErrDocument is what everything wrong with a document says: it is no JSON, nests more than
// [MaxDepth] levels, or names a key of an object twice, of which each reader would take
// another. The text of the error says which, and nothing of the document.
var ErrDocument = errors.New("is no document")

// ParseDocument reads a JSON document. The caller has bounded its size.
func ParseDocument(data []byte) (*Document, error) {
	if !utf8.Valid(data) {
		return nil, fmt.Errorf("%w: it is not UTF-8", ErrDocument)
	}
	p := grower{json.NewDecoder(bytes.NewReader(data))}
	p.UseNumber()
	body, err := p.value(0)
	if err == nil {
		if _, err = p.Token(); errors.Is(err, io.EOF) {
			return &Document{body: body, item: body}, nil
		}
	}
	if errors.Is(err, ErrDocument) {
		return nil, err
	}
	return nil, fmt.Errorf("%w: it is not one JSON value, or breaks off", ErrDocument) // the cause quotes it
}

// JSON returns the item in one canonical form, so that the same item is always the same
// bytes.
func (d *Document) JSON() []byte {
	data, err := json.Marshal(native(d.item))
	if err != nil { // values of JSON, all of them
		return nil
	}
	return data
}

// grower grows values of CEL from JSON; nil for null.
type grower struct{ *json.Decoder }

func (g grower) value(depth int) (ref.Val, error) {
	token, err := g.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case string:
		return types.String(v), nil
	case bool:
		return types.Bool(v), nil
	case json.Number:
		return numberOf(v.String()), nil
	case json.Delim:
		if depth == MaxDepth {
			return nil, fmt.Errorf("%w: it has more than %d levels of nesting", ErrDocument, MaxDepth)
		}
		if v == '[' {
			return g.list(depth + 1)
		}
		return g.object(depth + 1)
	default:
		return nil, nil //nolint:nilnil // null
	}
}

func (g grower) list(depth int) (ref.Val, error) {
	var items []ref.Val
	for g.More() {
		item, err := g.value(depth)
		if err != nil {
			return nil, err
		}
		if item != nil {
			items = append(items, item)
		}
	}
	_, err := g.Token()
	return makeList(items), err
}

func (g grower) object(depth int) (ref.Val, error) {
	o := &object{indexed: true, valid: true}
	seen := map[string]bool{}
	for g.More() {
		token, err := g.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string)
		if seen[key] {
			return nil, fmt.Errorf("%w: it names a key of an object twice", ErrDocument)
		}
		seen[key] = true
		val, err := g.value(depth)
		if err != nil {
			return nil, err
		}
		if val != nil {
			o.fields = append(o.fields, field{key: []byte(key), decoded: true, val: val})
		}
	}
	_, err := g.Token()
	o.settle()
	return o, err
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
