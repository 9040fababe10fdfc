package main

import (
	"context"
	"net/http"
	"net/url"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type heldCmd struct {
	List    heldListCmd    `cmd:"" help:"List the leads that qualify by history alone, those released first."`
	Release heldReleaseCmd `cmd:"" help:"Release held leads now: each is decided again and handed off if it still qualifies."`
	Rate    heldRateCmd    `cmd:"" help:"Show or set how many leads of a track are released in an hour."`
}

type heldListCmd struct {
	connection
	Track string `help:"Only of this track."`
	Limit int    `help:"Most leads to print; 0: all." default:"0"`
}

// Run lists held leads.
func (c *heldListCmd) Run(ctx context.Context, t *terminal) error {
	query := url.Values{}
	if c.Track != "" {
		query.Set("track", c.Track)
	}
	return listing[*handoffv1.ListHeldLeadsResponse, *handoffv1.HeldLead]{
		path:  "/v1/heldLeads",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListHeldLeadsResponse).GetHeldLeads,
		head:  []string{"LEAD", "TRACK", "RELEASED AT", "HELD SINCE", "BY", "ERROR"},
		row: func(h *handoffv1.HeldLead) []string {
			return []string{h.GetLead(), h.GetTrack(), when(h.GetReleaseTime()), when(h.GetCreateTime()), version(h.GetStandardVersion()), h.GetError()}
		},
	}.print(ctx, t, c.connection)
}

type heldReleaseCmd struct {
	connection
	Leads []string `arg:"" optional:"" help:"The leads, leads/ID or ID."`
	Track string   `help:"Release all that are held in this track."`
}

// Run releases held leads.
func (c *heldReleaseCmd) Run(ctx context.Context, t *terminal) error {
	if len(c.Leads) == 0 && c.Track == "" {
		return usage("name the leads to release, or with --track all of a track")
	}
	request := &handoffv1.ReleaseHeldLeadsRequest{Track: c.Track}
	for _, arg := range c.Leads {
		name, err := leadName(arg)
		if err != nil {
			return err
		}
		request.Leads = append(request.Leads, name)
	}
	var out handoffv1.ReleaseHeldLeadsResponse
	line, err := c.post(ctx, t, "/v1/heldLeads:release", request, &out)
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%d released.", out.GetReleased())
}

type heldRateCmd struct {
	connection
	Track   string `arg:"" help:"The track, e.g. sales."`
	PerHour int32  `arg:"" optional:"" help:"Leads an hour. Default: show the rate."`
}

// Run shows or sets a rate.
func (c *heldRateCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	name := "tracks/" + c.Track + "/releaseRate"
	path := "/v1/tracks/" + url.PathEscape(c.Track) + "/releaseRate"
	var rate handoffv1.ReleaseRate
	var line []byte
	if c.PerHour == 0 {
		line, err = client.Get(ctx, path, nil, &rate)
	} else {
		line, err = client.Send(ctx, http.MethodPatch, path, &handoffv1.ReleaseRate{Name: name, PerHour: c.PerHour}, &rate)
	}
	if err != nil {
		return err
	}
	return c.sentence(t, line, "%d an hour in %s.", rate.GetPerHour(), plain(c.Track))
}
