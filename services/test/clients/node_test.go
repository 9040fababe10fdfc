package clients

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/test/debian"
)

// packages installs the pinned clients where they are missing, once.
var packages = sync.OnceValue(func() error {
	lock, err := os.Stat("node/package-lock.json")
	if err != nil {
		return err
	}
	// npm writes this file last.
	if done, err := os.Stat("node/node_modules/.package-lock.json"); err == nil && done.ModTime().After(lock.ModTime()) {
		return nil
	}
	npm, err := debian.Find("npm", "npm")
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 4*time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	install.Dir = "node"
	if out, err := install.CombinedOutput(); err != nil {
		return fmt.Errorf("npm ci: %w\n%s", err, out)
	}
	return nil
})

func install(t *testing.T) {
	t.Helper()
	if err := packages(); err != nil {
		t.Fatal(err)
	}
}

// script runs a script of node/ as a client.
func script(file string) func(t *testing.T, v visit, url, key string) {
	return func(t *testing.T, v visit, url, key string) {
		t.Helper()
		node := debian.Program(t, "node", "nodejs")
		install(t)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		run := exec.CommandContext(ctx, node, filepath.Join("node", file))
		run.Env = append(os.Environ(), "CLIENT="+v.client, "ASSAY_URL="+url, "WRITE_KEY="+key)
		if out, err := run.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", file, err, out)
		}
	}
}
