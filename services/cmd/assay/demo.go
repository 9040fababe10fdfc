package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/assay-hq/assay/services/cmd/assay/internal/demo"
	"github.com/assay-hq/assay/services/cmd/assay/internal/upload"
)

type demoCmd struct {
	connection
	Leads int    `default:"300" help:"How many leads."`
	Seed  uint64 `default:"1" help:"Draws other leads with another number."`
}

// Run loads the synthetic leads and says what to look at.
func (c *demoCmd) Run(ctx context.Context, t *terminal) error {
	if c.Leads < 1 || c.Leads > 100_000 {
		return usage("--leads: expected 1 to 100000")
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	leads := demo.Leads(c.Seed, c.Leads, time.Now())
	next := 0
	show := newProgress(t)
	uploader := upload.Uploader[struct{}]{
		Client: client,
		Next: func() (item upload.Item[struct{}], err error) {
			if next == len(leads) {
				return item, io.EOF
			}
			item.Request = leads[next]
			next++
			return item, nil
		},
		// Loaded on another day, the same activities have other times: the first stay.
		Reject:   func(struct{}, string) error { return nil },
		Progress: func(s upload.Summary) { show.captured(s, float64(s.Leads())/float64(len(leads))) },
		Patience: time.Minute,
	}
	began := time.Now()
	sum, versions, err := uploader.Run(ctx)
	took := time.Since(began)
	if err == nil {
		err = upload.Decided(ctx, client, versions, show.decided)
	}
	show.end()
	if err := finish(t, c.json(), sum, took, err); err != nil || c.json() {
		return err
	}
	_, err = fmt.Fprint(t.out, `
All of them are synthetic: nobody has these names and addresses. Look at

  assay lead list --stage marketing-qualified   whom sales should call
  assay lead list --verdict needs-data          whom marketing should ask something
  assay lead explain LEAD                       which points, from what, and why
  assay handoff list --state open               what waits for sales
  assay handoff accept HANDOFF                  take one
`)
	return err
}

// finish prints the summary, also after a failure, for what was done by then.
func finish(t *terminal, asJSON bool, sum upload.Summary, took time.Duration, err error) error {
	if asJSON {
		return errors.Join(err, printJSON(t.out, sum))
	}
	_, _ = fmt.Fprintf(t.out, "created %d, updated %d, unchanged %d, rejected %d in %s (%.0f leads/s)\n",
		sum.Created, sum.Updated, sum.Unchanged, sum.Rejected, took.Round(10*time.Millisecond), float64(sum.Leads())/max(took.Seconds(), 0.001))
	return err
}
