package loop_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// What a standard makes of a lead can be asked as of any instant, and is what it was
// decided to be as of now.
func TestALeadIsExplainedAsOfAnyInstant(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		marketing := h.as(typev1.Role_ROLE_MARKETING)
		captured, err := h.ingest.CaptureLead(marketing, &ingestv1.CaptureLeadRequest{
			Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: "ana@example.com"}}},
			Activities: []*ingestv1.Activity{
				{Type: "page.viewed", Id: "early", OccurredTime: timestamppb.New(time.Now().Add(-48 * time.Hour))},
				{Type: "demo.requested", Id: "late", OccurredTime: timestamppb.New(time.Now().Add(-time.Hour))},
			},
			WaitForDecision: true,
		})
		h.ok(err)
		lead := captured.GetLead()
		explain := func(at time.Time) *handoffv1.Explanation {
			t.Helper()
			out, err := h.handoff.ExplainQualification(marketing, &handoffv1.ExplainQualificationRequest{
				Name: lead + "/qualification", AsOfTime: timestamppb.New(at), IncludeActivities: true,
			})
			h.ok(err)
			return out
		}
		before := explain(time.Now().Add(-24 * time.Hour))
		q := before.GetQualification()
		if q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE || q.GetEngagementScore() != 5 || len(before.GetActivities()) != 1 {
			t.Errorf("a day ago: %v", before)
		}
		if len(q.GetLacking()) != 1 || q.GetLacking()[0].GetHave() != 5 || q.GetLacking()[0].GetNeed() != 45 {
			t.Errorf("lacking %v, want 45 points more", q.GetLacking())
		}
		// Our own facts, such as the stage move, may have come meanwhile.
		now := explain(time.Now().Add(time.Hour)).GetQualification()
		if now.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || now.GetEngagementScore() < 65 || len(now.GetLacking()) != 0 {
			t.Errorf("now: %v", now)
		}
		if stored := h.qualification(lead); stored.GetStandardVersion() != now.GetStandardVersion() {
			t.Errorf("explained by %s, decided by %s", now.GetStandardVersion(), stored.GetStandardVersion())
		}

		_, err = h.handoff.ExplainQualification(marketing, &handoffv1.ExplainQualificationRequest{
			Name: "leads/01900000-0000-7000-8000-000000000000/qualification",
		})
		want(t, err, codes.NotFound, "NOT_FOUND")
		_, err = h.handoff.ExplainQualification(marketing, &handoffv1.ExplainQualificationRequest{
			Name: lead + "/qualification", Standard: "standards/nobody",
		})
		want(t, err, codes.NotFound, "NOT_FOUND")
	})
}

// A disqualified lead may show 0: one more line, and the next verdict finds the points
// where they were.
func TestADisqualifiedLeadShowsWhatTheStandardSays(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard+`
  disqualify:
    - {id: student, description: Is a student, when: {when: lead.student}, shownScore: 0}
`, nil)
		r := h.capture(t.Context(), "ana@example.com", "page.viewed")
		_, err := h.ingest.UpdateLead(h.as(typev1.Role_ROLE_MARKETING), &ingestv1.UpdateLeadRequest{
			Lead: &ingestv1.Lead{Name: r.GetLead(), Attributes: attributes(t, map[string]any{"student": true})},
		})
		h.ok(err)
		h.capture(t.Context(), "ana@example.com", "page.viewed")
		q := h.qualification(r.GetLead())
		if q.GetStatus() != handoffv1.Qualification_STATUS_DISQUALIFIED || q.GetEngagementScore() != 0 ||
			q.GetEngagement().GetUnderlyingScore() < 10 {
			t.Errorf("%v", q)
		}
		sum := 0.0
		for _, line := range q.GetEngagement().GetContributions() {
			sum += line.GetPoints()
		}
		if sum != 0 {
			t.Errorf("the lines sum to %v, the score is 0", sum)
		}
	})
}

func attributes(t *testing.T, values map[string]any) *structpb.Struct {
	t.Helper()
	out, err := structpb.NewStruct(values)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
