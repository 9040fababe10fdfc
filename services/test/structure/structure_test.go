// Package structure holds the code to its own architecture.
package structure

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/assay-hq/assay/services/"

var services = []string{"ingest", "profilefit", "behavior", "handoff", "gateway"}

// The pure core: what may be imported besides the standard library.
var core = map[string][]string{
	"profilefit/internal/fit":      {"internal/condition", "internal/points", "internal/traits"},
	"behavior/internal/engagement": {"internal/condition", "internal/points", "internal/schedule", "internal/traits"},
	"handoff/internal/decision":    {"internal/condition", "internal/points", "internal/traits"},
	"handoff/internal/lifecycle":   {"handoff/internal/decision", "internal/pattern"},
	"handoff/internal/routing":     {"internal/condition", "internal/schedule"},
	"handoff/internal/sla":         {"internal/schedule"},
}

type pkg struct {
	ImportPath string
	Doc        string
	Imports    []string
	GoFiles    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Doc,Imports,GoFiles", module+"...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func service(importPath string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(importPath, module), "/")
	if slices.Contains(services, first) {
		return first
	}
	return ""
}

func TestImportsRunOneWay(t *testing.T) {
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if !strings.HasPrefix(imported, module) {
				continue
			}
			from, to := service(p.ImportPath), service(imported)
			if from != "" && to != "" && from != to {
				t.Errorf("service %s imports service %s: %s → %s", from, to, p.ImportPath, imported)
			}
			if strings.HasPrefix(p.ImportPath, module+"internal/") && to != "" {
				t.Errorf("machinery knows the trade: %s imports %s", p.ImportPath, imported)
			}
			if from != "" && (strings.HasPrefix(imported, module+"app") || strings.HasPrefix(imported, module+"cmd")) {
				t.Errorf("%s imports what composes it: %s", p.ImportPath, imported)
			}
		}
	}
}

func TestTheCoreIsPure(t *testing.T) {
	seen := 0
	for _, p := range packages(t) {
		allowed, ok := core[strings.TrimPrefix(p.ImportPath, module)]
		if !ok {
			continue
		}
		seen++
		for _, imported := range p.Imports {
			switch {
			case imported == "context" || strings.HasPrefix(imported, "database/sql") || strings.HasPrefix(imported, "net"):
				t.Errorf("%s does I/O: it imports %s", p.ImportPath, imported)
			case strings.HasPrefix(imported, module):
				if !slices.Contains(allowed, strings.TrimPrefix(imported, module)) {
					t.Errorf("%s imports %s", p.ImportPath, imported)
				}
			case strings.Contains(imported, ".") && !strings.HasPrefix(imported, "golang.org/x/text"):
				t.Errorf("%s imports %s", p.ImportPath, imported)
			}
		}
	}
	if seen != len(core) {
		t.Errorf("found %d of the %d packages of the core: keep the list true", seen, len(core))
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.GoFiles) > 0 && p.Doc == "" {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		if name := path.Base(p.ImportPath); slices.Contains([]string{"util", "utils", "common", "helpers", "models", "misc"}, name) {
			t.Errorf("%s: a folder tells what it owns", p.ImportPath)
		}
	}
}
