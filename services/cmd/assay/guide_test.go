package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
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

// The guides to capture, one after the other on the same server, as somebody who is new reads
// them: what they show is sent, imported and found.
func TestGuidesToCapture(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the program")
	}
	s := newShell(t)
	dir := s.program()
	for _, guide := range []string{
		"sources-and-write-keys.md", "point-an-sdk-at-assay.md", "point-a-form-tool-at-assay.md", "import-a-csv.md",
		"keep-out-bots-and-ask-for-consent.md", "privacy.md",
	} {
		t.Run(guide, func(t *testing.T) {
			s.t = t
			s.follow(dir, guide, "")
		})
	}
	s.t = t
	for _, c := range []struct{ who, says string }{
		{"ada@initech.example", "CTO"},
		{"lin@initech.example", "CTO"},
		{"kim@initech.example", "CTO"},
		{"bert@initech.example", "Head of Sales"},
		{"carl@initech.example", "CEO"},
	} {
		if found := s.must("lead", "lookup", "--email", c.who); !strings.Contains(found, c.says) {
			t.Errorf("%s: %s is not said:\n%s", c.who, c.says, found)
		}
	}
	if refused := lines(s.must("rejected", "list", "--source", "shop")); len(refused) != 2 || !strings.Contains(refused[1], "the name of the event") {
		t.Errorf("refused:\n%s", strings.Join(refused, "\n"))
	}
	if list := lines(s.must("import", "list")); len(list) != 7 {
		t.Errorf("imports:\n%s", strings.Join(list, "\n"))
	}
}

const root = "../../../"

// built is the program, made once for all tests; TestMain removes it.
var built = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "assay-guides-"); err != nil {
		return "", err
	}
	removeBuilt = func() { _ = os.RemoveAll(dir) }
	if out, err := exec.Command("go", "build", "-o", filepath.Join(dir, "assay"), ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("building assay: %w\n%s", err, out)
	}
	return dir, nil
})

var removeBuilt = func() {}

// program returns a new folder with the program.
func (s *shell) program() string {
	s.t.Helper()
	from, err := built()
	if err != nil {
		s.t.Fatal(err)
	}
	dir := s.t.TempDir()
	if err := os.Symlink(filepath.Join(from, "assay"), filepath.Join(dir, "assay")); err != nil {
		s.t.Fatal(err)
	}
	return dir
}

// prelude makes variables live on from one block of commands to the next, and a command that
// the server refuses fail.
const prelude = `set -a
if [ -f .exported ]; then . ./.exported; fi
curl() { command curl --fail-with-body "$@"; }
`

// follow does what a guide says: each command in a shell, each change in the file. YAML that
// begins with the name of a file is that file.
func (s *shell) follow(dir, guide, changed string) {
	s.t.Helper()
	text, err := os.ReadFile(root + "docs/guides/" + guide)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, fence := range regexp.MustCompile("(?ms)^```(sh|diff|yaml)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		switch fence[1] {
		case "diff":
			change(s.t, filepath.Join(dir, changed), fence[2])
			continue
		case "yaml":
			if name := fileName.FindStringSubmatch(fence[2]); name != nil {
				if err := os.WriteFile(filepath.Join(dir, name[1]), []byte(fence[2]), 0o600); err != nil {
					s.t.Fatal(err)
				}
			}
			continue
		}
		shell := exec.CommandContext(s.t.Context(), "bash", "-euo", "pipefail", "-c", prelude+fence[2]+"\nexport -p > .exported")
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

var fileName = regexp.MustCompile(`^# ([a-z-]+\.yaml)\n`)

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
