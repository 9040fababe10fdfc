package reference

import (
	"fmt"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// Page is the reference for people, in Markdown. The path is that of the file of the
// package of conditions whose comment documents them.
func (l *Language) Page(conditions string) ([]byte, error) {
	var b strings.Builder
	b.WriteString(`# The language of standards

Generated from its definition by ` + "`make gen`" + `; changes belong there. A standard is a YAML
file whose keys stand in the tables below. Files are read strictly: an unknown key, a key
that stands twice, a value of the wrong kind are refused with file, line and path. Editors
complete and check with ` + "`standards/standard.schema.json`" + ` (also ` + "`assay standard schema`" + `)
when the first line of a file is

    # yaml-language-server: $schema=standard.schema.json

Keys in **bold** must be given. Numbers of points have at most two decimals. How scores
come about is told in [concepts](../concepts.md), how to write a standard step by step in
the [guide](../guides/write-your-standard.md), what ` + "`seniority`" + `, ` + "`emailKind`" + ` and the like
answer in [dictionaries](dictionaries.md).

## Contents

- [Conditions](#conditions)
`)
	for _, m := range l.messages {
		fmt.Fprintf(&b, "- [%s](#%s)\n", title(m), strings.ToLower(strings.ReplaceAll(title(m), " ", "-")))
	}
	text, err := conditionsText(conditions)
	if err != nil {
		return nil, err
	}
	b.WriteString("\n## Conditions\n\nWhere a table says CEL, a condition or a value stands.\n\n" + text)
	for _, m := range l.messages {
		message(&b, m)
	}
	return []byte(b.String()), nil
}

// conditionsText is the comment of the package of conditions, in Markdown as it is
// written: its back quotes mark code, and a link to Go is no more than its word. The
// first and the last paragraph are for programmers.
func conditionsText(path string) (string, error) {
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		return "", err
	}
	p := comment.Parser{LookupSym: func(string, string) bool { return true }}
	blocks := p.Parse(file.Doc.Text()).Content
	var b strings.Builder
	for _, block := range blocks[1 : len(blocks)-1] {
		switch block := block.(type) {
		case *comment.Paragraph:
			for _, text := range block.Text {
				switch text := text.(type) {
				case comment.Plain:
					b.WriteString(string(text))
				case *comment.DocLink:
					for _, word := range text.Text {
						b.WriteString(strings.ToLower(string(word.(comment.Plain))))
					}
				}
			}
			b.WriteString("\n\n")
		case *comment.Code:
			b.WriteString("```text\n" + block.Text + "```\n\n")
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// title is the name of a message in words: `Engagement rule`.
func title(m protoreflect.MessageDescriptor) string {
	if m.Name() == "StandardSpec" {
		return "Standard"
	}
	var b strings.Builder
	for i, r := range string(m.Name()) {
		if i > 0 && unicode.IsUpper(r) {
			b.WriteByte(' ')
			r = unicode.ToLower(r)
		}
		b.WriteRune(r)
	}
	return b.String()
}

func message(b *strings.Builder, m protoreflect.MessageDescriptor) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| key | value | meaning |\n|---|---|---|\n", title(m), commentOf(m))
	for _, f := range fields(m) {
		name := "`" + f.JSONName() + "`"
		if must(f) {
			name = "**" + name + "**"
		}
		meaning := strings.ReplaceAll(commentOf(f), "\n\n", " ")
		if f.Enum() != nil {
			of, comments := words(f.Enum())
			for i := range of {
				meaning += "<br>`" + of[i] + "`: " + comments[i]
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", name, value(f), cell(meaning))
	}
}

// cell escapes what ends a cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }

// value says what kind of value a field has, and its limits.
func value(f protoreflect.FieldDescriptor) string {
	s := field(f)
	switch {
	case f.IsMap():
		return "names with " + kind(f.MapValue(), s.Others.(schema))
	case f.IsList():
		text := "list of " + kind(f, *s.Items)
		if limits := between(s.MinItems, s.MaxItems); limits != "" {
			text += ", " + limits + " of them"
		}
		return cell(text)
	default:
		return cell(kind(f, s))
	}
}

func kind(f protoreflect.FieldDescriptor, s schema) string {
	switch {
	case f.Message() != nil:
		return fmt.Sprintf("[%s](#%s)", title(f.Message()), strings.ToLower(strings.ReplaceAll(title(f.Message()), " ", "-")))
	case len(s.Enum) > 0:
		return "word"
	case s.Type == "boolean":
		return "`true` or `false`"
	case s.Type == "string":
		text := "text"
		if s.Pattern != "" {
			return text + " `" + s.Pattern + "`"
		}
		if limits := between(s.MinLength, s.MaxLength); limits != "" {
			text += ", " + limits + " characters"
		}
		return text
	}
	text := map[string]string{"integer": "whole number", "number": "number"}[s.Type]
	for _, limit := range []struct {
		words string
		at    *float64
	}{{"from", s.Minimum}, {"over", s.Over}, {"to", s.Maximum}, {"below", s.Below}} {
		if limit.at != nil {
			text += " " + limit.words + " " + strconv.FormatFloat(*limit.at, 'f', -1, 64)
		}
	}
	return text
}

func between(low, high *uint64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("%d to %d", *low, *high)
	case high != nil:
		return fmt.Sprintf("at most %d", *high)
	case low != nil:
		return fmt.Sprintf("at least %d", *low)
	default:
		return ""
	}
}
