package standard

import (
	"iter"

	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// fitGroups are groups with the groups inside them, each with its path.
func fitGroups(path string, groups []*typev1.FitGroup) iter.Seq2[*typev1.FitGroup, string] {
	return nested(path, groups, (*typev1.FitGroup).GetGroups)
}

// engagementGroups are groups with the groups inside them, each with its path.
func engagementGroups(path string, groups []*typev1.EngagementGroup) iter.Seq2[*typev1.EngagementGroup, string] {
	return nested(path, groups, (*typev1.EngagementGroup).GetGroups)
}

func nested[G any](path string, groups []G, inside func(G) []G) iter.Seq2[G, string] {
	return func(yield func(G, string) bool) {
		var walk func(path string, groups []G) bool
		walk = func(path string, groups []G) bool {
			for i, group := range groups {
				at := index(join(path, "groups"), i)
				if !yield(group, at) || !walk(at, inside(group)) {
					return false
				}
			}
			return true
		}
		walk(path, groups)
	}
}

// parents are the groups inside other groups, with the group around them, by id.
func parents(spec *handoffv1.StandardSpec) map[string]string {
	around := map[string]string{}
	for group := range fitGroups("", spec.GetFit().GetGroups()) {
		for _, inside := range group.GetGroups() {
			around[inside.GetId()] = group.GetId()
		}
	}
	for group := range engagementGroups("", spec.GetEngagement().GetGroups()) {
		for _, inside := range group.GetGroups() {
			around[inside.GetId()] = group.GetId()
		}
	}
	return around
}

// texts calls visit for each text in a message and below, with its path and field.
func texts(path string, m protoreflect.Message, visit func(path string, field protoreflect.FieldDescriptor, text string)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := join(path, f.JSONName())
		switch {
		case f.IsMap():
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				visit(at, f, key.String())
				if f.MapValue().Message() != nil {
					texts(entry(at, key.String()), value.Message(), visit)
				}
				return true
			})
		case f.IsList():
			for i := range v.List().Len() {
				if f.Message() != nil {
					texts(index(at, i), v.List().Get(i).Message(), visit)
				} else if f.Kind() == protoreflect.StringKind {
					visit(index(at, i), f, v.List().Get(i).String())
				}
			}
		case f.Message() != nil:
			texts(at, v.Message(), visit)
		case f.Kind() == protoreflect.StringKind:
			visit(at, f, v.String())
		}
		return true
	})
}

// enums calls visit for each word of a fixed choice in a message and below, with its
// path, the choice and the number that stands for the word.
func enums(path string, m protoreflect.Message, visit func(path string, known protoreflect.EnumDescriptor, given protoreflect.EnumNumber)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		at := join(path, f.JSONName())
		switch {
		case f.IsMap():
			v.Map().Range(func(key protoreflect.MapKey, value protoreflect.Value) bool {
				if f.MapValue().Message() != nil {
					enums(entry(at, key.String()), value.Message(), visit)
				}
				return true
			})
		case f.IsList() && f.Message() != nil:
			for i := range v.List().Len() {
				enums(index(at, i), v.List().Get(i).Message(), visit)
			}
		case f.Message() != nil:
			enums(at, v.Message(), visit)
		case f.Enum() != nil && !f.IsList():
			visit(at, f.Enum(), v.Enum())
		}
		return true
	})
}

// messages calls visit for a message and each one inside it.
func messages(m protoreflect.Message, visit func(protoreflect.Message)) {
	visit(m)
	children(m, func(child protoreflect.Message) { messages(child, visit) })
}

// depth is how deep messages of one type are nested in a message, itself included.
func depth(m protoreflect.Message, of protoreflect.FullName) int {
	below := 0
	children(m, func(child protoreflect.Message) { below = max(below, depth(child, of)) })
	if m.Descriptor().FullName() == of {
		below++
	}
	return below
}

// children calls visit for each message right inside a message.
func children(m protoreflect.Message, visit func(protoreflect.Message)) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case f.IsMap():
			v.Map().Range(func(_ protoreflect.MapKey, value protoreflect.Value) bool {
				if f.MapValue().Message() != nil {
					visit(value.Message())
				}
				return true
			})
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				visit(v.List().Get(i).Message())
			}
		default:
			visit(v.Message())
		}
		return true
	})
}
