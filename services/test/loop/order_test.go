package loop_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// said is what a source says of a lead's country, days ago.
type said struct {
	country string
	daysAgo int
	source  string
}

// A form says DE, an enrichment FR, a later form DE again, and a visit lies
// between: in whatever order they arrive, the lead is in DE and scores as such.
func TestFitDoesNotDependOnTheOrderOfArrival(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		now := time.Now()
		facts := []said{{"DE", 40, "form"}, {"FR", 30, "enrichment"}, {"DE", 20, "form"}, {"DE", 20, "crm"}}
		for n, order := range [][]int{
			{0, 1, 2, 3}, {0, 2, 1, 3}, {1, 0, 2, 3}, {1, 2, 0, 3}, {2, 0, 1, 3}, {2, 1, 0, 3}, {3, 2, 0, 1}, {0, 3, 2, 1}, {0, 2, 2, 1},
		} {
			var lead string
			for _, i := range order {
				r, err := h.ingest.CaptureLead(caller.With(t.Context(), caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_INGEST}), &ingestv1.CaptureLeadRequest{
					Lead: &ingestv1.Lead{
						Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: fmt.Sprint("u", n)}},
						Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{"country": structpb.NewStringValue(facts[i].country)}},
					},
					Source: facts[i].source, DefaultTime: timestamppb.New(now.AddDate(0, 0, -facts[i].daysAgo)), WaitForDecision: true,
				})
				h.ok(err)
				if r.GetDecision() == nil {
					t.Fatalf("order %v: %v", order, r)
				}
				lead = r.GetLead()
			}
			if d := h.qualification(lead); d.GetFitScore() != 10 {
				t.Errorf("order %v: fit %v, want 10", order, d.GetFitScore())
			}
		}
	})
}
