package crm_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/event"
)

func TestWhatACRMIsTold(t *testing.T) {
	fit, engagement := 85.0, 30.5
	packet := &handoffv1.HandoffPacket{
		Reasons:  []*typev1.Reason{{Code: "gates", Description: "fit class A and engagement of at least 30"}},
		FitScore: &fit, FitClass: "A", EngagementScore: &engagement, EngagementBand: "2",
		Points:          []*handoffv1.PacketPoint{{Description: "Looked at the\nprices", Points: 24.5, Score: "engagement"}},
		Activities:      []*handoffv1.PacketActivity{{Type: "page.viewed", OccurredTime: timestamppb.New(time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)), Detail: "/pricing"}},
		AttributesJson:  []byte(`{"first_name":"Ada","last_name":"Lovelace","company":"Acme","phone":"+4930123"}`),
		Identities:      map[string]string{"email": "ada@example.com"},
		NextStep:        "Call today.",
		StandardVersion: "standards/default/versions/3f",
	}
	got := crm.RecordOf("leads/1", "handoffs/2", packet)
	want := crm.Record{
		Lead: "leads/1", Name: "Ada Lovelace", Email: "ada@example.com", Phone: "+4930123", Company: "Acme", Title: "A2: Call today.",
		Text: `Why now
- fit class A and engagement of at least 30

Class A2: fit 85, engagement 30.5

What gave the most points
- Looked at the prices (24.5 points, engagement)

Last activities
- 2026-03-01 09:00 UTC page.viewed /pricing

Next step: Call today.

Assay: handoffs/2, leads/1, standards/default/versions/3f`,
	}
	if got != want {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	// Nothing of the person may travel, or nothing is known.
	if bare := crm.RecordOf("leads/1", "handoffs/2", nil); bare.Name != "Lead 1" || bare.Email != "" || !strings.Contains(bare.Text, "handoffs/2") {
		t.Errorf("%+v", bare)
	}
}

func TestWhatBecomesOfACallIsWhatDeliveryDoes(t *testing.T) {
	places, _, c := open(t)
	deliver := func(connector *fakeCRM, kind string, connect error) delivery.Result {
		transport := &crm.Transport{
			Sender:  crm.NewSender(places, c.Now),
			Connect: func(*delivery.Destination) (crm.Connector, error) { return connector, connect },
			Owner:   func(context.Context, string, string) (string, error) { return "9", nil },
		}
		d := &delivery.Delivery{
			Event:       delivery.Event{Type: kind, Lead: "leads/" + lead, Handoff: "handoffs/" + handoff},
			Destination: &delivery.Destination{Name: "destinations/crm", Secrets: []string{"secret"}},
		}
		var err error
		if d.Body, err = transport.Render(d); err != nil {
			t.Fatal(err)
		}
		if !json.Valid(d.Body) {
			t.Fatalf("rendered %q", d.Body)
		}
		return transport.Deliver(t.Context(), d)
	}
	f := &fakeCRM{owners: map[string]string{}}
	for _, step := range []struct {
		name    string
		change  func()
		kind    string
		connect error
		want    delivery.Outcome
		id      string
	}{
		{"settings that lack something", func() {}, event.HandoffCreated, errors.New("no database"), delivery.Failed, ""},
		{"an event of which it makes nothing", func() { f.blind = true }, event.HandoffAccepted, nil, delivery.Delivered, ""},
		{"a CRM that is away", func() {}, event.HandoffCreated, nil, delivery.Failed, ""},
		{"a refusal", func() { f.blind, f.fails = false, []fault{{answered: true}} }, event.HandoffCreated, nil, delivery.Failed, ""},
		{"no answer", func() { f.fails = []fault{{later: true}} }, event.HandoffCreated, nil, delivery.Unknown, ""},
		{"too early to know", func() {}, event.HandoffCreated, nil, delivery.Failed, ""},
		{"it was done after all", func() { f.finish() }, event.HandoffCreated, nil, delivery.Delivered, "1"},
		{"another owner", func() {}, event.HandoffAssigned, nil, delivery.Delivered, "1"},
	} {
		step.change()
		if got := deliver(f, step.kind, step.connect); got.Outcome != step.want || got.RemoteID != step.id {
			t.Errorf("%s: %+v, want %s and %q", step.name, got, step.want, step.id)
		}
	}
	if f.owners["1"] != "9" || len(f.opportunities) != 1 {
		t.Errorf("owners %v, opportunities %v", f.owners, f.opportunities)
	}
}
