package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func (h *house) corrections() ingestv1.CorrectionServiceClient {
	return ingestv1.NewCorrectionServiceClient(h.conn)
}

func bot(ids ...string) *ingestv1.Correction {
	c := &ingestv1.Correction{Kind: typev1.ActivityFact_CORRECTION_BOT, Reason: "a crawler"}
	for _, id := range ids {
		c.Activities = append(c.Activities, &ingestv1.ActivityReference{Source: "web", Id: id})
	}
	return c
}

func TestCorrections(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.capture(&ingestv1.CaptureLeadRequest{
			Lead: lead("", email("a@x.example")),
			Activities: []*ingestv1.Activity{
				{Id: "e1", Type: "page.viewed", Source: "web"}, {Id: "e2", Type: "form.submitted", Source: "web"},
			},
		})
		for _, c := range h.claim(1) {
			h.decide(c, typev1.Verdict_VERDICT_NURTURE)
		}
		request := &ingestv1.CreateCorrectionRequest{Correction: bot("e1"), RequestId: "0f0e0d0c-1111-4222-8333-444455556666"}
		made, err := h.corrections().CreateCorrection(h.marketing(), request)
		h.ok(err)
		if made.GetState() != ingestv1.Correction_STATE_DONE || made.GetCorrected() != 1 || made.GetLeads() != 1 || made.GetActor() != "test" {
			t.Errorf("%v", made)
		}
		again, err := h.corrections().CreateCorrection(h.marketing(), request)
		h.ok(err)
		if again.GetName() != made.GetName() {
			t.Errorf("made twice: %v", again)
		}
		claimed := h.claim(1)
		if len(claimed) != 1 || claimed[0].GetFromVersion() != 0 {
			t.Fatalf("%v", claimed)
		}
		for _, f := range claimed[0].GetFacts() {
			if a := f.GetActivity(); a != nil && (a.GetCorrection() == typev1.ActivityFact_CORRECTION_BOT) != (f.GetId() == "e1") {
				t.Errorf("%v", f)
			}
		}
		list, err := h.corrections().ListCorrections(h.marketing(), &ingestv1.ListCorrectionsRequest{})
		h.ok(err)
		if len(list.GetCorrections()) != 1 {
			t.Errorf("%v", list)
		}
		h.pass(time.Second)
		by := &ingestv1.Correction{Kind: typev1.ActivityFact_CORRECTION_TEST, Selection: &ingestv1.ActivitySelection{
			Source: "web", Type: "form.*", Lead: claimed[0].GetLead(), FromTime: timestamppb.New(start.Add(-time.Hour)), Condition: `activity.type.startsWith("form")`,
		}}
		selected, err := h.corrections().CreateCorrection(h.marketing(), &ingestv1.CreateCorrectionRequest{Correction: by})
		h.ok(err)
		if selected.GetCorrected() != 1 || selected.GetSelection().GetType() != "form.*" {
			t.Errorf("%v", selected)
		}
		revoked, err := h.corrections().RevokeCorrection(h.marketing(), &ingestv1.RevokeCorrectionRequest{Name: made.GetName(), Reason: "it was Ada"})
		h.ok(err)
		if revoked.GetState() != ingestv1.Correction_STATE_REVOKED || revoked.GetRevokeActor() != "test" {
			t.Errorf("%v", revoked)
		}
		if got, err := h.corrections().GetCorrection(h.marketing(), &ingestv1.GetCorrectionRequest{Name: made.GetName()}); err != nil || got.GetRevokeTime() == nil {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestBadCorrections(t *testing.T) {
	h := onSQLite(t)
	selection := func(s *ingestv1.ActivitySelection) *ingestv1.Correction {
		return &ingestv1.Correction{Kind: typev1.ActivityFact_CORRECTION_BOT, Selection: s}
	}
	both := bot("e1")
	both.Selection = &ingestv1.ActivitySelection{Source: "web"}
	own := bot("e1")
	own.Activities[0].Source = "assay:handoff"
	for field, c := range map[string]*ingestv1.Correction{
		"correction.kind":                  {Activities: bot("e1").GetActivities()},
		"correction.activities":            bot(),
		"correction.activities ":           both,
		"correction.activities[0].source":  own,
		"correction.selection":             selection(&ingestv1.ActivitySelection{}),
		"correction.selection.lead":        selection(&ingestv1.ActivitySelection{Lead: "leads/x"}),
		"correction.selection.condition":   selection(&ingestv1.ActivitySelection{Condition: "activity.nothing"}),
		"correction.selection.condition  ": selection(&ingestv1.ActivitySelection{Condition: `lead.country == "DE"`}),
	} {
		_, err := h.corrections().CreateCorrection(h.marketing(), &ingestv1.CreateCorrectionRequest{Correction: c})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", field, err)
		}
	}
	_, err := h.corrections().GetCorrection(h.marketing(), &ingestv1.GetCorrectionRequest{Name: "corrections/0f0e0d0c-1111-4222-8333-444455556666"})
	if status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	_, err = h.corrections().RevokeCorrection(h.marketing(), &ingestv1.RevokeCorrectionRequest{Name: "corrections/0f0e0d0c-1111-4222-8333-444455556666"})
	if status.Code(err) != codes.NotFound {
		t.Error(err)
	}
}

// Consent is an attribute with its history; a category that is not named stays as it was.
func TestConsentIsKept(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		say := func(at time.Duration, consent map[string]bool) {
			h.capture(&ingestv1.CaptureLeadRequest{
				Lead: lead("", email("a@x.example")), DefaultTime: timestamppb.New(start.Add(at)), Consent: consent,
			})
		}
		h.pass(5 * time.Hour)
		say(2*time.Hour, map[string]bool{"analytics": false})
		say(time.Hour, map[string]bool{"analytics": true, "advertising": false})
		say(3*time.Hour, nil)
		claimed := h.claim(1)
		if len(claimed) != 1 {
			t.Fatalf("%v", claimed)
		}
		said := map[string]string{}
		for _, f := range claimed[0].GetFacts() {
			said[f.GetAttribute().GetKey()+f.GetEffectiveTime().AsTime().Format(" 15h")] = string(f.GetAttribute().GetValueJson())
		}
		for key, want := range map[string]string{"consent_analytics 13h": "true", "consent_analytics 14h": "false", "consent_advertising 13h": "false"} {
			if said[key] != want {
				t.Errorf("%s is %q, want %s: %v", key, said[key], want, said)
			}
		}
		_, err := h.CaptureLead(h.marketing(), &ingestv1.CaptureLeadRequest{Lead: lead("", email("a@x.example")), Consent: map[string]bool{"No Category": true}})
		if status.Code(err) != codes.InvalidArgument {
			t.Error(err)
		}
	})
}

// What rules say, and what says itself that it was no person, is known when it arrives.
func TestTrafficIsJudgedOnArrival(t *testing.T) {
	h := onSQLite(t)
	h.capture(&ingestv1.CaptureLeadRequest{
		Lead: lead("", email("a@x.example")),
		Activities: []*ingestv1.Activity{
			{Id: "person", Type: "page.viewed", Properties: object(`{"user_agent":"Mozilla/5.0"}`)},
			{Id: "bot", Type: "page.viewed", Properties: object(`{"user_agent":"Googlebot/2.1"}`)},
			{Id: "machine", Type: "email.opened", Properties: object(`{"machine":true}`)},
		},
	})
	want := map[string]typev1.ActivityFact_Correction{
		"person": typev1.ActivityFact_CORRECTION_UNSPECIFIED, "bot": typev1.ActivityFact_CORRECTION_BOT, "machine": typev1.ActivityFact_CORRECTION_SCANNER,
	}
	for _, f := range h.claim(1)[0].GetFacts() {
		if a := f.GetActivity(); a != nil && a.GetCorrection() != want[f.GetId()] {
			t.Errorf("%s: %v", f.GetId(), a.GetCorrection())
		}
	}
	rules, err := h.corrections().GetTrafficRules(h.marketing(), &ingestv1.GetTrafficRulesRequest{})
	h.ok(err)
	if rules.GetEtag() != "0" || rules.GetClickBurstLinks() != 3 || rules.GetClickAfterDeliverySeconds() != 2 || rules.GetClickBurstSeconds() != 5 {
		t.Errorf("%v", rules)
	}
	rules.Rules = nil
	changed, err := h.corrections().UpdateTrafficRules(h.marketing(), &ingestv1.UpdateTrafficRulesRequest{TrafficRules: rules})
	h.ok(err)
	if changed.GetEtag() != "1" || len(changed.GetRules()) != 0 {
		t.Errorf("%v", changed)
	}
	if _, err = h.corrections().UpdateTrafficRules(h.marketing(), &ingestv1.UpdateTrafficRulesRequest{TrafficRules: rules}); status.Code(err) != codes.Aborted && status.Code(err) != codes.FailedPrecondition {
		t.Error(err)
	}
}

// A correction of many activities goes on after its call, and so do those of activities
// that come later.
func TestALargeCorrectionGoesOnInTheBackground(t *testing.T) {
	h := onSQLite(t)
	request := &ingestv1.BatchRecordActivitiesRequest{}
	many := bot("late")
	for i := range 2400 {
		id := fmt.Sprintf("e%04d", i)
		request.Activities = append(request.Activities, &ingestv1.ActivityRecord{
			Identity: email("a@x.example"), Activity: &ingestv1.Activity{Id: id, Type: "page.viewed", Source: "web"},
		})
		many.Activities = append(many.Activities, &ingestv1.ActivityReference{Source: "web", Id: id})
	}
	_, err := h.BatchRecordActivities(h.marketing(), request)
	h.ok(err)
	made, err := h.corrections().CreateCorrection(h.marketing(), &ingestv1.CreateCorrectionRequest{Correction: many})
	h.ok(err)
	if made.GetState() != ingestv1.Correction_STATE_RUNNING || made.GetCorrected() == 0 {
		t.Errorf("%v", made)
	}
	stands := func() *ingestv1.Correction {
		c, err := h.corrections().GetCorrection(h.marketing(), &ingestv1.GetCorrectionRequest{Name: made.GetName()})
		h.ok(err)
		return c
	}
	h.eventually("all are corrected", func() bool {
		c := stands()
		return c.GetState() == ingestv1.Correction_STATE_DONE && c.GetCorrected() == 2400
	})
	h.capture(&ingestv1.CaptureLeadRequest{Lead: lead("", email("a@x.example")), Activities: []*ingestv1.Activity{{Id: "late", Type: "page.viewed", Source: "web"}}})
	another, err := h.corrections().CreateCorrection(h.marketing(), &ingestv1.CreateCorrectionRequest{Correction: bot(many.GetActivities()[0].GetId())})
	h.ok(err) // which makes the background look at once where it had to wait
	h.eventually("the late one is corrected", func() bool { return stands().GetCorrected() == 2401 })
	if another.GetLeads() != 1 {
		t.Errorf("%v", another)
	}
}
