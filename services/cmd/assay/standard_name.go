package main

import (
	"context"
	"net/url"
	"os"
	"regexp"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
	"github.com/assay-hq/assay/services/handoff"
)

// standardNames are the ways to name a standard or one of its versions.
var standardNames = regexp.MustCompile(`^(?:standards/)?([a-z][a-z0-9-]{0,62})(?:(?:@|/versions/)([0-9a-f]{12,64}))?$`)

// standardNamed reads `default`, `default@VERSION` or a full name. The version is
// empty if none is named; ok is false if it is no such name, so that it may be a file.
func standardNamed(arg string) (id, version string, ok bool) {
	parts := standardNames.FindStringSubmatch(arg)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// standardID reads the name of a standard.
func standardID(arg string) (string, error) {
	id, version, ok := standardNamed(arg)
	if !ok || version != "" {
		return "", usage("%s: expected a standard, e.g. default", arg)
	}
	return id, nil
}

// versionNamed is the full name of a version: the one that is named, or the active one
// of the standard.
func versionNamed(ctx context.Context, client *api.Client, arg string) (string, error) {
	id, version, ok := standardNamed(arg)
	if !ok {
		return "", usage("%s: expected a standard or one of its versions: default, default@VERSION", arg)
	}
	if version != "" {
		return "standards/" + id + "/versions/" + version, nil
	}
	var s handoffv1.Standard
	if _, err := client.Get(ctx, "/v1/standards/"+url.PathEscape(id), nil, &s); err != nil {
		return "", err
	}
	if s.GetActiveVersion() == "" {
		return "", usage("%s has no active version: name one, e.g. %s@VERSION", id, id)
	}
	return s.GetActiveVersion(), nil
}

// fileOrVersion is the version that an argument means: one that is named with its hash,
// or the content of a file. The file is nil for a name.
func fileOrVersion(arg string) (name string, file *handoff.StandardFile, err error) {
	if id, version, ok := standardNamed(arg); ok && version != "" {
		return "standards/" + id + "/versions/" + version, nil, nil
	}
	file, err = readStandard(arg)
	if err != nil {
		return "", nil, err
	}
	return file.Version, file, nil
}

// readStandard reads a YAML file and checks it as a whole. The error has a line for
// each problem: file, line, path and what was expected.
func readStandard(path string) (*handoff.StandardFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{err}
	}
	file, err := handoff.ReadStandard(path, text)
	if err != nil {
		return nil, usageError{err}
	}
	return file, nil
}

// shortName is what a version is called in sentences and other commands.
func shortName(name string) string { return strings.TrimPrefix(version(name), "standards/") }
