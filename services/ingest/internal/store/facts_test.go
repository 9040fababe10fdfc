package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

func TestChunksEndWithAVersion(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("a@x.example", act("a1", 0)).Lead // and email_domain
		f.acts("a@x.example", act("b1", 0), act("b2", 0), act("b3", 0))
		f.acts("a@x.example", act("c1", 0))
		f.says("a@x.example", "title", `"CTO"`)
		for _, c := range []struct {
			after, to int64
			size      int
			facts     int
			version   int64
			more      bool
		}{
			{0, 0, 100, 7, 4, false},
			{0, 0, 1, 2, 1, true},
			{0, 0, 2, 2, 1, true},
			{0, 0, 3, 5, 2, true},
			{1, 0, 1, 3, 2, true},
			{1, 3, 4, 4, 3, false},
			{1, 2, 1, 3, 2, false},
			{2, 0, 1, 1, 3, true},
			{3, 0, 1, 1, 4, false},
			{3, 99, 1, 1, 4, false},
			{4, 0, 1, 0, 4, false},
		} {
			facts, version, more, err := f.Facts(t.Context(), id, c.after, c.to, c.size)
			f.ok(err)
			facts = sayings(facts)
			if len(facts) != c.facts || version != c.version || more != c.more {
				t.Errorf("after %d to %d, %d: got %d facts up to %d, more %v; want %d, %d, %v", c.after, c.to, c.size, len(facts), version, more, c.facts, c.version, c.more)
			}
		}
		if _, _, _, err := f.Facts(t.Context(), lead.NewID(), 0, 0, 1); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestLargeFactsEndAChunkEarly(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		text := `{"a":"` + strings.Repeat("x", 9900) + `","b":"` + strings.Repeat("y", 9900) + `","c":"` + strings.Repeat("z", 9900) + `"}`
		var id string
		for v := range 4 {
			s := subject(email("a@x.example"))
			for i := range 150 { // 4.5 MB
				s.Activities = append(s.Activities, act(fmt.Sprint(v, "-", i), 0, text))
			}
			id = f.capture(s).Lead
		}
		facts, version, more, err := f.Facts(t.Context(), id, 0, 0, 5000)
		f.ok(err)
		if facts = sayings(facts); len(facts) != 301 || version != 2 || !more {
			t.Errorf("%d facts up to %d, more %v", len(facts), version, more)
		}
	})
}

// A person with two leads: facts keep the lead they came with, and everything that
// is read is of both.
func TestMembersOfAPerson(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		person := f.acts("a@x.example", act("a1", 0)).Lead
		member := f.acts("b@x.example", act("b1", time.Second), act("b2", 2*time.Second)).Lead
		for _, c := range f.claim(2) {
			f.complete(store.Decided, c)
		}
		// What a merge will do.
		f.sql(`UPDATE leads SET canonical_id = $1 WHERE id = $2`, person, member)
		f.sql(`UPDATE leads SET rewritten_version = 2 WHERE id = $1`, person)
		f.sql(`UPDATE pending SET facts_version = 2, state = 1 WHERE lead_id = $1`, person)

		// The rewritten history is needed as a whole.
		c := f.claim(2)
		if len(c) != 1 || c[0].Lead != person || c[0].From != 0 || c[0].Claimed != 2 || c[0].Omitted || len(sayings(c[0].Facts)) != 5 {
			t.Fatalf("%+v", c)
		}
		f.complete(store.Decided, c[0])

		got := f.acts("b@x.example", act("b3", 3*time.Second))
		if got.Lead != member || got.Person != person || got.Version != 3 {
			t.Errorf("what a member does: %+v", got)
		}
		if got := f.says("b@x.example", "title", `"CTO"`); got.Lead != member || got.Version != 4 {
			t.Errorf("what is said of a member: %+v", got)
		}
		c = f.claim(2)
		if len(c) != 1 || c[0].Lead != person || c[0].From != 2 || len(c[0].Facts) != 2 || c[0].Facts[0].GetLead() != lead.Name(member) || !strings.Contains(string(c[0].Attributes), "CTO") {
			t.Fatalf("%+v", c)
		}
		for _, id := range []string{person, member} {
			l := f.lead(id)
			if l.ID != person || !slices.Equal(l.Members, []string{person, member}) || len(l.Identities) != 2 || l.Version != 4 {
				t.Errorf("%+v", l)
			}
			timeline, err := f.Timeline(t.Context(), id, nil, 10)
			f.ok(err)
			var ids []string
			for _, a := range timeline {
				ids = append(ids, a.ID+" "+fmt.Sprint(a.Lead == member))
			}
			if !slices.Equal(ids, []string{"b3 true", "b2 true", "b1 true", "a1 false"}) {
				t.Errorf("timeline: %q", ids)
			}
			if h := f.history(id); len(h) != 7 {
				t.Errorf("history: %q", h)
			}
		}
		if list, err := f.Leads(t.Context(), store.LeadQuery{}, nil, 10); err != nil || len(list) != 1 {
			t.Errorf("%+v, %v", list, err)
		}
		if byName, err := f.ClaimLead(t.Context(), member, time.Minute); err != nil || len(byName) != 0 {
			t.Error("the person is leased", err)
		}
	})
}

func TestTimelinePages(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		s := subject(email("a@x.example"))
		for i := range 23 { // many at one instant
			s.Activities = append(s.Activities, act(fmt.Sprintf("e%02d", i), time.Duration(i/6)*time.Minute))
		}
		id := f.capture(s).Lead
		for size := 1; size < 25; size += 4 {
			var got []string
			var after *store.ActivityKey
			for {
				page, err := f.Timeline(t.Context(), id, after, size)
				f.ok(err)
				for _, a := range page {
					got = append(got, a.ID)
				}
				if len(page) < size {
					break
				}
				after = &page[len(page)-1].ActivityKey
			}
			if len(got) != 23 || !slices.IsSortedFunc(got, func(a, b string) int { return strings.Compare(b, a) }) {
				t.Errorf("pages of %d: %q", size, got)
			}
		}
		if _, err := f.Timeline(t.Context(), lead.NewID(), nil, 1); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}
