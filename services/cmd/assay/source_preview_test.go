package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSourcePreview(t *testing.T) {
	s, dir := newShell(t), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s.must("source", "create", "forms", "--kind", "webhook", "--webhook", file("webhook.yaml", `
scheme: SCHEME_SECRET
mapping: {email: body.mail, type: '"form.submitted"', properties: {form: body.form}}
`))
	body := file("body.json", `{"mail": "ada@acme.example", "form": "demo", "title": "CTO"}`)
	out := s.must("source", "preview", "forms", "--file", body)
	for _, want := range []string{"email ada@acme.example", "form.submitted", `form: "demo"`, "1 captured, 0 left out by the mapping, 0 problems; nothing was stored"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	out = s.must("source", "preview", "forms", "--file", body, "--mapping", file("mapping.yaml", `
email: body.address
attributes: {job_title: body.title}
`))
	if !strings.Contains(out, "item 0: webhook.mapping.email: expected a person") {
		t.Errorf("nobody:\n%s", out)
	}
	if code, _, errs := s.do("source", "preview", "forms", "--file", body, "--mapping", file("broken.yaml", `email: "body."`)); code != exitRefused || !strings.Contains(errs, "mapping.email") {
		t.Errorf("a broken mapping: exit %d, %s", code, errs)
	}
	for name, c := range map[string]struct{ text, says string }{
		"field.yaml": {"emial: body.address", "field.yaml: emial: expected a known field: items, when, "},
		"type.yaml":  {"{attributes: {job_title: [body.title]}}", "type.yaml: attributes.job_title: expected a string"},
		"none.yaml":  {"a: [", "none.yaml: yaml: "},
	} {
		if code, _, errs := s.do("source", "preview", "forms", "--file", body, "--mapping", file(name, c.text)); code != exitUsage || !strings.Contains(errs, c.says) {
			t.Errorf("%s: exit %d, %s", name, code, errs)
		}
	}
	if code, _, errs := s.do("source", "preview", "forms"); code != exitRefused || !strings.Contains(errs, "no sample") {
		t.Errorf("without a sample: exit %d, %s", code, errs)
	}
	s.must("source", "create", "mails", "--kind", "webhook", "--preset", "sendgrid")
	if out := s.must("source", "preview", "mails"); !strings.Contains(out, "machine: true") {
		t.Errorf("of the preset:\n%s", out)
	}
}
