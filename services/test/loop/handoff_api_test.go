package loop_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// want fails the test unless err has the code, the reason and, if given, names the
// fields.
func want(t *testing.T, err error, code codes.Code, reason string, fields ...string) {
	t.Helper()
	if status.Code(err) != code || apierr.Reason(err) != reason {
		t.Errorf("error %v, want %v %s", err, code, reason)
	}
	violations := apierr.Violations(err)
	for i, field := range fields {
		if i >= len(violations) || violations[i].Field != field {
			t.Errorf("violations %v, want %v", violations, fields)
			break
		}
	}
}

func TestListsOfWhereLeadsStand(t *testing.T) {
	h := open(t, dbtest.SQLite(t), aStandard, nil)
	sales := h.as(typev1.Role_ROLE_SALES)
	for i := range 5 {
		h.capture(t.Context(), fmt.Sprintf("viewer%d@example.com", i), "page.viewed")
	}
	qualified := h.capture(t.Context(), "demo@example.com", "demo.requested").GetLead()
	h.settled(qualified, 2)

	list := func(in *handoffv1.ListQualificationsRequest) []*handoffv1.Qualification {
		t.Helper()
		var all []*handoffv1.Qualification
		for {
			page, err := h.handoff.ListQualifications(sales, in)
			h.ok(err)
			all = append(all, page.GetQualifications()...)
			if in.PageToken = page.GetNextPageToken(); in.GetPageToken() == "" {
				return all
			}
		}
	}
	for filter, n := range map[string]int{
		``:                              6,
		`stage = "MARKETING_QUALIFIED"`: 1,
		`stage = LIFECYCLE_STAGE_MARKETING_QUALIFIED`:        1,
		`stage = NURTURE AND verdict = NURTURE`:              5,
		`track = "sales" AND standard = "standards/default"`: 6,
		`standard = "default" AND fit_class = "A"`:           0,
		`engagement_band = "1"`:                              0,
	} {
		for _, order := range []string{"", "decide_time desc", "engagement_score desc"} {
			if got := list(&handoffv1.ListQualificationsRequest{Filter: filter, OrderBy: order, PageSize: 2}); len(got) != n {
				t.Errorf("%s by %s: %d lines, want %d", filter, order, len(got), n)
			}
		}
	}
	if first := list(&handoffv1.ListQualificationsRequest{OrderBy: "engagement_score desc"})[0]; first.GetLead() != qualified ||
		first.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || first.GetEngagementScore() != 61 || first.GetHandoff() == "" ||
		!strings.HasPrefix(first.GetStandardVersion(), "standards/default/versions/") || first.GetEngagement() != nil {
		t.Errorf("first by engagement: %v", first)
	}

	_, err := h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{Filter: `stage = "MQL"`})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD", "filter")
	_, err = h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{Filter: `email = "x"`})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD", "filter")
	_, err = h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{OrderBy: "lead"})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD", "orderBy")
	page, err := h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{PageSize: 1})
	h.ok(err)
	_, err = h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{PageToken: page.GetNextPageToken(), Filter: "stage = LEAD"})
	want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")
	_, err = h.handoff.ListQualifications(sales, &handoffv1.ListQualificationsRequest{PageToken: "garbage"})
	want(t, err, codes.InvalidArgument, "PAGE_TOKEN_MISMATCH")

	q, err := h.handoff.GetQualification(sales, &handoffv1.GetQualificationRequest{Name: qualified + "/qualification", Standard: "standards/default"})
	if err != nil || q.GetEngagement().GetScore() != 61 || len(q.GetEngagement().GetContributions()) == 0 {
		t.Errorf("qualification %v, %v", q, err)
	}
	_, err = h.handoff.GetQualification(sales, &handoffv1.GetQualificationRequest{Name: qualified + "/qualification", Standard: "standards/other"})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = h.handoff.GetQualification(sales, &handoffv1.GetQualificationRequest{Name: nobody + "/qualification"})
	want(t, err, codes.NotFound, "NOT_FOUND")

	_, err = h.handoff.ListDecisions(sales, &handoffv1.ListDecisionsRequest{Parent: nobody})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = h.handoff.ListStageMoves(sales, &handoffv1.ListStageMovesRequest{Parent: nobody})
	want(t, err, codes.NotFound, "NOT_FOUND")
	decisions, err := h.handoff.ListDecisions(sales, &handoffv1.ListDecisionsRequest{Parent: qualified})
	if err != nil || len(decisions.GetDecisions()) != 1 || decisions.GetDecisions()[0].GetEvidence().GetEngagementScore() != 60 {
		t.Errorf("decisions %v, %v", decisions, err)
	}
}

const nobody = "leads/00000000-0000-0000-0000-000000000000"

func TestWordsOfSalesThatAreRefused(t *testing.T) {
	h := open(t, dbtest.SQLite(t), aStandard, nil)
	sales := h.as(typev1.Role_ROLE_SALES)
	lead := h.capture(t.Context(), "demo@example.com", "demo.requested").GetLead()
	handoff := h.handoffs(lead)[0]
	name := handoff.GetName()

	_, err := h.handoff.RejectHandoff(sales, &handoffv1.RejectHandoffRequest{Name: name})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD", "reason")
	_, err = h.handoff.RejectHandoff(sales, &handoffv1.RejectHandoffRequest{Name: name, Reason: "  "})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD", "reason")
	_, err = h.handoff.RecycleHandoff(sales, &handoffv1.RecycleHandoffRequest{Name: name, Reason: "why not"})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	for _, word := range []string{"OPEN", "ACCEPTED", "LOST"} {
		if !strings.Contains(fmt.Sprint(err, status.Convert(err).Details()), word) {
			t.Errorf("%v does not name %s", err, word)
		}
	}
	_, err = h.handoff.RecordOutcome(sales, &handoffv1.RecordOutcomeRequest{Name: name, Outcome: handoffv1.Outcome_KIND_WON})
	want(t, err, codes.FailedPrecondition, "WRONG_STATE")
	_, err = h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: name, Etag: "other"})
	want(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: "handoffs/00000000-0000-0000-0000-000000000000"})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = h.handoff.GetHandoff(sales, &handoffv1.GetHandoffRequest{Name: "handoffs/00000000-0000-0000-0000-000000000000"})
	want(t, err, codes.NotFound, "NOT_FOUND")
	_, err = h.handoff.AcceptHandoff(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.AcceptHandoffRequest{Name: name})
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")

	_, err = h.handoff.AcceptHandoff(sales, &handoffv1.AcceptHandoffRequest{Name: name, Etag: handoff.GetEtag()})
	h.ok(err)
	outcome := func(in *handoffv1.RecordOutcomeRequest) error {
		in.Name = name
		_, err := h.handoff.RecordOutcome(sales, in)
		return err
	}
	want(t, outcome(&handoffv1.RecordOutcomeRequest{}), codes.InvalidArgument, "INVALID_FIELD", "outcome")
	want(t, outcome(&handoffv1.RecordOutcomeRequest{Outcome: handoffv1.Outcome_KIND_LOST}), codes.InvalidArgument, "INVALID_FIELD", "reason")
	want(t, outcome(&handoffv1.RecordOutcomeRequest{Outcome: handoffv1.Outcome_KIND_WON, Amount: "12"}), codes.InvalidArgument, "INVALID_FIELD", "currencyCode")
	want(t, outcome(&handoffv1.RecordOutcomeRequest{Outcome: handoffv1.Outcome_KIND_WON, Amount: "1e9", CurrencyCode: "EUR"}), codes.InvalidArgument, "INVALID_FIELD", "amount")
	h.ok(outcome(&handoffv1.RecordOutcomeRequest{Outcome: handoffv1.Outcome_KIND_WON, Amount: "12500.00", CurrencyCode: "EUR"}))
	q := h.qualification(lead)
	if o := q.GetOutcome(); o.GetKind() != handoffv1.Outcome_KIND_WON || o.GetAmount() != "12500.00" || o.GetActor() != "jane" ||
		q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_CUSTOMER {
		t.Errorf("qualification %v", q)
	}
	want(t, outcome(&handoffv1.RecordOutcomeRequest{Outcome: handoffv1.Outcome_KIND_LOST, Reason: "late"}), codes.FailedPrecondition, "WRONG_STATE")
}

// However many accept at once, one of them does.
func TestOneOfManyAccepts(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		lead := h.capture(t.Context(), "demo@example.com", "demo.requested").GetLead()
		name := h.handoffs(lead)[0].GetName()
		sales := h.as(typev1.Role_ROLE_SALES)
		const people = 8
		answers := make(chan error, people)
		for range people {
			go func(ctx context.Context) {
				_, err := h.handoff.AcceptHandoff(ctx, &handoffv1.AcceptHandoffRequest{Name: name})
				answers <- err
			}(sales)
		}
		accepted := 0
		for range people {
			if err := <-answers; err == nil {
				accepted++
			} else {
				want(t, err, codes.FailedPrecondition, "WRONG_STATE")
			}
		}
		if accepted != 1 {
			t.Errorf("%d accepted", accepted)
		}
	})
}
