package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type approvalCmd struct {
	List    approvalListCmd    `cmd:"" help:"List approvals, latest first."`
	Show    approvalShowCmd    `cmd:"" help:"Show one approval: who asked, why, what shows it, who decided."`
	Request approvalRequestCmd `cmd:"" help:"Ask a manager to let a lead qualify that does not meet the gates."`
	Capture approvalCaptureCmd `cmd:"" help:"Capture a lead, e.g. at a trade show, and ask for its approval at once."`
	Approve approvalApproveCmd `cmd:"" help:"Grant an approval: the lead is handed off."`
	Decline approvalDeclineCmd `cmd:"" help:"Refuse an approval, with a comment."`
	Revoke  approvalRevokeCmd  `cmd:"" help:"Take back an approval that was not used yet, or one's own request."`
}

type approvalListCmd struct {
	connection
	State string `help:"Only in this state, e.g. requested."`
	Lead  string `help:"Only of this lead."`
	Track string `help:"Only of this track."`
	Limit int    `help:"Most approvals to print; 0: all." default:"0"`
}

// Run lists approvals, page by page.
func (c *approvalListCmd) Run(ctx context.Context, t *terminal) error {
	var terms []string
	if c.State != "" {
		state, err := enumNamed(c.State, "STATE_", handoffv1.Approval_State_value, "--state")
		if err != nil {
			return err
		}
		terms = append(terms, `state = "`+state+`"`)
	}
	if c.Lead != "" {
		lead, err := leadName(c.Lead)
		if err != nil {
			return err
		}
		terms = append(terms, `lead = "`+lead+`"`)
	}
	if c.Track != "" {
		terms = append(terms, `track = "`+c.Track+`"`)
	}
	query := url.Values{}
	if len(terms) > 0 {
		query.Set("filter", strings.Join(terms, " AND "))
	}
	return listing[*handoffv1.ListApprovalsResponse, *handoffv1.Approval]{
		path:  "/v1/approvals",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListApprovalsResponse).GetApprovals,
		head:  []string{"APPROVAL", "STATE", "LEAD", "ASKED BY", "ASKED", "ENDS", "WHY"},
		row: func(a *handoffv1.Approval) []string {
			return []string{
				a.GetName(), word(a.GetState(), "STATE_"), a.GetLead(), a.GetRequester(), when(a.GetRequestTime()),
				when(a.GetExpireTime()), a.GetReason(),
			}
		},
	}.print(ctx, t, c.connection)
}

// approvalArg is the approval a command is about.
type approvalArg struct {
	Approval string `arg:"" help:"The approval, approvals/ID or ID."`
}

func (a approvalArg) name() string {
	return "approvals/" + strings.TrimPrefix(a.Approval, "approvals/")
}

// path of the approval, or of a method on it.
func (a approvalArg) path(verb string) string {
	return "/v1/approvals/" + url.PathEscape(strings.TrimPrefix(a.Approval, "approvals/")) + verb
}

type approvalShowCmd struct {
	connection
	approvalArg
}

// Run shows an approval.
func (c *approvalShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var a handoffv1.Approval
	line, err := client.Get(ctx, c.path(""), nil, &a)
	if err != nil {
		return err
	}
	return c.approval(t, line, &a)
}

// approval prints one for people, or its line.
func (c connection) approval(t *terminal, line []byte, a *handoffv1.Approval) error {
	return c.answer(t, line, func(tab *table) {
		tab.row("approval", a.GetName())
		tab.row("lead", a.GetLead())
		tab.row("track", a.GetTrack())
		tab.row("state", word(a.GetState(), "STATE_"))
		tab.row("asked by", a.GetRequester()+", "+when(a.GetRequestTime()))
		tab.row("why", a.GetReason())
		for _, more := range []struct{ name, text string }{
			{"evidence", a.GetEvidence()},
			{"links", strings.Join(a.GetLinks(), " ")},
			{"decided by", a.GetDecider()},
			{"comment", a.GetComment()},
			{"handoff", a.GetHandoff()},
			{"taken back by", a.GetRevoker()},
			{"because", a.GetRevokeComment()},
		} {
			if more.text != "" {
				tab.row(more.name, more.text)
			}
		}
		if a.GetOverridesDisqualification() {
			tab.row("overrides", "a disqualification")
		}
		if end := a.GetEndTime(); end != nil {
			tab.row("ended", when(end))
		} else {
			tab.row("ends", when(a.GetExpireTime()))
		}
	})
}

// asking are the flags that say what is asked for.
type asking struct {
	Reason    string        `required:"" help:"Why the lead should be handed off although it does not meet the gates."`
	Evidence  string        `help:"What shows it, e.g. notes of the call."`
	Link      []string      `help:"Where more is, as a URL; may be repeated." sep:"none"`
	Track     string        `help:"The track. Default: the lead's only one, else sales."`
	Valid     time.Duration `help:"How long it is valid, e.g. 72h. Default: as long as the standard allows."`
	Override  bool          `help:"It shall also qualify a lead that a rule disqualifies, where the standard allows that."`
	RequestID string        `help:"Makes a retry safe: the same id answers with what it made."`
}

func (a asking) expires() *timestamppb.Timestamp {
	if a.Valid <= 0 {
		return nil
	}
	return timestamppb.New(time.Now().Add(a.Valid))
}

type approvalRequestCmd struct {
	connection
	Lead string `arg:"" help:"The lead, leads/ID or ID."`
	asking
}

// Run asks for an approval.
func (c *approvalRequestCmd) Run(ctx context.Context, t *terminal) error {
	lead, err := leadName(c.Lead)
	if err != nil {
		return err
	}
	return c.say(ctx, t, "/v1/"+lead+"/approvals", &handoffv1.RequestApprovalRequest{
		Lead: lead, Track: c.Track, Reason: c.Reason, Evidence: c.Evidence, Links: c.Link, ExpireTime: c.expires(),
		OverridesDisqualification: c.Override, RequestId: c.RequestID,
	})
}

type approvalCaptureCmd struct {
	connection
	captured
	asking
}

// Run captures a lead and asks for its approval.
func (c *approvalCaptureCmd) Run(ctx context.Context, t *terminal) error {
	capture, err := c.request()
	if err != nil {
		return err
	}
	return c.say(ctx, t, "/v1/approvals:capture", &handoffv1.CaptureForApprovalRequest{
		Capture: capture, Track: c.Track, Reason: c.Reason, Evidence: c.Evidence, Links: c.Link, ExpireTime: c.expires(),
		OverridesDisqualification: c.Override, RequestId: c.RequestID,
	})
}

// say calls a method that answers with an approval, and prints it.
func (c connection) say(ctx context.Context, t *terminal, path string, req proto.Message) error {
	var a handoffv1.Approval
	line, err := c.post(ctx, t, path, req, &a)
	if err != nil {
		return err
	}
	return c.approval(t, line, &a)
}

type approvalApproveCmd struct {
	connection
	approvalArg
	Comment string `help:"Why, for the record; sales reads it."`
	Etag    string `help:"Only if the approval still has this etag."`
}

// Run grants an approval.
func (c *approvalApproveCmd) Run(ctx context.Context, t *terminal) error {
	return c.say(ctx, t, c.path(":approve"), &handoffv1.ApproveApprovalRequest{Name: c.name(), Comment: c.Comment, Etag: c.Etag})
}

type approvalDeclineCmd struct {
	connection
	approvalArg
	Comment string `required:"" help:"Why, for the record."`
	Etag    string `help:"Only if the approval still has this etag."`
}

// Run refuses an approval.
func (c *approvalDeclineCmd) Run(ctx context.Context, t *terminal) error {
	return c.say(ctx, t, c.path(":decline"), &handoffv1.DeclineApprovalRequest{Name: c.name(), Comment: c.Comment, Etag: c.Etag})
}

type approvalRevokeCmd struct {
	connection
	approvalArg
	Comment string `required:"" help:"Why, for the record."`
	Etag    string `help:"Only if the approval still has this etag."`
}

// Run takes an approval back.
func (c *approvalRevokeCmd) Run(ctx context.Context, t *terminal) error {
	return c.say(ctx, t, c.path(":revoke"), &handoffv1.RevokeApprovalRequest{Name: c.name(), Comment: c.Comment, Etag: c.Etag})
}
