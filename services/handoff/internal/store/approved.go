package store

import (
	"database/sql"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// What approvals do in a decision. They are read under the lead's lock, which whoever
// grants or revokes one takes too: so a decision sees an approval that stands, and none
// that was revoked before.

// readApprovals reads the approvals of the leads that wait, stand or were used.
func (b *batch) readApprovals() error {
	b.approvals = map[string][]*approval{}
	return selectIn(b.querier, selectApproval+` WHERE state IN (1, 2, 4) AND lead_id IN (`, b.leads, func(rows *sql.Rows) error {
		a, err := scanApproval(rows)
		if err == nil {
			lead := b.person(LeadID(a.GetLead()))
			b.approvals[lead] = append(b.approvals[lead], a)
		}
		return err
	})
}

// expireApprovals ends the approvals of a lead whose time is over.
func (b *batch) expireApprovals(lead string) {
	for _, a := range b.approvals[lead] {
		if a.open() && !a.GetExpireTime().AsTime().After(b.moment) {
			b.endApproval(a, handoffv1.Approval_STATE_EXPIRED, a.GetExpireTime().AsTime())
		}
	}
}

// endApproval ends one; its row is written with the batch.
func (b *batch) endApproval(a *approval, state handoffv1.Approval_State, at time.Time) {
	a.State, a.EndTime = state, timestamppb.New(at)
	b.endedApprovals = append(b.endedApprovals, a)
}

// standing is the approval that stands in place of the gates in a track: one that was
// granted, and from then on, used, until the cycle ends. nil: none does.
func (b *batch) standing(t track) *handoffv1.Approval {
	for _, a := range b.approvals[t.person] {
		if a.GetTrack() == t.name && a.stands(t.handoff) {
			return a.Approval
		}
	}
	return nil
}

// approve puts the word of a manager in place of the gates, and returns the standing under
// it: of the standard that leads the track, unless it excludes the lead, then of the next.
// A lead that stands disqualified, by a person too, is brought back only by an approval
// that says so.
func (t track) approve(assessments []*Assessment, a *handoffv1.Approval) track {
	slices.SortFunc(assessments, func(a, b *Assessment) int { return a.opinion().Compare(b.opinion()) })
	for _, assessment := range assessments {
		if assessment.Under == nil {
			continue
		}
		under := assessment.Under(ApprovalOf(a))
		if under.Decision.Excluded {
			continue
		}
		if under.Decision.Verdict != decision.Qualified || t.standing.Stage == lifecycle.Disqualified && !under.Decision.Overrides {
			return t
		}
		*assessment = under
		assessment.approved = true
		if t.standing.Rests() && a.GetDecideTime().AsTime().After(t.standing.Since) {
			t.standing = t.standing.Stir() // as if it had done something itself
		}
		return t
	}
	return t
}

// ApprovalOf is an approval as rules read it.
func ApprovalOf(a *handoffv1.Approval) *decision.Approval {
	return &decision.Approval{
		RequestedBy: a.GetRequester(), Why: a.GetReason(), ApprovedBy: a.GetDecider(), Comment: a.GetComment(),
		OverridesDisqualification: a.GetOverridesDisqualification(),
	}
}

// useApprovals ends the open approvals of a track in which the lead is handed off: the one
// that stands was used by the handoff, one that still waits is no longer needed.
func (b *batch) useApprovals(f *followed) {
	for _, a := range b.approvals[f.person] {
		if a.GetTrack() != f.name || !a.open() {
			continue
		}
		if a.GetState() == handoffv1.Approval_STATE_APPROVED {
			a.Handoff, a.Cycle, f.approval = HandoffName(f.handoff), int32(f.standing.Cycle), a.GetName()
			b.endApproval(a, handoffv1.Approval_STATE_CONSUMED, b.moment)
			continue
		}
		a.Revoker, a.RevokeComment = Qualifier, "handed off without it: "+HandoffName(f.handoff)
		b.endApproval(a, handoffv1.Approval_STATE_REVOKED, b.moment)
	}
}

// nextExpiry is when the first open approval of a lead ends; zero: none is open.
func (b *batch) nextExpiry(lead string) time.Time {
	var next time.Time
	for _, a := range b.approvals[lead] {
		if at := a.GetExpireTime().AsTime(); a.open() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	return next
}

func (b *batch) writeApprovals() error {
	for _, a := range b.endedApprovals {
		if err := saveApproval(b.tx, a); err != nil {
			return err
		}
	}
	return nil
}

// open says whether it waits or stands, and was not used.
func (a *approval) open() bool {
	return a.GetState() == handoffv1.Approval_STATE_REQUESTED || a.GetState() == handoffv1.Approval_STATE_APPROVED
}

// stands says whether it stands in place of the gates while the cycle has a handoff, or
// none (empty).
func (a *approval) stands(handoff string) bool {
	switch a.GetState() {
	case handoffv1.Approval_STATE_APPROVED:
		return true
	case handoffv1.Approval_STATE_CONSUMED:
		return handoff != "" && a.GetHandoff() == HandoffName(handoff)
	default:
		return false
	}
}

// exceptionAmong is the exception by which a handoff's lead qualified: its first reason, if
// that is one.
func exceptionAmong(reasons []*typev1.Reason) string {
	if len(reasons) > 0 && decision.IsException(reasons[0].GetCode()) {
		return reasons[0].GetCode()
	}
	return ""
}
