package main

import (
	"context"
	"fmt"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type standardDiffCmd struct {
	connection
	Old string `arg:"" help:"The old one: a standard (its active version) or a version, e.g. default@VERSION."`
	New string `arg:"" help:"The new one: a file, a standard or a version."`
}

// Run prints what differs, a sentence for each change.
func (c *standardDiffCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	old, err := versionNamed(ctx, client, c.Old)
	if err != nil {
		return err
	}
	in := &handoffv1.DiffStandardVersionRequest{}
	if _, _, ok := standardNamed(c.New); ok {
		if in.ToVersion, err = versionNamed(ctx, client, c.New); err != nil {
			return err
		}
	} else {
		file, err := readStandard(c.New)
		if err != nil {
			return err
		}
		in.ToSpec = file.Spec
	}
	var out handoffv1.StandardDiff
	line, err := client.Post(ctx, "/v1/"+old+":diff", in, &out)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	for _, change := range out.GetChanges() {
		if _, err := fmt.Fprintln(t.out, plain(change.GetDescription())); err != nil {
			return err
		}
	}
	if len(out.GetChanges()) == 0 {
		_, err = fmt.Fprintln(t.out, "They say the same.")
	}
	return err
}
