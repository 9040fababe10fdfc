package store_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func domain(name string) account.Identity {
	return account.Identity{Kind: account.Domain, Value: name}
}

func TestALeadBelongsToTheCompanyOfItsEmail(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		belongs := func(r store.Result) string {
			t.Helper()
			l, err := f.Lead(t.Context(), r.Person)
			f.ok(err)
			return l.Account
		}
		first := f.capture(subject(email("ann@mail.acme.com")))
		acme, err := f.LookupAccount(t.Context(), domain("acme.com"))
		f.ok(err)
		if got := belongs(first); got != acme {
			t.Errorf("ann belongs to %q", got)
		}
		f.ok(f.CaptureAccount(t.Context(), &store.AccountCapture{
			Received: f.now(), Account: acme, Identities: []account.Identity{domain("acme.de")}, Source: "crm", Effective: start,
			Said: []account.Said{account.Say("", "industry", []byte(`"steel"`), account.Circumstances{Default: start, Source: "crm"})},
		}))
		second := f.capture(subject(email("bob@acme.de")))
		if got := belongs(second); got != acme {
			t.Errorf("bob of another domain of the account belongs to %q", got)
		}
		list, err := f.AccountLeads(t.Context(), acme, "", 10)
		f.ok(err)
		if len(list) != 2 {
			t.Errorf("%d leads of the account", len(list))
		}
		var steel int
		f.ok(f.db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM attributes WHERE key = 'account.industry' AND value = $1`, []byte(`"steel"`)).Scan(&steel))
		if steel != 2 {
			t.Errorf("%d leads have the industry of the account", steel)
		}
		if got := belongs(f.capture(subject(email("carl@gmail.com")))); got != "" {
			t.Errorf("free mail belongs to %q", got)
		}
		crm := account.Identity{Kind: account.ExternalID, Value: "crm-7"}
		group := subject(email("ann@mail.acme.com"))
		group.AccountIdentity = &crm
		f.capture(group)
		other, err := f.LookupAccount(t.Context(), crm)
		f.ok(err)
		if got := belongs(first); got != other {
			t.Errorf("after a group ann belongs to %q", got)
		}
		again := subject(email("ann@mail.acme.com"))
		again.Attributes = attributes("city", `"Bonn"`)
		f.capture(again)
		if got := belongs(first); got != other {
			t.Errorf("her address again: ann belongs to %q", got)
		}
	})
}

// told is what is said of one person at an hour: an address, an account or that there is
// none.
type told struct {
	hour    int
	mail    string // domain of the address
	account string // id of the CRM; "-" for none
}

// Whatever the order of its arrival, an account that was said holds from when it was said,
// and the company of the address before.
func TestCompaniesInAnyOrder(t *testing.T) {
	db := dbtest.Migrated(t, dbtest.SQLite(t), "ingest", sqldb.Normal, migrations.FS)
	f := newFixture(t, db)
	f.pass(100 * time.Hour)
	run := 0
	rapid.Check(t, func(r *rapid.T) {
		run++
		hours := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(r, "hours of addresses")
		others := rapid.Permutation([]int{0, 1, 2, 3, 4, 5}).Draw(r, "hours of accounts")
		all := make([]told, rapid.IntRange(1, 6).Draw(r, "news"))
		for i := range all {
			all[i].hour = hours[i]
			switch rapid.IntRange(0, 3).Draw(r, "what") {
			case 0:
				all[i].hour = others[i]
				all[i].account = rapid.SampledFrom([]string{"a", "b", "-"}).Draw(r, "account")
			default:
				all[i].mail = rapid.SampledFrom([]string{"acme.com", "eu.acme.com", "rival.de", "gmail.com"}).Draw(r, "mail")
			}
		}
		var id string
		for left := all; len(left) > 0; {
			size := rapid.IntRange(1, len(left)).Draw(r, "together")
			capture := &store.Capture{Received: f.now()}
			for _, n := range left[:size] {
				s := &store.Subject{
					Identities: []identity.Identity{{Kind: identity.UserID, Value: fmt.Sprint("person", run)}},
					Effective:  start.Add(time.Duration(n.hour) * time.Hour), Dated: true, Source: "api",
				}
				switch n.account {
				case "":
					s.Identities = append(s.Identities, email(fmt.Sprintf("p%d@%s", run, n.mail)))
				case "-":
					s.LeaveAccount = true
				default:
					s.AccountIdentity = &account.Identity{Kind: account.ExternalID, Value: n.account}
				}
				capture.Subjects = append(capture.Subjects, s)
			}
			f.ok(f.Capture(t.Context(), capture))
			id, left = capture.Subjects[0].Result.Person, left[size:]
		}
		facts, _, _, err := f.Facts(t.Context(), id, 0, 0, 1<<20)
		f.ok(err)
		for hour := range 6 {
			want := ""
			if i, found := who(all, hour); found {
				want, err = f.LookupAccount(t.Context(), i)
				f.ok(err)
				want = `"` + account.Name(want) + `"`
			}
			if got := accountAt(facts, hour); got != want {
				r.Fatalf("at hour %d it belongs to %q, want %q of %+v", hour, got, want, all)
			}
		}
	})
}

// who is the account that somebody belongs to at an hour, by the set of what was said.
func who(all []told, hour int) (account.Identity, bool) {
	var mail, explicit *told
	for i := range all {
		n := &all[i]
		switch {
		case n.hour > hour:
		case n.account != "" && (explicit == nil || n.hour > explicit.hour):
			explicit = n
		case n.mail != "" && (mail == nil || n.hour > mail.hour):
			mail = n
		}
	}
	switch {
	case explicit != nil:
		return account.Identity{Kind: account.ExternalID, Value: explicit.account}, explicit.account != "-"
	case mail != nil:
		company := account.CompanyDomain(mail.mail)
		return domain(company), company != ""
	}
	return account.Identity{}, false
}

// accountAt is the account that facts give at an hour; empty: none.
func accountAt(facts []*typev1.Fact, hour int) (now string) {
	ordered := slices.SortedFunc(slices.Values(facts), func(a, b *typev1.Fact) int {
		return cmp.Or(a.GetEffectiveTime().AsTime().Compare(b.GetEffectiveTime().AsTime()), cmp.Compare(a.GetSource(), b.GetSource()), cmp.Compare(a.GetId(), b.GetId()))
	})
	for _, f := range ordered {
		if f.GetAttribute().GetKey() != lead.Account || f.GetEffectiveTime().AsTime().After(start.Add(time.Duration(hour)*time.Hour)) {
			continue
		}
		if now = string(f.GetAttribute().GetValueJson()); now == "null" {
			now = ""
		}
	}
	return now
}

// A merged person belongs where it was said that any of its leads does, and each has its own
// back after an un-merge.
func TestAccountsHoldAcrossAMerge(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		first := f.capture(subject(email("ann@steel-works.com"))).Person
		f.pass(time.Hour)
		second := f.capture(subject(identity.Identity{Kind: identity.UserID, Value: "u-7"})).Person
		works, err := f.LookupAccount(t.Context(), domain("steel-works.com"))
		f.ok(err)
		f.ok(f.CaptureAccount(t.Context(), &store.AccountCapture{
			Received: f.now(), Account: works, Source: "crm", Effective: start,
			Said: []account.Said{account.Say("", "industry", []byte(`"steel"`), account.Circumstances{Default: start, Source: "crm"})},
		}))
		history := func(id string) string {
			t.Helper()
			facts, _, _, err := f.Facts(t.Context(), id, 0, 0, 1<<20)
			f.ok(err)
			return accountAt(facts, 5) + " " + fmt.Sprint(held(facts, 5))
		}
		before := history(first)
		if !strings.Contains(before, works) || !strings.Contains(before, "steel") {
			t.Fatalf("ann has %s", before)
		}
		merge, err := f.Merge(t.Context(), first, second, "jane", "the same person")
		f.ok(err)
		for _, id := range []string{first, second} {
			if got := history(id); got != before {
				t.Errorf("merged: %s, want %s", got, before)
			}
		}
		_, err = f.Sever(t.Context(), first, merge, "jane", "they are two")
		f.ok(err)
		if got := history(first); got != before {
			t.Errorf("ann alone again: %s, want %s", got, before)
		}
		if got := history(second); strings.Contains(got, "steel") {
			t.Errorf("the other alone again: %s", got)
		}
	})
}
