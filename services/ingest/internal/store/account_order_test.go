package store_test

import (
	"cmp"
	"encoding/json"
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
)

// news is something that is said of a time: of an account, or of a lead that belongs
// to one.
type news struct {
	lead    int    // 1 or 2: a lead; 0: an account
	account string // of which account, or to which the lead belongs; "" to none
	kind    string // of an account: of a fact with a key; "" an attribute
	key     string
	value   string // JSON
	hour    int
	source  string
}

func (n news) at() time.Time { return start.Add(time.Duration(n.hour) * time.Hour) }

func drawNews(r *rapid.T) news {
	n := news{
		account: rapid.SampledFrom([]string{"one", "two"}).Draw(r, "account"),
		hour:    rapid.IntRange(0, 5).Draw(r, "hour"),
		source:  rapid.SampledFrom([]string{"crm", "vendor"}).Draw(r, "source"),
	}
	switch rapid.IntRange(0, 5).Draw(r, "what") {
	case 0, 1:
		n.lead = rapid.IntRange(1, 2).Draw(r, "lead")
		n.account = rapid.SampledFrom([]string{"one", "two", ""}).Draw(r, "account")
	case 2, 3:
		n.kind, n.key = rapid.SampledFrom([]string{"opportunities", "seats"}).Draw(r, "kind"), rapid.SampledFrom([]string{"a", "b"}).Draw(r, "key")
		n.value = rapid.SampledFrom([]string{`"open"`, `"closed_won"`, `null`}).Draw(r, "state")
	default:
		// One of the names is also a count.
		n.key = rapid.SampledFrom([]string{"industry", "seats_open"}).Draw(r, "key")
		n.value = rapid.SampledFrom([]string{`"A"`, `"B"`, `null`}).Draw(r, "value")
	}
	return n
}

// last returns the value that counts at an hour: nil if nothing is known.
func last(all []news, hour int, is func(news) bool, value func(news) string) string {
	var found *news
	id := func(n *news) string {
		key := n.key
		switch {
		case n.lead != 0:
			key = lead.Account
		case n.kind != "":
			key = n.kind + "/" + n.key
		}
		return lead.FactID(lead.Attribute{Key: key, Value: []byte(value(*n))}, n.at().UnixMicro(), n.source)
	}
	for i := range all {
		n := &all[i]
		if !is(*n) || n.hour > hour {
			continue
		}
		if found == nil || cmp.Or(cmp.Compare(n.hour, found.hour), cmp.Compare(n.source, found.source), cmp.Compare(id(n), id(found))) > 0 {
			found = n
		}
	}
	if found == nil || value(*found) == "null" {
		return ""
	}
	return value(*found)
}

// expected is what a lead has through its account at an hour, from the set of all that
// was said. It is written without a thought for speed.
func expected(all []news, who, hour int, ids map[string]string) map[string]string {
	out := map[string]string{}
	belongs := last(all, hour, func(n news) bool { return n.lead == who }, func(n news) string {
		if n.account == "" {
			return "null"
		}
		return `"accounts/` + ids[n.account] + `"`
	})
	name := ""
	for n, id := range ids {
		if belongs == `"accounts/`+id+`"` {
			name = n
		}
	}
	if name == "" {
		return out
	}
	said := func(n news) string { return n.value }
	for _, n := range all {
		if n.lead == 0 && n.account == name && n.kind == "" {
			if v := last(all, hour, func(m news) bool { return m.lead == 0 && m.account == name && m.kind == "" && m.key == n.key }, said); v != "" {
				out["account."+n.key] = v
			}
		}
	}
	counts := map[string]int{
		"opportunities_open": 0, "opportunities_qualified": 0, "opportunities_closed_won": 0, "opportunities_closed_lost": 0,
		"customers_open": 0, "customers_closed": 0,
	}
	// A state that a kind ever has in the account is counted at any hour.
	ever := map[[2]string]bool{}
	for _, n := range all {
		if n.lead != 0 || n.account != name || n.kind == "" {
			continue
		}
		for h := range 6 {
			state := last(all, h, func(m news) bool { return m.lead == 0 && m.account == name && m.kind == n.kind && m.key == n.key }, said)
			if state == "" {
				continue
			}
			key := n.kind + "_" + strings.Trim(state, `"`)
			counts[key] += 0
			if h == hour && !ever[[2]string{n.kind, n.key}] {
				ever[[2]string{n.kind, n.key}] = true
				counts[key]++
			}
		}
	}
	for key, n := range counts {
		out["account."+key] = fmt.Sprint(n)
	}
	return out
}

// held is what facts give at an hour.
func held(facts []*typev1.Fact, hour int) map[string]string {
	ordered := slices.SortedFunc(slices.Values(facts), func(a, b *typev1.Fact) int {
		return cmp.Or(a.GetEffectiveTime().AsTime().Compare(b.GetEffectiveTime().AsTime()), cmp.Compare(a.GetSource(), b.GetSource()), cmp.Compare(a.GetId(), b.GetId()))
	})
	out := map[string]string{}
	for _, f := range ordered {
		key, value := f.GetAttribute().GetKey(), string(f.GetAttribute().GetValueJson())
		if f.GetEffectiveTime().AsTime().After(start.Add(time.Duration(hour)*time.Hour)) || !lead.OfAccount(key) {
			continue
		}
		delete(out, key)
		if value != "null" {
			out[key] = value
		}
	}
	return out
}

// Whatever is said of accounts and of who belongs to them, in any order and in any
// pieces, with claims between: at every instant a lead has what its account of that
// instant has then, and so say the facts that scorers got.
func TestAccountsInAnyOrder(t *testing.T) {
	law(t, "", checkAccounts)
}

func checkAccounts(r *rapid.T, f *fixture, n int) {
	all := rapid.SliceOfN(rapid.Custom(drawNews), 1, 14).Draw(r, "news")
	named := func(name string) account.Identity {
		return account.Identity{Kind: account.ExternalID, Value: fmt.Sprint(name, n)}
	}
	leads := map[int]string{}
	got := map[int][]*typev1.Fact{}
	claim := func() {
		for who, id := range leads {
			claimed, err := f.ClaimLead(f.t.Context(), id, time.Minute)
			f.ok(err)
			for _, c := range claimed {
				got[who] = append(got[who], c.Facts...)
				f.complete(store.Decided, c)
			}
		}
	}
	for left := slices.Clone(all); len(left) > 0; {
		size := rapid.IntRange(1, len(left)).Draw(r, "together")
		capture := &store.Capture{Received: f.now()}
		for _, x := range left[:size] {
			if x.lead == 0 {
				f.ok(f.CaptureAccount(f.t.Context(), x.capture(named(x.account), f.now())))
				continue
			}
			s := &store.Subject{Identities: []identity.Identity{anonymous(fmt.Sprint("lead", x.lead, "-", n))}, Effective: x.at(), Dated: true, Source: x.source}
			if x.account == "" {
				s.LeaveAccount = true
			} else {
				i := named(x.account)
				s.AccountIdentity = &i
			}
			capture.Subjects = append(capture.Subjects, s)
		}
		f.ok(f.Capture(f.t.Context(), capture))
		i := 0
		for _, x := range left[:size] {
			if x.lead != 0 {
				leads[x.lead] = capture.Subjects[i].Result.Lead
				i++
			}
		}
		left = left[size:]
		if rapid.Bool().Draw(r, "claim") {
			claim()
		}
	}
	claim()
	ids := map[string]string{}
	for _, name := range []string{"one", "two"} {
		if id, err := f.LookupAccount(f.t.Context(), named(name)); err == nil {
			ids[name] = id
		}
	}
	for who, id := range leads {
		history, _, _, err := f.Facts(f.t.Context(), id, 0, 0, 1<<20)
		f.ok(err)
		for hour := range 6 {
			want := expected(all, who, hour, ids)
			for how, facts := range map[string][]*typev1.Fact{"history": history, "claims": got[who]} {
				if have := held(facts, hour); fmt.Sprint(have) != fmt.Sprint(want) {
					r.Fatalf("lead %d at hour %d: the %s gives\n%v, want\n%v", who, hour, how, have, want)
				}
			}
		}
		// What conditions on the lead as it is now read.
		var current map[string]json.RawMessage
		row := f.db.Read().QueryRowContext(f.t.Context(), `SELECT attributes FROM leads WHERE id = $1`, id)
		var text []byte
		f.ok(row.Scan(&text))
		f.ok(json.Unmarshal(text, &current))
		have := map[string]string{}
		for key, value := range current {
			if lead.OfAccount(key) {
				have[key] = string(value)
			}
		}
		if want := expected(all, who, 5, ids); fmt.Sprint(have) != fmt.Sprint(want) {
			r.Fatalf("lead %d has %v now, want %v", who, have, want)
		}
	}
	if left, err := f.AccountsToTell(f.t.Context(), ""); len(left) > 0 || err != nil {
		r.Fatalf("there are leads to tell: %v, %v", left, err)
	}
}

func (n news) capture(i account.Identity, now time.Time) *store.AccountCapture {
	c := account.Circumstances{Default: n.at(), Dated: true, Source: n.source}
	return &store.AccountCapture{
		Received: now, Identities: []account.Identity{i}, Effective: n.at(), Dated: true, Source: n.source,
		Said: []account.Said{account.Say(n.kind, n.key, []byte(n.value), c)},
	}
}
