package store_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// folded is what facts say, whatever versions they came with.
func folded(facts []*typev1.Fact) (list []string) {
	for _, f := range facts {
		list = append(list, fmt.Sprintf("%s %s %s=%s%s", f.GetEffectiveTime().AsTime(), f.GetSource(),
			f.GetAttribute().GetKey(), f.GetAttribute().GetValueJson(), f.GetActivity().GetType()))
	}
	return sorted(list)
}

// rich makes a lead of which everything that follows from a history is known, said out
// of order.
func (f *fixture) rich(address string) string {
	f.t.Helper()
	company := external("of " + address)
	f.pass(50 * time.Hour)
	f.saysOn(company, "industry", `"Software"`)
	id := f.belongs(company, email(address))[0]
	f.pass(time.Hour)
	f.saysOn(company, "industry", `"Steel"`)
	for _, hour := range []int{9, 3, 6} {
		s := saying{"title", fmt.Sprintf(`"CTO %d"`, hour), hour, "form"}.subject(email(address))
		s.LeadSource = fmt.Appendf(nil, `{"channel":"event","campaign":"%d"}`, hour)
		f.capture(s)
	}
	f.acts(address, act(address+"1", time.Hour), act(address+"2", 20*time.Hour))
	return id
}

func TestRewritingAnUnchangedHistory(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.rich("a@x.example")
		whole := func() []*typev1.Fact {
			facts, _, _, err := f.Facts(t.Context(), id, 0, 0, 1<<20)
			f.ok(err)
			return facts
		}
		f.complete(store.Decided, f.claim(1)...)
		before, facts := f.lead(id), whole()
		attributes, earliest := f.current(id)
		for round := range 2 {
			f.ok(f.Rewrite(t.Context(), id))
			after := f.lead(id)
			if now, first := f.current(id); now != attributes || first != earliest || string(after.LeadSource) != string(before.LeadSource) || after.Account != before.Account {
				t.Errorf("round %d: %s, %d, want %s, %d", round, now, first, attributes, earliest)
			}
			if now := whole(); round > 0 && !slices.Equal(folded(now), folded(facts)) || len(f.values(now)) == 0 || !slices.Equal(f.values(now), f.values(facts)) {
				t.Errorf("round %d: the history is %q, want %q", round, folded(now), folded(facts))
			}
			c := f.claim(1)
			if len(c) != 1 || c[0].From != 0 || c[0].Claimed != after.Version || c[0].Omitted || !slices.Equal(folded(c[0].Facts), folded(whole())) {
				t.Fatalf("round %d: %+v", round, c)
			}
			f.complete(store.Decided, c...)
			facts = whole()
		}
		f.acts("a@x.example", act("after", 30*time.Hour))
		if c := f.claim(1); len(c) != 1 || c[0].From == 0 || len(c[0].Facts) != 1 {
			t.Errorf("after the whole history, what is new: %+v", c)
		}
	})
}

// current returns the current attributes of a lead, and when it was first known.
func (f *fixture) current(id string) (attributes string, earliest int) {
	f.t.Helper()
	f.ok(f.db.Read().QueryRowContext(f.t.Context(), `SELECT l.attributes, p.earliest_effective FROM leads l CROSS JOIN pending p
		WHERE l.id = $1 AND p.lead_id = l.id`, id).Scan(&attributes, &earliest))
	return attributes, earliest
}

// values are the values over time that facts give: how scorers read them.
func (f *fixture) values(facts []*typev1.Fact) []string {
	var list []fact
	for _, x := range facts {
		if x.GetAttribute() != nil {
			list = append(list, factOf(x))
		}
	}
	changes, _ := fold(list)
	return changes
}

func TestARewrittenHistoryIsOfAllMembers(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		one, two := f.rich("a@x.example"), f.rich("b@x.example")
		f.says("b@x.example", "title", `"Chief"`)
		alone := f.values(f.all(one))
		f.complete(store.Decided, f.claim(2)...)
		f.sql(`UPDATE leads SET canonical_id = $1 WHERE id = $2`, one, two)
		f.ok(f.Rewrite(t.Context(), one))
		merged := f.lead(one)
		if both := f.versions(one, two); merged.Version <= both {
			t.Errorf("version %d, that of a fact %d", merged.Version, both)
		}
		got, _ := f.current(one)
		for _, want := range []string{`"account.industry":"Steel"`, `"lead_source_campaign":"3"`, `"title":"Chief"`} {
			if !strings.Contains(got, want) {
				t.Errorf("%s, without %s", got, want)
			}
		}
		if n := f.count(`SELECT count(*) FROM account_leads WHERE lead_id = $1`, two); n != 0 {
			t.Errorf("who is merged has %d accounts", n)
		}
		f.complete(store.Decided, f.claim(1)...)
		// Apart again, each is as before.
		f.sql(`UPDATE leads SET canonical_id = id WHERE id = $1`, two)
		f.ok(f.Rewrite(t.Context(), one, two))
		if again := f.values(f.all(one)); !slices.Equal(again, alone) {
			t.Errorf("%q, want %q", again, alone)
		}
		if l := f.lead(two); l.Version <= 3 || l.Account == f.lead(one).Account {
			t.Errorf("%+v", l)
		}
		if c := f.claim(2); len(c) != 2 || c[0].From != 0 || c[1].From != 0 {
			t.Errorf("%+v", c)
		}
	})
}

func (f *fixture) all(id string) []*typev1.Fact {
	f.t.Helper()
	facts, _, _, err := f.Facts(f.t.Context(), id, 0, 0, 1<<20)
	f.ok(err)
	return facts
}

// versions returns the greatest version of any fact of leads before they were merged.
func (f *fixture) versions(leads ...string) (most int64) {
	for _, id := range leads {
		most = max(most, int64(f.count(`SELECT facts_version FROM pending WHERE lead_id = $1`, id)-1))
	}
	return most
}

func TestWhatNobodyHasCannotBeRewritten(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.ok(f.Rewrite(t.Context(), "no such lead"))
		if c := f.claim(1); len(c) != 0 {
			t.Errorf("%+v", c)
		}
	})
}
