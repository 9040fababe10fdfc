package scenarios

import (
	"context"
	"fmt"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

// sayOfApproval asks for an approval of the lead, or says something of the latest one.
func (p *Player) sayOfApproval(ctx context.Context, lead string, w *Word) error {
	if w.Does == "request" {
		_, err := p.Approvals.RequestApproval(ctx, &handoffv1.RequestApprovalRequest{
			Lead: lead, Track: w.Track, Reason: w.Reason, OverridesDisqualification: w.Overrides,
		})
		return err
	}
	a, err := p.approval(ctx, lead)
	if err != nil {
		return err
	}
	name := a.GetName()
	switch w.Does {
	case "approve":
		_, err = p.Approvals.ApproveApproval(ctx, &handoffv1.ApproveApprovalRequest{Name: name, Comment: w.Reason})
	case "decline":
		_, err = p.Approvals.DeclineApproval(ctx, &handoffv1.DeclineApprovalRequest{Name: name, Comment: w.Reason})
	default:
		_, err = p.Approvals.RevokeApproval(ctx, &handoffv1.RevokeApprovalRequest{Name: name, Comment: w.Reason})
	}
	if err != nil || w.Does != "approve" {
		return err
	}
	return p.used(lead)
}

// used waits until the lead was handed off by its latest approval, which happens by itself.
func (p *Player) used(lead string) error {
	ctx, cancel := context.WithTimeout(caller.With(context.Background(), caller.Caller{Actor: "auditor", Role: typev1.Role_ROLE_AUDITOR}), 20*time.Second)
	defer cancel()
	for {
		a, err := p.approval(ctx, lead)
		switch {
		case err != nil:
			return fmt.Errorf("the lead is not handed off: %w", err)
		case a.GetState() == handoffv1.Approval_STATE_CONSUMED:
			return nil
		}
	}
}

// approval is the latest of the lead.
func (p *Player) approval(ctx context.Context, lead string) (*handoffv1.Approval, error) {
	page, err := p.Approvals.ListApprovals(ctx, &handoffv1.ListApprovalsRequest{Filter: `lead = "` + lead + `"`, PageSize: 1})
	if err == nil && len(page.GetApprovals()) == 0 {
		err = fmt.Errorf("there is no approval")
	}
	if err != nil {
		return nil, err
	}
	return page.GetApprovals()[0], nil
}
