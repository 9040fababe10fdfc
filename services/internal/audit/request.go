package audit

import (
	"regexp"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// silent are fields that say which resource or request it is, not what changes.
var silent = map[protoreflect.Name]bool{
	"name": true, "parent": true, "etag": true, "request_id": true, "update_mask": true, "page_size": true, "page_token": true,
}

// Fields are the paths of the fields that a request gives, at most two steps deep, in
// lowerCamelCase and in the order of their names: of an update those that its mask names.
// What stands in a map or a list is never looked at, so a path holds only names of the API.
func Fields(request protoreflect.Message) []string {
	var paths []string
	resource, named := maskOf(request)
	if named != nil {
		for _, path := range named.GetPaths() {
			name, _, _ := strings.Cut(path, ".")
			field := resource.Message().Fields().ByName(protoreflect.Name(name))
			if field == nil {
				field = resource.Message().Fields().ByJSONName(name)
			}
			if field != nil {
				paths = append(paths, resource.JSONName()+"."+field.JSONName())
			}
		}
	}
	request.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case silent[field.Name()] || named != nil && field == resource:
		case field.Message() == nil || field.IsList() || field.IsMap() || field.Message().ParentFile().Package() == "google.protobuf":
			paths = append(paths, field.JSONName())
		default:
			v.Message().Range(func(inner protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
				if !silent[inner.Name()] {
					paths = append(paths, field.JSONName()+"."+inner.JSONName())
				}
				return true
			})
		}
		return true
	})
	slices.Sort(paths)
	return slices.Compact(paths)
}

// maskOf returns the field of an update that holds the resource, and its mask if that
// names fields.
func maskOf(request protoreflect.Message) (protoreflect.FieldDescriptor, *fieldmaskpb.FieldMask) {
	field := request.Descriptor().Fields().ByName("update_mask")
	if field == nil || !request.Has(field) {
		return nil, nil
	}
	mask, ok := request.Get(field).Message().Interface().(*fieldmaskpb.FieldMask)
	resource := request.Descriptor().Fields().Get(0)
	if !ok || len(mask.GetPaths()) == 0 || slices.Contains(mask.GetPaths(), "*") || resource.Message() == nil {
		return nil, nil
	}
	return resource, mask
}

// resourceName is the form of names and collections; nothing else is written down.
var resourceName = regexp.MustCompile(`^[a-zA-Z]+(/[a-zA-Z0-9._~-]+)*$`)

// Resource is what a request is about: the resource it names or carries, else its parent,
// else any other it names; of a creation with a given id what will be created, with
// another the collection.
func Resource(method protoreflect.MethodDescriptor, request protoreflect.Message) string {
	fields := request.Descriptor().Fields()
	text := func(m protoreflect.Message, name protoreflect.Name) string {
		field := m.Descriptor().Fields().ByName(name)
		if field == nil || field.Kind() != protoreflect.StringKind || field.IsList() {
			return ""
		}
		if v := m.Get(field).String(); resourceName.MatchString(v) {
			return v
		}
		return ""
	}
	if name := text(request, "name"); name != "" {
		return name
	}
	collection, singular := collectionOf(method)
	for i := range fields.Len() {
		field := fields.Get(i)
		if field.Message() != nil && !field.IsList() && !field.IsMap() && request.Has(field) {
			if name := text(request.Get(field).Message(), "name"); name != "" {
				return name
			}
		}
		if id := string(field.Name()); singular != "" && id == singular+"_id" {
			if v := text(request, field.Name()); v != "" {
				return collection + "/" + v
			}
		}
	}
	if parent := text(request, "parent"); parent != "" {
		return parent
	}
	for i := range fields.Len() {
		if v := text(request, fields.Get(i).Name()); strings.Contains(v, "/") {
			return v
		}
	}
	return collection
}

// collectionOf returns the collection that REST knows a method under, `users`, and the
// word for one of it as fields spell it, `user`.
func collectionOf(method protoreflect.MethodDescriptor) (collection, singular string) {
	rule, _ := proto.GetExtension(method.Options(), annotations.E_Http).(*annotations.HttpRule)
	path := strings.TrimPrefix(rule.GetPost(), "/v1/")
	collection, _, _ = strings.Cut(path, ":")
	if strings.ContainsAny(collection, "{/") || !resourceName.MatchString(collection) {
		return "", ""
	}
	for _, c := range strings.TrimSuffix(collection, "s") {
		if c >= 'A' && c <= 'Z' {
			singular += "_"
		}
		singular += strings.ToLower(string(c))
	}
	return collection, singular
}
