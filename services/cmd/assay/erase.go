package main

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

type eraseCmd struct {
	connection
	who
	Lead   string `arg:"" optional:"" help:"The lead, leads/ID or ID; or name the person by an identifier."`
	Mode   string `default:"suppress-and-delete" enum:"delete,suppress,suppress-and-delete" help:"delete: whoever comes back is a new lead. suppress: nothing more is captured. Both by default."`
	Reason string `help:"Why, e.g. the number of the request; nothing personal."`
	Detach bool   `help:"Do not wait until it is done."`
}

// erasePoll is how often an erasure is looked at.
const erasePoll = 500 * time.Millisecond

// Run forgets a person, and waits until nothing is left.
func (c *eraseCmd) Run(ctx context.Context, t *terminal) error {
	mode, err := enumNamed(c.Mode, "MODE_", handoffv1.Erasure_Mode_value, "--mode")
	if err != nil {
		return err
	}
	in := &handoffv1.CreateErasureRequest{Mode: handoffv1.Erasure_Mode(handoffv1.Erasure_Mode_value["MODE_"+mode]), Reason: c.Reason}
	ids := c.identities()
	switch {
	case c.Lead != "" && len(ids) == 0:
		if in.Lead, err = leadName(c.Lead); err != nil {
			return err
		}
	case c.Lead == "" && len(ids) == 1:
		in.Identity = ids[0]
	default:
		return usage("expected a lead, or one of --email, --user-id, --crm-id, --anonymous-id")
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var e handoffv1.Erasure
	line, err := client.Post(ctx, "/v1/erasures", in, &e)
	if err != nil {
		return err
	}
	for e.GetState() == handoffv1.Erasure_STATE_RUNNING && !c.Detach {
		select {
		case <-time.After(erasePoll):
		case <-ctx.Done():
			return ctx.Err()
		}
		if line, err = client.Get(ctx, "/v1/"+e.GetName(), nil, &e); err != nil && !api.Temporary(err) {
			return err
		}
	}
	return c.answer(t, line, func(tab *table) { eraseTable(tab, &e) })
}

func eraseTable(tab *table, e *handoffv1.Erasure) {
	tab.row("erasure", e.GetName())
	tab.row("state", word(e.GetState(), "STATE_"))
	tab.row("leads", orDash(strings.Join(e.GetLeads(), " ")))
	for _, s := range e.GetSteps() {
		var rows []string
		for _, name := range slices.Sorted(maps.Keys(s.GetRows())) {
			rows = append(rows, fmt.Sprintf("%s %d", name, s.GetRows()[name]))
		}
		tab.row(s.GetStep()+" "+s.GetService(), orDash(strings.Join(rows, ", ")))
	}
	if e.GetError() != "" {
		tab.row("error", plain(e.GetError()))
	}
}

type exportCmd struct {
	connection
	Lead string `arg:"" help:"The lead, leads/ID or ID."`
}

// Run prints all that is held on a person: one JSON document.
func (c *exportCmd) Run(ctx context.Context, t *terminal) error {
	name, err := leadName(c.Lead)
	if err != nil {
		return err
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.LeadExport
	if _, err := client.Get(ctx, "/v1/"+name+":export", url.Values{}, &out); err != nil {
		return err
	}
	return printLine(t.out, []byte(out.GetDocument()))
}
