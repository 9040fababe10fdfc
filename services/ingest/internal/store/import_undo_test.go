package store_test

import (
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

const file = "0f7d9c0a-3c5e-4d5e-8f55-6a8a1d1b0c11"

// work claims the work on the file.
func (f *fixture) work(state ingestv1.Import_State, from ...ingestv1.Import_State) *store.ImportWork {
	f.t.Helper()
	_, err := f.StartImport(f.t.Context(), file, state, from...)
	f.ok(err)
	w, err := f.ClaimImport(f.t.Context(), time.Minute)
	f.ok(err)
	return w
}

// imports takes in a file that says of addresses that they attended.
func (f *fixture) imports(attended activity.Activity, addresses ...string) {
	f.t.Helper()
	ctx := f.t.Context()
	f.ok(f.BeginImport(ctx, file))
	_, err := f.SetImport(ctx, file, []byte("-"), int64(len(addresses)))
	f.ok(err)
	w := f.work(ingestv1.Import_STATE_RUNNING, ingestv1.Import_STATE_UPLOADED)
	c := &store.Capture{Received: f.now(), Historical: true}
	for _, address := range addresses {
		s := &store.Subject{Identities: []identity.Identity{email(address)}, Effective: f.now(), Source: "file", Attributes: attributes("city", `"Bonn"`)}
		s.Activities = []activity.Activity{attended}
		s.Activities[0].Source, s.Activities[0].ID = "file", address
		c.Subjects = append(c.Subjects, s)
	}
	f.ok(f.StoreRows(ctx, w, c, len(addresses), func() (store.ImportCounts, []store.Rejected) {
		return store.ImportCounts{Created: int64(len(addresses))}, nil
	}))
	f.ok(f.EndWork(ctx, w, ingestv1.Import_STATE_DONE, ""))
	f.pass(time.Second)
}

// undoes takes the file back.
func (f *fixture) undoes() store.UndoCounts {
	f.t.Helper()
	w := f.work(ingestv1.Import_STATE_UNDOING, ingestv1.Import_STATE_DONE)
	for more := true; more; {
		var err error
		more, err = f.UndoLeads(f.t.Context(), w, "file", "imports/"+file, 10)
		f.ok(err)
	}
	f.ok(f.EndWork(f.t.Context(), w, ingestv1.Import_STATE_UNDONE, ""))
	return w.Undone
}

// settled decides all there is and removes what was emptied.
func (f *fixture) settled() {
	f.t.Helper()
	f.complete(store.Decided, f.claim(10)...)
	f.ok(f.RemoveEmptied(f.t.Context()))
}

// Another process that knows the lead of an undone import captures for whom comes back, and
// not for a lead that nobody finds any more.
func TestWhoComesBackAfterAnUndoIsFound(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		other := f.process()
		attended := act("x", 0)
		f.imports(attended, "ann@a.example")
		again := subject(email("ann@a.example"))
		again.Activities, again.OnlyActivities = []activity.Activity{attended}, true
		again.Activities[0].Source, again.Activities[0].ID = "file", "ann@a.example"
		f.ok(other.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{again}}))
		if got := f.undoes(); got.Removed != 1 {
			t.Fatalf("undone: %+v", got)
		}
		back := subject(email("ann@a.example"))
		back.Activities = []activity.Activity{act("back", 0)}
		f.ok(other.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{back}}))
		f.settled()
		if id, err := f.Lookup(t.Context(), email("ann@a.example")); err != nil || id != back.Result.Person {
			t.Errorf("the lead %s has what was done, and %q is found: %v", back.Result.Person, id, err)
		}
	})
}

// A lead that somebody merged with one that only a file knew is not lost with that.
func TestAnUndoLeavesWhoWasMerged(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.imports(act("x", 0), "ann@a.example")
		ann, err := f.Lookup(t.Context(), email("ann@a.example"))
		f.ok(err)
		bob := f.acts("bob@b.example", act("1", 0)).Lead
		_, err = f.Merge(t.Context(), ann, bob, "mia", "the same")
		f.ok(err)
		f.undoes()
		f.settled()
		if got := f.acts("bob@b.example", act("2", 0)); got.Lead != bob {
			t.Errorf("what bob does belongs to %s, want %s", got.Lead, bob)
		}
		if l := f.lead(bob); len(l.Identities) == 0 {
			t.Errorf("bob is %+v", l)
		}
	})
}
