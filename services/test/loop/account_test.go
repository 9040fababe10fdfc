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

// What is known of the company, and where the lead came from, give points and open
// the gate.
const accountStandard = `
id: default
fit:
  groups:
    - id: company
      criteria:
        - {id: software, when: 'account.industry == "Software"', points: 20}
        - {id: intent, when: account.intent_score >= 80, points: 15}
        - {id: fair, when: lead.lead_source == "fair", points: 1}
engagement:
  groups:
    - id: what
      rules:
        - {id: viewed, activities: [page.viewed], when: account.opportunities_open > 0, points: 5}
        - {id: early, activities: [page.viewed], when: account.opportunities_open == 0, points: 2}
        - {id: known, activities: [page.viewed], when: 'lead.create_time < "2126-01-01"', points: 100}
qualification:
  gates: {all: [{fitScore: {atLeast: 30}}, {when: account.opportunities_closed_won == 0}]}
`

// news is something to say, by the day.
type news struct {
	daysAgo int
	say     func(at *timestamppb.Timestamp)
}

// A company buys, a colleague visits before and after: in whatever order it arrives,
// each visit counts by what was true of the company then.
func TestAccountsScoreInAnyOrder(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, accountStandard, nil)
		now := time.Now().Truncate(time.Microsecond)
		marketing := caller.With(t.Context(), caller.Caller{Actor: "crm", Role: typev1.Role_ROLE_MARKETING})
		for n, order := range [][]int{{0, 1, 2, 3, 4, 5}, {5, 4, 3, 2, 1, 0}, {2, 5, 0, 3, 1, 4}, {1, 3, 5, 0, 2, 4}, {4, 2, 0, 5, 3, 1}} {
			company := &ingestv1.AccountIdentity{Kind: ingestv1.AccountIdentity_KIND_EXTERNAL_ID, Value: fmt.Sprint("c", n)}
			who := []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: fmt.Sprint("u", n)}}
			var lead string
			ofLead := func(r *ingestv1.CaptureLeadRequest) {
				r.WaitForDecision = true
				if r.GetLead() == nil {
					r.Lead = &ingestv1.Lead{}
				}
				r.Lead.Identities = who
				answer, err := h.ingest.CaptureLead(marketing, r)
				h.ok(err)
				lead = answer.GetLead()
			}
			ofAccount := func(at *timestamppb.Timestamp, a *ingestv1.Account) {
				a.Identities = []*ingestv1.AccountIdentity{company}
				_, err := h.accounts.CaptureAccount(marketing, &ingestv1.CaptureAccountRequest{Account: a, DefaultTime: at, Source: "crm"})
				h.ok(err)
			}
			visit := func(at *timestamppb.Timestamp) {
				ofLead(&ingestv1.CaptureLeadRequest{Activities: []*ingestv1.Activity{{
					Type: "page.viewed", Source: "web", Id: fmt.Sprint(n, "-", at.GetSeconds()), OccurredTime: at,
				}}})
			}
			all := []news{
				{40, func(at *timestamppb.Timestamp) {
					ofLead(&ingestv1.CaptureLeadRequest{
						Account: company, DefaultTime: at, Source: "form",
						Lead: &ingestv1.Lead{LeadSource: &ingestv1.LeadSource{Channel: "fair"}},
					})
				}},
				{30, visit}, // while nothing is open
				{20, func(at *timestamppb.Timestamp) {
					ofAccount(at, &ingestv1.Account{Facts: []*ingestv1.AccountFact{{Kind: "opportunities", Key: "x", State: "open"}}})
				}},
				{10, visit}, // while something is
				{5, func(at *timestamppb.Timestamp) {
					ofAccount(at, &ingestv1.Account{Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{
						"industry": structpb.NewStringValue("Software"), "intent_score": structpb.NewNumberValue(82),
					}}})
				}},
				{60, func(at *timestamppb.Timestamp) { // before it belonged there
					ofAccount(at, &ingestv1.Account{Attributes: &structpb.Struct{Fields: map[string]*structpb.Value{
						"industry": structpb.NewStringValue("Retail"),
					}}})
				}},
			}
			for _, i := range order {
				all[i].say(timestamppb.New(now.AddDate(0, 0, -all[i].daysAgo)))
			}
			q := h.decided(lead)
			if q.GetFitScore() != 36 || q.GetEngagementScore() != 5+2+200 || q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
				t.Errorf("order %v: fit %v, engagement %v, %s", order, q.GetFitScore(), q.GetEngagementScore(), q.GetVerdict())
			}
			// The deal is won: the gate closes for each lead of the company.
			ofAccount(nil, &ingestv1.Account{Facts: []*ingestv1.AccountFact{{Kind: "opportunities", Key: "x", State: "closed_won"}}})
			if q := h.decided(lead); q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE {
				t.Errorf("order %v: %s", order, q.GetVerdict())
			}
		}
	})
}
