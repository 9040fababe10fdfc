package main

import (
	"strings"
	"testing"
)

func TestActivitiesAreCorrectedAndGivenBack(t *testing.T) {
	s := newShell(t)
	s.must("lead", "capture", "--email", "ann@example.com", "--activity", "page.viewed")
	byType := object(t, s.must("correction", "create", "--kind", "bot", "--reason", "a crawler", "--type", "page.*", "--output", "json"))
	if byType["corrected"] != 1.0 {
		t.Errorf("selected: %v", byType)
	}
	if out := s.must("correction", "create", "--kind", "test", "--source", "web", "e-1", "e-2"); !strings.Contains(out, "correction revoke") {
		t.Errorf("listed: %s", out)
	}
	if out := s.must("correction", "revoke", byType["name"].(string), "--reason", "a customer"); !strings.Contains(out, "REVOKED") {
		t.Errorf("revoked: %s", out)
	}
	if rows := lines(s.must("correction", "list")); len(rows) != 3 || !strings.Contains(rows[2], "a crawler") || !strings.Contains(rows[2], "REVOKED") {
		t.Errorf("list: %v", rows)
	}
	for _, wrong := range [][]string{
		{"correction", "create", "--kind", "bot"}, {"correction", "create", "--kind", "bot", "--type", "page.*", "e-1"}, {"correction", "create", "--kind", "x", "e-1"},
	} {
		if code, _, _ := s.do(wrong...); code != exitUsage {
			t.Errorf("%v ends with %d", wrong, code)
		}
	}
}
