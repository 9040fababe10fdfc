package loop_test

import (
	"slices"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// Whoever asks for a demo qualifies; what sales says takes points, which must not
// send a lead around in circles.
const aStandard = `
id: default
fit:
  groups:
    - id: who
      criteria: [{id: country, when: 'lead.country == "DE"', points: 10}]
engagement:
  groups:
    - id: what
      rules:
        - {id: viewed, activities: [page.viewed], points: 5}
        - {id: demo, activities: [demo.requested], points: 60}
        - {id: moved, activities: ["lifecycle.*"], points: 1}
        - {id: refused, activities: [sales.rejected, sales.recycled], points: -1}
qualification:
  gates: {engagementScore: {atLeast: 50}}
`

const (
	leadStage = typev1.LifecycleStage_LIFECYCLE_STAGE_NURTURE
	mql       = typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED
	recycled  = typev1.LifecycleStage_LIFECYCLE_STAGE_RECYCLED
)

func TestAroundTheLoopTwice(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		sales := h.as(typev1.Role_ROLE_SALES)

		// A visitor is nurtured, then asks for a demo and is handed off.
		r := h.capture(t.Context(), "ana@example.com", "page.viewed")
		if d := r.GetDecision(); d.GetStage() != leadStage || d.GetEngagementScore() != 5 {
			t.Fatalf("first decision %v", r)
		}
		lead := r.GetLead()
		r = h.capture(t.Context(), "ana@example.com", "demo.requested")
		if d := r.GetDecision(); d.GetStage() != mql || d.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
			t.Fatalf("second decision %v", r)
		}
		first := h.handoffs(lead)
		if len(first) != 1 || first[0].GetState() != handoffv1.Handoff_STATE_OPEN || first[0].GetQueue() != "sales" {
			t.Fatalf("handoffs %v", first)
		}
		h.settled(lead, 3) // the move came back, was scored, and moved nothing

		// Sales accepts, talks, and gives the lead back.
		accepted, err := h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: first[0].GetName(), Etag: first[0].GetEtag()})
		h.ok(err)
		if accepted.GetOwner() != "jane" || accepted.GetState() != handoffv1.Handoff_STATE_ACCEPTED {
			t.Fatalf("accepted %v", accepted)
		}
		_, err = h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: first[0].GetName()})
		if status.Code(err) != codes.FailedPrecondition || apierr.Reason(err) != "WRONG_STATE" {
			t.Fatalf("accepting twice: %v", err)
		}
		_, err = h.handoff.RecordOutcome(sales, &handoffv1.RecordOutcomeRequest{Name: first[0].GetName(), Outcome: handoffv1.Outcome_KIND_SALES_QUALIFIED})
		h.ok(err)
		_, err = h.handoff.RecycleHandoff(sales, &handoffv1.RecycleHandoffRequest{Name: first[0].GetName(), Reason: "no_response"})
		h.ok(err)
		h.settled(lead, 9)
		want := []string{
			"demo.requested", "lifecycle.marketing_qualified", "lifecycle.recycled", "lifecycle.sales_accepted", "lifecycle.sales_qualified",
			"page.viewed", "sales.accepted", "sales.qualified", "sales.recycled",
		}
		if got := slices.Sorted(slices.Values(h.timeline(lead))); !slices.Equal(got, want) {
			t.Fatalf("timeline %v", got)
		}

		// The verdict is still QUALIFIED, but nothing new came from the lead.
		q := h.qualification(lead)
		if q.GetStage() != recycled || q.GetCycle() != 2 || q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetHandoff() != "" {
			t.Fatalf("after recycling %v", q)
		}
		if q.GetEngagementScore() != 5+60+4-1 {
			t.Errorf("score %v: what sales said is scored once", q.GetEngagementScore())
		}

		// One more visit stirs it: a second handoff, in cycle 2.
		r = h.capture(t.Context(), "ana@example.com", "page.viewed")
		if d := r.GetDecision(); d.GetStage() != mql {
			t.Fatalf("third decision %v", r)
		}
		hs := h.handoffs(lead)
		if len(hs) != 2 || hs[0].GetState() != handoffv1.Handoff_STATE_RECYCLED || hs[1].GetState() != handoffv1.Handoff_STATE_OPEN || hs[1].GetCycle() != 2 {
			t.Fatalf("handoffs %v", hs)
		}
		version := h.settled(lead, 11)
		if most := int32(3 + 8); version > most {
			t.Errorf("facts version %d: more passes than things that happened", version)
		}

		moves, err := h.handoff.ListStageMoves(sales, &handoffv1.ListStageMovesRequest{Parent: lead})
		h.ok(err)
		if n := len(moves.GetStageMoves()); n != 6 {
			t.Errorf("%d moves: %v", n, moves)
		}
	})
}

// A scorer that lost everything gets it back from the history, and every score
// comes back as it was.
func TestAScorerLosesItsDatabase(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		lead := h.capture(t.Context(), "ana@example.com", "page.viewed", "page.viewed", "demo.requested").GetLead()
		h.settled(lead, 4)
		before := h.qualification(lead).GetEngagementScore()

		rows, err := h.behavior.Read().QueryContext(t.Context(), tables[h.behavior.Dialect()])
		h.ok(err)
		var names []string
		for rows.Next() {
			var name string
			h.ok(rows.Scan(&name))
			names = append(names, name)
		}
		h.ok(rows.Close())
		h.empty(names)

		r := h.capture(t.Context(), "ana@example.com", "page.viewed")
		if got := r.GetDecision().GetEngagementScore(); got != before+5 {
			t.Errorf("score %v after the loss, %v before (%v)", got, before, r)
		}
	})
}
