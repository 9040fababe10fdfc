package main

import (
	"strings"
	"testing"
)

func TestSourceFromCreationToRevocation(t *testing.T) {
	s := newShell(t)
	made := object(t, s.must("source", "create", "website", "--kind", "browser", "--name", "Our website", "--origin", "https://*.example.com", "--output", "json"))
	first, _ := made["writeKey"].(string)
	if made["name"] != "sources/website" || made["kind"] != "browser" || !strings.HasPrefix(first, "assay_") {
		t.Fatalf("made %v", made)
	}
	if out := s.must("source", "show", "website"); !strings.Contains(out, "https://*.example.com") || !strings.Contains(out, "Our website") || strings.Contains(out, first) {
		t.Errorf("shown:\n%s", out)
	}
	second := object(t, s.must("source", "rotate", "website", "--output", "json"))
	if second["writeKey"] == first || second["writeKey"] == nil {
		t.Errorf("rotated: %v", second)
	}
	code, _, errs := s.do("source", "rotate", "website")
	if code != exitRefused || !strings.Contains(errs, made["key"].(string)) {
		t.Errorf("a third key: exit %d, %s", code, errs)
	}
	if out := s.must("source", "revoke", "sources/website"); !strings.Contains(out, made["key"].(string)+" of sources/website is revoked") {
		t.Errorf("revoked: %s", out)
	}
	if code, _, errs := s.do("source", "revoke", "website"); code != exitUsage || !strings.Contains(errs, "expected which") {
		t.Errorf("the last key, unnamed: exit %d, %s", code, errs)
	}
	if code, _, errs := s.do("source", "revoke", "website", made["key"].(string)); code != exitUsage || !strings.Contains(errs, "no key of") {
		t.Errorf("twice: exit %d, %s", code, errs)
	}
	s.must("source", "update", "website", "--rate", "7", "--origin", "", "--protect", "budget,notes")
	if out := s.must("source", "show", "website"); strings.Contains(out, "example.com") || !strings.Contains(out, "budget, notes") || !strings.Contains(out, "Our website") {
		t.Errorf("updated:\n%s", out)
	}
	s.must("source", "disable", "website")
	if out := s.must("source", "list"); !strings.Contains(out, "disabled") {
		t.Errorf("listed:\n%s", out)
	}
	s.must("source", "enable", "website")
	if out := s.must("source", "list"); strings.Contains(out, "disabled") {
		t.Errorf("listed:\n%s", out)
	}
}

// A command that broke off between the source and its key can be given again.
func TestSourceCreateAgain(t *testing.T) {
	s := newShell(t)
	made := object(t, s.must("source", "create", "shop", "--kind", "server", "--output", "json"))
	s.must("source", "revoke", "shop", made["key"].(string)) // as if it had got none
	again := object(t, s.must("source", "create", "shop", "--kind", "server", "--output", "json"))
	if again["writeKey"] == nil || again["writeKey"] == made["writeKey"] {
		t.Errorf("again: %v", again)
	}
	for _, kind := range []string{"server", "browser"} {
		if code, _, errs := s.do("source", "create", "shop", "--kind", kind); code != exitUsage || !strings.Contains(errs, "sources/shop exists") {
			t.Errorf("as %s: exit %d, %s", kind, code, errs)
		}
	}
	s.env["ASSAY_SOURCE_SECRET"] = "hush"
	forms := object(t, s.must("source", "create", "forms", "--kind", "webhook", "--preset", "typeform", "--secret", "--output", "json"))
	if forms["path"] != "/hooks/forms" || forms["writeKey"] != nil {
		t.Errorf("a webhook: %v", forms)
	}
	if out := s.must("source", "show", "forms"); !strings.Contains(out, "typeform") || strings.Contains(out, "hush") {
		t.Errorf("shown:\n%s", out)
	}
	tally := s.file("tally.json", `{"scheme": "SCHEME_STANDARD_WEBHOOKS", "mapping": {"email": "body.email", "type": "'form.submitted'"}}`)
	if tool := object(t, s.must("source", "create", "tally", "--kind", "webhook", "--webhook", tally, "--secret", "--output", "json")); tool["path"] != "/hooks/tally" {
		t.Errorf("a webhook of our own: %v", tool)
	}
	if key := s.must("source", "create", "office", "--kind", "server", "--key-only"); !strings.HasPrefix(key, "assay_") || len(lines(key)) != 1 {
		t.Errorf("the key alone: %s", key)
	}
	if code, _, errs := s.do("source", "create", "x", "--kind", "webhook", "--key-only"); code != exitUsage || !strings.Contains(errs, "--key-only") {
		t.Errorf("the key of a webhook: exit %d, %s", code, errs)
	}
	if code, _, _ := s.do("source", "create", "x", "--kind", "webhook", "--webhook", s.file("bad.json", "{]")); code != exitUsage {
		t.Errorf("a bad file: exit %d", code)
	}
	if code, _, _ := s.do("source", "create", "x", "--kind", "pigeon"); code != exitUsage {
		t.Errorf("no such kind: exit %d", code)
	}
}
