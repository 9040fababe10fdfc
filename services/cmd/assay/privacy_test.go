package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestSuppressEraseAndExport(t *testing.T) {
	s := newShell(t)
	s.must("suppress", "add", "--email", "bob@example.com", "--reason", "customer")
	if out := s.must("suppress", "check", "--email", "BOB@example.com"); !strings.Contains(out, "customer") {
		t.Errorf("check: %s", out)
	}
	file := filepath.Join(t.TempDir(), "list.csv")
	if err := os.WriteFile(file, []byte("Email,domain,reason,mode\neve@example.com,,,\n,rival.example,competitor,capture\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out := s.must("suppress", "import", file); !strings.Contains(out, "2 entries") {
		t.Errorf("import: %s", out)
	}
	list := s.must("suppress", "list")
	if !strings.Contains(list, "competitor") || !strings.Contains(list, "opt_out") || strings.Contains(list, "example.com") {
		t.Errorf("list: %s", list)
	}
	entry := ""
	for _, line := range strings.Split(list, "\n") {
		if strings.Contains(line, "customer") {
			entry = strings.Fields(line)[0]
		}
	}
	s.must("suppress", "remove", entry)
	if out := s.must("suppress", "check", "--email", "bob@example.com"); !strings.Contains(out, "Not on the list") {
		t.Errorf("check after removal: %s", out)
	}

	lead := object(t, s.must("lead", "capture", "--email", "ann@example.com", "-a", "first_name=Ann", "--output", "json"))["lead"].(string)
	if document := object(t, s.must("export", lead, "--output", "json")); document["attributeHistory"] == nil {
		t.Errorf("export: %v", document)
	}
	if out := s.must("erase", "--email", "ann@example.com", "--reason", "request 17", "--detach"); !strings.Contains(out, "erasures/") || !strings.Contains(out, lead) {
		t.Errorf("erase: %s", out)
	}
	for _, wrong := range [][]string{{"suppress", "add"}, {"erase"}, {"erase", lead, "--email", "ann@example.com"}, {"export", "ann@example.com"}} {
		if code, _, _ := s.do(wrong...); code != exitUsage {
			t.Errorf("%v ends with %d", wrong, code)
		}
	}
}
