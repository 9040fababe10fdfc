package standard

import (
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"

	"github.com/assay-hq/assay/services/internal/pattern"
)

// derived are the attributes that every lead has without a sender saying so.
var derived = []string{"account", "email_domain", "lead_source", "lead_source_campaign", "lead_source_detail", "create_time", "suppressed"}

// families are beginnings of such attributes.
var families = []string{"account.opportunities_", "account.customers_", "consent_", "permission_"}

// named are the fields that hold an activity type or the name of an attribute.
var named = map[protoreflect.FullName]func(c *compiler, path, word string){
	"assay.type.v1.EngagementRule.activities":     (*compiler).activity,
	"assay.type.v1.Signal.activities":             (*compiler).activity,
	"assay.type.v1.Reset.activities":              (*compiler).activity,
	"assay.type.v1.Memory.activities":             (*compiler).activity,
	"assay.type.v1.Suspension.from":               (*compiler).activity,
	"assay.type.v1.Suspension.until":              (*compiler).activity,
	"assay.type.v1.EngagementOverride.activities": (*compiler).activity,
	"assay.type.v1.EngagementOverride.until":      (*compiler).activity,
	"assay.type.v1.EngagementRule.attributes":     (*compiler).attribute,
	"assay.type.v1.Signal.attributes":             (*compiler).attribute,
	"assay.type.v1.Reset.attributes":              (*compiler).attribute,
	"assay.type.v1.Schedule.zone_attribute":       (*compiler).attribute,
	"assay.type.v1.FitModel.required":             (*compiler).attribute,
}

// vocabulary takes the words that a standard declares. With them, whatever reads another
// attribute or property is refused.
func (c *compiler) vocabulary(v *handoffv1.Vocabulary) {
	if v == nil {
		return
	}
	c.attributes, c.properties = map[string]bool{}, map[string]bool{}
	for _, name := range derived {
		c.attributes[name] = true
	}
	for i, word := range v.GetAttributes() {
		at := join(index("vocabulary.attributes", i), "key")
		if c.attributes[word.GetKey()] && !slices.Contains(derived, word.GetKey()) {
			c.add(at, "each attribute once, %q stands above already", word.GetKey())
		}
		c.attributes[word.GetKey()] = true
	}
	types := map[string]bool{}
	for i, activity := range v.GetActivities() {
		at := index("vocabulary.activities", i)
		if types[activity.GetType()] {
			c.add(join(at, "type"), "each activity type once, %q stands above already", activity.GetType())
		}
		types[activity.GetType()] = true
		properties := map[string]bool{}
		for p, word := range activity.GetProperties() {
			if properties[word.GetKey()] {
				c.add(join(index(join(at, "properties"), p), "key"), "each property once, %q stands above already", word.GetKey())
			}
			properties[word.GetKey()], c.properties[word.GetKey()] = true, true
		}
	}
	c.types = slices.Sorted(maps.Keys(types))
}

// spoken checks the activity types and attributes that a part names outside of
// conditions.
func (c *compiler) spoken(path string, part protoreflect.Message) {
	texts(path, part, func(at string, field protoreflect.FieldDescriptor, text string) {
		if check, holds := named[field.FullName()]; holds && text != "" {
			check(c, at, text)
		}
	})
}

// activity checks that an activity type is one of the vocabulary, or stands for one of
// them. What Assay and sales say of a lead is always known.
func (c *compiler) activity(path, name string) {
	if c.attributes == nil || name == "*" || strings.HasPrefix(name, "lifecycle.") || strings.HasPrefix(name, "sales.") {
		return
	}
	if !slices.ContainsFunc(c.types, func(t string) bool { return pattern.Matches(name, t) }) {
		c.add(path, "an activity of `vocabulary`, not %q", name)
	}
}

// attribute checks that an attribute is one of the vocabulary.
func (c *compiler) attribute(path, name string) {
	always := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
	if c.attributes != nil && !c.attributes[name] && !slices.ContainsFunc(families, always) {
		c.add(path, "an attribute of `vocabulary`, not %q", name)
	}
}

// words checks that all that a condition reads is in the vocabulary.
func (c *compiler) words(path string, paths []string) {
	if c.attributes == nil {
		return
	}
	for _, read := range paths {
		switch head, name, _ := strings.Cut(read, "."); head {
		case "lead", "before":
			c.attribute(path, name)
		case "account":
			c.attribute(path, read)
		case "activity":
			property, ok := strings.CutPrefix(name, "properties.")
			if ok && !c.properties[property] {
				c.add(path, "a property of an activity of `vocabulary`, not %q", property)
			}
		}
	}
}
