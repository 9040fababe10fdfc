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
	List     handoffListCmd     `cmd:"" help:"List handoffs, oldest first or in the order to work them."`
	Claim    handoffClaimCmd    `cmd:"" help:"Take a handoff that nobody has from its queue."`
	Accept   handoffAcceptCmd   `cmd:"" help:"Take a lead."`
	Reject   handoffRejectCmd   `cmd:"" help:"Refuse a lead, with a reason."`
	Recycle  handoffRecycleCmd  `cmd:"" help:"Give a lead back to marketing, with a reason."`
	Outcome  handoffOutcomeCmd  `cmd:"" help:"Report what became of a lead."`
	Reassign handoffReassignCmd `cmd:"" help:"Give a handoff to another person or team, or to whom routing says now."`
	Leave    handoffLeaveCmd    `cmd:"" help:"Hand on everything that a person has."`
}

type handoffListCmd struct {
	connection
	State string `help:"Only in this state, e.g. open."`
	Queue string `help:"Only in this queue."`
	Owner string `help:"Only of this owner."`
	Lead  string `help:"Only of this lead."`
	Order string `help:"In which order: time or queue, the one in which to work them." enum:"time,queue" default:"time"`
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
	if c.Owner != "" {
		terms = append(terms, fmt.Sprintf("owner = %q", strings.TrimPrefix(c.Owner, "users/")))
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
	if c.Order == "queue" {
		query.Set("orderBy", "queue")
	}
	return listing[*handoffv1.ListHandoffsResponse, *handoffv1.Handoff]{
		path:  "/v1/handoffs",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListHandoffsResponse).GetHandoffs,
		head:  []string{"HANDOFF", "STATE", "QUEUE", "OWNER", "DUE", "LEAD", "CREATED", "WHY"},
		row: func(h *handoffv1.Handoff) []string {
			var reasons []string
			for _, r := range h.GetReasons() {
				reasons = append(reasons, r.GetDescription())
			}
			return []string{h.GetName(), word(h.GetState(), "STATE_"), h.GetQueue(), orDash(h.GetOwner()), due(h), h.GetLead(), when(h.GetCreateTime()), strings.Join(reasons, "; ")}
		},
	}.print(ctx, t, c.connection)
}

// due is when a handoff must be answered.
func due(h *handoffv1.Handoff) string {
	if h.GetDueTime() == nil {
		return "-"
	}
	return when(h.GetDueTime())
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
		if out.GetAssignReason() != "" {
			tab.row("assigned", out.GetAssignReason())
		}
		if out.GetDueTime() != nil {
			tab.row("due", when(out.GetDueTime()))
		}
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
	Reason    string `required:"" help:"Why, e.g. no_budget."`
	SubReason string `help:"More exactly, where the standard asks for it."`
}

// Run rejects a handoff.
func (c *handoffRejectCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "reject", &handoffv1.RejectHandoffRequest{Name: c.name(), Reason: c.Reason, SubReason: c.SubReason, Etag: c.Etag})
}

type handoffRecycleCmd struct {
	connection
	handoffArg
	Reason    string `required:"" help:"Why, e.g. no_response."`
	SubReason string `help:"More exactly, where the standard asks for it."`
}

// Run recycles a handoff.
func (c *handoffRecycleCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "recycle", &handoffv1.RecycleHandoffRequest{Name: c.name(), Reason: c.Reason, SubReason: c.SubReason, Etag: c.Etag})
}

type handoffOutcomeCmd struct {
	connection
	handoffArg
	Outcome   string `arg:"" help:"sales-qualified, opportunity, won or lost."`
	Reason    string `help:"Why; required with lost."`
	SubReason string `help:"More exactly, where the standard asks for it."`
	Amount    string `help:"Amount of the deal, e.g. 12500.00."`
	Currency  string `help:"ISO 4217 code of the amount, e.g. EUR."`
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
		Reason:  c.Reason, SubReason: c.SubReason, Amount: c.Amount, CurrencyCode: c.Currency, Etag: c.Etag,
	})
}

type handoffClaimCmd struct {
	connection
	handoffArg
}

// Run claims a handoff.
func (c *handoffClaimCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "claim", &handoffv1.ClaimHandoffRequest{Name: c.name(), Etag: c.Etag})
}

type handoffReassignCmd struct {
	connection
	handoffArg
	Owner  string `help:"The next owner, a user." xor:"to"`
	Team   string `help:"The team in which the turn decides." xor:"to"`
	Reason string `required:"" help:"Why."`
}

// Run gives a handoff to somebody else.
func (c *handoffReassignCmd) Run(ctx context.Context, t *terminal) error {
	return c.change(ctx, t, c.handoffArg, "reassign", &handoffv1.ReassignHandoffRequest{
		Name: c.name(), Owner: named("users/", c.Owner), Team: named("teams/", c.Team), Reason: c.Reason, Etag: c.Etag,
	})
}

// named is a resource name from a name or an id; empty from none.
func named(collection, given string) string {
	if given == "" {
		return ""
	}
	return collection + strings.TrimPrefix(given, collection)
}

type handoffLeaveCmd struct {
	connection
	User     string `arg:"" help:"The user, users/ID or ID."`
	Accepted string `help:"What is done with what they accepted: recycle, reassign or keep." enum:"recycle,reassign,keep" default:"recycle"`
	Reason   string `required:"" help:"Why."`
}

// Run hands on everything that a person has.
func (c *handoffLeaveCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.ReassignOwnerResponse
	line, err := client.Post(ctx, "/v1/handoffs:reassignOwner", &handoffv1.ReassignOwnerRequest{
		Owner: named("users/", c.User), Reason: c.Reason,
		Accepted: handoffv1.ReassignOwnerRequest_Accepted(handoffv1.ReassignOwnerRequest_Accepted_value["ACCEPTED_"+strings.ToUpper(c.Accepted)]),
	}, &out)
	if err != nil {
		return err
	}
	return c.answer(t, line, func(tab *table) {
		tab.row("to others", number(out.GetReassignedCount()))
		tab.row("wait in a queue", number(out.GetQueuedCount()))
		tab.row("recycled", number(out.GetRecycledCount()))
	})
}
