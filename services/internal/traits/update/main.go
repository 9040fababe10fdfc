// Command update writes the lists of mail domains anew from the npm packages they come
// from. Raise a version below, run `go generate ./internal/traits`, read the difference.
package main

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/idna"
)

// source is a JSON list of domains in an npm package.
type source struct{ npm, version, licence, file string }

var (
	disposable = source{"disposable-email-domains-js", "1.26.0", "CC0-1.0", "package/dist/dict/disposable_email_blocklist.json"}
	free       = source{"free-email-domains", "1.12.6", "MIT", "package/domains.json"}
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "update:", err)
		os.Exit(1)
	}
}

func run() error {
	throwaway, err := disposable.domains()
	if err != nil {
		return err
	}
	all, err := free.domains()
	if err != nil {
		return err
	}
	// The list of free domains repeats most of the disposable ones.
	all = slices.DeleteFunc(all, func(domain string) bool {
		_, found := slices.BinarySearch(throwaway, domain)
		return found
	})
	if err := disposable.write("data/disposable_email_domains.txt", throwaway); err != nil {
		return err
	}
	return free.write("data/free_email_domains.txt", all)
}

// domains fetches the package and returns its domains in ASCII form, sorted.
func (s source) domains() ([]string, error) {
	dir, err := os.MkdirTemp("", "update")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	pack := exec.CommandContext(context.Background(), "npm", "pack", "--silent", s.npm+"@"+s.version)
	pack.Dir, pack.Stderr = dir, os.Stderr
	if err := pack.Run(); err != nil {
		return nil, fmt.Errorf("npm pack %s: %w", s.npm, err)
	}
	text, err := member(filepath.Join(dir, s.npm+"-"+s.version+".tgz"), s.file)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.npm, err)
	}
	var domains []string
	if err := json.Unmarshal(text, &domains); err != nil {
		return nil, fmt.Errorf("%s: %w", s.npm, err)
	}
	for i, domain := range domains {
		if domains[i], err = idna.Lookup.ToASCII(strings.TrimSpace(domain)); err != nil {
			return nil, fmt.Errorf("%s: %w", s.npm, err)
		}
	}
	slices.Sort(domains)
	return slices.Compact(domains), nil
}

func member(archive, name string) ([]byte, error) {
	f, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	unzipped, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	for files := tar.NewReader(unzipped); ; {
		header, err := files.Next()
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("no %s", name)
		case err != nil:
			return nil, err
		case header.Name == name:
			return io.ReadAll(files)
		}
	}
}

// write writes a list whose first line is its version.
func (s source) write(path string, domains []string) error {
	text := fmt.Sprintf("# %s %s\n# npm package, %s; written by `go generate`\n%s\n", s.npm, s.version, s.licence, strings.Join(domains, "\n"))
	return os.WriteFile(path, []byte(text), 0o644)
}
