package demo

import (
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

var now = time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)

func TestLeadsAreSyntheticAndTheirOwn(t *testing.T) {
	people, ids, types := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, lead := range Leads(1, 300, now) {
		email := lead.GetLead().GetIdentities()[0].GetValue()
		if !strings.HasSuffix(email, ".example") || people[email] {
			t.Errorf("%s: expected an address of its own under .example", email)
		}
		people[email] = true
		if !lead.GetLead().GetAttributes().GetFields()["synthetic"].GetBoolValue() {
			t.Errorf("%s is not marked as synthetic", email)
		}
		if len(lead.GetActivities()) == 0 {
			t.Errorf("%s did nothing", email)
		}
		for _, a := range lead.GetActivities() {
			if at := a.GetOccurredTime().AsTime(); at.After(now) || at.Before(now.AddDate(0, 0, -Days-1)) {
				t.Errorf("%s at %s: expected the last ninety days", a.GetType(), at)
			}
			if ids[a.GetId()] {
				t.Errorf("the activity id %s is given twice", a.GetId())
			}
			ids[a.GetId()], types[a.GetType()] = true, true
		}
	}
	for _, typ := range []string{"demo.requested", "trial.started", "content.downloaded", "event.attended", "email.unsubscribed", "page.viewed"} {
		if !types[typ] {
			t.Errorf("nobody did %s", typ)
		}
	}
}

func TestTheSameSeedGivesTheSameLeads(t *testing.T) {
	same := func(x, y []*ingestv1.CaptureLeadRequest) bool {
		return slices.EqualFunc(x, y, func(a, b *ingestv1.CaptureLeadRequest) bool { return proto.Equal(a, b) })
	}
	if !same(Leads(1, 50, now), Leads(1, 50, now)) {
		t.Error("one seed gave two sets of leads")
	}
	if same(Leads(1, 50, now), Leads(2, 50, now)) {
		t.Error("two seeds gave one set of leads")
	}
}
