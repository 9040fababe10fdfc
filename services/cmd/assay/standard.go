package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"

	"sigs.k8s.io/yaml"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff"
)

type standardCmd struct {
	List     standardListCmd     `cmd:"" help:"List the standards."`
	Show     standardShowCmd     `cmd:"" help:"Print a version of a standard. As a table: YAML in one canonical form, without the comments and the order of the file."`
	Publish  standardPublishCmd  `cmd:"" help:"Store a standard and make it decide."`
	Validate standardValidateCmd `cmd:"" help:"Check a standard without storing it."`
	Retire   standardRetireCmd   `cmd:"" help:"Stop a standard from deciding."`
}

type standardListCmd struct{ connection }

// Run lists the standards.
func (c *standardListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*handoffv1.ListStandardsResponse, *handoffv1.Standard]{
		path:  "/v1/standards",
		items: (*handoffv1.ListStandardsResponse).GetStandards,
		head:  []string{"STANDARD", "NAME", "ACTIVE VERSION", "SINCE"},
		row: func(s *handoffv1.Standard) []string {
			return []string{s.GetName(), s.GetDisplayName(), version(s.GetActiveVersion()), when(s.GetUpdateTime())}
		},
	}.print(ctx, t, c.connection)
}

type standardShowCmd struct {
	connection
	Standard string `arg:"" help:"The standard, or one of its versions: default, default@VERSION or the full name."`
}

// Run prints a version: as YAML that can be published again, or as JSON.
func (c *standardShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	name := strings.TrimPrefix(c.Standard, "standards/")
	id, hash, ok := strings.Cut(name, "@")
	if !ok {
		id, hash, _ = strings.Cut(name, "/versions/")
	}
	full := "standards/" + id + "/versions/" + hash
	if hash == "" {
		var s handoffv1.Standard
		if _, err := client.Get(ctx, "/v1/standards/"+url.PathEscape(id), nil, &s); err != nil {
			return err
		}
		if full = s.GetActiveVersion(); full == "" {
			return usage("%s has no active version: name one, e.g. %s@VERSION", id, id)
		}
	}
	line, err := client.Get(ctx, "/v1/"+full, nil, nil)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	var v struct {
		Spec json.RawMessage `json:"spec"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(v.Spec)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "# %s\n%s", full, text)
	return err
}

// readStandard reads a YAML file and checks it as a whole. The error has a line for
// each problem: file, line, path and what was expected.
func readStandard(path string) (*handoffv1.StandardSpec, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usageError{err}
	}
	spec, err := handoff.ReadStandard(path, text)
	if err != nil {
		return nil, usageError{err}
	}
	return spec, nil
}

// upload sends the standard in a file as a version.
func (c connection) upload(ctx context.Context, t *terminal, path, query string, v *handoffv1.StandardVersion) ([]byte, error) {
	spec, err := readStandard(path)
	if err != nil {
		return nil, err
	}
	return c.post(ctx, t, "/v1/standards/"+url.PathEscape(spec.GetId())+"/versions"+query, spec, v)
}

type standardValidateCmd struct {
	connection
	File string `arg:"" help:"The standard as YAML."`
}

// Run checks a standard.
func (c *standardValidateCmd) Run(ctx context.Context, t *terminal) error {
	var v handoffv1.StandardVersion
	line, err := c.upload(ctx, t, c.File, "?validateOnly=true", &v)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s is right: %s", c.File, version(v.GetName()))
}

type standardPublishCmd struct {
	connection
	File string `arg:"" help:"The standard as YAML."`
}

// Run stores a version and publishes it.
func (c *standardPublishCmd) Run(ctx context.Context, t *terminal) error {
	var v handoffv1.StandardVersion
	if _, err := c.upload(ctx, t, c.File, "", &v); err != nil {
		return err
	}
	line, err := c.post(ctx, t, "/v1/"+v.GetName()+":publish", &handoffv1.PublishStandardVersionRequest{Name: v.GetName()}, &v)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%s decides now.", v.GetName())
}

type standardRetireCmd struct {
	connection
	Standard string `arg:"" help:"The standard, e.g. default."`
}

// Run retires a standard.
func (c *standardRetireCmd) Run(ctx context.Context, t *terminal) error {
	id := strings.TrimPrefix(c.Standard, "standards/")
	line, err := c.post(ctx, t, "/v1/standards/"+url.PathEscape(id)+":retire", &handoffv1.RetireStandardRequest{Name: "standards/" + id}, &handoffv1.Standard{})
	if err != nil {
		return err
	}
	return c.sentence(t, line, "standards/%s decides no more; its decisions stay.", plain(id))
}
