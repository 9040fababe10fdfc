package loop_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// with is the standard with its words replaced, pair by pair.
func with(replacements ...string) string {
	return strings.NewReplacer(replacements...).Replace(aStandard)
}

// version stores a version of the standard that both sides sign off.
func (h *house) version(text string) string {
	h.t.Helper()
	file, err := handoff.ReadStandard("standard.yaml", []byte(text))
	h.ok(err)
	v, err := h.standards.CreateStandardVersion(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.CreateStandardVersionRequest{Parent: "standards/" + file.Spec.GetId(), Spec: file.Spec})
	h.ok(err)
	for actor, role := range map[string]typev1.Role{"mia": typev1.Role_ROLE_MARKETING, "sam": typev1.Role_ROLE_SALES} {
		_, err := h.standards.SignOffStandardVersion(caller.With(h.t.Context(), caller.Caller{Actor: actor, Role: role}),
			&handoffv1.SignOffStandardVersionRequest{Name: v.GetName()})
		h.ok(err)
	}
	return v.GetName()
}

// publish makes a version decide and returns the re-score that it began.
func (h *house) publish(version string) *handoffv1.Operation {
	h.t.Helper()
	_, err := h.standards.PublishStandardVersion(h.as(typev1.Role_ROLE_ADMIN), &handoffv1.PublishStandardVersionRequest{Name: version})
	h.ok(err)
	list, err := h.operations.ListOperations(h.as(typev1.Role_ROLE_MARKETING), &handoffv1.ListOperationsRequest{PageSize: 1})
	h.ok(err)
	if len(list.GetOperations()) != 1 || list.GetOperations()[0].GetStandardVersion() != version {
		h.t.Fatalf("operations after publishing %s: %v", version, list)
	}
	return list.GetOperations()[0]
}

// ended waits for the end of an operation.
func (h *house) ended(o *handoffv1.Operation) *handoffv1.Operation {
	h.t.Helper()
	for deadline := time.Now().Add(60 * time.Second); ; {
		got, err := h.operations.GetOperation(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetOperationRequest{Name: o.GetName()})
		h.ok(err)
		if got.GetDone() {
			return got
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the operation does not end: %v", got)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// crowd captures n people who did the activities, and waits for their decisions.
func (h *house) crowd(n int, prefix string, types ...string) []string {
	h.t.Helper()
	ctx := caller.With(h.t.Context(), caller.Caller{Actor: "web-form", Role: typev1.Role_ROLE_MARKETING})
	leads := make([]string, 0, n)
	for from := 0; from < n; from += 100 {
		request := &ingestv1.BatchCaptureLeadsRequest{}
		for i := from; i < min(from+100, n); i++ {
			one := &ingestv1.CaptureLeadRequest{
				Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: fmt.Sprint(prefix, i)}}},
			}
			for n, kind := range types {
				one.Activities = append(one.Activities, &ingestv1.Activity{Type: kind, Source: "web", Id: fmt.Sprint(prefix, i, kind, n)})
			}
			request.Requests = append(request.Requests, one)
		}
		r, err := h.ingest.BatchCaptureLeads(ctx, request)
		h.ok(err)
		for _, result := range r.GetResults() {
			if result.GetResponse().GetLead() == "" {
				h.t.Fatalf("not captured: %v", result)
			}
			leads = append(leads, result.GetResponse().GetLead())
		}
	}
	for _, lead := range leads {
		h.decided(lead)
	}
	return leads
}

// decided waits until all facts of a lead are decided.
func (h *house) decided(lead string) *handoffv1.Qualification {
	h.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		known, err := h.ingest.GetLead(h.as(typev1.Role_ROLE_SALES), &ingestv1.GetLeadRequest{Name: lead})
		h.ok(err)
		q, err := h.handoff.GetQualification(h.as(typev1.Role_ROLE_SALES), &handoffv1.GetQualificationRequest{Name: lead + "/qualification"})
		if err == nil && q.GetFactsVersion() == known.GetFactsVersion() {
			return q
		}
		if status.Code(err) != codes.NotFound {
			h.ok(err)
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("%s is not decided: %v %v", lead, q, err)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestPublishingDecidesAllLeadsAgain(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		h := open(t, url, aStandard, nil)
		const n = 1000
		viewers := h.crowd(n, "viewer", "page.viewed", "page.viewed")
		buyer := h.capture(t.Context(), "ana@example.com", "demo.requested").GetLead()

		second := h.version(with("points: 5}", "points: 30}"))
		o := h.ended(h.publish(second))
		p := o.GetProgress()
		if o.GetState() != handoffv1.Operation_STATE_SUCCEEDED || p.GetTotal() != n+1 || p.GetDone() != n+1 || p.GetFailed() != 0 || p.GetNewlyQualified() != n {
			t.Fatalf("operation %v", o)
		}
		for _, lead := range append([]string{buyer}, viewers[:50]...) {
			q := h.qualification(lead)
			if q.GetStandardVersion() != second || q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED {
				t.Fatalf("%s: %v", lead, q)
			}
		}
		// What qualifies by history alone is held, not handed off.
		q := h.qualification(viewers[0])
		if q.GetEngagementScore() != 60 || q.GetStage() != leadStage || q.GetHeldUntilTime() == nil || q.GetHandoff() != "" {
			t.Fatalf("a lead that newly qualifies: %v", q)
		}
		if n := len(h.handoffs(viewers[0])) + len(h.handoffs(buyer)); n != 1 {
			t.Errorf("%d handoffs, want that of the buyer", n)
		}
	})
}
