package loop_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

const disqualified = typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED

// A person disqualifies a lead; its timeline shows it, scoring goes on, and a manager
// brings it back: what it did still qualifies it.
func TestPeopleMoveLeads(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		sales, manager := h.as(typev1.Role_ROLE_SALES), h.as(typev1.Role_ROLE_MANAGER)
		lead := h.capture(t.Context(), "demo@example.com", "demo.requested").GetLead()
		h.settled(lead, 2)

		q, err := h.handoff.DisqualifyLead(sales, &handoffv1.DisqualifyLeadRequest{Lead: lead, Reason: "competitor", SubReason: "big"})
		h.ok(err)
		if q.GetStage() != disqualified || q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetCycle() != 1 || q.GetHandoff() != "" {
			t.Errorf("qualification %v", q)
		}
		if state := h.handoffs(lead)[0].GetState(); state != handoffv1.Handoff_STATE_DISQUALIFIED {
			t.Errorf("the handoff is %s", state)
		}
		h.settled(lead, 3)
		if q := h.qualification(lead); q.GetStage() != disqualified || q.GetEngagementScore() != 62 || !slices.Contains(h.timeline(lead), "lifecycle.disqualified") {
			t.Errorf("scoring goes on: %v", q)
		}

		q, err = h.handoff.ReinstateLead(manager, &handoffv1.ReinstateLeadRequest{Lead: lead, Reason: "they were bought"})
		h.ok(err)
		if q.GetCycle() != 2 {
			t.Errorf("qualification %v", q)
		}
		h.settled(lead, 5) // back, and qualified again
		if q := h.qualification(lead); q.GetStage() != mql || q.GetCycle() != 2 || q.GetQualifiedCount() != 2 || len(h.handoffs(lead)) != 2 {
			t.Errorf("qualification %v", q)
		}
		moves, err := h.handoff.ListStageMoves(sales, &handoffv1.ListStageMovesRequest{Parent: lead})
		h.ok(err)
		for _, m := range moves.GetStageMoves() {
			if m.GetStandardVersion() == "" || m.GetDecision() == "" || m.GetActor() == "" {
				t.Errorf("a move without its evidence: %v", m)
			}
		}
		if m := moves.GetStageMoves()[2]; m.GetCause() != "disqualify" || m.GetReason() != "competitor" || m.GetSubReason() != "big" || m.GetActor() != "jane" {
			t.Errorf("move %v", m)
		}
	})
}

func TestMovesOfPeopleThatAreRefused(t *testing.T) {
	h := open(t, dbtest.SQLite(t), aStandard, nil)
	marketing, manager := h.as(typev1.Role_ROLE_MARKETING), h.as(typev1.Role_ROLE_MANAGER)
	lead := h.capture(t.Context(), "ana@example.com", "page.viewed").GetLead()
	h.settled(lead, 1)

	disqualify := func(role typev1.Role, in *handoffv1.DisqualifyLeadRequest) error {
		_, err := h.handoff.DisqualifyLead(h.as(role), in)
		return err
	}
	want(t, disqualify(typev1.Role_ROLE_MARKETING, &handoffv1.DisqualifyLeadRequest{Lead: lead}), codes.InvalidArgument, "INVALID_FIELD", "reason")
	want(t, disqualify(typev1.Role_ROLE_MARKETING, &handoffv1.DisqualifyLeadRequest{Lead: lead, Reason: " "}), codes.InvalidArgument, "INVALID_FIELD", "reason")
	want(t, disqualify(typev1.Role_ROLE_MARKETING, &handoffv1.DisqualifyLeadRequest{Lead: "ana", Reason: "spam"}), codes.InvalidArgument, "INVALID_FIELD", "lead")
	want(t, disqualify(typev1.Role_ROLE_MARKETING, &handoffv1.DisqualifyLeadRequest{Lead: nobody, Reason: "spam"}), codes.NotFound, "NOT_FOUND")
	want(t, disqualify(typev1.Role_ROLE_MARKETING, &handoffv1.DisqualifyLeadRequest{Lead: lead, Track: "other", Reason: "spam"}), codes.NotFound, "NOT_FOUND")
	want(t, disqualify(typev1.Role_ROLE_SALES, &handoffv1.DisqualifyLeadRequest{Lead: lead, Reason: "spam"}), codes.PermissionDenied, "PERMISSION_DENIED")
	want(t, disqualify(typev1.Role_ROLE_AUDITOR, &handoffv1.DisqualifyLeadRequest{Lead: lead, Reason: "spam"}), codes.PermissionDenied, "PERMISSION_DENIED")
	_, err := h.handoff.ReinstateLead(manager, &handoffv1.ReinstateLeadRequest{Lead: lead, Reason: "why not"})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	_, err = h.handoff.ReinstateLead(marketing, &handoffv1.ReinstateLeadRequest{Lead: lead, Reason: "why not"})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	if q := h.qualification(lead); q.GetStage() != leadStage || q.GetCycle() != 1 {
		t.Errorf("a refused move moved the lead: %v", q)
	}
}
