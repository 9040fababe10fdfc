package ingest_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// A person is all of their leads, and goes with what was refused of them; others stay, and
// whoever comes back is somebody new.
func TestErasedPersons(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		ann := h.capture(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{email("ann@a.example"), {Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: "v1"}}}}).GetLead()
		visit := h.capture(of(&ingestv1.Identity{Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: "v2"})).GetLead()
		h.capture(&ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Identities: []*ingestv1.Identity{email("ann@a.example"), {Kind: ingestv1.Identity_KIND_ANONYMOUS_ID, Value: "v2"}}}})
		bob := h.capture(of(email("bob@b.example"))).GetLead()
		rejected := ingestv1.NewRejectedEventServiceClient(h.conn)
		_, err := rejected.RecordRejectedEvents(h.service(), &ingestv1.RecordRejectedEventsRequest{RejectedEvents: []*ingestv1.RejectedEvent{
			{Reason: "INVALID_FIELD", Payload: `{"email":"ANN@a.example"}`},
			{Reason: "INVALID_FIELD", Payload: `{"email":"joann@a.example"}`},
			{Reason: "INVALID_FIELD", Payload: `email=ann%40a.example`},
			{Reason: "SUPPRESSED", Payload: `{"email":"eve@c.example"}`},
		}})
		h.ok(err)

		erase := func() map[string]int32 {
			r, err := ingestv1.NewPrivacyServiceClient(h.conn).EraseLeads(h.service(), &ingestv1.EraseLeadsRequest{Leads: []string{visit}})
			h.ok(err)
			return r.GetRows()
		}
		gone := erase()
		if gone["leads"] < 2 || gone["identities"] != 3 || gone["rejected_events"] != 2 {
			t.Errorf("gone are %v", gone)
		}
		if again := erase(); len(again) != 0 {
			t.Errorf("gone again are %v", again)
		}
		for _, lead := range []string{ann, visit} {
			if _, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: lead}); status.Code(err) != codes.NotFound {
				t.Errorf("%s is there: %v", lead, err)
			}
		}
		list, err := rejected.ListRejectedEvents(h.marketing(), &ingestv1.ListRejectedEventsRequest{})
		h.ok(err)
		for _, e := range list.GetRejectedEvents() {
			one, err := rejected.GetRejectedEvent(h.marketing(), &ingestv1.GetRejectedEventRequest{Name: e.GetName()})
			h.ok(err)
			if strings.Contains(one.GetPayload(), "eve") || strings.Contains(strings.ToLower(one.GetPayload()), `"ann`) {
				t.Errorf("kept is %s", one.GetPayload())
			}
		}
		if len(list.GetRejectedEvents()) != 2 {
			t.Errorf("kept are %v", list)
		}
		if again := h.capture(of(email("bob@b.example"))); again.GetLead() != bob {
			t.Errorf("bob is %s and was %s", again.GetLead(), bob)
		}
		if back := h.capture(of(email("ann@a.example"))); back.GetLead() == ann || back.GetOutcome() != ingestv1.CaptureLeadResponse_OUTCOME_CREATED {
			t.Errorf("ann comes back as %v", back)
		}
	})
}
