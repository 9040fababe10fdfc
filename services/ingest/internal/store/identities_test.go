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

// The facts of a capture belong to the lead of its strongest value, for ever. Whose lead
// that is follows from what was seen together.
func TestFactsBelongToTheStrongestValue(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		visitor := f.capture(subject(anonymous("v1"))).Lead
		person := f.capture(subject(email("a@x.example"))).Lead
		customer := f.capture(subject(user("u1"))).Lead
		if visitor == person || person == customer {
			t.Fatal("strangers are one person")
		}
		for _, c := range []struct {
			ids          []identity.Identity
			lead, person string
		}{
			{[]identity.Identity{anonymous("v1")}, visitor, visitor},
			{[]identity.Identity{anonymous("v1"), email("a@x.example")}, person, person},
			{[]identity.Identity{anonymous("v1")}, visitor, person},
			{[]identity.Identity{anonymous("v1"), email("a@x.example"), user("u1")}, customer, person},
			{[]identity.Identity{anonymous("v2"), email("a@x.example")}, person, person},
		} {
			if got := f.capture(subject(c.ids...)); got.Lead != c.lead || got.Person != c.person || got.Created {
				t.Errorf("%v found %+v, want lead %s of %s", c.ids, got, c.lead, c.person)
			}
		}
		for id, want := range map[identity.Identity]string{anonymous("v1"): visitor, email("a@x.example"): person, user("u1"): customer, anonymous("v2"): person} {
			if got, err := f.Lookup(t.Context(), id); err != nil || got != want {
				t.Errorf("%v: %s, %v", id, got, err)
			}
		}
		if l := f.lead(visitor); l.ID != person || len(l.Members) != 3 || len(l.Identities) != 4 {
			t.Errorf("%+v", l)
		}
		if _, err := f.Lookup(t.Context(), user("nobody")); err != store.ErrNotFound { //nolint:errorlint // the sentinel itself
			t.Error(err)
		}
	})
}

// Who becomes known takes along what was done before; the lead of an anonymous id never
// gives the person its name.
func TestAVisitorBecomesKnown(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		before := subject(anonymous("v1"))
		before.Activities = append(before.Activities, act("e1", 0))
		visitor := f.capture(before).Lead
		leased := f.claim(1)
		f.pass(time.Minute)
		form := subject(anonymous("v1"), email("a@x.example"))
		form.Activities = append(form.Activities, act("e2", time.Minute))
		known := f.capture(form)
		if !known.Created || known.Lead == visitor || known.Person != known.Lead {
			t.Fatalf("%+v", known)
		}
		if states := f.complete(store.Decided, leased...); states[0] != store.Fenced {
			t.Errorf("who was deciding the visitor: %v", states)
		}
		after := subject(anonymous("v1"))
		after.Activities = append(after.Activities, act("e3", time.Hour))
		if got := f.capture(after); got.Lead != visitor || got.Person != known.Lead {
			t.Errorf("%+v", got)
		}
		claimed := f.claim(10)
		if len(claimed) != 1 || claimed[0].Lead != known.Lead || claimed[0].From != 0 || claimed[0].IdentityVersion == 0 {
			t.Fatalf("%+v", claimed)
		}
		var ids []string
		for _, x := range sayings(claimed[0].Facts) {
			if x.GetActivity() != nil {
				ids = append(ids, x.GetId()+" of "+x.GetLead())
			}
		}
		slices.Sort(ids)
		if want := []string{"e1 of leads/" + visitor, "e2 of leads/" + known.Lead, "e3 of leads/" + visitor}; !slices.Equal(ids, want) {
			t.Errorf("%q, want %q", ids, want)
		}
		if n := f.count(`SELECT count(*) FROM pending`); n != 1 {
			t.Errorf("%d persons", n)
		}
	})
}

// A second person on the same device: the visitor's facts are nobody's any more, and
// whoever had them is decided without them.
func TestASharedDeviceLinksNobody(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		before := subject(anonymous("v1"))
		before.Activities = append(before.Activities, act("e1", 0))
		visitor := f.capture(before).Lead
		one := f.capture(subject(anonymous("v1"), user("u1")))
		f.complete(store.Decided, f.claim(9)...)
		two := f.capture(subject(anonymous("v1"), user("u2")))
		if one.Person == two.Person || f.lead(visitor).ID != visitor {
			t.Fatalf("%+v, %+v", one, two)
		}
		claimed := f.claim(9)
		if len(claimed) != 3 {
			t.Fatalf("%d are decided again, want all three", len(claimed))
		}
		for _, c := range claimed {
			if n := len(sayings(c.Facts)); c.From != 0 || (n == 1) != (c.Lead == visitor) {
				t.Errorf("%s has %d facts from %d", c.Lead, n, c.From)
			}
		}
		if _, err := f.Lookup(t.Context(), anonymous("v1")); err != nil {
			t.Error("the visitor is still a lead of its own:", err)
		}
	})
}

// What a browser says joins anonymous ids to known leads, but never two known leads.
func TestABrowserIsNotTrusted(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		browser := func(ids ...identity.Identity) store.Result {
			s := subject(ids...)
			s.Untrusted = true
			return f.capture(s)
		}
		known := f.capture(subject(email("a@x.example"))).Lead
		visitor := f.capture(subject(anonymous("v1"))).Lead
		if got := browser(email("a@x.example"), anonymous("v1")); got.Person != known || f.lead(visitor).ID != known {
			t.Errorf("a visitor was not joined: %+v", got)
		}
		user1 := browser(user("u1"), email("a@x.example"))
		if user1.Person == known {
			t.Errorf("two known leads were joined: %+v", user1)
		}
		f.capture(subject(user("u1"), email("a@x.example"))) // somebody trusted says the same
		if f.lead(user1.Lead).ID != known {
			t.Error("what a server says does not join them")
		}
	})
}

func TestANewIdentityRaisesTheVersionOnlyWithItsDomain(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.capture(subject(user("u1"))).Lead
		tag := f.lead(id).ETag
		f.pass(time.Minute)
		if got := f.capture(subject(anonymous("v1"), user("u1"))); got.Version != 1 || !got.Changed || got.Created {
			t.Errorf("a visitor's id: %+v", got)
		}
		l := f.lead(id)
		if l.ETag == tag || !l.UpdatedAt.Equal(f.now()) || len(l.Identities) != 2 || l.Identities[0] != user("u1") {
			t.Errorf("%+v", l)
		}
		if got := f.capture(subject(user("u1"), email("a@x.example"))); got.Version != 2 {
			t.Errorf("an address: %+v", got)
		}
		if got := f.capture(subject(user("u1"), email("b@x.example"))); got.Version != 2 || !got.Changed {
			t.Errorf("an address of the same domain: %+v", got)
		}
		if got := f.capture(subject(user("u1"), email("b@x.example"))); got.Changed {
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

// Who is known by what is known is found without asking who is who: capturing must stay
// as quick as storing.
func TestAKnownLeadWithKnownIdentitiesIsNotLookedUp(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		bring := func(n int) store.Result {
			s := subject(anonymous("v1"), email("a@x.example"))
			s.Activities = append(s.Activities, act(fmt.Sprint("e", n), 0))
			return f.capture(s)
		}
		want := bring(1).Lead
		bring(2) // now it is remembered
		f.sql(`DELETE FROM identities`)
		f.sql(`DELETE FROM identity_claims`)
		if got := bring(3); got.Lead != want || got.Created || f.count(`SELECT count(*) FROM identities`) != 0 || f.count(`SELECT count(*) FROM identity_claims`) != 0 {
			t.Errorf("the tables were asked: %+v", got)
		}
	})
}
