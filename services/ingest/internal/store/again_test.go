package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// decided captures a lead that did n things, and decides it.
func (f *fixture) decided(address string, n int) string {
	f.t.Helper()
	var list []activity.Activity
	for i := range n {
		list = append(list, act(fmt.Sprint(address, i), 0))
	}
	id := f.acts(address, list...).Lead
	f.complete(store.Decided, f.claim(1)...)
	return id
}

func TestClaimingLeadsAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ctx := t.Context()
		var ids []string
		for i := range 6 {
			ids = append(ids, f.decided(fmt.Sprintf("l%d@x.example", i), i+1))
		}
		slices.Sort(ids)
		if n, last, err := f.Count(ctx); err != nil || n != 6 || last != ids[5] {
			t.Errorf("%d leads up to %s, %v", n, last, err)
		}
		// Page by page, in the order of names.
		var seen []string
		for after := ""; ; {
			page, err := f.Following(ctx, 1, after, ids[4], 2)
			f.ok(err)
			if len(page) == 0 {
				break
			}
			seen, after = append(seen, page...), page[len(page)-1]
		}
		if !slices.Equal(seen, ids[:5]) {
			t.Errorf("%q, want %q", seen, ids[:5])
		}
		if some, err := f.Following(ctx, 2, "", "", 10); err != nil || !slices.Equal(some, []string{ids[1], ids[3], ids[5]}) {
			t.Errorf("each second: %q %v", some, err)
		}

		// One waits for its decision, one is leased for it, one is leased again by
		// somebody else, one is quarantined.
		waits, worked, again := "l0@x.example", "l1@x.example", "l2@x.example"
		pending := f.acts(worked, act("more", 0)).Lead
		f.claim(1)
		waiting := f.acts(waits, act("more0", 0)).Lead
		leased := f.acts(again).Lead
		if c, err := f.ClaimLead(ctx, leased, time.Minute); err != nil || len(c) != 1 {
			t.Fatalf("%v %v", c, err)
		}
		f.pass(time.Second)
		claimed, left, n, err := f.ClaimLeads(ctx, append(slices.Clone(ids), "01900000-0000-7000-8000-000000000000"), store.Again{Lease: time.Minute, Whole: true})
		f.ok(err)
		if n != 7 || len(claimed) != 3 {
			t.Fatalf("claimed %d of %d", len(claimed), n)
		}
		why := map[string]store.Left{}
		for _, l := range left {
			why[l.ID] = l.Why
		}
		for id, want := range map[string]store.Left{
			waiting: store.LeftPending, pending: store.LeftPending, leased: store.LeftLeased,
			"01900000-0000-7000-8000-000000000000": store.LeftNotFound,
		} {
			if got, ok := why[id]; !ok || got != want {
				t.Errorf("%s is left because %v, want %v", id, got, want)
			}
		}
		for _, c := range claimed {
			if c.From != 0 || c.Claimed != 1 || c.AsOf != f.now().UnixMicro() || len(sayings(c.Facts)) < 4 || c.Serving.Accepted != 0 {
				t.Errorf("claimed %+v", c)
			}
		}
		// Deciding it ends the lease, and nothing waits then; nor after giving it back or
		// failing it.
		for i, end := range []store.EndOutcome{store.Decided, store.Released, store.Failed} {
			if state := f.complete(end, claimed[i])[0]; state != store.Done {
				t.Errorf("%v: %v", end, state)
			}
		}
		// Without the history, from the version that is decided.
		claimed, _, _, err = f.ClaimLeads(ctx, []string{claimed[0].Lead}, store.Again{Lease: time.Minute})
		f.ok(err)
		if len(claimed) != 1 || claimed[0].From != 1 || claimed[0].Facts != nil || claimed[0].Omitted {
			t.Errorf("%+v", claimed)
		}
		// Reading leases nothing and leaves nobody out.
		read, left, _, err := f.ClaimLeads(ctx, ids, store.Again{Whole: true, ReadOnly: true})
		if err != nil || len(read) != 6 || len(left) != 0 {
			t.Errorf("%d read, left %v %v", len(read), left, err)
		}
	})
}

// A fact that comes while a lead is decided again is decided after it.
func TestAFactDuringADecisionAgain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.decided("a@x.example", 1)
		c, _, _, err := f.ClaimLeads(t.Context(), []string{id}, store.Again{Lease: time.Minute})
		f.ok(err)
		f.acts("a@x.example", act("next", 0))
		if state := f.complete(store.Decided, c...)[0]; state != store.StillPending {
			t.Errorf("%v", state)
		}
		if next := f.claim(1); len(next) != 1 || next[0].From != 1 || next[0].Claimed != 2 {
			t.Errorf("%+v", next)
		}
	})
}

func TestLongHistories(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		long := f.decided("long@x.example", 2001)
		heavy := subject(email("heavy@x.example"))
		for i := range 300 { // 2.7 MB together
			heavy.Activities = append(heavy.Activities, act(fmt.Sprint("h", i), 0, `{"text":"`+strings.Repeat("x", 9000)+`"}`))
		}
		id := f.capture(heavy).Lead
		f.complete(store.Decided, f.claim(1)...)
		short := f.decided("short@x.example", 2)
		claimed, left, _, err := f.ClaimLeads(t.Context(), []string{long, id, short}, store.Again{Lease: time.Minute, Whole: true})
		f.ok(err)
		if len(claimed) != 3 || len(left) != 0 {
			t.Fatalf("%d claimed, left %v", len(claimed), left)
		}
		for _, c := range claimed {
			if omitted := c.Lead != short; c.Omitted != omitted || (c.Facts == nil) != omitted || c.From != 0 {
				t.Errorf("%s: omitted %v, %d facts", c.Lead, c.Omitted, len(c.Facts))
			}
		}
	})
}
