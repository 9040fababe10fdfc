// Package mask changes those fields of a resource that a field mask names.
package mask

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// Apply puts the fields of given that a mask names into a resource: `*` stands for all
// that may change, no mask for those that are given. A field is named as in the proto or
// as in JSON, and taken as a whole, so a path into it names all of it. fields are those
// that may change.
func Apply(resource, given proto.Message, mask *fieldmaskpb.FieldMask, fields ...protoreflect.Name) error {
	from, to := given.ProtoReflect(), resource.ProtoReflect()
	take := func(name protoreflect.Name) {
		field := from.Descriptor().Fields().ByName(name)
		if from.Has(field) {
			to.Set(field, from.Get(field))
		} else {
			to.Clear(field)
		}
	}
	if len(mask.GetPaths()) == 0 {
		for _, name := range fields {
			if from.Has(from.Descriptor().Fields().ByName(name)) {
				take(name)
			}
		}
	}
	for i, path := range mask.GetPaths() {
		text, _, _ := strings.Cut(path, ".")
		name := protoreflect.Name(text)
		if field := from.Descriptor().Fields().ByJSONName(text); field != nil {
			name = field.Name()
		}
		switch {
		case path == "*":
			for _, name := range fields {
				take(name)
			}
		case slices.Contains(fields, name):
			take(name)
		default:
			return apierr.InvalidField(fmt.Sprintf("updateMask.paths[%d]", i), "one of "+names(from.Descriptor(), fields))
		}
	}
	return nil
}

func names(resource protoreflect.MessageDescriptor, fields []protoreflect.Name) string {
	texts := make([]string, len(fields))
	for i, f := range fields {
		texts[i] = resource.Fields().ByName(f).JSONName()
	}
	return strings.Join(texts, ", ")
}
