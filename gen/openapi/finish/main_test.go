package main

import (
	"strings"
	"testing"
)

func TestRename(t *testing.T) {
	for template, want := range map[string]string{
		"/v1/leads":                                      "/v1/leads",
		"/v1/leads/{name}/fit":                           "/v1/leads/{lead}/fit",
		"/v1/leads/{lead.name}":                          "/v1/leads/{lead}",
		"/v1/apiKeys/{name}:revoke":                      "/v1/apiKeys/{apiKey}:revoke",
		"/v1/dictionaries/{name}":                        "/v1/dictionaries/{dictionary}",
		"/v1/standards/{name}/versions/{name_1}:publish": "/v1/standards/{standard}/versions/{version}:publish",
	} {
		if got, _, err := rename(template); err != nil || got != want {
			t.Errorf("%s became %s, %v; want %s", template, got, err, want)
		}
	}
	for _, template := range []string{"/v1/{name}", "/v1/fit/{name}", "/v1/leads/{a}/handoffs/{a}"} {
		if got, _, err := rename(template); err == nil {
			t.Errorf("%s became %s, want an error", template, got)
		}
	}
}

func TestWhatCannotBeFinishedIsAnError(t *testing.T) {
	for name, paths := range map[string]string{
		"two of a kind":           `{"/v1/leads/{a}": {"get": OP}, "/v1/leads/{b}": {"get": OP}}`,
		"an undescribed variable": `{"/v1/leads/{name}": {"get": {"responses": {}}}}`,
		"no responses":            `{"/v1/leads": {"get": {}}}`,
	} {
		paths = strings.ReplaceAll(paths, "OP", `{"parameters": [{"in": "path", "name": "a"}], "responses": {}}`)
		var out strings.Builder
		if err := run(strings.NewReader(`{"info": {}, "components": {"schemas": {}}, "paths": `+paths+`}`), &out); err == nil {
			t.Errorf("%s: finished as %s", name, out.String())
		}
	}
}
