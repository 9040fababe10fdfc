package ingest_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// page is a capture of a page that somebody with an address viewed.
func page(address, id string, attributes map[string]*structpb.Value) *ingestv1.CaptureLeadRequest {
	return &ingestv1.CaptureLeadRequest{
		Lead: &ingestv1.Lead{
			Identities: []*ingestv1.Identity{email(address)},
			Attributes: &structpb.Struct{Fields: attributes},
		},
		Activities: []*ingestv1.Activity{{Id: id, Type: "page.viewed", PropertiesJson: []byte(`{"path":"/pricing"}`)}},
	}
}

// What is acknowledged while captures crowd becomes what it would have become at once, and
// what is wrong with it is found where all is found that was refused.
func TestWhatCrowdsIsStoredLater(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.suppress(&ingestv1.SuppressionEntry{Identity: email("gone@example.com"), Mode: ingestv1.Suppression_MODE_CAPTURE, Reason: "asked"})
		h.source("site", &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER, AllowedOrigins: []string{"https://example.com"}})
		calls := []*ingestv1.CaptureLeadRequest{
			page("ada@example.com", "1", map[string]*structpb.Value{"country": structpb.NewStringValue("DE")}),
			page("ada@example.com", "1", nil),
			page("gone@example.com", "2", nil),
			page("bob@example.com", "3", map[string]*structpb.Value{"is_customer": structpb.NewBoolValue(true)}),
			page("no address", "4", nil),
			page("eve@example.com", "5", nil),
		}
		calls[5].Activities[0].Type = "No type" // of an activity; the rest of the capture is sound
		leave := h.crowd(32)
		r, err := h.BatchCaptureLeads(h.with("site", true), &ingestv1.BatchCaptureLeadsRequest{Requests: calls, Deferrable: true})
		h.ok(err)
		for _, result := range r.GetResults() {
			if result.GetResponse() != nil || result.GetErrorReason() != "" {
				t.Errorf("%v: it was not deferred", result)
			}
		}
		leave()

		var refused []string
		h.eventually("three refusals", func() bool {
			list, err := h.rejected.ListRejectedEvents(h.marketing(), &ingestv1.ListRejectedEventsRequest{Filter: `door = journal`})
			h.ok(err)
			refused = nil
			for _, e := range list.GetRejectedEvents() {
				whole, err := h.rejected.GetRejectedEvent(h.marketing(), &ingestv1.GetRejectedEventRequest{Name: e.GetName()})
				h.ok(err)
				refused = append(refused, fmt.Sprint(e.GetSource(), " ", e.GetReason(), " ", e.GetField(), " ", whole.GetPayload() != ""))
			}
			return len(refused) == 3
		})
		want := []string{"site INVALID_FIELD activities[0].type true", "site INVALID_FIELD lead.identities[0].value true", "site SUPPRESSED  false"}
		if got := slices.Sorted(slices.Values(refused)); !slices.Equal(got, want) {
			t.Errorf("refused: %q, want %q", got, want)
		}
		ada, bob := h.lead("ada@example.com"), h.lead("bob@example.com")
		if got := ada.GetAttributes().GetFields()["country"].GetStringValue(); got != "DE" {
			t.Errorf("country is %q", got)
		}
		activities, err := h.ListActivities(h.marketing(), &ingestv1.ListActivitiesRequest{Parent: ada.GetName()})
		if err != nil || len(activities.GetActivities()) != 1 || activities.GetActivities()[0].GetSource() != "site" {
			t.Errorf("%v %v", activities, err)
		}
		if bob.GetAttributes().GetFields()["is_customer"] != nil {
			t.Error("a browser may not say who is a customer")
		}
	})
}

// Who wants to know what became of captures, or sends few, waits for it.
func TestOnlyWhatMayWaitWaits(t *testing.T) {
	h := onSQLite(t)
	call := func(deferrable bool, id string) *ingestv1.BatchCaptureResult {
		r, err := h.BatchCaptureLeads(h.marketing(), &ingestv1.BatchCaptureLeadsRequest{
			Requests: []*ingestv1.CaptureLeadRequest{page("ada@example.com", id, nil)}, Deferrable: deferrable,
		})
		h.ok(err)
		return r.GetResults()[0]
	}
	if call(true, "1").GetResponse() == nil {
		t.Error("nobody crowds, and it was deferred")
	}
	defer h.crowd(32)()
	if call(false, "2").GetResponse() == nil {
		t.Error("it was deferred, and must not be")
	}
}
