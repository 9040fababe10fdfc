package store_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

func external(id string) account.Identity {
	return account.Identity{Kind: account.ExternalID, Value: id}
}

// saysOn captures attributes of an account, now.
func (f *fixture) saysOn(i account.Identity, pairs ...string) store.AccountResult {
	f.t.Helper()
	return f.saysOf(&store.AccountCapture{Identities: []account.Identity{i}}, pairs...)
}

func (f *fixture) saysOf(a *store.AccountCapture, pairs ...string) store.AccountResult {
	f.t.Helper()
	a.Received, a.Effective, a.Source = f.now(), f.now(), "crm"
	for _, at := range attributes(pairs...) {
		a.Said = append(a.Said, account.Say("", at.Key, at.Value, account.Circumstances{Default: a.Effective, Source: a.Source}))
	}
	f.ok(f.CaptureAccount(f.t.Context(), a))
	return a.Result
}

// belongs says that leads belong to an account.
func (f *fixture) belongs(i account.Identity, who ...identity.Identity) []string {
	f.t.Helper()
	capture := &store.Capture{Received: f.now()}
	for _, id := range who {
		s := subject(id)
		s.Effective, s.AccountIdentity = f.now(), &i
		capture.Subjects = append(capture.Subjects, s)
	}
	f.ok(f.Capture(f.t.Context(), capture))
	ids := make([]string, len(who))
	for n, s := range capture.Subjects {
		ids[n] = s.Result.Lead
	}
	return ids
}

// drain tells all leads, and returns in how many pieces.
func (f *fixture) drain(s *store.Store) (pieces int) {
	f.t.Helper()
	ids, err := s.AccountsToTell(f.t.Context(), "")
	f.ok(err)
	for _, id := range ids {
		for more := true; more; pieces++ {
			more, err = s.TellLeads(f.t.Context(), id)
			f.ok(err)
		}
	}
	return pieces
}

func TestAnAccountIsFoundOrMade(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		domain := account.Identity{Kind: account.Domain, Value: "acme.example"}
		one := f.saysOn(external("1"), "industry", `"Software"`)
		if !one.Created || !one.Changed || one.Version != 1 {
			t.Errorf("%+v", one)
		}
		both := f.saysOf(&store.AccountCapture{Identities: []account.Identity{domain, external("1")}})
		if both.Account != one.Account || both.Created || !both.Changed || both.Version != 1 {
			t.Errorf("another way to find it: %+v", both)
		}
		if same := f.saysOf(&store.AccountCapture{Identities: []account.Identity{domain}}); same.Account != one.Account || same.Changed {
			t.Errorf("nothing new: %+v", same)
		}
		f.pass(time.Second)
		if again := f.saysOn(domain, "industry", `"Software"`); !again.Changed || again.Version != 2 {
			t.Errorf("said again: %+v", again)
		}
		imported := f.saysOf(&store.AccountCapture{Account: one.Account, Historical: true}, "industry", `"Software"`)
		if imported.Changed {
			t.Errorf("imported again: %+v", imported)
		}
		unknown := &store.AccountCapture{Account: account.NewID(), Received: f.now()}
		if err := f.CaptureAccount(t.Context(), unknown); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("an account that does not exist: %v", err)
		}
		got, err := f.Account(t.Context(), one.Account)
		f.ok(err)
		if string(got.Attributes) != `{"industry":"Software"}` || len(got.Identities) != 2 || got.Identities[0] != external("1") || got.Version != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestLimitsOfAnAccount(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var many []string
		for i := range 295 {
			many = append(many, fmt.Sprint("k", i), "1")
		}
		a := &store.AccountCapture{Identities: []account.Identity{external("1")}, Received: f.now(), Effective: f.now(), Source: "crm"}
		for _, at := range attributes(many...) {
			a.Said = append(a.Said, account.Say("", at.Key, at.Value, account.Circumstances{Default: f.now(), Source: "crm"}))
		}
		if err := f.CaptureAccount(t.Context(), a); !errors.Is(err, store.ErrTooManyAccountKeys) {
			t.Error(err)
		}
		if _, err := f.LookupAccount(t.Context(), external("1")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("what was refused left something: %v", err)
		}
	})
}

func TestALeadNeedsAnAccountThatExists(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		s := subject(anonymous("v1"))
		s.Account = account.NewID()
		if err := f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{s}}); !errors.Is(err, store.ErrNoAccount) {
			t.Error(err)
		}
		if n := f.count(`SELECT count(*) FROM leads`); n != 0 {
			t.Errorf("%d leads", n)
		}
	})
}

// Two captures of one transaction that name an account first name the same one.
func TestAnAccountIsMadeOnce(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.belongs(external("1"), anonymous("v1"), anonymous("v2"))
		if n := f.count(`SELECT count(*) FROM accounts`); n != 1 {
			t.Errorf("%d accounts", n)
		}
		id, err := f.LookupAccount(t.Context(), external("1"))
		f.ok(err)
		list, err := f.AccountLeads(t.Context(), id, "", 10)
		if err != nil || len(list) != 2 || list[0].Account != id {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestWhatIsNewOfAnAccountMakesItsLeadsPending(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		ids := f.belongs(external("1"), anonymous("v1"), anonymous("v2"))
		f.complete(store.Decided, f.claim(9)...)
		f.pass(time.Second)
		f.saysOn(external("1"), "industry", `"Software"`)
		claimed := f.claim(9)
		if len(claimed) != 2 {
			t.Fatalf("%d leads are pending", len(claimed))
		}
		for _, c := range claimed {
			if c.From != 1 || c.Claimed != 2 || len(c.Facts) != 1 || c.Serving.Facts != 1 {
				t.Fatalf("%+v", c)
			}
			x := c.Facts[0]
			if x.GetAttribute().GetKey() != "account.industry" || string(x.GetAttribute().GetValueJson()) != `"Software"` ||
				x.GetSource() != lead.FromAccount || !x.GetEffectiveTime().AsTime().Equal(f.now()) {
				t.Errorf("%v", x)
			}
		}
		f.complete(store.Decided, claimed...)
		f.pass(time.Second)
		f.saysOn(external("1"), "industry", `"Software"`) // nothing that a lead can see
		f.saysOn(external("2"), "industry", `"Retail"`)   // of another
		if c := f.claim(9); len(c) != 0 {
			t.Errorf("%+v", c)
		}
		f.pass(time.Second)
		f.saysOf(&store.AccountCapture{Identities: []account.Identity{external("1")}, Historical: true}, "industry", `"Retail"`)
		if c := f.claim(9); len(c) != 2 || !c[0].Serving.Historical {
			t.Errorf("%+v", c)
		}
		if l := f.lead(ids[0]); string(l.Attributes) != `{}` || l.Account == "" {
			t.Errorf("%+v", l)
		}
	})
}

// An account has more leads than one transaction tells. The others are told in pieces,
// by whichever process gets to it, also after the one that began is gone.
func TestManyLeadsAreToldInPieces(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		const n = 1201
		who := make([]identity.Identity, n)
		for i := range who {
			who[i] = anonymous(fmt.Sprint("v", i))
		}
		f.belongs(external("1"), who...)
		f.pass(time.Second)
		f.saysOn(external("1"), "industry", `"A"`)
		told := func(value string) int {
			return f.count(`SELECT count(*) FROM attributes WHERE key = 'account.industry' AND value = $1`, []byte(value))
		}
		if got := told(`"A"`); got != 500 {
			t.Errorf("%d leads were told with the capture", got)
		}
		f.pass(time.Second)
		f.saysOn(external("1"), "industry", `"B"`) // the others never hear of A as something current
		if pieces := f.drain(f.process()); pieces < 2 {
			t.Errorf("%d pieces", pieces)
		}
		if got := told(`"B"`); got != n {
			t.Errorf("%d leads were told", got)
		}
		if got := told(`"A"`); got != n {
			t.Errorf("%d leads know what was", got)
		}
		if left := f.drain(f.Store); left != 0 {
			t.Errorf("%d pieces are left", left)
		}
	})
}

// Leads come to an account while it changes: at the end each has its last value.
func TestNoLeadMissesWhatIsSaidAtTheSameTime(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		stores := []*store.Store{f.Store, f.process()}
		i := external("1")
		var all sync.WaitGroup
		const leads, changes = 24, 12
		for w, s := range stores {
			all.Go(func() {
				for n := range leads {
					one := subject(anonymous(fmt.Sprint("v", w, "-", n)))
					one.Effective, one.AccountIdentity = f.now(), &i
					if err := s.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{one}}); err != nil {
						t.Error(err)
					}
				}
			})
			all.Go(func() {
				for n := range changes {
					said := account.Say("", "step", fmt.Append(nil, n), account.Circumstances{
						Default: f.now().Add(time.Duration(n) * time.Second), Dated: true, Source: fmt.Sprint("s", w),
					})
					err := s.CaptureAccount(t.Context(), &store.AccountCapture{
						Received: f.now(), Identities: []account.Identity{i}, Effective: f.now(), Source: "crm", Said: []account.Said{said},
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
		f.drain(f.Store)
		want := fmt.Sprint(changes - 1)
		for _, c := range f.claim(1000) {
			value := ""
			for _, x := range c.Facts { // in order
				if x.GetAttribute().GetKey() == "account.step" {
					value = held(c.Facts, 1)["account.step"]
				}
			}
			if value != want {
				t.Errorf("a lead has %q, want %s", value, want)
			}
		}
		if n := f.count(`SELECT count(*) FROM accounts`); n != 1 {
			t.Errorf("%d accounts", n)
		}
	})
}
