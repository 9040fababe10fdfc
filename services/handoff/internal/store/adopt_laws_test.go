package store_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// However leads are merged, taken apart, decided late, twice or not at all, and whatever
// sales does meanwhile: a person has at most one open handoff in a track, no handoff is
// lost or doubled, and none changes its lead; what was made while leads were merged that
// are apart by now is marked, and nothing else; and once every person was decided, all
// leads stand with theirs and deciding again changes nothing.
func TestLawsOfMerges(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &merging{office: o, persons: map[string]string{}, identity: map[string]int32{}, lead: map[string]string{}, over: map[string]bool{}}
			for i := range 4 {
				id := fmt.Sprintf("01910000-0000-7000-8000-%011d%d", run, i)
				m.leads, m.persons[id] = append(m.leads, id), id
			}
			t.Repeat(map[string]func(*rapid.T){
				"merge": m.merge, "take apart": m.takeApart,
				"decide": m.decideOne, "decide late": m.decideLate, "decide cut": m.decideCut,
				"sales says": m.salesSays, "settle": m.settle,
				"": m.check,
			})
		})
	})
}

// merging is what is true of some leads, by ingest.
type merging struct {
	*office
	leads    []string
	persons  map[string]string // who stands for a lead
	identity map[string]int32  // of the leads
	version  int32
	late     []*store.Lead

	lead map[string]string // of each handoff that was seen
	over map[string]bool   // handoffs that were seen closed
}

func (m *merging) group(person string) []string {
	return slices.DeleteFunc(slices.Clone(m.leads), func(id string) bool { return m.persons[id] != person })
}

// regroup makes some leads a person, or leaves one as it is.
func (m *merging) regroup(parts ...[]string) {
	m.version++
	for _, ids := range parts {
		for _, id := range ids {
			m.persons[id], m.identity[id] = slices.Min(ids), m.version
		}
	}
}

func (m *merging) person(t *rapid.T) string {
	return rapid.SampledFrom(slices.Sorted(maps.Values(m.persons))).Draw(t, "person")
}

func (m *merging) merge(t *rapid.T) {
	a, b := m.person(t), m.person(t)
	if a == b {
		t.Skip("one person")
	}
	m.regroup(append(m.group(a), m.group(b)...))
}

func (m *merging) takeApart(t *rapid.T) {
	ids := rapid.Permutation(m.group(m.person(t))).Draw(t, "leads")
	if len(ids) < 2 {
		t.Skip("one lead")
	}
	n := rapid.IntRange(1, len(ids)-1).Draw(t, "stay")
	m.regroup(ids[:n], ids[n:])
}

// claim of a person as it is.
func (m *merging) claim(t *rapid.T, person string, verdicts ...decision.Verdict) *store.Lead {
	return m.scored(person, rapid.SampledFrom(verdicts).Draw(t, "verdict"), func(l *store.Lead) {
		l.IdentityVersion = m.identity[person]
		l.Members = slices.DeleteFunc(m.group(person), func(id string) bool { return id == person })
		if rapid.Bool().Draw(t, "stirred") {
			l.Stirred = m.clock.Add(time.Microsecond)
		}
	})
}

var anyVerdict = []decision.Verdict{decision.Qualified, decision.Qualified, decision.Nurture, decision.NeedsAnswers}

// decideOne decides a person: what was open of any of its leads is open still, once.
func (m *merging) decideOne(t *rapid.T) {
	l := m.claim(t, m.person(t), anyVerdict...)
	if rapid.IntRange(0, 3).Draw(t, "late") == 0 {
		m.late = append(m.late, l)
		return
	}
	all := append([]string{l.ID}, l.Members...)
	had := m.open(t, all)
	if r := m.decide(t, l); r.State != store.Decided {
		t.Fatalf("a claim of a person as it is: %v", r)
	}
	if has := m.open(t, all); had > 0 && has != 1 {
		t.Fatalf("%d open handoffs before, %d after", had, has)
	}
}

// decideLate decides what was claimed before.
func (m *merging) decideLate(t *rapid.T) {
	if len(m.late) == 0 {
		t.Skip("nothing is late")
	}
	l := rapid.SampledFrom(m.late).Draw(t, "claim")
	m.decide(t, l)
}

// decideCut ends before the commit: nothing of it may remain.
func (m *merging) decideCut(t *rapid.T) {
	crash := errors.New("crash")
	m.db.BeforeCommit(func(*sqldb.Tx) (func(bool), error) { return nil, crash })
	defer m.db.BeforeCommit(nil)
	if _, err := m.Decide(context.Background(), []*store.Lead{m.claim(t, m.person(t), anyVerdict...)}); !errors.Is(err, crash) {
		t.Fatal(err)
	}
}

func (m *merging) salesSays(t *rapid.T) {
	hs := m.handoffs(t, m.person(t))
	if len(hs) == 0 {
		t.Skip("no handoff")
	}
	say := rapid.SampledFrom([]struct {
		cause lifecycle.Cause
		to    lifecycle.Stage
	}{
		{lifecycle.ByAccept, lifecycle.SalesAccepted},
		{lifecycle.ByAccept, lifecycle.SalesAccepted},
		{lifecycle.ByReject, lifecycle.Recycled},
		{lifecycle.ByRecycle, lifecycle.Recycled},
		{lifecycle.ByOutcome, lifecycle.Opportunity},
		{lifecycle.ByOutcome, lifecycle.Lost},
	}).Draw(t, "word")
	_, err := m.act(rapid.SampledFrom(hs).Draw(t, "handoff"), say.cause, say.to, "because")
	var state *store.StateError
	var forbidden *lifecycle.ForbiddenError
	if err != nil && !errors.As(err, &state) && !errors.As(err, &forbidden) {
		t.Fatal(err)
	}
}

// settle decides every person twice, in any order.
func (m *merging) settle(t *rapid.T) {
	order := rapid.Permutation(slices.Compact(slices.Sorted(maps.Values(m.persons)))).Draw(t, "order")
	once := map[string][]string{}
	for round := range 2 {
		for _, p := range order {
			l := m.claim(t, p, decision.Nurture)
			l.Stirred = time.Time{}
			if r := m.decide(t, l); r.State != store.Decided {
				t.Fatalf("a claim of a person as it is: %v", r)
			}
			if states := m.states(t, p); round == 0 {
				once[p] = states
			} else if !slices.Equal(once[p], states) {
				t.Fatalf("deciding again makes %v of %v", states, once[p])
			}
		}
	}
	for _, id := range m.leads {
		if q := m.qualification(t, id); q.GetLead() != store.LeadName(m.persons[id]) {
			t.Fatalf("%s stands with %s, it is %s", id, q.GetLead(), m.persons[id])
		}
		for _, h := range m.handoffs(t, id) {
			lead := store.LeadID(h.GetLead())
			if want := slices.ContainsFunc(h.GetMadeFor(), func(other string) bool { return m.persons[store.LeadID(other)] != m.persons[lead] }); h.GetMadeWhileMerged() != want {
				t.Fatalf("marked %v: %v", h.GetMadeWhileMerged(), h)
			}
		}
	}
}

// open counts the handoffs that are open of some leads.
func (m *merging) open(t *rapid.T, leads []string) (n int) {
	for _, h := range m.all(t) {
		if isOpen(h) && slices.Contains(leads, store.LeadID(h.GetLead())) {
			n++
		}
	}
	return n
}

// all are the handoffs of all leads.
func (m *merging) all(t *rapid.T) []*handoffv1.Handoff {
	list, err := m.Handoffs(context.Background(), []store.Term{{Column: store.LeadColumn, Value: m.leads}}, false, nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]*handoffv1.Handoff, len(list))
	for i := range list {
		out[i] = list[i].Handoff
	}
	return out
}

func isOpen(h *handoffv1.Handoff) bool {
	return h.GetState() == handoffv1.Handoff_STATE_OPEN || h.GetState() == handoffv1.Handoff_STATE_ACCEPTED
}

func (m *merging) check(t *rapid.T) {
	cycles, open := map[string]bool{}, map[string]string{}
	all := map[string]*handoffv1.Handoff{}
	for _, h := range m.all(t) {
		if all[h.GetName()] = h; !isOpen(h) {
			continue
		}
		person := cmp.Or(h.GetPerson(), h.GetLead())
		if open[person] != "" {
			t.Fatalf("%s and %s are open", open[person], h.GetName())
		}
		open[person] = h.GetName()
		if q, err := m.Qualification(context.Background(), store.LeadID(h.GetLead()), ""); err != nil || q.GetHandoff() != h.GetName() || q.GetLead() != person {
			t.Fatalf("%s is open, and %s stands with %q, %v", h.GetName(), q.GetLead(), q.GetHandoff(), err)
		}
	}
	for name, h := range all {
		if was, known := m.lead[name]; known && was != h.GetLead() {
			t.Fatalf("%s was of %s and is of %s", name, was, h.GetLead())
		}
		if m.over[name] && isOpen(h) {
			t.Fatalf("%s is open again", name)
		}
		if cycle := fmt.Sprint(h.GetLead(), h.GetTrack(), h.GetCycle()); cycles[cycle] {
			t.Fatalf("two handoffs in %s", cycle)
		} else {
			cycles[cycle] = true
		}
		m.lead[name], m.over[name] = h.GetLead(), m.over[name] || !isOpen(h) && h.GetState() != handoffv1.Handoff_STATE_LOST
	}
	if len(all) != len(m.lead) {
		t.Fatalf("%d handoffs, there were %d", len(all), len(m.lead))
	}
}
