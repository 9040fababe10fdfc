package loop_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// A standard may decide at capture: what becomes true later changes nothing, in neither
// score nor gate.
func TestAStandardThatDecidesAtCapture(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, `
id: default
fit:
  groups:
    - id: who
      criteria: [{id: country, when: 'lead.country == "DE"', points: 10}]
engagement:
  groups:
    - id: what
      rules: [{id: viewed, activities: [page.viewed], points: 5}]
qualification:
  evaluation: {at: capture}
  gates: {all: [{fitScore: {atLeast: 10}}, {when: 'lead.plan == "trial"'}]}
`, nil)
		marketing := h.as(typev1.Role_ROLE_MARKETING)
		first := time.Now().Add(-72 * time.Hour)
		capture := func(at time.Time, attributesOf map[string]any) *ingestv1.CaptureLeadResponse {
			t.Helper()
			out, err := h.ingest.CaptureLead(marketing, &ingestv1.CaptureLeadRequest{
				Lead: &ingestv1.Lead{
					Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: "ana@example.com"}},
					Attributes: attributes(t, attributesOf),
				},
				Activities:  []*ingestv1.Activity{{Type: "page.viewed", OccurredTime: timestamppb.New(at)}},
				DefaultTime: timestamppb.New(at), WaitForDecision: true,
			})
			h.ok(err)
			return out
		}
		lead := capture(first, map[string]any{"country": "DE", "plan": "trial"}).GetLead()
		if q := h.qualification(lead); q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetEngagementScore() != 5 {
			t.Fatalf("at capture: %v", q)
		}
		capture(time.Now().Add(-time.Hour), map[string]any{"country": "FR", "plan": "free"})
		q := h.qualification(lead)
		if q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetEngagementScore() != 5 || q.GetFitScore() != 10 {
			t.Errorf("later: %v", q)
		}
	})
}
