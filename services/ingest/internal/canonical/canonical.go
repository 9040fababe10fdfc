// Package canonical brings JSON into one form, so that equal values are equal
// bytes: keys sorted, no white space, shortest escapes, one way to write a number.
//
// It reads JSON bytes and protobuf values, checks both against the same limits
// and writes the same bytes for the same content. Whole numbers keep all their
// digits; other numbers are written as the shortest decimal of a float64.
package canonical

import (
	"bytes"
	"cmp"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/ingest/internal/violation"
)

// The limits of a value.
const (
	// MaxDepth is how deep objects and lists may nest, the outermost included.
	MaxDepth = 16
	// MaxKeys is how many keys all objects of a value may have together.
	MaxKeys = 256
	// MaxChars is how long a text may be, in characters.
	MaxChars = 10_000
	// MaxKeyChars is how long a key may be, in characters.
	MaxKeyChars = 100
)

// null is what an absent value looks like.
var null = []byte("null")

// IsNull reports whether a canonical value is `null`.
func IsNull(value []byte) bool { return bytes.Equal(value, null) }

// writer appends canonical JSON and counts against the limits.
type writer struct {
	out  []byte
	keys int
}

// member is one key of an object and where its `"key":value` stands in the output.
type member struct {
	key        string
	start, end int
}

// text appends a text, or says what is wrong with it.
func (w *writer) text(s string) *violation.Violation {
	if v := checkText(s); v != nil {
		return v
	}
	w.out = appendText(w.out, s)
	return nil
}

// key begins a member of an object.
func (w *writer) key(k string) *violation.Violation {
	w.keys++
	switch {
	case w.keys > MaxKeys:
		return violation.New("", "at most 256 keys, nested ones included")
	case k == "":
		return violation.New("", "keys that are not empty")
	case !utf8.ValidString(k):
		return violation.New("", "keys in valid UTF-8")
	case len(k) > MaxKeyChars && utf8.RuneCountInString(k) > MaxKeyChars:
		return violation.New("", "keys of at most 100 characters")
	case hasNUL(k):
		return violation.New("", "keys without NUL characters")
	}
	w.out = appendText(w.out, k)
	w.out = append(w.out, ':')
	return nil
}

// sort brings the members, written with commas between them since start, into
// order. Members often come sorted: then nothing moves.
func (w *writer) sort(start int, members []member) *violation.Violation {
	byKey := func(a, b member) int { return cmp.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(members, byKey) {
		slices.SortFunc(members, byKey)
		written := bytes.Clone(w.out[start:])
		w.out = w.out[:start]
		for i, m := range members {
			if i > 0 {
				w.out = append(w.out, ',')
			}
			w.out = append(w.out, written[m.start-start:m.end-start]...)
		}
	}
	for i := 1; i < len(members); i++ {
		if members[i].key == members[i-1].key {
			return violation.New(members[i].key, "each key once")
		}
	}
	return nil
}

// float appends a number that is no whole number within ±2^53, or any float64.
func (w *writer) float(f float64) *violation.Violation {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return violation.New("", "a finite number")
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		w.out = strconv.AppendInt(w.out, int64(f), 10)
		return nil
	}
	format := byte('f')
	if abs := math.Abs(f); abs < 1e-6 || abs >= 1e21 {
		format = 'e'
	}
	w.out = strconv.AppendFloat(w.out, f, format, -1, 64)
	return nil
}

// number appends a number given as a literal of JSON.
func (w *writer) number(literal []byte) *violation.Violation {
	if whole(literal) {
		if string(literal) == "-0" {
			literal = literal[1:]
		}
		w.out = append(w.out, literal...)
		return nil
	}
	f, err := strconv.ParseFloat(string(literal), 64)
	if err != nil {
		return violation.New("", "a number that fits 64 bits")
	}
	return w.float(f)
}

// whole reports whether a literal is a whole number that fits 64 bits: such a
// number keeps all its digits.
func whole(literal []byte) bool {
	digits := bytes.TrimPrefix(literal, []byte("-"))
	if len(digits) > 18 {
		return false
	}
	for _, c := range digits {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}

// checkText says what is wrong with a text.
func checkText(s string) *violation.Violation {
	switch {
	case !utf8.ValidString(s):
		return violation.New("", "valid UTF-8")
	case len(s) > MaxChars && utf8.RuneCountInString(s) > MaxChars:
		return violation.New("", "at most 10,000 characters")
	case hasNUL(s):
		return violation.New("", "no NUL characters")
	}
	return nil
}

func hasNUL(s string) bool {
	for i := range len(s) {
		if s[i] == 0 {
			return true
		}
	}
	return false
}

const hex = "0123456789abcdef"

// appendText appends a text with the shortest escapes.
func appendText(out []byte, s string) []byte {
	out = append(out, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		out = append(out, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			out = append(out, '\\', c)
		case '\b':
			out = append(out, '\\', 'b')
		case '\f':
			out = append(out, '\\', 'f')
		case '\n':
			out = append(out, '\\', 'n')
		case '\r':
			out = append(out, '\\', 'r')
		case '\t':
			out = append(out, '\\', 't')
		default:
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	out = append(out, s[from:]...)
	return append(out, '"')
}

// Text returns a text as a JSON value.
func Text(s string) []byte { return appendText(nil, s) }
