package bodycheck

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

var capture = (&ingestv1.CaptureLeadRequest{}).ProtoReflect().Descriptor()

func TestExplainNamesTheFieldAndWhatWasExpected(t *testing.T) {
	for name, c := range map[string]struct{ body, field, expected string }{
		"not JSON":           {`hello`, "", "well-formed JSON"},
		"cut off":            {`{"lead": {`, "", "well-formed JSON"},
		"two values":         {`{} {}`, "", "nothing after the end"},
		"no object":          {`[1]`, "", "an object"},
		"unknown field":      {`{"colour": "red"}`, "colour", "a known field: lead, activities, requestId"},
		"unknown, deeper":    {`{"lead": {"identities": [{"kid": 1}]}}`, "lead.identities[0].kid", "a known field: kind, value"},
		"field twice":        {`{"source": "a", "source": "b"}`, "source", "the field once"},
		"both its names":     {`{"requestId": "", "request_id": ""}`, "request_id", "the field once"},
		"string":             {`{"source": 7}`, "source", "a string"},
		"list":               {`{"activities": {}}`, "activities", "a list"},
		"object":             {`{"lead": "x"}`, "lead", "an object"},
		"object in a list":   {`{"activities": [{}, 3]}`, "activities[1]", "an object"},
		"bool":               {`{"historical": "yes"}`, "historical", "true or false"},
		"enum":               {`{"lead": {"identities": [{"kind": "PHONE"}]}}`, "lead.identities[0].kind", "one of KIND_USER_ID, KIND_EMAIL, KIND_CRM_ID, KIND_ANONYMOUS_ID"},
		"time":               {`{"defaultTime": "yesterday"}`, "defaultTime", "a time as RFC 3339"},
		"duration":           {`{"waitTimeout": "2m"}`, "waitTimeout", "a duration in seconds"},
		"bytes":              {`{"activities": [{"propertiesJson": "{}"}]}`, "activities[0].propertiesJson", "base64"},
		"whole number":       {`{"lead": {"factsVersion": 1.5}}`, "lead.factsVersion", "a whole number"},
		"struct":             {`{"lead": {"attributes": [1]}}`, "lead.attributes", "an object"},
		"key twice":          {`{"lead": {"attributes": {"a": 1, "a": 2}}}`, "lead.attributes.a", "the key once"},
		"key twice, deeper":  {`{"lead": {"attributes": {"a": [{"b": 1, "b": 2}]}}}`, "lead.attributes.a[0].b", "the key once"},
		"number without end": {`{"lead": {"attributes": {"a": 1e999}}}`, "lead.attributes.a", "a number in the range"},
		"not UTF-8":          {"{\"source\": \"\xff\"}", "", "valid UTF-8 (the first invalid byte is 12)"},
		"null":               {` null`, "", "an object"},
		"null in a list":     {`{"activities": [{}, null]}`, "activities[1]", "a value, not null"},
		"lone surrogate":     {`{"lead": {"attributes": {"a": "x\ud800y"}}}`, "lead.attributes.a", "surrogates in pairs"},
		"surrogate in key":   {`{"lead": {"attributes": {"\udc00": 1}}}`, "lead.attributes", "surrogates in pairs"},
		"beyond nanoseconds": {`{"defaultTime": "2026-11-21T00:00:00.1234567891Z"}`, "defaultTime", "a time as RFC 3339"},
		"depth bomb":         {strings.Repeat(`{"lead":`, 100), "", "at most 64 levels"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := Explain([]byte(c.body), capture, "")
			if len(problems) == 0 {
				t.Fatal("no problem found")
			}
			if got := problems[0]; got.Field != c.field || !strings.Contains(got.Expected, c.expected) {
				t.Errorf("got %q: expected %s; want %q: expected %s", got.Field, got.Expected, c.field, c.expected)
			}
		})
	}
}

func TestExplainFindsNothingWrongWithAGoodBody(t *testing.T) {
	const body = `{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "a@example.com"}, {"kind": 1, "value": "u"}],
		"attributes": {"a": null, "b": [1, "x", {"c": true}, null], "e": "\\ud800 \ud83d\ude00"}, "leadSource": null},
		"activities": [{"type": "page.viewed", "occurredTime": "2026-05-04T10:00:00.5+02:00", "propertiesJson": "e30="}],
		"wait_for_decision": true, "waitTimeout": "1.5s"}`
	if problems := Explain([]byte(body), capture, ""); len(problems) > 0 {
		t.Errorf("problems: %v", problems)
	}
}

func TestExplainIsBounded(t *testing.T) {
	body := `{"activities": [` + strings.Repeat(`1,`, 100_000) + `1]}`
	if n := len(Explain([]byte(body), capture, "")); n != maxProblems {
		t.Errorf("%d problems, want %d", n, maxProblems)
	}
}

// FuzzExplain holds that no body makes it panic, and that a body that protojson
// takes has nothing wrong with it.
func FuzzExplain(f *testing.F) {
	f.Add([]byte(`{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "a@example.com"}]}}`))
	f.Add([]byte(`{"activities": [{"type": "page.viewed", "occurredTime": "2026-05-04T10:00:00Z"}]}`))
	f.Add([]byte(`{"defaultTime": "0001-01-01T00:00:00Z", "waitTimeout": "-1.000000001s"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		problems := Explain(body, capture, "")
		if TooDeep(body) {
			return
		}
		if err := protojson.Unmarshal(body, &ingestv1.CaptureLeadRequest{}); err == nil && len(problems) > 0 {
			t.Errorf("protojson takes %q, Explain says %v", body, problems)
		}
	})
}
