package standard_test

import (
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/standard"
)

// With a vocabulary nothing else can be read or named.
func TestVocabulary(t *testing.T) {
	const words = `
id: x
vocabulary:
  attributes: [{key: job_title}, {key: account.industry}]
  activities: [{type: page.viewed, properties: [{key: path}]}, {type: form.submitted}]
`
	for name, c := range map[string]struct{ text, refused string }{
		"what is there": {`
engagement:
  groups:
    - id: g
      rules:
        - {id: a, activities: [page.viewed, 'form.*', lifecycle.nurture], when: activity.properties.path == "/", points: 1}
        - {id: b, attributes: [job_title, email_domain], when: account.industry == "IT" && lead.create_time != "", points: 1}
`, ""},
		"another attribute in a condition": {`
fit: {groups: [{id: g, criteria: [{id: a, when: lead.country == "DE"}]}]}
`, "fit.groups[0].criteria[0].when: expected an attribute of `vocabulary`, not \"country\""},
		"another property": {`
engagement: {groups: [{id: g, rules: [{id: a, activities: [page.viewed], when: activity.properties.url == "/"}]}]}
`, "expected a property of an activity of `vocabulary`, not \"url\""},
		"another activity": {`
engagement: {groups: [{id: g, rules: [{id: a, activities: [page.seen]}]}]}
`, "engagement.groups[0].rules[0].activities[0]: expected an activity of `vocabulary`, not \"page.seen\""},
		"another attribute that changes": {`
engagement: {groups: [{id: g, rules: [{id: a, attributes: [phone]}]}]}
`, "engagement.groups[0].rules[0].attributes[0]: expected an attribute of `vocabulary`, not \"phone\""},
		"another attribute that is required": {`
fit: {required: [phone]}
`, "fit.required[0]: expected an attribute of `vocabulary`, not \"phone\""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := standard.Compile(parse(t, words+c.text), nil)
			switch {
			case c.refused == "" && err != nil:
				t.Error(err)
			case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
				t.Errorf("error\n%v\nwant it to contain\n%s", err, c.refused)
			}
		})
	}
	_, err := standard.Compile(parse(t, "id: x\nvocabulary: {activities: [{type: a.b}, {type: a.b, properties: [{key: c}, {key: c}]}]}"), nil)
	for _, want := range []string{"vocabulary.activities[1].type: expected each", "vocabulary.activities[1].properties[1].key: expected each"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %s", err, want)
		}
	}
}
