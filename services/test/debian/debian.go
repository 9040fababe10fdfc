// Package debian finds programs that tests need and Debian packages, and installs
// the package where it is missing and the test may.
package debian

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program is [Find] for a test: it fails the test where the program is missing, and
// never skips.
func Program(t testing.TB, name, pkg string, patterns ...string) string {
	t.Helper()
	path, err := Find(name, pkg, patterns...)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// Find returns the path of a program. It looks on PATH and at the given extra patterns;
// if it is nowhere, and this process runs as root on Debian, it installs the package.
// Else the error says what to run.
func Find(name, pkg string, patterns ...string) (string, error) {
	if path := find(name, patterns); path != "" {
		return path, nil
	}
	// Test processes of several packages may come here at the same moment.
	const apt = "apt-get -o DPkg::Lock::Timeout=300 "
	install := apt + "install -y --no-install-recommends " + pkg
	install += " || { " + apt + "update && " + install + "; }"
	if _, err := os.Stat("/etc/debian_version"); err != nil || os.Geteuid() != 0 {
		return "", fmt.Errorf("the program %s is missing; on Debian run: sudo sh -c %q", name, install)
	}
	cmd := exec.Command("sh", "-c", install)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("the program %s is missing, and %s: %w\n%s", name, install, err, out)
	}
	if path := find(name, patterns); path != "" {
		return path, nil
	}
	return "", errors.New("the package " + pkg + " was installed but has no program " + name)
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
