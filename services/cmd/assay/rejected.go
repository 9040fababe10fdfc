package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

type rejectedCmd struct {
	List rejectedListCmd `cmd:"" help:"List what was sent and refused in the last thirty days, latest first."`
	Show rejectedShowCmd `cmd:"" help:"Show what was sent, and why it was refused."`
}

type rejectedListCmd struct {
	connection
	Source string        `help:"Only of this source, e.g. web."`
	Door   string        `help:"Only of this door: segment, cloudevents, webhook, capture or journal."`
	Reason string        `help:"Only for this reason, e.g. INVALID_FIELD."`
	Since  time.Duration `help:"Only of so long, e.g. 2h."`
	Limit  int           `help:"Most to print; 0: all." default:"50"`
}

// Run lists rejected events.
func (c *rejectedListCmd) Run(ctx context.Context, t *terminal) error {
	var terms []string
	for _, term := range []struct{ field, value string }{{"source", c.Source}, {"door", c.Door}, {"reason", c.Reason}} {
		if term.value != "" {
			terms = append(terms, fmt.Sprintf("%s = %q", term.field, term.value))
		}
	}
	if c.Since > 0 {
		terms = append(terms, fmt.Sprintf("received_time >= %q", time.Now().Add(-c.Since).UTC().Format(time.RFC3339Nano)))
	}
	query := url.Values{}
	if len(terms) > 0 {
		query.Set("filter", strings.Join(terms, " AND "))
	}
	return listing[*ingestv1.ListRejectedEventsResponse, *ingestv1.RejectedEvent]{
		path:  "/v1/rejectedEvents",
		query: query,
		limit: c.Limit,
		items: (*ingestv1.ListRejectedEventsResponse).GetRejectedEvents,
		head:  []string{"EVENT", "TIME", "SOURCE", "DOOR", "REASON", "FIELD", "EXPECTED"},
		row: func(e *ingestv1.RejectedEvent) []string {
			return []string{
				strings.TrimPrefix(e.GetName(), rejectedPrefix), when(e.GetReceivedTime()), orDash(e.GetSource()), e.GetDoor(),
				e.GetReason(), orDash(e.GetField()), strings.TrimPrefix(e.GetMessage(), "expected "),
			}
		},
	}.print(ctx, t, c.connection)
}

const rejectedPrefix = "rejectedEvents/"

type rejectedShowCmd struct {
	connection
	Event string `arg:"" help:"The event, as list prints it."`
}

// Run prints one rejected event with what was sent.
func (c *rejectedShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var e ingestv1.RejectedEvent
	line, err := client.Get(ctx, "/v1/"+rejectedPrefix+url.PathEscape(strings.TrimPrefix(c.Event, rejectedPrefix)), nil, &e)
	if err != nil {
		return err
	}
	if c.json() {
		return printLine(t.out, line)
	}
	_, err = fmt.Fprintf(t.out, "%s by %s (%s), %s\n%s %s: %s\n\n%s\n", orDash(plain(e.GetEventId())), orDash(e.GetSource()), e.GetDoor(), when(e.GetReceivedTime()),
		e.GetReason(), plain(e.GetField()), plain(e.GetMessage()), plain(e.GetPayload()))
	return err
}
