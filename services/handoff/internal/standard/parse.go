package standard

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"gopkg.in/yaml.v3"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

const (
	// MaxBytes is the largest YAML file of a standard.
	MaxBytes = 1 << 20
	// maxDepth is the deepest nesting of a file; real standards need about twenty.
	// (The YAML parser itself gives up at 10,000.)
	maxDepth = 100
)

// Parse reads a standard from YAML. The keys are the fields of StandardSpec in
// lowerCamelCase. The file is read strictly: an unknown or repeated key, a value
// of the wrong type, an alias, a second document and everything else that could
// mean something other than it seems is refused. The error is Problems, each with
// file, line, path and what was expected. Whether the standard makes sense is for
// Compile to say.
func Parse(file string, text []byte) (*handoffv1.StandardSpec, error) {
	spec, _, err := parse(file, text)
	return spec, err
}

// Load parses and compiles a standard, so that every problem has its line.
func Load(file string, text []byte) (*handoffv1.StandardSpec, *Compiled, error) {
	f, err := Open(file, text)
	if err != nil {
		return nil, nil, err
	}
	return f.Spec, f.Compiled, nil
}

// File is a standard that was read from a file and compiles.
type File struct {
	Spec     *handoffv1.StandardSpec
	Compiled *Compiled

	lines lines
}

// Open reads a standard like Load, and remembers where its parts stand.
func Open(file string, text []byte) (*File, error) {
	spec, lines, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	compiled, err := Compile(spec, nil)
	var problems Problems
	if errors.As(err, &problems) {
		return nil, lines.locate(file, problems)
	}
	if err != nil {
		return nil, err
	}
	return &File{Spec: spec, Compiled: compiled, lines: lines}, nil
}

// Line is the line of a path such as `fit.groups[0].maxPoints`, or of the nearest
// path around it.
func (f *File) Line(path string) int { return f.lines.of(path) }

func parse(file string, text []byte) (*handoffv1.StandardSpec, lines, error) {
	r := reader{lines: lines{}}
	spec := &handoffv1.StandardSpec{}
	if root := r.document(text); root != nil {
		r.message(root, "", spec.ProtoReflect(), 1)
	}
	if err := r.err(); err != nil {
		for i := range r.problems {
			r.problems[i].File = file
		}
		return nil, nil, err
	}
	return spec, r.lines, nil
}

// lines has the line of each path of a file.
type lines map[string]int

// locate gives problems the line of their path, or of the nearest path around it.
func (l lines) locate(file string, problems Problems) Problems {
	located := slices.Clone(problems)
	for i := range located {
		located[i].File, located[i].Line = file, l.of(located[i].Path)
	}
	slices.SortStableFunc(located, func(a, b Problem) int { return a.Line - b.Line })
	return located
}

func (l lines) of(path string) int {
	for {
		if line, ok := l[path]; ok {
			return line
		}
		end := strings.LastIndexAny(path, ".[")
		if end < 0 {
			return max(l[""], 1)
		}
		path = path[:end]
	}
}

// reader turns a tree of YAML nodes into a message, along the message's
// descriptor. It goes on after a problem, to report as many as there are.
type reader struct {
	findings
	lines lines
}

// document is the root of the only document in the text, or nil.
func (r *reader) document(text []byte) *yaml.Node {
	switch {
	case len(text) > MaxBytes:
		r.addLine(1, "", "at most %d bytes, not %d", MaxBytes, len(text))
		return nil
	case !utf8.Valid(text):
		r.addLine(1, "", "UTF-8 text")
		return nil
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, second yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		r.addLine(1, "", "a standard, the file is empty")
		return nil
	case err != nil:
		r.syntax(err)
		return nil
	}
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		r.syntax(err)
		return nil
	default:
		r.addLine(second.Line, "", "one document, not several parted by ---")
		return nil
	}
	return document.Content[0]
}

var yamlLine = regexp.MustCompile(`^yaml: line (\d+): `)

// syntax reports what the YAML parser says, with its line.
func (r *reader) syntax(err error) {
	text, line := err.Error(), 1
	if at := yamlLine.FindStringSubmatch(text); at != nil {
		line, _ = strconv.Atoi(at[1])
		text = text[len(at[0]):]
	}
	r.addLine(line, "", "YAML: %s", strings.TrimPrefix(text, "yaml: "))
}

// plain says whether a node is what it seems; if not it reports why.
func (r *reader) plain(n *yaml.Node, path string, depth int) bool {
	switch {
	case depth > maxDepth:
		r.addLine(n.Line, path, "at most %d levels of nesting", maxDepth)
	case n.Kind == yaml.AliasNode:
		r.addLine(n.Line, path, "the value itself, not the alias *%s", n.Value)
	case n.Anchor != "":
		r.addLine(n.Line, path, "no anchor (&%s)", n.Anchor)
	case n.Style&yaml.TaggedStyle != 0:
		r.addLine(n.Line, path, "no tag (%s)", n.Tag)
	default:
		return true
	}
	return false
}

func (r *reader) message(n *yaml.Node, path string, m protoreflect.Message, depth int) {
	r.lines[path] = n.Line
	if !r.plain(n, path, depth) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.addLine(n.Line, path, "keys with values (%s), not %s", keys(m.Descriptor()), seen(n))
		return
	}
	given := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.plain(key, path, depth) {
			continue
		}
		field := m.Descriptor().Fields().ByJSONName(key.Value)
		at := key.Value
		if path != "" {
			at = path + "." + key.Value
		}
		first, repeated := given[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.addLine(key.Line, path, "a name as key, not %s", seen(key))
		case field == nil:
			r.addLine(key.Line, at, "one of the keys %s", keys(m.Descriptor()))
		case repeated:
			r.addLine(key.Line, at, "the key once, it stands in line %d already", first)
		default:
			given[key.Value] = key.Line
			r.field(value, at, m, field, depth)
			r.lines[at] = key.Line
		}
	}
}

func (r *reader) field(n *yaml.Node, path string, m protoreflect.Message, f protoreflect.FieldDescriptor, depth int) {
	switch {
	case f.IsMap():
		r.entries(n, path, m.Mutable(f).Map(), f, depth+1)
	case f.IsList():
		r.list(n, path, m.Mutable(f).List(), f, depth+1)
	case f.Message() != nil:
		r.message(n, path, m.Mutable(f).Message(), depth+1)
	default:
		if v, ok := r.scalar(n, path, f, depth+1); ok {
			m.Set(f, v)
		}
	}
}

func (r *reader) list(n *yaml.Node, path string, l protoreflect.List, f protoreflect.FieldDescriptor, depth int) {
	r.lines[path] = n.Line
	if !r.plain(n, path, depth) {
		return
	}
	if n.Kind != yaml.SequenceNode {
		r.addLine(n.Line, path, "a list, not %s", seen(n))
		return
	}
	for i, item := range n.Content {
		at := path + "[" + strconv.Itoa(i) + "]"
		r.lines[at] = item.Line
		if f.Message() != nil {
			r.message(item, at, l.AppendMutable().Message(), depth+1)
		} else if v, ok := r.scalar(item, at, f, depth+1); ok {
			l.Append(v)
		}
	}
}

// entries reads a map, whose keys are the writer's own words.
func (r *reader) entries(n *yaml.Node, path string, m protoreflect.Map, f protoreflect.FieldDescriptor, depth int) {
	r.lines[path] = n.Line
	if !r.plain(n, path, depth) {
		return
	}
	if n.Kind != yaml.MappingNode {
		r.addLine(n.Line, path, "names with values, not %s", seen(n))
		return
	}
	given := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if !r.plain(key, path, depth) {
			continue
		}
		at := entry(path, key.Value)
		name, ok := r.scalar(key, at, f.MapKey(), depth+1)
		if !ok {
			continue
		}
		if first, repeated := given[key.Value]; repeated {
			r.addLine(key.Line, at, "the name once, it stands in line %d already", first)
			continue
		}
		given[key.Value] = key.Line
		if f.MapValue().Message() != nil {
			v := m.NewValue()
			r.message(value, at, v.Message(), depth+1)
			m.Set(name.MapKey(), v)
		} else if v, ok := r.scalar(value, at, f.MapValue(), depth+1); ok {
			m.Set(name.MapKey(), v)
		}
		r.lines[at] = key.Line
	}
}

func (r *reader) scalar(n *yaml.Node, path string, f protoreflect.FieldDescriptor, depth int) (protoreflect.Value, bool) {
	if !r.plain(n, path, depth) {
		return protoreflect.Value{}, false
	}
	var expected, tag string
	if n.Kind == yaml.ScalarNode {
		tag = n.ShortTag()
	}
	switch f.Kind() {
	case protoreflect.StringKind:
		if tag == "!!str" {
			return protoreflect.ValueOfString(n.Value), true
		}
		expected = "text"
		if tag != "" && tag != "!!null" {
			expected = `text (in quotes: "` + n.Value + `")`
		}
	case protoreflect.DoubleKind:
		var v float64
		if (tag == "!!int" || tag == "!!float") && n.Decode(&v) == nil && !math.IsNaN(v) && !math.IsInf(v, 0) {
			return protoreflect.ValueOfFloat64(v), true
		}
		expected = "a number"
	case protoreflect.Int32Kind:
		var v int32
		if tag == "!!int" && n.Decode(&v) == nil {
			return protoreflect.ValueOfInt32(v), true
		}
		expected = "a whole number"
	case protoreflect.BoolKind:
		var v bool
		if tag == "!!bool" && n.Decode(&v) == nil {
			return protoreflect.ValueOfBool(v), true
		}
		expected = "true or false"
	case protoreflect.EnumKind:
		if v := f.Enum().Values().ByName(protoreflect.Name(n.Value)); tag == "!!str" && v != nil {
			return protoreflect.ValueOfEnum(v.Number()), true
		}
		words, values := choices(f.Enum())
		if i := slices.Index(words, n.Value); tag == "!!str" && i >= 0 {
			return protoreflect.ValueOfEnum(values[i]), true
		}
		expected = "one of: " + strings.Join(words, ", ")
	default:
		expected = fmt.Sprintf("no field of kind %v in the language", f.Kind())
	}
	r.addLine(n.Line, path, "%s, not %s", expected, seen(n))
	return protoreflect.Value{}, false
}

// choices are the words of an enum in YAML, without prefix and in small letters:
// `day` is PER_DAY. The name as in JSON is understood as well.
func choices(e protoreflect.EnumDescriptor) (words []string, values []protoreflect.EnumNumber) {
	prefix := strings.TrimSuffix(string(e.Values().ByNumber(0).Name()), "UNSPECIFIED")
	for i := range e.Values().Len() {
		v := e.Values().Get(i)
		if v.Number() == 0 {
			continue
		}
		words = append(words, strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)))
		values = append(values, v.Number())
	}
	return words, values
}

func keys(m protoreflect.MessageDescriptor) string {
	names := make([]string, m.Fields().Len())
	for i := range names {
		names[i] = m.Fields().Get(i).JSONName()
	}
	return strings.Join(names, ", ")
}

// seen describes a node to the one who wrote it.
func seen(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys with values"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	switch n.ShortTag() {
	case "!!null":
		return "nothing (leave the key out)"
	case "!!bool":
		return "the truth value " + n.Value
	case "!!timestamp":
		return "the date " + n.Value
	case "!!int", "!!float":
		return "the number " + n.Value
	default:
		value := n.Value
		if runes := []rune(value); len(runes) > 40 {
			value = string(runes[:40]) + "…"
		}
		return strconv.Quote(value)
	}
}
