package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

const (
	first  = "01900000-0000-7000-8000-0000000000f1"
	second = "01900000-0000-7000-8000-0000000000f2"
)

func (o *office) remote(t tester, handoff string) store.RemoteHandoff {
	t.Helper()
	r, err := o.Remote(context.Background(), "crm", handoff)
	if err != nil {
		t.Fatal(err)
	}
	return *r
}

func sameRemote(t *testing.T, got, want store.RemoteHandoff) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(store.RemoteHandoff{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCallsAboutOneLeadAreMadeOneAfterTheOther(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		claim := func(destination, lead, handoff string) (*store.RemoteHandoff, error) {
			return o.ClaimRemote(ctx, destination, lead, handoff, time.Minute)
		}
		one, err := claim("crm", ana, first)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := claim("crm", ana, second); !errors.Is(err, store.ErrBusy) {
			t.Errorf("another handoff of the same lead: %v", err)
		}
		for _, other := range [][2]string{{"crm", bob}, {"other-crm", ana}} {
			if _, err := claim(other[0], other[1], second); err != nil {
				t.Errorf("%v: %v", other, err)
			}
		}
		held, err := o.SendRemote(ctx, one)
		if err != nil || !held {
			t.Fatalf("send: %v, %v", held, err)
		}
		one.Contact, one.Opportunity = "4", "7"
		if err := o.EndRemote(ctx, one, false); err != nil {
			t.Fatal(err)
		}
		two, err := claim("crm", ana, second)
		if err != nil {
			t.Fatal(err)
		}
		// The next handoff of the lead knows the contact, and has no opportunity yet.
		sameRemote(t, *two, store.RemoteHandoff{Destination: "crm", Handoff: second, Lead: ana, Contact: "4"})
		sameRemote(t, o.remote(t, first), store.RemoteHandoff{Destination: "crm", Handoff: first, Lead: ana, Contact: "4", Opportunity: "7"})
	})
}

func TestALeaseThatEndedMakesNoCallAndForgetsNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		slow, err := o.ClaimRemote(ctx, "crm", ana, first, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		o.clock = o.clock.Add(2 * time.Minute)
		if held, err := o.SendRemote(ctx, slow); held || err != nil {
			t.Errorf("after the lease ended: %v, %v", held, err)
		}
		next, err := o.ClaimRemote(ctx, "crm", ana, first, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if held, err := o.SendRemote(ctx, slow); held || err != nil {
			t.Errorf("while another lease holds: %v, %v", held, err)
		}
		next.Contact, next.Opportunity = "4", "7"
		slow.Contact, slow.Opportunity = "5", "8"
		for _, r := range []*store.RemoteHandoff{next, slow} {
			if err := o.EndRemote(ctx, r, false); err != nil {
				t.Fatal(err)
			}
		}
		sameRemote(t, o.remote(t, first), store.RemoteHandoff{Destination: "crm", Handoff: first, Lead: ana, Contact: "4", Opportunity: "7"})
	})
}

func TestACallWithoutAnAnswerIsRemembered(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		r, err := o.ClaimRemote(ctx, "crm", ana, first, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := o.SendRemote(ctx, r); err != nil {
			t.Fatal(err)
		}
		sent := r.Sent
		r.Contact = "4" // made before the call that has no answer
		if err := o.EndRemote(ctx, r, true); err != nil {
			t.Fatal(err)
		}
		again, err := o.ClaimRemote(ctx, "crm", ana, first, time.Minute)
		if err != nil || again.Contact != "4" || again.Opportunity != "" || !again.Sent.Equal(sent.Truncate(time.Microsecond)) {
			t.Errorf("%+v, %v; sent %s", again, err, sent)
		}
	})
}

func TestWhatWasSeenInACRM(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		if _, err := o.Remote(ctx, "crm", first); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("before anything was sent: %v", err)
		}
		// Found by its key, after all was forgotten.
		found := store.RemoteHandoff{Destination: "crm", Handoff: first, Lead: ana, Opportunity: "7", Seen: "opportunity"}
		if err := o.SeeRemote(ctx, found); err != nil {
			t.Fatal(err)
		}
		sameRemote(t, o.remote(t, first), found)
		refused := store.RemoteHandoff{Destination: "crm", Handoff: first, Lead: ana, Opportunity: "9", Seen: "won", Refused: "it is LOST"}
		if err := o.SeeRemote(ctx, refused); err != nil {
			t.Fatal(err)
		}
		refused.Opportunity = "7" // the first stays
		sameRemote(t, o.remote(t, first), refused)
		byID, err := o.RemoteOpportunity(ctx, "crm", "7")
		if err != nil {
			t.Fatal(err)
		}
		sameRemote(t, *byID, refused)
	})
}

func TestPollsGoOnWhereTheyEnded(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		for range 2 { // a start begins what is there already
			if err := o.BeginPolls(ctx, "crm"); err != nil {
				t.Fatal(err)
			}
		}
		p, err := o.ClaimPoll(ctx, time.Minute)
		if err != nil || p == nil || p.Destination != "crm" || !p.Since.IsZero() || p.After != "" {
			t.Fatalf("%+v, %v", p, err)
		}
		if other, err := o.ClaimPoll(ctx, time.Minute); err != nil || other != nil {
			t.Errorf("claimed twice: %+v, %v", other, err)
		}
		p.Since, p.Newest, p.After = o.clock.Add(-time.Hour), o.clock, "12"
		due := o.clock.Add(time.Minute)
		if held, err := o.EndPoll(ctx, p, due); err != nil || !held {
			t.Fatalf("%v, %v", held, err)
		}
		if held, err := o.EndPoll(ctx, p, due); err != nil || held {
			t.Errorf("ended twice: %v, %v", held, err)
		}
		if early, err := o.ClaimPoll(ctx, time.Minute); err != nil || early != nil {
			t.Errorf("before it is due: %+v, %v", early, err)
		}
		o.clock = due
		again, err := o.ClaimPoll(ctx, time.Minute)
		if err != nil || again == nil {
			t.Fatal(again, err)
		}
		if diff := cmp.Diff(p, again, cmpopts.IgnoreUnexported(store.Poll{})); diff != "" {
			t.Errorf("(-want +got)\n%s", diff)
		}
		if err := o.DropPoll(ctx, again); err != nil {
			t.Fatal(err)
		}
		o.clock = o.clock.Add(time.Hour)
		if gone, err := o.ClaimPoll(ctx, time.Minute); err != nil || gone != nil {
			t.Errorf("of a destination that is gone: %+v, %v", gone, err)
		}
	})
}
