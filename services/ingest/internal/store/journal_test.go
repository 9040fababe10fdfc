package store_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// deferred keeps a call of one activity in the journal, of a lead with an address.
func (f *fixture) deferred(address string) {
	f.t.Helper()
	f.ok(f.Defer(f.t.Context(), &store.Entry{
		Circumstances: store.Circumstances{Received: f.now(), Browser: true, Trace: "00-trace"}, Captures: 1, Content: []byte(address),
	}))
}

// store stores an entry that [fixture.deferred] made.
func (f *fixture) store(s *store.Store, e store.Entry) bool {
	f.t.Helper()
	who := subject(email(string(e.Content)))
	who.Activities = append(who.Activities, act("of "+string(e.Content), 0))
	who.Effective = e.Received
	stored, err := s.StoreDeferred(f.t.Context(), &e, &store.Capture{Received: e.Received, Subjects: []*store.Subject{who}})
	f.ok(err)
	return stored
}

func (f *fixture) journal(s *store.Store) []store.Entry {
	f.t.Helper()
	list, err := s.Deferred(f.t.Context())
	f.ok(err)
	return list
}

func TestWhatIsDeferredIsStoredOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for i := range 3 {
			f.deferred(fmt.Sprintf("%d@example.com", i))
		}
		list := f.journal(f.Store)
		if len(list) != 3 || string(list[0].Content) != "0@example.com" || !list[0].Browser || list[0].Trusted || list[0].Trace != "00-trace" || !list[0].Received.Equal(start) {
			t.Fatalf("%+v", list)
		}
		q, err := f.Queue(t.Context())
		f.ok(err)
		if q.Deferred != 3 || q.Waiting != 0 {
			t.Errorf("%+v", q)
		}
		for _, e := range list {
			if !f.store(f.Store, e) {
				t.Error("not stored")
			}
			if f.store(f.Store, e) {
				t.Error("stored twice")
			}
		}
		if q, err = f.Queue(t.Context()); err != nil || q.Deferred != 0 || q.Waiting != 3 || len(f.journal(f.Store)) != 0 {
			t.Errorf("%+v %v", q, err)
		}
	})
}

// Whoever is left takes over: on SQLite at the start, elsewhere once a process must have
// ended.
func TestWhatAProcessLeavesIsStoredByAnother(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.deferred("ada@example.com")
		other := f.process()
		if t.Name() == "TestWhatAProcessLeavesIsStoredByAnother/postgres" {
			if list := f.journal(other); len(list) != 0 {
				t.Fatalf("%+v: its process may live", list)
			}
			f.ok(f.ShowAlive(t.Context()))
			f.pass(9 * time.Second)
			f.ok(f.ShowAlive(t.Context()))
			f.pass(9 * time.Second)
			if list := f.journal(other); len(list) != 0 {
				t.Fatalf("%+v: its process lives", list)
			}
			f.pass(2 * time.Second)
		}
		list := f.journal(other)
		if len(list) != 1 || !f.store(other, list[0]) {
			t.Fatalf("%+v", list)
		}
		if f.store(f.Store, list[0]) {
			t.Error("stored twice")
		}
	})
}

// A refusal takes the call out of the journal, too: trying again would change nothing.
func TestWhatIsRefusedLeavesTheJournal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.deferred("ada@example.com")
		e := f.journal(f.Store)[0]
		nobody := &store.Subject{Effective: start}
		stored, err := f.StoreDeferred(t.Context(), &e, &store.Capture{Received: start, Subjects: []*store.Subject{nobody}})
		f.ok(err)
		if !stored || nobody.Result.Err == nil || len(f.journal(f.Store)) != 0 {
			t.Errorf("%t %v", stored, nobody.Result.Err)
		}
	})
}

func TestCapturesAreDeferredWhileTheyCrowd(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		if f.MayDefer() {
			t.Error("nobody crowds")
		}
		f.Crowd().Enter(16)
		if !f.MayDefer() {
			t.Error("16 are on their way")
		}
		f.deferred("ada@example.com")
		if list := f.journal(f.Store); len(list) != 1 {
			t.Error("nothing is ever stored")
		}
	})
}

// An erasure begins once all that is known of the person can be found.
func TestAnErasureWaitsForTheJournal(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("ada@example.com", act("a", 0)).Lead
		f.deferred("ada@example.com")
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if _, err := f.Erase(ctx, []string{id}); err == nil {
			t.Fatal("something of the person is still to be stored")
		}
		erased := make(chan error, 1)
		go func() {
			_, err := f.Erase(t.Context(), []string{id})
			erased <- err
		}()
		f.store(f.Store, f.journal(f.Store)[0])
		f.ok(<-erased)
		if q, err := f.Queue(t.Context()); err != nil || q.Waiting != 0 {
			t.Errorf("%+v %v: somebody is left", q, err)
		}
	})
}
