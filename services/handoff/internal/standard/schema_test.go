package standard_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"github.com/assay-hq/assay/standards"
)

// jsonSchema is the published schema, compiled.
func jsonSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(standards.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("standard.schema.json", document); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile("standard.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// fits says what an editor would say of a file.
func fits(t *testing.T, s *jsonschema.Schema, text []byte) error {
	t.Helper()
	var document any
	if err := yaml.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	return s.Validate(document)
}

// What we ship fits the schema that editors check with.
func TestStandardsFitTheSchema(t *testing.T) {
	s := jsonSchema(t)
	root := "../../../../"
	files, err := filepath.Glob(root + "standards/published/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, root+"standards/default.yaml", root+"examples/x-education/standard.yaml") {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(text, []byte("# yaml-language-server: $schema=")) {
			t.Errorf("%s does not name the schema in its first line", file)
		}
		if err := fits(t, s, text); err != nil {
			t.Errorf("%s: %v", file, err)
		}
	}
	if err := fits(t, s, []byte(small)); err != nil {
		t.Error(err)
	}
}

// What the parser refuses for its shape, or the rules beside the fields, an editor marks.
func TestTheSchemaRefuses(t *testing.T) {
	s := jsonSchema(t)
	for name, text := range map[string]string{
		"a list":               "- id: x",
		"no id":                "displayName: X",
		"unknown key":          "id: x\nfits: {}\n",
		"unknown key, deep":    "id: x\nfit:\n  groups:\n    - id: a\n      criteria:\n        - {id: b, wen: 'true'}",
		"snake case":           "id: x\ndisplay_name: X\n",
		"number as text":       "id: 5\n",
		"bool as text":         "id: true\n",
		"nothing as text":      "id:\n",
		"nothing as part":      "id: x\nfit:\n",
		"text as number":       "id: x\nfit: {maxPoints: many}",
		"fraction as count":    "id: x\nfit: {minKnown: 1.5}",
		"text as list":         "id: x\nfit: {groups: all}",
		"keys as list":         "id: x\nfit: {groups: {id: x}}",
		"list as text":         "id: [x]",
		"unknown word":         "id: x\nengagement: {groups: [{id: g, rules: [{id: r, activities: [a], limit: {per: decade}}]}]}",
		"negative cap":         "id: x\nfit: {maxPoints: -1}",
		"bad id":               "id: Big One",
		"bad activity":         "id: x\nengagement: {groups: [{id: g, rules: [{id: r, activities: [Page Viewed]}]}]}",
		"filled when compiled": "id: x\nengagement: {watch: {}}",
	} {
		if err := fits(t, s, []byte(text)); err == nil {
			t.Errorf("%s: the schema has nothing against %s", name, text)
		}
	}
}
