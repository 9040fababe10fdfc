package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// opens a destination that takes some types of events.
func (o *office) destination(t tester, id string, types ...string) *store.Destination {
	t.Helper()
	d, err := o.CreateDestination(context.Background(), &store.Destination{
		Destination: &handoffv1.Destination{
			Name: store.DestinationName(id), Kind: handoffv1.Destination_KIND_WEBHOOK, Url: "https://hooks.example/", EventTypes: types,
		},
		Secrets: []byte("sealed"),
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// due are the deliveries of a destination as type and attempt, claimed for a minute.
func (o *office) due(t tester, id string) []store.Delivery {
	t.Helper()
	ds, err := o.ClaimDeliveries(context.Background(), id, time.Minute, 0, 100)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func types(ds []store.Delivery) []string {
	out := []string{}
	for _, d := range ds {
		out = append(out, d.Type)
	}
	slices.Sort(out)
	return out
}

// end ends an attempt through the log of a process.
func (o *office) end(t tester, d *store.Delivery, e store.End) bool {
	t.Helper()
	log := o.OpenDeliveryLog()
	defer log.Close()
	held, err := log.End(context.Background(), d, e)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func (o *office) delivery(t tester, id string) *handoffv1.Delivery {
	t.Helper()
	d, err := o.DeliveryByID(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestEventsAreWrittenWithWhatTheyTellOf(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "handoff.*")
		o.destination(t, "marketing", "lead.nurture", "lead.recycled")
		o.destination(t, "silent")
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Nurture))

		got := o.due(t, "crm")
		if want := []string{event.HandoffCreated}; !slices.Equal(types(got), want) {
			t.Fatalf("crm: %v, want %v", types(got), want)
		}
		h := o.handoffs(t, ana)[0]
		var data map[string]any
		if err := json.Unmarshal(got[0].Data, &data); err != nil || data["handoff"] != h.GetName() || data["lead"] != "leads/"+ana || data["state"] != "OPEN" {
			t.Errorf("data %v, %v", data, err)
		}
		if got[0].EventID != store.HandoffID(h.GetName()) || got[0].Attempt != 1 || got[0].Uncertain || got[0].Body != nil {
			t.Errorf("delivery %+v", got[0])
		}
		if got := o.due(t, "marketing"); !slices.Equal(types(got), []string{event.LeadNurture}) || got[0].Lead != "leads/"+bob {
			t.Errorf("marketing: %v", got)
		}
		if _, err := o.act(h, lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Fatal(err)
		}
		if got := o.due(t, "crm"); !slices.Equal(types(got), []string{event.HandoffRejected}) {
			t.Errorf("crm after the rejection: %v", got)
		}
		if got := o.due(t, "marketing"); !slices.Equal(types(got), []string{event.LeadRecycled}) {
			t.Errorf("marketing after the rejection: %v", got)
		}
		if got := o.due(t, "silent"); len(got) != 0 {
			t.Errorf("silent: %v", got)
		}
	})
}

func TestAForbiddenActTellsNobody(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		o.destination(t, "crm", "*")
		if _, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByRecycle, lifecycle.Recycled, "no_response"); err == nil {
			t.Fatal("an open handoff was recycled")
		}
		if got := o.due(t, "crm"); len(got) != 0 {
			t.Errorf("told %v", types(got))
		}
	})
}

func TestAStandardNamesItsDestinations(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "handoff.*")
		o.destination(t, "chat", "handoff.*")
		o.decide(t, o.scored(ana, decision.Qualified, func(l *store.Lead) { l.Assessments[0].Handling.Destinations = "crm" }))
		if _, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		if got, want := types(o.due(t, "crm")), []string{event.HandoffAccepted, event.HandoffCreated}; !slices.Equal(got, want) {
			t.Errorf("crm: %v, want %v", got, want)
		}
		if got := o.due(t, "chat"); len(got) != 0 {
			t.Errorf("chat: %v", types(got))
		}
	})
}

func TestADestinationMayTakeSomeTracks(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "trials", "handoff.*")
		if _, err := o.ChangeDestination(t.Context(), "trials", "", func(d *store.Destination) error { d.Tracks = []string{"trial"}; return nil }); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Qualified, func(l *store.Lead) {
			l.Assessments[0].Standard, l.Assessments[0].Version, l.Assessments[0].Track = "trial", o.active["trial"], "trial"
		}))
		if got := o.due(t, "trials"); len(got) != 1 || got[0].Lead != "leads/"+bob {
			t.Errorf("got %v", got)
		}
	})
}

// The end of an attempt says what is known: whoever finds the delivery next either sends
// it, or first has to look.
func TestWhatAnAttemptLeavesBehind(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "handoff.*")
		o.decide(t, o.scored(ana, decision.Qualified))
		first := o.due(t, "crm")[0]
		id := first.ID
		if d := o.delivery(t, id); d.GetState() != handoffv1.Delivery_STATE_SENDING || d.GetAttemptCount() != 1 {
			t.Errorf("claimed: %v", d)
		}
		if !o.keep(t, &first, "body") {
			t.Fatal("the body was not kept")
		}

		steps := []struct {
			name      string
			end       store.End
			attempts  int32
			uncertain bool
		}{
			{"unsent", store.End{State: store.Unsent, Due: o.clock}, 0, false},
			{"failed", store.End{State: store.Later, Due: o.clock, Error: "503", Result: "failed"}, 1, false},
			{"unknown", store.End{State: store.Later, Due: o.clock, Unknown: true, Result: "unknown"}, 2, true},
			{"unsent after unknown", store.End{State: store.Unsent, Due: o.clock}, 2, true},
			{"throttled", store.End{State: store.Later, Due: o.clock, Free: true, Result: "throttled"}, 2, false},
		}
		now := first
		for _, step := range steps {
			if !o.end(t, &now, step.end) {
				t.Fatalf("%s: the lease did not hold", step.name)
			}
			if d := o.delivery(t, id); d.GetAttemptCount() != step.attempts || d.GetState() != handoffv1.Delivery_STATE_PENDING {
				t.Errorf("%s: %v", step.name, d)
			}
			if o.end(t, &now, store.End{State: store.Done}) {
				t.Errorf("%s: a lease ended twice", step.name)
			}
			claimed := o.due(t, "crm")
			if len(claimed) != 1 {
				t.Fatalf("%s: %d due", step.name, len(claimed))
			}
			now = claimed[0]
			if now.ID != id || now.Uncertain != step.uncertain || string(now.Body) != "body" {
				t.Errorf("%s: claimed %+v", step.name, now)
			}
		}
		o.end(t, &now, store.End{State: store.Done, HTTPStatus: 200, RemoteID: "42", Start: o.clock, Duration: time.Millisecond, Result: "delivered"})
		d := o.delivery(t, id)
		if d.GetState() != handoffv1.Delivery_STATE_DELIVERED || d.GetRemoteId() != "42" || len(d.GetAttempts()) != 4 ||
			d.GetAttempts()[0].GetResult() != "delivered" || d.GetAttempts()[3].GetError() != "503" {
			t.Errorf("delivered: %v", d)
		}
		h, err := o.Handoff(t.Context(), store.HandoffID(first.Handoff))
		if got := h.GetDeliveries(); err != nil || len(got) != 1 || got[0].GetState() != "DELIVERED" || got[0].GetRemoteId() != "42" {
			t.Errorf("on the handoff: %v, %v", got, err)
		}
	})
}

func (o *office) keep(t tester, d *store.Delivery, body string) bool {
	t.Helper()
	log := o.OpenDeliveryLog()
	defer log.Close()
	held, err := log.Keep(context.Background(), d, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return held
}

// A sender that died leaves its mark: the lease ends, and the next one knows that it does
// not know.
func TestAnAttemptWithoutAnEndIsUncertain(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "handoff.*")
		o.decide(t, o.scored(ana, decision.Qualified))
		first := o.due(t, "crm")[0]
		if got := o.due(t, "crm"); len(got) != 0 {
			t.Fatalf("claimed twice: %v", got)
		}
		o.clock = o.clock.Add(2 * time.Minute)
		again := o.due(t, "crm")
		if len(again) != 1 || again[0].ID != first.ID || !again[0].Uncertain || again[0].Attempt != 2 {
			t.Fatalf("got %+v", again)
		}
		if o.end(t, &first, store.End{State: store.Done}) || o.keep(t, &first, "late") {
			t.Errorf("who slept through its lease changed something")
		}
	})
}

func TestPausesAndPaceHoldForTheWholeDestination(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "chat", "handoff.*")
		o.destination(t, "crm", "handoff.*")
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Qualified))
		one, err := o.ClaimDeliveries(t.Context(), "chat", time.Minute, time.Hour, 1)
		if err != nil || len(one) != 1 {
			t.Fatalf("%v, %v", one, err)
		}
		if got := o.due(t, "chat"); len(got) != 0 {
			t.Errorf("within its pace: %v", got)
		}
		if on, err := o.DueDestinations(t.Context()); err != nil || len(on) != 1 || on[0].GetName() != "destinations/crm" {
			t.Errorf("due: %v, %v", on, err)
		}
		o.end(t, &one[0], store.End{State: store.Later, Due: o.clock, Free: true, Pause: o.clock.Add(3 * time.Hour)})
		o.clock = o.clock.Add(2 * time.Hour)
		if got := o.due(t, "chat"); len(got) != 0 {
			t.Errorf("while it asks to wait: %v", got)
		}
		o.clock = o.clock.Add(2 * time.Hour)
		if got := o.due(t, "chat"); len(got) != 2 {
			t.Errorf("afterwards: %v", got)
		}
		if got := o.due(t, "crm"); len(got) != 2 {
			t.Errorf("the other one: %v", got)
		}
	})
}

func TestADestinationEnds(t *testing.T) {
	for name, end := range map[string]store.End{
		"it is gone":            {State: store.Dead, Disable: "it answered 410 Gone"},
		"it never took a thing": {State: store.Dead, Exhausted: true},
	} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.destination(t, "crm", "*")
				o.destination(t, "alarm", "destination.disabled")
				o.decide(t, o.scored(ana, decision.Qualified))
				d := o.due(t, "crm")[0]
				o.end(t, &d, end)
				o.decide(t, o.scored(bob, decision.Qualified))
				if got, err := o.Destination(t.Context(), "crm"); err != nil || got.GetState() != handoffv1.Destination_STATE_FAILED || got.GetStateReason() == "" {
					t.Errorf("%v, %v", got, err)
				}
				if got := o.due(t, "crm"); len(got) != 0 {
					t.Errorf("still sent to: %v", got)
				}
				if got := o.due(t, "alarm"); !slices.Equal(types(got), []string{event.DestinationDisabled}) {
					t.Errorf("alarm: %v", got)
				}
				// Enabled again, it gets what waited; the dead letter only by a replay.
				_, err := o.ChangeDestination(t.Context(), "crm", "", func(d *store.Destination) error { d.State = handoffv1.Destination_STATE_ENABLED; return nil })
				if got := o.due(t, "crm"); err != nil || len(got) != 1 || got[0].Lead != "leads/"+bob {
					t.Errorf("enabled again: %v, %v", got, err)
				}
			})
		})
	}
}

func TestADeadLetterIsNotTheEndOfADestinationThatTakesOthers(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "*")
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Qualified))
		ds := o.due(t, "crm")
		o.end(t, &ds[0], store.End{State: store.Done, Start: o.clock})
		o.end(t, &ds[1], store.End{State: store.Dead, Exhausted: true})
		if got, err := o.Destination(t.Context(), "crm"); err != nil || got.GetState() != handoffv1.Destination_STATE_ENABLED {
			t.Errorf("%v, %v", got, err)
		}
	})
}

func TestWhatIsSentAgain(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "handoff.*")
		for _, lead := range []string{ana, bob} {
			o.decide(t, o.scored(lead, decision.Qualified))
		}
		ds := o.due(t, "crm")
		o.keep(t, &ds[0], "the same bytes")
		o.end(t, &ds[0], store.End{State: store.Done, Start: o.clock})
		if err := o.Replay(t.Context(), ds[1].ID); !errors.Is(err, store.ErrPending) {
			t.Errorf("one on its way: %v", err)
		}
		o.end(t, &ds[1], store.End{State: store.Dead, Error: "no"})
		if n, err := o.ReplayRange(t.Context(), "crm", ds[0].Time, ds[1].Time.Add(time.Second), false); n != 1 || err != nil {
			t.Errorf("dead letters: %d, %v", n, err)
		}
		if got := o.due(t, "crm"); len(got) != 1 || got[0].ID != ds[1].ID || got[0].Attempt != 1 || got[0].Uncertain {
			t.Errorf("dead letters: %+v", got)
		}
		if err := o.Replay(t.Context(), ds[0].ID); err != nil {
			t.Error(err)
		}
		got := o.due(t, "crm")
		if len(got) != 1 || got[0].ID != ds[0].ID || string(got[0].Body) != "the same bytes" || !got[0].Uncertain {
			t.Errorf("what was delivered: %+v", got)
		}
		if n, err := o.ReplayRange(t.Context(), "crm", ds[0].Time.Add(-time.Hour), ds[0].Time, true); n != 0 || err != nil {
			t.Errorf("another range: %d, %v", n, err)
		}
		if err := o.Replay(t.Context(), ana); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("none: %v", err)
		}
	})
}

func TestRemovingADestinationEndsWhatWaits(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		d := o.destination(t, "crm", "handoff.*")
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Qualified))
		sending := o.due(t, "crm")
		if _, err := o.DeleteDestination(t.Context(), "crm", "stale"); !errors.Is(err, store.ErrEtag) {
			t.Errorf("etag: %v", err)
		}
		if n, err := o.DeleteDestination(t.Context(), "crm", d.GetEtag()); n != 2 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if o.end(t, &sending[0], store.End{State: store.Done}) {
			t.Errorf("one that was on its way tells of its end")
		}
		if got := o.delivery(t, sending[0].ID); got.GetState() != handoffv1.Delivery_STATE_CANCELLED {
			t.Errorf("%v", got)
		}
		if err := o.Replay(t.Context(), sending[0].ID); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("replay: %v", err)
		}
		if _, err := o.Destination(t.Context(), "crm"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
		if _, err := o.DeleteDestination(t.Context(), "crm", ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
	})
}

func TestDestinationsAreChangedByEtag(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		d := o.destination(t, "crm", "handoff.*")
		if _, err := o.CreateDestination(t.Context(), &store.Destination{Destination: &handoffv1.Destination{Name: "destinations/crm"}, Secrets: []byte{}}); !errors.Is(err, store.ErrExists) {
			t.Errorf("twice: %v", err)
		}
		changed, err := o.ChangeDestination(t.Context(), "crm", d.GetEtag(), func(d *store.Destination) error {
			d.Url, d.DisplayName, d.Secrets, d.MaxConcurrency = "https://other.example/", "CRM", []byte("new"), 9
			return nil
		})
		if err != nil || changed.GetUrl() != "https://other.example/" || changed.GetMaxConcurrency() != 9 || string(changed.Secrets) != "new" || changed.GetEtag() == d.GetEtag() {
			t.Errorf("%v, %v", changed, err)
		}
		if _, err := o.ChangeDestination(t.Context(), "crm", d.GetEtag(), func(*store.Destination) error { return nil }); !errors.Is(err, store.ErrEtag) {
			t.Errorf("%v", err)
		}
		o.destination(t, "chat")
		if page, err := o.Destinations(t.Context(), "chat", 10); err != nil || len(page) != 1 || page[0].GetName() != "destinations/crm" {
			t.Errorf("%v, %v", page, err)
		}
	})
}

func TestDeliveriesAreListedLatestFirst(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "*")
		o.destination(t, "chat", "*")
		for i := range 5 {
			o.decide(t, o.scored(fmt.Sprintf("01900000-0000-7000-8000-00000000010%d", i), decision.Qualified))
		}
		ds := o.due(t, "crm")
		o.end(t, &ds[4], store.End{State: store.Dead, Error: "no"})
		list := func(place []any, limit int, filter ...store.Term) (out []*store.ListedDelivery) {
			t.Helper()
			out, err := o.Deliveries(t.Context(), filter, place, limit)
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
		crm := store.Term{Column: store.DestinationColumn, Value: "crm"}
		first := list(nil, 3, crm)
		rest := list(first[2].Place, 10, crm)
		if len(first) != 3 || len(rest) != 2 || first[0].GetLead() != ds[4].Lead || rest[1].GetLead() != ds[0].Lead {
			t.Errorf("%v and %v", first, rest)
		}
		state := func(s handoffv1.Delivery_State) store.Term {
			return store.Term{Column: store.DeliveryStateColumn, Value: int64(s)}
		}
		for s, want := range map[handoffv1.Delivery_State]int{
			handoffv1.Delivery_STATE_DEAD: 1, handoffv1.Delivery_STATE_SENDING: 4, handoffv1.Delivery_STATE_PENDING: 5, handoffv1.Delivery_STATE_DELIVERED: 0,
		} {
			if got := list(nil, 100, state(s)); len(got) != want {
				t.Errorf("%s: %d, want %d", s, len(got), want)
			}
		}
		backlogs, err := o.Backlogs(t.Context())
		if err != nil || len(backlogs) != 2 || backlogs[0].Due+backlogs[1].Due != 9 || backlogs[0].Dead+backlogs[1].Dead != 1 || backlogs[0].Oldest.IsZero() {
			t.Errorf("%v, %v", backlogs, err)
		}
	})
}

func TestAPacketIsKeptAsItWasFirst(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		h := &handoffv1.Handoff{Name: "handoffs/" + ana, Lead: "leads/" + bob}
		if _, err := o.Packet(t.Context(), h.GetName()); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%v", err)
		}
		for _, step := range []string{"call", "write"} {
			if p, err := o.KeepPacket(t.Context(), &handoffv1.HandoffPacket{Handoff: h, NextStep: step}); err != nil || p.GetNextStep() != "call" {
				t.Errorf("%v, %v", p, err)
			}
		}
	})
}

func TestALinkIsFollowedOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		if l, err := o.Followed(t.Context(), "hash"); l != nil || err != nil {
			t.Errorf("%v, %v", l, err)
		}
		for _, actor := range []string{"jane", "bob"} {
			if err := o.Follow(t.Context(), "hash", "handoffs/"+ana, store.FollowedLink{Action: "claim", Actor: actor, Time: o.clock}); err != nil {
				t.Fatal(err)
			}
		}
		if l, err := o.Followed(t.Context(), "hash"); err != nil || l.Actor != "jane" || l.Action != "claim" || !l.Time.Equal(sqldb.Time(sqldb.Micros(o.clock))) {
			t.Errorf("%v, %v", l, err)
		}
	})
}
