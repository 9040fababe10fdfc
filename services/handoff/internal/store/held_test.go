package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// by sets why a lead is decided.
func by(c store.Cause) func(*store.Lead) { return func(l *store.Lead) { l.Cause = c } }

func released(tracks ...string) func(*store.Lead) {
	return func(l *store.Lead) { l.Cause, l.Released = store.ByRelease, tracks }
}

func recently(l *store.Lead) { l.Recent = true }

// Who qualifies by what we did is held or stays; who qualifies by what it did, or is
// released, is handed off.
func TestWhoIsHeld(t *testing.T) {
	const qualified, nurture, disqualified = decision.Qualified, decision.Nurture, decision.Disqualified
	type pass struct {
		verdict decision.Verdict
		how     []func(*store.Lead)
	}
	now := func(v decision.Verdict, how ...func(*store.Lead)) pass { return pass{v, how} }
	cases := map[string]struct {
		passes          []pass
		stage           lifecycle.Stage
		held, handedOff bool
	}{
		"live": {[]pass{now(nurture), now(qualified)}, lifecycle.MarketingQualified, false, true},
		"by a publish": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore))}, lifecycle.Nurture, true, false,
		},
		"by a publish, new in the track": {
			[]pass{now(qualified, by(store.ByRescore))}, lifecycle.Lead, true, false,
		},
		"by two publishes": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified, by(store.ByRescore))}, lifecycle.Nurture, true, false,
		},
		"not any more by the second": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(nurture, by(store.ByRescore))}, lifecycle.Nurture, false, false,
		},
		"held, then live": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified)}, lifecycle.MarketingQualified, false, true,
		},
		"held, then history": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified, historical)}, lifecycle.Nurture, true, false,
		},
		"held, then live and not any more": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(nurture)}, lifecycle.Nurture, false, false,
		},
		"held, then disqualified": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(disqualified)}, lifecycle.Disqualified, false, false,
		},
		"released": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified, released("sales"))}, lifecycle.MarketingQualified, false, true,
		},
		"released and not any more": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(nurture, released("sales"))}, lifecycle.Nurture, false, false,
		},
		"released in another track": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified, released("trial"))}, lifecycle.Nurture, true, false,
		},
		"by time, after recent activity": {
			[]pass{now(nurture), now(qualified, by(store.ByReview), recently)}, lifecycle.MarketingQualified, false, true,
		},
		"by time, long after": {
			[]pass{now(nurture), now(qualified, by(store.ByReview))}, lifecycle.Nurture, false, false,
		},
		"by time, long after, then live": {
			[]pass{now(nurture), now(qualified, by(store.ByReview)), now(qualified)}, lifecycle.MarketingQualified, false, true,
		},
		"held, and reviewed": {
			[]pass{now(nurture), now(qualified, by(store.ByRescore)), now(qualified, by(store.ByReview), recently)}, lifecycle.Nurture, true, false,
		},
		"qualified as history, by a publish too": {
			[]pass{now(qualified, historical), now(qualified, by(store.ByRescore))}, lifecycle.MarketingQualified, false, false,
		},
		"handed off, and dropped by a publish": {
			[]pass{now(qualified), now(nurture, by(store.ByRescore))}, lifecycle.MarketingQualified, false, true,
		},
		"disqualified, not stirred": {
			[]pass{now(disqualified), now(qualified, by(store.ByRescore))}, lifecycle.Disqualified, false, false,
		},
	}
	each(t, func(t *testing.T, o *office) {
		lead := 0
		for name, c := range cases {
			lead++
			id := fmt.Sprintf("01900000-0000-7000-8000-%012d", lead)
			for _, p := range c.passes {
				o.decide(t, o.scored(id, p.verdict, p.how...))
			}
			q := o.qualification(t, id)
			if q.GetStage() != typev1.LifecycleStage(c.stage) {
				t.Errorf("%s: stage %s, want %s", name, q.GetStage(), c.stage)
			}
			if held := q.GetHeldUntilTime() != nil; held != c.held {
				t.Errorf("%s: held %v, want %v", name, held, c.held)
			}
			if n := len(o.handoffs(t, id)); (n == 1) != c.handedOff || n > 1 {
				t.Errorf("%s: %d handoffs", name, n)
			}
		}
	})
}

// A standard that speaks no more of a lead holds it no more.
func TestHeldByAStandardThatIsRetired(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified, by(store.ByRescore)))
		retired := func(l *store.Lead) { l.Assessments = nil }
		for range 2 { // a preview, and what it shows
			lead := o.scored(ana, decision.Nurture, by(store.ByRescore), retired)
			foreseen, err := o.Foresee(t.Context(), []*store.Lead{lead})
			if err != nil || len(foreseen[0].Changes) != 1 || !foreseen[0].Changes[0].Drops() || foreseen[0].Changes[0].Leading != nil {
				t.Fatalf("foreseen: %+v %v", foreseen, err)
			}
		}
		r := o.decide(t, o.scored(ana, decision.Nurture, by(store.ByRescore), retired))
		if len(r.Changes) != 1 || !r.Changes[0].Drops() {
			t.Errorf("decided: %+v", r)
		}
		if held, err := o.HeldLeads(t.Context(), "", nil, 10); err != nil || len(held) != 0 {
			t.Errorf("held: %v %v", held, err)
		}
		// It is told once.
		if r := o.decide(t, o.scored(ana, decision.Nurture, by(store.ByRescore), retired)); len(r.Changes) != 0 {
			t.Errorf("decided again: %+v", r)
		}
	})
}

func TestReleaseTimes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		var leads []*store.Lead
		for i := range 10 {
			leads = append(leads, o.scored(fmt.Sprintf("01900000-0000-7000-8000-%012d", i), decision.Qualified, by(store.ByRescore)))
		}
		begin := o.clock
		for _, some := range [][]*store.Lead{leads[:4], leads[4:5], leads[5:]} { // as pages come
			if _, err := o.Decide(ctx, some); err != nil {
				t.Fatal(err)
			}
		}
		times := func() (after []time.Duration) {
			held, err := o.HeldLeads(ctx, "sales", nil, 100)
			if err != nil {
				t.Fatal(err)
			}
			for _, h := range held {
				after = append(after, h.GetReleaseTime().AsTime().Sub(begin).Round(time.Second))
			}
			return after
		}
		for i, after := range times() {
			if after != time.Duration(i+1)*time.Minute {
				t.Errorf("lead %d is released after %v", i, after)
			}
		}
		if held, err := o.ClaimHeld(ctx, time.Minute, 10); err != nil || len(held) != 0 {
			t.Errorf("due at once: %v %v", held, err)
		}
		o.clock = o.clock.Add(2*time.Minute + time.Second)
		due, err := o.ClaimHeld(ctx, time.Minute, 10)
		if err != nil || len(due) != 2 {
			t.Fatalf("due after two minutes: %v %v", due, err)
		}
		// One is decided, which removes its row; the other is tried again later.
		o.decide(t, o.scored(due[0].Lead, decision.Qualified, released("sales")))
		again := o.clock.Add(30 * time.Second)
		err = o.EndHeld(ctx, due, func(h store.Held) (time.Time, string) {
			if h.Lead == due[0].Lead {
				return time.Time{}, ""
			}
			return again, ""
		})
		if err != nil || len(times()) != 9 {
			t.Errorf("after the release of one: %v %v", times(), err)
		}
		// A new rate spreads those that are not due, from now on.
		if err := o.SetReleaseRate(ctx, "sales", 3600); err != nil {
			t.Fatal(err)
		}
		now := o.clock.Sub(begin)
		for i, after := range times() {
			if want := (now + time.Duration(i+1)*time.Second).Round(time.Second); after != want {
				t.Errorf("lead %d is released after %v, want %v", i, after, want)
			}
		}
		if rate, err := o.ReleaseRate(ctx, "sales"); err != nil || rate != 3600 {
			t.Errorf("rate %d %v", rate, err)
		}
		// The next ones queue behind them.
		o.decide(t, o.scored(ana, decision.Qualified, by(store.ByRescore)))
		if all := times(); all[len(all)-1] != (now + 10*time.Second).Round(time.Second) {
			t.Errorf("the last is released after %v", all)
		}
		if n, err := o.Release(ctx, nil, "sales"); err != nil || n != 10 {
			t.Errorf("released %d %v", n, err)
		}
		if due, err := o.ClaimHeld(ctx, time.Minute, 100); err != nil || len(due) != 10 {
			t.Errorf("due: %v %v", due, err)
		}
		// A lead that is named twice is released once.
		if n, err := o.Release(ctx, []string{ana, ana}, "sales"); err != nil || n != 1 {
			t.Errorf("released %d %v", n, err)
		}
	})
}

// The decision sets when time alone may change it, and removes what it set before.
func TestReviewTimes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := context.Background()
		at := o.clock.Add(time.Hour)
		review := func(at time.Time) func(*store.Lead) {
			return func(l *store.Lead) { l.Assessments[0].Review = at }
		}
		due := func() []store.Review {
			t.Helper()
			list, err := o.ClaimReviews(ctx, time.Minute, 10)
			if err != nil {
				t.Fatal(err)
			}
			return list
		}
		o.decide(t, o.scored(ana, decision.Nurture, review(at)))
		o.decide(t, o.scored(bob, decision.Nurture, review(at.Add(time.Hour))))
		if list := due(); len(list) != 0 {
			t.Fatalf("due before its time: %v", list)
		}
		o.clock = at
		list := due()
		if len(list) != 1 || list[0].Lead != ana {
			t.Fatalf("due at its time: %v", list)
		}
		// What decides it sets the next, and the end of the lease leaves that alone.
		o.decide(t, o.scored(ana, decision.Nurture, by(store.ByReview), review(at.Add(time.Minute))))
		end := func(store.Review) (time.Time, string) { return time.Time{}, "" }
		if err := o.EndReviews(ctx, list, end); err != nil {
			t.Fatal(err)
		}
		o.clock = at.Add(time.Minute)
		if list = due(); len(list) != 1 || list[0].Lead != ana {
			t.Fatalf("the next review: %v", list)
		}
		// Nothing changes by time any more.
		o.decide(t, o.scored(ana, decision.Nurture, by(store.ByReview)))
		if err := o.EndReviews(ctx, list, end); err != nil {
			t.Fatal(err)
		}
		o.clock = at.Add(59 * time.Minute)
		if list := due(); len(list) != 0 {
			t.Errorf("reviewed without need: %v", list)
		}
		o.clock = at.Add(time.Hour)
		if list := due(); len(list) != 1 || list[0].Lead != bob {
			t.Errorf("bob's review: %v", list)
		}
	})
}
