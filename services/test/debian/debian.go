// Package debian finds programs that tests need and Debian packages, and installs
// the package where it is missing and the test may.
package debian

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program returns the path of a program. It looks on PATH and at the given extra
// patterns; if it is nowhere, and the test runs as root on Debian, it installs the
// package; else it fails the test with the command to run. It never skips.
func Program(t testing.TB, name, pkg string, patterns ...string) string {
	t.Helper()
	if path := find(name, patterns); path != "" {
		return path
	}
	install := "apt-get update && apt-get install -y --no-install-recommends " + pkg
	if _, err := os.Stat("/etc/debian_version"); err != nil || os.Geteuid() != 0 {
		t.Fatalf("the program %s is missing; on Debian run: sudo sh -c %q", name, install)
	}
	cmd := exec.Command("sh", "-c", install)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", install, err, out)
	}
	if path := find(name, patterns); path != "" {
		return path
	}
	t.Fatalf("the package %s was installed but has no program %s", pkg, name)
	return ""
}

func find(name string, patterns []string) string {
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	for _, pattern := range patterns {
		if found, _ := filepath.Glob(pattern); len(found) > 0 {
			return found[len(found)-1]
		}
	}
	return ""
}
