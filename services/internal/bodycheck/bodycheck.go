// Package bodycheck says what is wrong with a JSON body, field by field.
//
// The gateway decodes bodies with protojson, whose errors name a line and a column.
// A caller wants the field and what was expected there. So when a body was refused,
// and only then, it is read once more beside the descriptor of the message that was
// expected. Values are never repeated: they may be personal.
package bodycheck

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Problem is one thing that is wrong with a body.
type Problem struct {
	// Field is the path in lowerCamelCase, e.g. `lead.identities[0].kind`; empty for
	// the body as a whole.
	Field string
	// Expected says what was expected there.
	Expected string
}

const (
	maxProblems = 20
	// MaxDepth is the deepest nesting of objects and lists in a body.
	MaxDepth = 64
)

// Explain returns what is wrong with a body that should be the message, at most
// twenty things; nothing when it looks right. The prefix is the path of the body in
// the request, if it is a part of it.
func Explain(body []byte, message protoreflect.MessageDescriptor, prefix string) []Problem {
	if !utf8.Valid(body) {
		return []Problem{{Field: prefix, Expected: "valid UTF-8 (the first invalid byte is " + strconv.Itoa(firstInvalid(body)) + ")"}}
	}
	if deep(body) {
		return []Problem{{Field: prefix, Expected: fmt.Sprintf("at most %d levels of nesting", MaxDepth)}}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	w := walker{dec: dec, body: body}
	var err error
	if bytes.Equal(bytes.TrimSpace(body), []byte("null")) {
		w.add(prefix, "an object")
		_, err = dec.Token()
	} else {
		err = w.message(prefix, message)
	}
	if err == nil {
		if _, err = dec.Token(); errors.Is(err, io.EOF) {
			return w.problems
		}
		w.add(prefix, fmt.Sprintf("nothing after the end of the JSON value (byte %d)", dec.InputOffset()))
		return w.problems
	}
	if !errors.Is(err, errEnough) {
		w.add(prefix, fmt.Sprintf("well-formed JSON (it breaks off or is broken at byte %d of %d)", w.at(err), len(body)))
	}
	return w.problems
}

func firstInvalid(body []byte) int {
	for i := 0; i < len(body); {
		r, n := utf8.DecodeRune(body[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return len(body)
}

// deep tells whether the body nests too deeply, without recursion.
func deep(body []byte) bool {
	depth, inString := 0, false
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{', c == '[':
			if depth++; depth > MaxDepth {
				return true
			}
		case c == '}', c == ']':
			depth--
		}
	}
	return false
}

// TooDeep tells whether a body nests more deeply than MaxDepth, so that it can be
// refused before it is decoded.
func TooDeep(body []byte) bool { return deep(body) }

var errEnough = errors.New("enough problems")

type walker struct {
	dec      *json.Decoder
	body     []byte
	problems []Problem
}

func (w *walker) add(field, expected string) {
	if len(w.problems) < maxProblems {
		w.problems = append(w.problems, Problem{Field: field, Expected: expected})
	}
}

// token reads the next token, at the path.
func (w *walker) token(path string) (json.Token, error) {
	from := w.dec.InputOffset()
	tok, err := w.dec.Token()
	if _, text := tok.(string); text && loneSurrogate(w.body[from:w.dec.InputOffset()]) {
		w.add(path, `escaped surrogates in pairs, e.g. \ud83d\ude00`)
	}
	return tok, err
}

// loneSurrogate tells whether well-formed JSON text escapes half a character, which
// encoding/json replaces and protojson refuses.
func loneSurrogate(text []byte) bool {
	unit := func(i int) rune { // the code unit escaped at i, or 0
		if i+6 > len(text) || text[i] != '\\' || text[i+1] != 'u' {
			return 0
		}
		u, _ := strconv.ParseUint(string(text[i+2:i+6]), 16, 16)
		return rune(u)
	}
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			continue
		}
		if u := unit(i); utf16.IsSurrogate(u) {
			if utf16.DecodeRune(u, unit(i+6)) == utf8.RuneError {
				return true
			}
			i += 10
		}
		i++
	}
	return false
}

func (w *walker) at(err error) int64 {
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		return syntax.Offset
	}
	return w.dec.InputOffset()
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// message reads the next value as a message. The error is about the JSON itself.
func (w *walker) message(path string, md protoreflect.MessageDescriptor) error {
	if expected, known := wellKnown[md.FullName()]; known {
		return w.special(path, md.FullName(), expected)
	}
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch {
	case tok == nil:
		return nil // null stands for absent
	case tok != json.Delim('{'):
		w.add(path, "an object")
		return w.skip(tok)
	}
	seen := map[protoreflect.FullName]bool{}
	for w.dec.More() {
		name, err := w.name(path)
		if err != nil {
			return err
		}
		if len(w.problems) >= maxProblems {
			return errEnough
		}
		fd := md.Fields().ByJSONName(name)
		if fd == nil {
			fd = md.Fields().ByTextName(name)
		}
		at := join(path, name)
		switch {
		case fd == nil:
			w.add(at, "a known field: "+fieldNames(md))
			err = w.value()
		case seen[fd.FullName()]:
			w.add(at, "the field once")
			err = w.value()
		default:
			seen[fd.FullName()] = true
			err = w.field(at, fd)
		}
		if err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

func (w *walker) name(path string) (string, error) {
	tok, err := w.token(path)
	if err != nil {
		return "", err
	}
	name, ok := tok.(string)
	if !ok {
		return "", io.ErrUnexpectedEOF
	}
	return name, nil
}

func fieldNames(md protoreflect.MessageDescriptor) string {
	var names []string
	for i := range md.Fields().Len() {
		names = append(names, md.Fields().Get(i).JSONName())
	}
	if len(names) == 0 {
		return "there is none here"
	}
	return strings.Join(names, ", ")
}

func (w *walker) field(path string, fd protoreflect.FieldDescriptor) error {
	switch {
	case fd.IsMap():
		return w.object(path, func(at string) error { return w.single(at, fd.MapValue()) })
	case fd.IsList():
		tok, err := w.dec.Token()
		if err != nil || tok == nil {
			return err
		}
		if tok != json.Delim('[') {
			w.add(path, "a list")
			return w.skip(tok)
		}
		for i := 0; w.dec.More(); i++ {
			if len(w.problems) >= maxProblems {
				return errEnough
			}
			if err := w.item(fmt.Sprintf("%s[%d]", path, i), fd); err != nil {
				return err
			}
		}
		_, err = w.dec.Token()
		return err
	}
	return w.single(path, fd)
}

func (w *walker) object(path string, each func(at string) error) error {
	tok, err := w.dec.Token()
	if err != nil || tok == nil {
		return err
	}
	if tok != json.Delim('{') {
		w.add(path, "an object")
		return w.skip(tok)
	}
	seen := map[string]bool{}
	for w.dec.More() {
		name, err := w.name(path)
		if err != nil {
			return err
		}
		at := join(path, name)
		if seen[name] {
			w.add(at, "the key once")
		}
		seen[name] = true
		if err := each(at); err != nil {
			return err
		}
	}
	_, err = w.dec.Token()
	return err
}

// item reads an element of a list, where null stands for nothing.
func (w *walker) item(path string, fd protoreflect.FieldDescriptor) error {
	if rest := bytes.TrimLeft(w.body[w.dec.InputOffset():], ", \t\r\n"); bytes.HasPrefix(rest, []byte("null")) {
		w.add(path, "a value, not null")
	}
	return w.single(path, fd)
}

func (w *walker) single(path string, fd protoreflect.FieldDescriptor) error {
	if fd.Kind() == protoreflect.MessageKind || fd.Kind() == protoreflect.GroupKind {
		return w.message(path, fd.Message())
	}
	tok, err := w.token(path)
	if err != nil {
		return err
	}
	if expected := scalar(tok, fd); expected != "" {
		w.add(path, expected)
	}
	return w.skip(tok)
}

// scalar returns what was expected when the token is not a value of the field.
func scalar(tok json.Token, fd protoreflect.FieldDescriptor) string {
	if tok == nil && !fd.IsList() {
		return ""
	}
	switch fd.Kind() {
	case protoreflect.StringKind:
		if _, ok := tok.(string); !ok {
			return "a string"
		}
	case protoreflect.BoolKind:
		if _, ok := tok.(bool); !ok {
			return "true or false"
		}
	case protoreflect.BytesKind:
		s, ok := tok.(string)
		if !ok || !isBase64(s) {
			return "a string in base64"
		}
	case protoreflect.EnumKind:
		return enum(tok, fd.Enum())
	case protoreflect.DoubleKind, protoreflect.FloatKind:
		if _, err := strconv.ParseFloat(number(tok), 64); err != nil {
			return "a number"
		}
	default:
		f, err := strconv.ParseFloat(number(tok), 64)
		if err != nil || f != float64(int64(f)) || f > 1<<53 || f < -1<<53 ||
			fd.Kind() == protoreflect.Int32Kind && (f > 1<<31-1 || f < -1<<31) {
			return "a whole number"
		}
	}
	return ""
}

func number(tok json.Token) string {
	switch t := tok.(type) {
	case json.Number:
		return t.String()
	case string:
		return t
	}
	return ""
}

func isBase64(s string) bool {
	s = strings.TrimRight(strings.NewReplacer("-", "+", "_", "/").Replace(s), "=")
	_, err := base64.RawStdEncoding.DecodeString(s)
	return err == nil
}

func enum(tok json.Token, ed protoreflect.EnumDescriptor) string {
	switch t := tok.(type) {
	case string:
		if ed.Values().ByName(protoreflect.Name(t)) != nil {
			return ""
		}
	case json.Number:
		if n, err := strconv.ParseInt(t.String(), 10, 32); err == nil && n >= 0 {
			return ""
		}
	}
	var names []string
	for i := range ed.Values().Len() {
		if v := ed.Values().Get(i); v.Number() != 0 {
			names = append(names, string(v.Name()))
		}
	}
	return "one of " + strings.Join(names, ", ")
}

// wellKnown are the messages with a JSON form of their own.
var wellKnown = map[protoreflect.FullName]string{
	"google.protobuf.Timestamp": "a time as RFC 3339, e.g. 2026-05-04T10:00:00Z",
	"google.protobuf.Duration":  "a duration in seconds, e.g. 1.5s",
	"google.protobuf.FieldMask": "field names with commas between, e.g. attributes,leadSource",
	"google.protobuf.Struct":    "an object",
	"google.protobuf.Value":     "",
	"google.protobuf.ListValue": "a list",
}

// tooFine is a time beyond nanoseconds.
var tooFine = regexp.MustCompile(`[.,]\d{10}`)

func (w *walker) special(path string, name protoreflect.FullName, expected string) error {
	switch name {
	case "google.protobuf.Struct":
		return w.object(path, w.free)
	case "google.protobuf.Value", "google.protobuf.ListValue":
		return w.free(path)
	}
	tok, err := w.token(path)
	if err != nil || tok == nil {
		return err
	}
	s, ok := tok.(string)
	switch name {
	case "google.protobuf.Timestamp":
		t, err := time.Parse(time.RFC3339Nano, s)
		ok = ok && err == nil && t.Year() >= 1 && t.Year() <= 9999 && !tooFine.MatchString(s)
	case "google.protobuf.Duration":
		_, err := time.ParseDuration(s)
		ok = ok && err == nil && strings.HasSuffix(s, "s") && strings.Trim(s, "+-.0123456789") == "s"
	}
	if !ok {
		w.add(path, expected)
	}
	return w.skip(tok)
}

// free reads any value and reports keys that stand twice in one object.
func (w *walker) free(path string) error {
	tok, err := w.token(path)
	if err != nil {
		return err
	}
	switch tok {
	case json.Delim('['):
		for i := 0; w.dec.More(); i++ {
			if err := w.free(fmt.Sprintf("%s[%d]", path, i)); err != nil {
				return err
			}
		}
		_, err = w.dec.Token()
		return err
	case json.Delim('{'):
		seen := map[string]bool{}
		for w.dec.More() {
			name, err := w.name(path)
			if err != nil {
				return err
			}
			at := join(path, name)
			if seen[name] {
				w.add(at, "the key once")
			}
			seen[name] = true
			if err := w.free(at); err != nil {
				return err
			}
		}
		_, err = w.dec.Token()
		return err
	}
	if n, ok := tok.(json.Number); ok {
		if _, err := strconv.ParseFloat(n.String(), 64); err != nil {
			w.add(path, "a number in the range of a double")
		}
	}
	return nil
}

// value reads and drops the next value.
func (w *walker) value() error {
	tok, err := w.dec.Token()
	if err != nil {
		return err
	}
	return w.skip(tok)
}

// skip drops what follows an opening token, up to its closing one.
func (w *walker) skip(tok json.Token) error {
	if tok != json.Delim('{') && tok != json.Delim('[') {
		return nil
	}
	for depth := 1; depth > 0; {
		next, err := w.dec.Token()
		if err != nil {
			return err
		}
		switch next {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
	}
	return nil
}
