// Package reference writes the reference of the language of standards from its
// definition: the JSON Schema that editors complete and check with, and the pages for
// people. Both come from the protos alone (fields, rules and comments), so that neither
// can say anything else than the parser does.
package reference

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Language is the definition of the language, with its comments.
type Language struct {
	// messages are the standard and all it is made of, each before those first met in it.
	messages []protoreflect.MessageDescriptor
}

// Read reads the definition: a FileDescriptorSet as `buf build` writes it.
func Read(r io.Reader) (*Language, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("file descriptors: %w", err)
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return nil, err
	}
	found, err := files.FindDescriptorByName("assay.handoff.v1.StandardSpec")
	if err != nil {
		return nil, err
	}
	l := &Language{}
	l.collect(found.(protoreflect.MessageDescriptor))
	return l, nil
}

func (l *Language) collect(m protoreflect.MessageDescriptor) {
	if slices.Contains(l.messages, m) {
		return
	}
	l.messages = append(l.messages, m)
	for _, f := range fields(m) {
		switch {
		case f.IsMap() && f.MapValue().Message() != nil:
			l.collect(f.MapValue().Message())
		case !f.IsMap() && f.Message() != nil:
			l.collect(f.Message())
		}
	}
}

// compiled marks fields that nobody writes.
var compiled = regexp.MustCompile(`(?i)\bfilled\b[^.]*\bcompiled\b`)

// fields are those that a file may give.
func fields(m protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	var of []protoreflect.FieldDescriptor
	for i := range m.Fields().Len() {
		if f := m.Fields().Get(i); !compiled.MatchString(commentOf(f)) {
			of = append(of, f)
		}
	}
	return of
}

// commentOf is the comment before a definition, in one paragraph for each of its own.
func commentOf(d protoreflect.Descriptor) string {
	text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
	var paragraphs []string
	for paragraph := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		paragraphs = append(paragraphs, strings.Join(strings.Fields(paragraph), " "))
	}
	return strings.Join(paragraphs, "\n\n")
}

// rulesOf are the rules that stand beside a field.
func rulesOf(f protoreflect.FieldDescriptor) *validate.FieldRules {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	return rules
}

// words are those of an enum as a file has them: `day` for PER_DAY.
func words(e protoreflect.EnumDescriptor) (words, comments []string) {
	prefix := strings.TrimSuffix(string(e.Values().ByNumber(0).Name()), "UNSPECIFIED")
	for i := range e.Values().Len() {
		if v := e.Values().Get(i); v.Number() != 0 {
			words = append(words, strings.ToLower(strings.TrimPrefix(string(v.Name()), prefix)))
			comments = append(comments, commentOf(v))
		}
	}
	return words, comments
}

// must says whether a field has to be given: leaving it out breaks its rules.
func must(f protoreflect.FieldDescriptor) bool {
	rules := rulesOf(f)
	if rules.GetRequired() {
		return true
	}
	if f.HasPresence() || rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE {
		return false
	}
	if text := rules.GetString(); text != nil {
		return text.GetMinLen() > 0 || text.Pattern != nil && !regexp.MustCompile(text.GetPattern()).MatchString("")
	}
	if number := rules.GetDouble(); number != nil {
		return number.HasGt() && number.GetGt() >= 0 || number.HasGte() && number.GetGte() > 0
	}
	if number := rules.GetInt32(); number != nil {
		return number.HasGt() && number.GetGt() >= 0 || number.HasGte() && number.GetGte() > 0
	}
	return rules.GetRepeated().GetMinItems() > 0
}
