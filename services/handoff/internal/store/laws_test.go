package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Whatever is decided, said by sales, repeated, late or cut off, in any order: at
// most one handoff for a lead, track and cycle; stages change only along the table;
// no decision is older than one before; every move is told.
func TestLaws(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		run := 0
		rapid.Check(t, func(t *rapid.T) {
			run++
			m := &machine{office: o, lead: fmt.Sprintf("01900000-0000-7000-8000-%012d", run)}
			t.Repeat(map[string]func(*rapid.T){
				"decide":       m.decideNew,
				"decide again": m.decideAgain,
				"decide late":  m.decideLate,
				"decide cut":   m.decideCutOff,
				"publish":      m.publish,
				"sales says":   m.salesSays,
				"a person":     m.personSays,
				"":             m.check,
			})
		})
	})
}

type machine struct {
	*office
	lead    string
	facts   int32
	claims  []*store.Lead
	decided int32 // the newest facts version that was decided
	moved   int   // moves seen by the last check
}

func (m *machine) claim(t *rapid.T) *store.Lead {
	m.facts++
	l := m.scored(m.lead, rapid.SampledFrom([]decision.Verdict{
		decision.Qualified, decision.Qualified, decision.Nurture, decision.Disqualified, decision.NeedsAnswers,
	}).Draw(t, "verdict"))
	l.FactsVersion = m.facts
	l.Historical = rapid.Bool().Draw(t, "historical")
	l.Cause = rapid.SampledFrom([]store.Cause{store.Live, store.Live, store.ByRescore, store.ByRelease, store.ByReview}).Draw(t, "cause")
	l.Recent = rapid.Bool().Draw(t, "recent")
	if l.Cause == store.ByRelease {
		l.Released = []string{rapid.SampledFrom([]string{"sales", "product"}).Draw(t, "released")}
	}
	if rapid.Bool().Draw(t, "stirred") {
		l.Stirred = m.clock.Add(time.Duration(rapid.IntRange(-3, 1).Draw(t, "when")) * time.Millisecond)
	}
	if rapid.Bool().Draw(t, "second standard") {
		second := l.Assessments[0]
		second.Standard, second.Version = "trial", m.active["trial"]
		second.Track = rapid.SampledFrom([]string{"sales", "product"}).Draw(t, "track")
		second.Decision.Verdict = decision.Qualified
		l.Assessments = append(l.Assessments, second)
	}
	m.claims = append(m.claims, l)
	return l
}

func (m *machine) settle(t *rapid.T, l *store.Lead) {
	current := true
	for _, a := range l.Assessments {
		current = current && m.active[a.Standard] == a.Version
	}
	before := len(m.handoffs(t, m.lead))
	r := m.decide(t, l)
	if after := len(m.handoffs(t, m.lead)); after > before && l.Cause == store.ByRescore {
		t.Fatal("a publish handed a lead off")
	}
	want := store.Decided
	switch {
	case !current:
		want = store.Outdated
	case l.FactsVersion < m.decided:
		want = store.Stale
	default:
		m.decided = l.FactsVersion
	}
	if r.State != want {
		t.Fatalf("deciding version %d after %d: state %d, want %d", l.FactsVersion, m.decided, r.State, want)
	}
}

func (m *machine) decideNew(t *rapid.T) { m.settle(t, m.claim(t)) }

// decideAgain: a crash after the commit, or the work of a worker that was slow.
func (m *machine) decideAgain(t *rapid.T) {
	if len(m.claims) == 0 {
		t.Skip("nothing claimed")
	}
	m.settle(t, rapid.SampledFrom(m.claims).Draw(t, "claim"))
}

// decideLate leaves a claim to be decided after others.
func (m *machine) decideLate(t *rapid.T) { m.claim(t) }

// decideCutOff ends before the commit: nothing of it may remain.
func (m *machine) decideCutOff(t *rapid.T) {
	crash := errors.New("crash")
	s := store.New(m.db, func() time.Time { return m.clock }, func(tx *sqldb.Tx) (map[string]string, error) {
		return nil, crash
	})
	if _, err := s.Decide(context.Background(), []*store.Lead{m.claim(t)}); !errors.Is(err, crash) {
		t.Fatal(err)
	}
}

func (m *machine) publish(t *rapid.T) {
	m.active = map[string]string{
		"default": rapid.SampledFrom([]string{"standards/default/versions/v1", "standards/default/versions/v2"}).Draw(t, "version"),
		"trial":   m.active["trial"],
	}
}

func (m *machine) salesSays(t *rapid.T) {
	hs := m.handoffs(t, m.lead)
	if len(hs) == 0 {
		t.Skip("no handoff")
	}
	h := rapid.SampledFrom(hs).Draw(t, "handoff")
	say := rapid.SampledFrom([]struct {
		cause lifecycle.Cause
		to    lifecycle.Stage
	}{
		{lifecycle.ByAccept, lifecycle.SalesAccepted},
		{lifecycle.ByReject, lifecycle.Recycled},
		{lifecycle.ByRecycle, lifecycle.Recycled},
		{lifecycle.ByOutcome, lifecycle.SalesQualified},
		{lifecycle.ByOutcome, lifecycle.Opportunity},
		{lifecycle.ByOutcome, lifecycle.Customer},
		{lifecycle.ByOutcome, lifecycle.Lost},
		{lifecycle.ByMerge, lifecycle.Lead},
	}).Draw(t, "word")
	after, err := m.act(h, say.cause, say.to, "because")
	var state *store.StateError
	var forbidden *lifecycle.ForbiddenError
	switch {
	case err == nil && after.GetState() == h.GetState() && after.GetEtag() == h.GetEtag():
		t.Fatal("nothing changed")
	case err != nil && !errors.As(err, &state) && !errors.As(err, &forbidden):
		t.Fatal(err)
	}
}

// personSays: a lead is disqualified or brought back, by somebody who may or may not.
func (m *machine) personSays(t *rapid.T) {
	act := store.LeadAct{
		Lead: m.lead, Track: rapid.SampledFrom([]string{"", "sales", "product"}).Draw(t, "track"),
		Cause: rapid.SampledFrom([]lifecycle.Cause{lifecycle.ByDisqualify, lifecycle.ByReinstate}).Draw(t, "act"),
		By:    rapid.SampledFrom([]lifecycle.Who{lifecycle.Sales, lifecycle.Marketing, lifecycle.Manager, lifecycle.Admin}).Draw(t, "who"),
		Actor: "mia", Reason: rapid.SampledFrom([]string{"because", "mistake", ""}).Draw(t, "reason"),
	}
	_, err := m.ActOnLead(context.Background(), act)
	var forbidden *lifecycle.ForbiddenError
	var denied *lifecycle.DeniedError
	var several *store.TrackError
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound), errors.Is(err, lifecycle.ErrNoReason):
	case errors.As(err, &forbidden), errors.As(err, &denied):
	case errors.As(err, &several) && act.Track == "":
	default:
		t.Fatal(err)
	}
}

func (m *machine) check(t *rapid.T) {
	ctx := context.Background()
	moves := m.moves(t, m.lead)
	if len(moves) < m.moved {
		t.Fatalf("%d moves, were %d: records vanished", len(moves), m.moved)
	}
	m.moved = len(moves)

	stage, cycle := map[string]lifecycle.Stage{}, map[string]int{}
	qualified, recycled := map[string]int32{}, map[string]int32{}
	told := 0
	for _, move := range moves {
		if stage[move.Track] != move.From {
			t.Fatalf("%s: from %s, was in %s", move.Track, move.From, stage[move.Track])
		}
		if !slices.ContainsFunc(lifecycle.Table, func(e lifecycle.Transition) bool {
			return e.From == move.From && e.To == move.To && e.Cause == move.Cause
		}) {
			t.Fatalf("%s → %s by %s is not in the table", move.From, move.To, move.Cause)
		}
		if move.Cycle < cycle[move.Track] || move.Cycle > cycle[move.Track]+1 {
			t.Fatalf("cycle %d after %d", move.Cycle, cycle[move.Track])
		}
		stage[move.Track], cycle[move.Track] = move.To, move.Cycle
		// A person may move a lead that no standard speaks of any more.
		if (move.Decision == "") != (move.Version == "") || move.Decision == "" && move.Cause == lifecycle.ByVerdict || move.Actor == "" {
			t.Fatalf("a move by %s of %q with decision %q, version %q", move.Cause, move.Actor, move.Decision, move.Version)
		}
		if move.Cause != lifecycle.ByMerge && (move.From != lifecycle.None || (move.To != lifecycle.Lead && move.To != lifecycle.Nurture)) {
			told++
		}
		switch move.Cause {
		case lifecycle.ByAccept, lifecycle.ByReject, lifecycle.ByRecycle, lifecycle.ByOutcome:
			told++
		case lifecycle.ByDisqualify:
			if move.From == move.To {
				told--
			}
		}
		if move.To == lifecycle.MarketingQualified {
			qualified[move.Track]++
		}
		if move.To == lifecycle.Recycled {
			recycled[move.Track]++
		}
	}
	if got := len(m.told(t, m.lead)); got != told {
		t.Fatalf("ingest is told %d things of %d", got, told)
	}

	seen := map[string]bool{}
	for _, h := range m.handoffs(t, m.lead) {
		key := fmt.Sprint(h.GetTrack(), h.GetCycle())
		if seen[key] {
			t.Fatalf("two handoffs in %s", key)
		}
		seen[key] = true
		live := int(h.GetCycle()) == cycle[h.GetTrack()]
		at := stage[h.GetTrack()]
		var ok bool
		switch h.GetState() {
		case handoffv1.Handoff_STATE_OPEN:
			ok = live && at == lifecycle.MarketingQualified
		case handoffv1.Handoff_STATE_ACCEPTED:
			ok = live && (at == lifecycle.SalesAccepted || at == lifecycle.SalesQualified || at == lifecycle.Opportunity)
		case handoffv1.Handoff_STATE_WON:
			ok = live && at == lifecycle.Customer
		case handoffv1.Handoff_STATE_LOST:
			ok = live && at == lifecycle.Lost
		case handoffv1.Handoff_STATE_DISQUALIFIED:
			ok = !live || at == lifecycle.Disqualified
		default: // over
			ok = !live
		}
		if !ok {
			t.Fatalf("handoff %s of cycle %d while the lead is in %s in cycle %d", h.GetState(), h.GetCycle(), at, cycle[h.GetTrack()])
		}
	}

	lines, err := m.Qualifications(ctx, []store.Term{{Column: store.LeadColumn, Value: m.lead}}, false, nil, 10)
	if err != nil || len(lines) != len(stage) {
		t.Fatalf("%d lines for %d tracks, %v", len(lines), len(stage), err)
	}
	heldIn := map[string]bool{}
	all, err := m.HeldLeads(ctx, "", nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range all {
		if h.GetLead() == store.LeadName(m.lead) {
			heldIn[h.GetTrack()] = true
		}
	}
	newest := int32(0)
	for _, l := range lines {
		q := l.Qualification
		if heldIn[q.GetTrack()] && (q.GetVerdict() != typev1.Verdict_VERDICT_QUALIFIED || q.GetHandoff() != "" ||
			q.GetStage() == typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED) {
			t.Fatalf("held in %s: %v", q.GetTrack(), q)
		}
		if q.GetStage() != typev1.LifecycleStage(stage[q.GetTrack()]) || int(q.GetCycle()) != cycle[q.GetTrack()] {
			t.Fatalf("%s: stands in %s of cycle %d, moved to %s of %d", q.GetTrack(), q.GetStage(), q.GetCycle(), stage[q.GetTrack()], cycle[q.GetTrack()])
		}
		if q.GetQualifiedCount() != qualified[q.GetTrack()] || q.GetRecycledCount() != recycled[q.GetTrack()] {
			t.Fatalf("%s: qualified %d times, recycled %d, by the moves %d and %d", q.GetTrack(),
				q.GetQualifiedCount(), q.GetRecycledCount(), qualified[q.GetTrack()], recycled[q.GetTrack()])
		}
		newest = max(newest, q.GetFactsVersion())
	}
	if newest > m.decided || (len(lines) > 0 && newest == 0) {
		t.Fatalf("version %d stands, %d was decided", newest, m.decided)
	}
}
