package store_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

func anonymous(id string) identity.Identity {
	return identity.Identity{Kind: identity.AnonymousID, Value: id}
}

func user(id string) identity.Identity { return identity.Identity{Kind: identity.UserID, Value: id} }

func TestTheStrongestIdentityFindsTheLead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		visitor := f.capture(subject(anonymous("v1"))).Lead
		person := f.capture(subject(email("a@x.example"))).Lead
		customer := f.capture(subject(user("u1"))).Lead
		for _, c := range []struct {
			ids  []identity.Identity
			want string
		}{
			{[]identity.Identity{anonymous("v1")}, visitor},
			{[]identity.Identity{anonymous("v1"), email("a@x.example")}, person},
			{[]identity.Identity{anonymous("v1"), email("a@x.example"), user("u1")}, customer},
			{[]identity.Identity{anonymous("v1"), user("new")}, visitor},
		} {
			if got := f.capture(subject(c.ids...)); got.Lead != c.want || got.Created {
				t.Errorf("%v found %+v, want %s", c.ids, got, c.want)
			}
		}
		// Nothing was moved, and only the new one was added.
		for id, want := range map[identity.Identity]string{anonymous("v1"): visitor, email("a@x.example"): person, user("u1"): customer, user("new"): visitor} {
			if got, err := f.Lookup(t.Context(), id); err != nil || got != want {
				t.Errorf("%v: %s, %v", id, got, err)
			}
		}
		if _, err := f.Lookup(t.Context(), user("nobody")); err != store.ErrNotFound { //nolint:errorlint // the sentinel itself
			t.Error(err)
		}
	})
}

func TestANewIdentityRaisesTheVersionOnlyWithItsDomain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.capture(subject(anonymous("v1"))).Lead
		tag := f.lead(id).ETag
		f.pass(time.Minute)
		if got := f.capture(subject(anonymous("v1"), user("u1"))); got.Version != 1 || !got.Changed || got.Created {
			t.Errorf("a user id: %+v", got)
		}
		l := f.lead(id)
		if l.ETag == tag || !l.UpdatedAt.Equal(f.now()) || len(l.Identities) != 2 || l.Identities[0] != user("u1") {
			t.Errorf("%+v", l)
		}
		if got := f.capture(subject(anonymous("v1"), email("a@x.example"))); got.Version != 2 {
			t.Errorf("an address: %+v", got)
		}
		if got := f.capture(subject(anonymous("v1"), email("b@x.example"))); got.Version != 2 || !got.Changed {
			t.Errorf("an address of the same domain: %+v", got)
		}
		if got := f.capture(subject(anonymous("v1"), email("b@x.example"))); got.Changed {
			t.Errorf("nothing new: %+v", got)
		}
		if n := len(sayings(f.claim(9)[0].Facts)); n != 1 {
			t.Errorf("%d facts", n)
		}
	})
}

func TestADerivedAttributeWinsOverAGivenOne(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.says("a@x.example", "age", `1`, "email_domain", `"other.example"`, "z", `1`).Lead
		if l := f.lead(id); string(l.Attributes) != `{"age":1,"email_domain":"x.example","z":1}` {
			t.Errorf("%s", l.Attributes)
		}
	})
}

// Many goroutines, in as many processes as the store allows, capture the same new
// person at once: one lead, nothing lost.
func TestOnePersonIsOneLead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		processes := []*store.Store{f.Store}
		if f.db.Dialect().String() == "postgres" {
			processes = append(processes, f.process(), f.process())
		}
		const rounds, callers = 8, 24
		for round := range rounds {
			address, begin := email(fmt.Sprintf("new%d@x.example", round)), make(chan struct{})
			var all sync.WaitGroup
			leads := make([]string, callers)
			for i := range callers {
				all.Go(func() {
					s := subject(address, anonymous(fmt.Sprint(round, "-", i%5)))
					s.Activities = append(s.Activities, act(fmt.Sprint("r", round, "-", i/2), 0)) // each by two
					<-begin
					err := processes[i%len(processes)].Capture(t.Context(), &store.Capture{Received: start, Subjects: []*store.Subject{s}})
					if err != nil {
						t.Error(err)
					}
					leads[i] = s.Result.Lead
				})
			}
			close(begin)
			all.Wait()
			if slices.Sort(leads); len(slices.Compact(leads)) != 1 {
				t.Fatalf("%d leads: %q", len(leads), leads)
			}
		}
		if n := f.count(`SELECT count(*) FROM leads`); n != rounds {
			t.Errorf("%d leads", n)
		}
		if n := f.count(`SELECT count(*) FROM activities`); n != rounds*callers/2 {
			t.Errorf("%d activities", n)
		}
		for _, c := range f.claim(100) {
			if n := len(sayings(c.Facts)); n != callers/2+1 || int64(n) != c.Serving.Facts {
				t.Errorf("%d facts, %d summed up", len(c.Facts), c.Serving.Facts)
			}
		}
	})
}

func TestACacheEntryOfALeadThatIsGoneIsDropped(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.capture(subject(email("a@x.example")))
		id := f.capture(subject(email("a@x.example"))).Lead // now cached
		for _, table := range []string{"leads", "pending", "identities", "attributes"} {
			column := "lead_id"
			if table == "leads" {
				column = "id"
			}
			f.sql(`DELETE FROM `+table+` WHERE `+column+` = $1`, id)
		}
		if got := f.capture(subject(email("a@x.example"))); !got.Created || got.Lead == id {
			t.Errorf("%+v", got)
		}
	})
}
