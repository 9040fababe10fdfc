package main

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

type handoffCmd struct {
	List    handoffListCmd    `cmd:"" help:"List handoffs, oldest first."`
	Accept  handoffAcceptCmd  `cmd:"" help:"Take a lead."`
	Reject  handoffRejectCmd  `cmd:"" help:"Refuse a lead, with a reason."`
	Recycle handoffRecycleCmd `cmd:"" help:"Give a lead back to marketing, with a reason."`
	Outcome handoffOutcomeCmd `cmd:"" help:"Report what became of a lead."`
}

type handoffListCmd struct {
	connection
	State string `help:"Only in this state, e.g. open."`
	Queue string `help:"Only in this queue."`
	Lead  string `help:"Only of this lead."`
	Limit int    `help:"Most handoffs to print; 0: all." default:"0"`
}

// Run lists handoffs, page by page.
func (c *handoffListCmd) Run(ctx context.Context, t *terminal) error {
	var terms []string
	if c.State != "" {
		state, err := enumNamed(c.State, "STATE_", handoffv1.Handoff_State_value, "--state")
		if err != nil {
			return err
		}
		terms = append(terms, fmt.Sprintf("state = %q", state))
	}
	if c.Queue != "" {
		terms = append(terms, fmt.Sprintf("queue = %q", c.Queue))
	}
	if c.Lead != "" {
		lead, err := leadName(c.Lead)
		if err != nil {
			return err
		}
		terms = append(terms, fmt.Sprintf("lead = %q", lead))
	}
	query := url.Values{}
	if len(terms) > 0 {
		query.Set("filter", strings.Join(terms, " AND "))
	}
	return listing[*handoffv1.ListHandoffsResponse, *handoffv1.Handoff]{
		path:  "/v1/handoffs",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListHandoffsResponse).GetHandoffs,
		head:  []string{"HANDOFF", "STATE", "QUEUE", "LEAD", "CREATED", "WHY"},
		row: func(h *handoffv1.Handoff) []string {
			var reasons []string
			for _, r := range h.GetReasons() {
				reasons = append(reasons, r.GetDescription())
			}
			return []string{h.GetName(), word(h.GetState(), "STATE_"), h.GetQueue(), h.GetLead(), when(h.GetCreateTime()), strings.Join(reasons, "; ")}
		},
	}.print(ctx, t, c.connection)
}

// handoffArg is the handoff a command is about.
type handoffArg struct {
	Handoff string `arg:"" help:"The handoff, handoffs/ID or ID."`
	Etag    string `help:"Only if the handoff still has this etag."`
}

func (a handoffArg) name() string { return "handoffs/" + strings.TrimPrefix(a.Handoff, "handoffs/") }

// change calls a method on a handoff and prints what it is then.
func (c connection) change(ctx context.Context, t *terminal, a handoffArg, verb string, req proto.Message) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.Handoff
	line, err := client.Post(ctx, "/v1/handoffs/"+url.PathEscape(strings.TrimPrefix(a.Handoff, "handoffs/"))+":"+verb, req, &out)
	if err != nil {
		return err
	}
	return c.answer(t, line, func(tab *table) {
		tab.row("handoff", out.GetName())
		tab.row("lead", out.GetLead())
		tab.row("state", word(out.GetState(), "STATE_"))
		if stage := stageOf(ctx, client, &out); stage != "" {
			tab.row("stage", stage)
		}
		tab.row("owner", orDash(out.GetOwner()))
		if o := out.GetOutcome(); o != nil {
			tab.row("outcome", outcome(o))
		}
		if out.GetOutcomeReason() != out.GetOutcome().GetReason() {
			tab.row("reason", out.GetOutcomeReason())
		}
	})
}

// outcome shows what became of a lead: `WON 12500.00 EUR`.
func outcome(o *handoffv1.Outcome) string {
	return strings.Join(strings.Fields(word(o.GetKind(), "KIND_")+" "+o.GetAmount()+" "+o.GetCurrencyCode()+" "+o.GetReason()), " ")
}

// stageOf returns the stage that a handoff's lead is in now, by its latest move in the
// handoff's track. Empty if it cannot be read: what the command was for is done.
func stageOf(ctx context.Context, client *api.Client, h *handoffv1.Handoff) string {
	var page handoffv1.ListStageMovesResponse
	if _, err := client.Get(ctx, "/v1/"+h.GetLead()+"/stageMoves", nil, &page); err != nil {
		return ""
	}
	for _, move := range page.GetStageMoves() {
		if move.GetTrack() == h.GetTrack() {
			return word(move.GetToStage(), "LIFECYCLE_STAGE_")
		}
	}
	return ""
}

type handoffAcceptCmd struct {
	connection
	handoffArg
}

// Run accepts a handoff.
func (c *handoffAcceptCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "accept", &handoffv1.AcceptHandoffRequest{Name: c.name(), Etag: c.Etag})
}

type handoffRejectCmd struct {
	connection
	handoffArg
	Reason string `required:"" help:"Why, e.g. no_budget."`
}

// Run rejects a handoff.
func (c *handoffRejectCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "reject", &handoffv1.RejectHandoffRequest{Name: c.name(), Reason: c.Reason, Etag: c.Etag})
}

type handoffRecycleCmd struct {
	connection
	handoffArg
	Reason string `required:"" help:"Why, e.g. no_response."`
}

// Run recycles a handoff.
func (c *handoffRecycleCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "recycle", &handoffv1.RecycleHandoffRequest{Name: c.name(), Reason: c.Reason, Etag: c.Etag})
}

type handoffOutcomeCmd struct {
	connection
	handoffArg
	Outcome  string `arg:"" help:"sales-qualified, opportunity, won or lost."`
	Reason   string `help:"Why; required with lost."`
	Amount   string `help:"Amount of the deal, e.g. 12500.00."`
	Currency string `help:"ISO 4217 code of the amount, e.g. EUR."`
}

// Run records an outcome.
func (c *handoffOutcomeCmd) Run(ctx context.Context, t *terminal) error {
	kind, err := enumNamed(c.Outcome, "KIND_", handoffv1.Outcome_Kind_value, "outcome")
	if err != nil {
		return err
	}
	return c.change(ctx, t, c.handoffArg, "recordOutcome", &handoffv1.RecordOutcomeRequest{
		Name:    c.name(),
		Outcome: handoffv1.Outcome_Kind(handoffv1.Outcome_Kind_value["KIND_"+kind]),
		Reason:  c.Reason, Amount: c.Amount, CurrencyCode: c.Currency, Etag: c.Etag,
	})
}
