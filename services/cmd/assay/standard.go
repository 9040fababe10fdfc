package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"sigs.k8s.io/yaml"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type standardCmd struct {
	List     standardListCmd     `cmd:"" help:"List the standards."`
	Show     standardShowCmd     `cmd:"" help:"Print a version of a standard. As a table: YAML in one canonical form, without the comments and the order of the file."`
	Lint     standardLintCmd     `cmd:"" aliases:"validate" help:"Check a standard without storing it: what would be refused, and what is hardly meant. Exit code 1 if it would be refused."`
	Schema   standardSchemaCmd   `cmd:"" help:"Print the JSON Schema of a standard's file, for editors."`
	Diff     standardDiffCmd     `cmd:"" help:"Say what differs between two versions, or between a version and a file."`
	Draft    standardDraftCmd    `cmd:"" help:"Store a version of a standard, to be signed off."`
	Preview  standardPreviewCmd  `cmd:"" help:"Show what publishing a version would do: who would gain and who would drop."`
	SignOff  standardSignOffCmd  `cmd:"" help:"Agree to a version, for marketing or for sales."`
	Publish  standardPublishCmd  `cmd:"" help:"Make a version decide that marketing and sales signed off."`
	Retire   standardRetireCmd   `cmd:"" help:"Stop a standard from deciding."`
	Log      standardLogCmd      `cmd:"" help:"List what happened to a standard, and who did it."`
	Form     standardFormCmd     `cmd:"" help:"Say what a form should ask leads, with the answers that matter."`
	Feedback standardFeedbackCmd `cmd:"" help:"Say what is good or wrong about a standard, or list what was said."`
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
	full, err := versionNamed(ctx, client, c.Standard)
	if err != nil {
		return err
	}
	var v handoffv1.StandardVersion
	line, err := client.Get(ctx, "/v1/"+full, nil, &v)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	spec, err := protojson.Marshal(v.GetSpec()) // the API's JSON has the defaults, too
	if err != nil {
		return err
	}
	text, err := yaml.JSONToYAML(spec)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(t.out, "# %s, %s\n%s", full, plain(standing(&v)), text)
	return err
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
