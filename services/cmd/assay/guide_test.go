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
	dir := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", filepath.Join(dir, "assay"), ".").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root := "../../../"
	if err := os.CopyFS(filepath.Join(dir, "standards"), os.DirFS(root+"standards")); err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile(root + "docs/guides/write-your-standard.md")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "my-standard.yaml")
	for _, fence := range regexp.MustCompile("(?ms)^```(sh|diff)\n(.*?)^```$").FindAllStringSubmatch(string(guide), -1) {
		if fence[1] == "diff" {
			change(t, file, fence[2])
			continue
		}
		// Variables live on from one block to the next.
		shell := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c",
			"if [ -f .exported ]; then . ./.exported; fi\n"+fence[2]+"\nexport -p > .exported")
		shell.Dir = dir
		shell.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"),
			"ASSAY_SERVER="+s.env["ASSAY_SERVER"], "ASSAY_KEY="+s.env["ASSAY_KEY"])
		if out, err := shell.CombinedOutput(); err != nil {
			t.Fatalf("%s%v\n%s", fence[2], err, out)
		}
	}
	if shown := s.must("standard", "show", "default"); !strings.Contains(shown, "Acme, marketing and sales") {
		t.Errorf("another standard decides:\n%s", shown)
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
