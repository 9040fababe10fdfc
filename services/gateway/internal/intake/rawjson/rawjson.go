// Package rawjson checks a JSON text once and then reads it by slicing.
//
// Most of what tracking clients send is passed on as it came: properties are stored as
// JSON. So nothing is decoded into values. [Parse] looks at each byte once, with the
// tokenizer that Go's own encoding/json/v2 is built on, and refuses what is broken, too
// deep, or names a key twice. What it returns is known to be good, so reading it needs
// no errors: a [Value] is a piece of the text.
package rawjson

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is how deep objects and lists may nest.
const MaxDepth = 64

// What is wrong with a text.
var (
	// ErrBroken: it is not one JSON value in UTF-8.
	ErrBroken = errors.New("well-formed JSON in UTF-8")
	// ErrDuplicate: an object names a key twice.
	ErrDuplicate = errors.New("each key once")
	// ErrDeep: it nests deeper than MaxDepth.
	ErrDeep = fmt.Errorf("at most %d levels of nesting", MaxDepth)
)

// Value is the text of one JSON value that was checked, without white space around it.
// The empty Value stands for nothing and reads like `null`.
type Value string

type checker struct {
	decoder *jsontext.Decoder
	body    bytes.Buffer
}

var checkers = sync.Pool{New: func() any { return &checker{decoder: new(jsontext.Decoder)} }}

// lenient lets half of a surrogate pair through: browsers cut texts in the middle of an
// emoji, and one bad text must not refuse the batch it is in.
var lenient = jsontext.AllowInvalidUTF8(true)

// Parse returns the one value of a text, or what is wrong with the text, wrapped with the
// byte at which it shows.
func Parse(text []byte) (Value, error) {
	if !utf8.Valid(text) {
		return "", ErrBroken
	}
	if at := tooDeep(text); at >= 0 {
		return "", fmt.Errorf("%w (byte %d)", ErrDeep, at)
	}
	c := checkers.Get().(*checker)
	c.body = *bytes.NewBuffer(text)
	c.decoder.Reset(&c.body, lenient)
	defer func() {
		c.body = bytes.Buffer{} // keep no text
		c.decoder.Reset(&c.body, lenient)
		checkers.Put(c)
	}()
	value, err := c.decoder.ReadValue()
	if err == nil {
		checked := Value(value)
		if _, err = c.decoder.ReadToken(); errors.Is(err, io.EOF) {
			return checked, nil
		}
	}
	what, at := ErrBroken, c.decoder.InputOffset()
	if errors.Is(err, jsontext.ErrDuplicateName) {
		what = ErrDuplicate
	}
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at = syntax.ByteOffset
	}
	// The decoder's own words may repeat what was sent.
	return "", fmt.Errorf("%w (byte %d)", what, at)
}

// tooDeep returns where a text begins to nest too deeply, -1 if nowhere. It does not
// mind what else is wrong.
func tooDeep(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			for {
				end := bytes.IndexByte(text[i+1:], '"')
				if end < 0 {
					return -1
				}
				if i += 1 + end; !escaped(text, i) {
					break
				}
			}
		case '{', '[':
			if depth++; depth > MaxDepth {
				return i
			}
		case '}', ']':
			depth--
		}
	}
	return -1
}

// escaped reports whether the byte at i stands behind an odd number of backslashes.
func escaped[T string | []byte](text T, i int) bool {
	n := 0
	for i--; i >= 0 && text[i] == '\\'; i-- {
		n++
	}
	return n%2 == 1
}

// IsObject reports whether the value is an object.
func (v Value) IsObject() bool { return v != "" && v[0] == '{' }

// IsList reports whether the value is a list.
func (v Value) IsList() bool { return v != "" && v[0] == '[' }

// IsText reports whether the value is a text.
func (v Value) IsText() bool { return v != "" && v[0] == '"' }

// IsNumber reports whether the value is a number.
func (v Value) IsNumber() bool { return v != "" && (v[0] == '-' || '0' <= v[0] && v[0] <= '9') }

// IsTrue reports whether the value is `true`.
func (v Value) IsTrue() bool { return v == "true" }

// IsFalse reports whether the value is `false`.
func (v Value) IsFalse() bool { return v == "false" }

// IsNull reports whether there is no value.
func (v Value) IsNull() bool { return v == "" || v == "null" }

// Text returns a text without its quotes and escapes, and a number as it is written:
// clients send ids as either. Of anything else it returns nothing. It is valid UTF-8.
func (v Value) Text() string {
	switch {
	case v.IsNumber():
		return string(v)
	case v.IsText():
		return unquote(string(v))
	}
	return ""
}

func unquote(quoted string) string {
	inner := quoted[1 : len(quoted)-1]
	if strings.IndexByte(inner, '\\') < 0 {
		return inner
	}
	plain, _ := jsontext.AppendUnquote(nil, quoted) // half a pair becomes U+FFFD
	return string(plain)
}

// Members returns the keys and values of an object, in order; of anything else, none.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if !v.IsObject() {
			return
		}
		s := string(v)
		for i := space(s, 1); s[i] != '}'; {
			keyEnd := text(s, i)
			key := s[i:keyEnd]
			i = space(s, space(s, keyEnd)+1) // the colon
			end := skip(s, i)
			if !yield(unquote(key), Value(s[i:end])) {
				return
			}
			if i = space(s, end); s[i] == ',' {
				i = space(s, i+1)
			}
		}
	}
}

// Elements returns the values of a list, in order; of anything else, none.
func (v Value) Elements() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		if !v.IsList() {
			return
		}
		s := string(v)
		for i := space(s, 1); s[i] != ']'; {
			end := skip(s, i)
			if !yield(Value(s[i:end])) {
				return
			}
			if i = space(s, end); s[i] == ',' {
				i = space(s, i+1)
			}
		}
	}
}

// Member returns the value of one key of an object, nothing if there is none.
func (v Value) Member(key string) Value {
	for k, value := range v.Members() {
		if k == key {
			return value
		}
	}
	return ""
}

// space returns where the white space at i ends.
func space(s string, i int) int {
	for s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r' {
		i++
	}
	return i
}

// text returns where the text at i ends.
func text(s string, i int) int {
	for {
		i += 1 + strings.IndexByte(s[i+1:], '"')
		if !escaped(s, i) {
			return i + 1
		}
	}
}

// skip returns where the value at i ends.
func skip(s string, i int) int {
	switch s[i] {
	case '"':
		return text(s, i)
	case '{', '[':
		for depth := 0; ; i++ {
			switch s[i] {
			case '"':
				i = text(s, i) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	for i < len(s) && !strings.ContainsRune(",]} \n\t\r", rune(s[i])) {
		i++
	}
	return i
}
