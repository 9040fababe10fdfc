package lint

import (
	"regexp"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// notes lists readings and placeholders, so that nobody takes them for the source's own
// words, each at the place that it is about.
func (l *linter) notes() {
	for _, of := range []struct {
		list, rule, what string
		notes            []*handoffv1.Note
	}{
		{"readings", "reading", "read so:", l.spec.GetReadings()},
		{"placeholders", "placeholder", "stands here for the time being:", l.spec.GetPlaceholders()},
	} {
		for i, note := range of.notes {
			path, ok := resolve(l.spec.ProtoReflect(), note.GetPath())
			if !ok {
				l.warn("unknown-path", index(of.list, i)+".path", "there is nothing at %s", note.GetPath())
				continue
			}
			l.info(of.rule, path, "%s %s", of.what, note.GetText())
		}
	}
}

var steps = regexp.MustCompile(`([A-Za-z][A-Za-z0-9]*)|\[([^\]]*)\]|\.`)

// resolve follows a path whose items of lists are named by position or id, and returns
// it by position. The last field may be one that is not given: what is missing may be
// what the note is about.
func resolve(m protoreflect.Message, path string) (string, bool) {
	if path == "" || strings.Join(steps.FindAllString(path, -1), "") != path {
		return "", false
	}
	var at strings.Builder
	var list protoreflect.List
	var field protoreflect.FieldDescriptor
	for _, step := range steps.FindAllStringSubmatch(path, -1) {
		switch name, item := step[1], step[2]; {
		case name != "":
			if m == nil {
				return "", false
			}
			if field = m.Descriptor().Fields().ByJSONName(name); field == nil {
				return "", false
			}
			if at.Len() > 0 {
				at.WriteByte('.')
			}
			at.WriteString(name)
			list = nil
			value := m.Get(field)
			m = nil
			switch {
			case field.IsList():
				list = value.List()
			case field.Message() != nil && !field.IsMap():
				m = value.Message()
			}
		case item != "":
			if list == nil {
				return "", false
			}
			i := place(list, field, item)
			if i < 0 {
				return "", false
			}
			at.WriteString("[" + strconv.Itoa(i) + "]")
			if field.Message() != nil {
				m = list.Get(i).Message()
			}
			list = nil
		}
	}
	return at.String(), true
}

// place is the position of an item of a list, which is named by it, or by id or label.
func place(list protoreflect.List, field protoreflect.FieldDescriptor, item string) int {
	if i, err := strconv.Atoi(item); err == nil && field.Message() == nil {
		if i < list.Len() {
			return i
		}
		return -1
	}
	if field.Message() == nil {
		return -1
	}
	for _, name := range []protoreflect.Name{"id", "label", "key", "type", "segment"} {
		f := field.Message().Fields().ByName(name)
		for i := range list.Len() {
			if f != nil && list.Get(i).Message().Get(f).String() == item {
				return i
			}
		}
	}
	if i, err := strconv.Atoi(item); err == nil && i >= 0 && i < list.Len() {
		return i
	}
	return -1
}

// missing says what a standard leaves out and perhaps should not.
func (l *linter) missing() {
	q := l.spec.GetQualification()
	if q.GetGates() == nil && len(q.GetFastTrack())+len(q.GetSelfSelection()) == 0 {
		l.info("nobody-qualifies", "qualification", "there are no gates, no fast track and no self-selection: nobody ever qualifies by this standard without an approval")
	}
	fit := l.fitModel
	asks := false
	gatesIn(q.GetGates(), func(g *typev1.Gate) {
		asks = asks || g.GetFitScore() != nil || len(g.GetFitClass()) > 0 || len(g.GetMatrix()) > 0
	})
	if asks && q.GetNeedsData() == nil && fit.GetMinKnown() == 0 && len(fit.GetRequired()) == 0 {
		l.info("needs-data", "qualification",
			"the gates ask for the fit, and of a lead of whom nothing is known it is low instead of unknown: give `needsData`, or `fit.minKnown` or `fit.required`")
	}
}
