package standard

import (
	"slices"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// derived are the attributes that every lead has without a sender saying so.
var derived = []string{"email_domain", "lead_source", "lead_source_campaign", "lead_source_detail", "create_time"}

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
	for _, activity := range v.GetActivities() {
		for _, word := range activity.GetProperties() {
			c.properties[word.GetKey()] = true
		}
	}
}

// attribute checks that an attribute is one of the vocabulary.
func (c *compiler) attribute(path, name string) {
	if c.attributes != nil && !c.attributes[name] && !strings.HasPrefix(name, "account.opportunities_") &&
		!strings.HasPrefix(name, "account.customers_") {
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
