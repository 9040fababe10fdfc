package main

import (
	"context"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type standardFormCmd struct {
	connection
	Standard string `arg:"" help:"The standard (its active version) or a version, e.g. default@VERSION."`
}

// Run prints the fields of a form.
func (c *standardFormCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	name, err := versionNamed(ctx, client, c.Standard)
	if err != nil {
		return err
	}
	var out handoffv1.StandardForm
	line, err := client.Get(ctx, "/v1/"+name+":form", nil, &out)
	if err != nil {
		return err
	}
	return c.answer(t, line, func(tab *table) {
		tab.row("ASK", "AS", "TYPE", "NEEDED", "POINTS", "ANSWERS")
		for _, f := range out.GetFields() {
			needed := "-"
			if f.GetNeeded() {
				needed = "yes"
			}
			var answers []string
			for _, a := range f.GetAnswers() {
				answers = append(answers, a.GetLabel())
			}
			tab.row(f.GetLabel(), f.GetAttribute(), strings.ToLower(word(f.GetType(), "TYPE_")), needed,
				points(f.GetPointsAtStake()), orDash(strings.Join(answers, " | ")))
		}
	})
}
