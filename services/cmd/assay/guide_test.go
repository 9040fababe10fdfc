package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The guide to a standard of one's own, done as it says: each command in a shell, with
// the real program against a running server, each change in the file.
func TestGuideToAStandard(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	s := newShell(t)
	dir := s.program()
	if err := os.CopyFS(filepath.Join(dir, "standards"), os.DirFS(root+"standards")); err != nil {
		t.Fatal(err)
	}
	s.follow(dir, "write-your-standard.md", "my-standard.yaml")
	if shown := s.must("standard", "show", "default"); !strings.Contains(shown, "Acme, marketing and sales") {
		t.Errorf("another standard decides:\n%s", shown)
	}
}

// The guide to exceptions, done as it says.
func TestGuideToExceptions(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	s := newShell(t)
	s.follow(s.program(), "approve-an-exception.md", "")
	report := lines(s.must("report", "exceptions"))
	if len(report) != 4 || !strings.HasPrefix(report[2], "approval") || !strings.HasPrefix(report[3], "self_selection.ready_to_buy") {
		t.Errorf("report:\n%s", strings.Join(report, "\n"))
	}
}

// The guide to people and access, done as it says.
func TestGuideToPeople(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	s := newShell(t)
	s.follow(s.program(), "people-and-access.md", "")
	if shown := s.must("user", "show", "jane"); !strings.Contains(shown, "jane@example.com") {
		t.Errorf("%s", shown)
	}
}

const root = "../../../"

// program builds the program into a new folder.
func (s *shell) program() string {
	s.t.Helper()
	dir := s.t.TempDir()
	if out, err := exec.CommandContext(s.t.Context(), "go", "build", "-o", filepath.Join(dir, "assay"), ".").CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// follow does what a guide says: each command in a shell, each change in the file.
func (s *shell) follow(dir, guide, changed string) {
	s.t.Helper()
	text, err := os.ReadFile(root + "docs/guides/" + guide)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, fence := range regexp.MustCompile("(?ms)^```(sh|diff)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if fence[1] == "diff" {
			change(s.t, filepath.Join(dir, changed), fence[2])
			continue
		}
		// Variables live on from one block to the next.
		shell := exec.CommandContext(s.t.Context(), "bash", "-euo", "pipefail", "-c",
			"if [ -f .exported ]; then . ./.exported; fi\n"+fence[2]+"\nexport -p > .exported")
		shell.Dir = dir
		shell.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"),
			"ASSAY_SERVER="+s.env["ASSAY_SERVER"], "ASSAY_KEY="+s.env["ASSAY_KEY"])
		out, err := shell.CombinedOutput()
		if err != nil {
			s.t.Fatalf("%s%v\n%s", fence[2], err, out)
		}
		s.t.Logf("%s", out)
	}
}

// change applies a change that a guide shows: its old lines stand once in the file.
func change(t *testing.T, file, diff string) {
	t.Helper()
	var before, after strings.Builder
	for line := range strings.Lines(diff) {
		if line[0] != '+' {
			before.WriteString(line[1:])
		}
		if line[0] != '-' {
			after.WriteString(line[1:])
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), before.String()); n != 1 {
		t.Fatalf("these lines stand %d times in the file:\n%s", n, before.String())
	}
	if err := os.WriteFile(file, []byte(strings.Replace(string(text), before.String(), after.String(), 1)), 0o600); err != nil {
		t.Fatal(err)
	}
}
