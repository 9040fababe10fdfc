package store_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// agreement is the default standard with lifecycle rules.
type agreement struct{ *standard.Compiled }

func (a agreement) Active(context.Context) ([]*standard.Compiled, error) {
	return []*standard.Compiled{a.Compiled}, nil
}

// agree has the default standard decide with lifecycle rules, and returns what makes an
// assessment go by them.
func (o *office) agree(rules *lifecycle.Rules) func(*store.Lead) {
	o.Agree(agreement{&standard.Compiled{ID: "default", Version: o.active["default"], Lifecycle: rules}})
	return func(l *store.Lead) {
		for i := range l.Assessments {
			l.Assessments[i].Lifecycle = rules
		}
	}
}

// person does something with ana's lead.
func (o *office) person(a store.LeadAct) error {
	if a.Lead == "" {
		a.Lead = ana
	}
	if a.By == 0 {
		a.By = lifecycle.Manager
	}
	a.Actor = "mia"
	_, err := o.ActOnLead(context.Background(), a)
	return err
}

func (o *office) disqualify(reason string) store.LeadAct {
	return store.LeadAct{Cause: lifecycle.ByDisqualify, Reason: reason}
}

func (o *office) stands(t tester, stage lifecycle.Stage, cycle int32) *handoffv1.Qualification {
	t.Helper()
	q := o.qualification(t, ana)
	if lifecycle.Stage(q.GetStage()) != stage || q.GetCycle() != cycle {
		t.Fatal("stands in ", q.GetStage(), " of cycle ", q.GetCycle(), ", want ", stage, " of cycle ", cycle)
	}
	return q
}

// A person disqualifies a lead that sales works: its handoff closes, and the move names
// who, why, by which version and the decision that stood.
func TestAPersonDisqualifies(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[0]
		if _, err := o.act(h, lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		act := o.disqualify("bad_data")
		act.SubReason = "bounced"
		if err := o.person(act); err != nil {
			t.Fatal(err)
		}
		if q := o.stands(t, lifecycle.Disqualified, 1); q.GetHandoff() != "" {
			t.Errorf("the handoff of the closed cycle is %q", q.GetHandoff())
		}
		closed := o.handoffs(t, ana)[0]
		if closed.GetState() != handoffv1.Handoff_STATE_DISQUALIFIED || closed.GetOutcomeReason() != "bad_data" ||
			closed.GetOutcomeSubReason() != "bounced" || closed.GetEtag() == h.GetEtag() {
			t.Errorf("handoff %v", closed)
		}
		moves := o.moves(t, ana)
		m := moves[len(moves)-1]
		if m.Cause != lifecycle.ByDisqualify || m.Actor != "mia" || m.Reason != "bad_data" || m.SubReason != "bounced" ||
			m.Version != o.active["default"] || store.DecisionName(ana, m.Decision) != h.GetDecision() {
			t.Errorf("move %+v", m)
		}
		if got := o.told(t, ana); !slices.Equal(got[len(got)-1:], []string{"lifecycle.disqualified"}) {
			t.Errorf("ingest is told %v", got)
		}
		// What is closed stays closed.
		var state *store.StateError
		if _, err := o.act(closed, lifecycle.ByRecycle, lifecycle.Recycled, "because"); !errors.As(err, &state) {
			t.Errorf("recycled when disqualified: %v", err)
		}
		// For another reason it moves nowhere: that is recorded, and not told.
		before := len(o.told(t, ana))
		if err := o.person(o.disqualify("competitor")); err != nil {
			t.Fatal(err)
		}
		if len(o.moves(t, ana)) != len(moves)+1 || len(o.told(t, ana)) != before {
			t.Errorf("%d moves, told %v", len(o.moves(t, ana)), o.told(t, ana))
		}
	})
}

func TestADisqualifiedLeadComesBackWithAHandoffOfItsOwn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		if err := o.person(o.disqualify("competitor")); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Qualified))
		o.stands(t, lifecycle.Disqualified, 1)
		o.decide(t, o.scored(ana, decision.Qualified, o.stirredNow))
		q := o.stands(t, lifecycle.MarketingQualified, 2)
		hs := o.handoffs(t, ana)
		if len(hs) != 2 || hs[1].GetName() != q.GetHandoff() || q.GetQualifiedCount() != 2 {
			t.Errorf("handoffs %v, qualified %d times", hs, q.GetQualifiedCount())
		}
	})
}

func TestReasonsAreThoseOfTheStandardThatLeads(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.agree(&lifecycle.Rules{Reasons: []lifecycle.Reason{
			{ID: "no_budget", Stages: []lifecycle.Stage{lifecycle.Recycled}},
			{ID: "spam", Stages: []lifecycle.Stage{lifecycle.Disqualified}, SubReasons: []string{"bounced"}},
		}})
		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[0]
		var reason *lifecycle.ReasonError
		if _, err := o.act(h, lifecycle.ByReject, lifecycle.Recycled, "lazy"); !errors.As(err, &reason) || reason.Field != "reason" {
			t.Errorf("rejected for an unknown reason: %v", err)
		}
		if err := o.person(o.disqualify("spam")); !errors.As(err, &reason) || reason.Field != "subReason" {
			t.Errorf("disqualified without a sub-reason: %v", err)
		}
		if q := o.stands(t, lifecycle.MarketingQualified, 1); q.GetHandoff() != h.GetName() || o.handoffs(t, ana)[0].GetEtag() != h.GetEtag() {
			t.Error("a refused move changed something")
		}
		if _, err := o.act(h, lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Error(err)
		}
	})
}

// A lead that has to rest for some days is decided again when they are over.
func TestALeadComesBackWhenItsDaysAreOver(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		rules := o.agree(&lifecycle.Rules{Reasons: []lifecycle.Reason{
			{ID: "no_budget", Stages: []lifecycle.Stage{lifecycle.Recycled}, Return: lifecycle.Return{AfterDays: 30}},
		}})
		o.decide(t, o.scored(ana, decision.Qualified, rules))
		if _, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Fatal(err)
		}
		rested := o.moves(t, ana)[1].Time
		o.clock = o.clock.AddDate(0, 0, 20)
		o.decide(t, o.scored(ana, decision.Qualified, rules, o.stirredNow))
		o.stands(t, lifecycle.Recycled, 2)
		var due int64
		if err := o.db.Read().QueryRowContext(t.Context(), `SELECT due_time FROM reviews WHERE lead_id = $1`, ana).Scan(&due); err != nil {
			t.Fatal(err)
		}
		if want := rested.AddDate(0, 0, 30); !sqldb.Time(due).Equal(want) {
			t.Errorf("is reviewed at %v, want %v", sqldb.Time(due), want)
		}
		o.clock = sqldb.Time(due)
		o.decide(t, o.scored(ana, decision.Qualified, rules, func(l *store.Lead) { l.Cause, l.Recent = store.ByReview, true }))
		if q := o.stands(t, lifecycle.MarketingQualified, 2); len(o.handoffs(t, ana)) != 2 || q.GetRecycledCount() != 1 {
			t.Errorf("handoffs %v, recycled %d times", o.handoffs(t, ana), q.GetRecycledCount())
		}
	})
}

func TestALeadIsRecycledSoOften(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		rules := o.agree(&lifecycle.Rules{MaxRequalifications: new(1)})
		for cycle := int32(1); cycle <= 2; cycle++ {
			o.decide(t, o.scored(ana, decision.Qualified, rules, o.stirredNow))
			o.stands(t, lifecycle.MarketingQualified, cycle)
			hs := o.handoffs(t, ana)
			if _, err := o.act(hs[len(hs)-1], lifecycle.ByReject, lifecycle.Recycled, "because"); err != nil {
				t.Fatal(err)
			}
		}
		o.clock = o.clock.Add(time.Hour)
		o.decide(t, o.scored(ana, decision.Qualified, rules, o.stirredNow))
		o.stands(t, lifecycle.Recycled, 3)
		if err := o.person(store.LeadAct{Cause: lifecycle.ByReinstate, Reason: "one more try"}); err != nil {
			t.Fatal(err)
		}
		o.stands(t, lifecycle.Lead, 3)
		o.decide(t, o.scored(ana, decision.Qualified, rules))
		o.stands(t, lifecycle.MarketingQualified, 3)
	})
}

// What a rule says for ever is not undone by the rule, and what a manager overrules is not
// said again.
func TestAManagerOverrulesARule(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		rules := o.agree(&lifecycle.Rules{Reasons: []lifecycle.Reason{
			{ID: "because", Stages: []lifecycle.Stage{lifecycle.Disqualified}, Return: lifecycle.Return{Never: true}},
		}})
		o.decide(t, o.scored(ana, decision.Disqualified, rules))
		if m := o.moves(t, ana)[0]; m.Reason != "because" {
			t.Errorf("move %+v", m)
		}
		o.decide(t, o.scored(ana, decision.Qualified, rules, o.stirredNow))
		o.stands(t, lifecycle.Disqualified, 1)
		var denied *lifecycle.DeniedError
		if err := o.person(store.LeadAct{Cause: lifecycle.ByReinstate, Reason: "please", By: lifecycle.Sales}); !errors.As(err, &denied) {
			t.Errorf("brought back by sales: %v", err)
		}
		if err := o.person(store.LeadAct{Cause: lifecycle.ByReinstate, Reason: "a namesake"}); err != nil {
			t.Fatal(err)
		}
		o.stands(t, lifecycle.Lead, 2)
		o.decide(t, o.scored(ana, decision.Disqualified, rules, o.stirredNow))
		o.stands(t, lifecycle.Lead, 2)
		o.decide(t, o.scored(ana, decision.Qualified, rules))
		o.stands(t, lifecycle.MarketingQualified, 2)
	})
}

func TestAHeldLeadThatIsDisqualifiedIsHeldNoMore(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified, func(l *store.Lead) { l.Cause = store.ByRescore }))
		if held, err := o.HeldLeads(t.Context(), "sales", nil, 10); err != nil || len(held) != 1 {
			t.Fatalf("held %v, %v", held, err)
		}
		if err := o.person(o.disqualify("competitor")); err != nil {
			t.Fatal(err)
		}
		if held, err := o.HeldLeads(t.Context(), "sales", nil, 10); err != nil || len(held) != 0 {
			t.Errorf("held %v, %v", held, err)
		}
		o.stands(t, lifecycle.Disqualified, 1)
	})
}

func TestWhichLeadAndTrack(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		if err := o.person(o.disqualify("competitor")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a lead that was never decided: %v", err)
		}
		o.decide(t, o.scored(ana, decision.Qualified, func(l *store.Lead) {
			second := l.Assessments[0]
			second.Standard, second.Version, second.Track = "trial", o.active["trial"], "product"
			l.Assessments = append(l.Assessments, second)
		}))
		var several *store.TrackError
		if err := o.person(o.disqualify("competitor")); !errors.As(err, &several) || !slices.Equal(several.Tracks, []string{"product", "sales"}) {
			t.Errorf("in which track: %v", err)
		}
		act := o.disqualify("competitor")
		act.Track = "support"
		if err := o.person(act); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("in a track it is not in: %v", err)
		}
		act.Track = "sales"
		if err := o.person(act); err != nil {
			t.Fatal(err)
		}
		stages := map[string]int32{}
		for _, m := range o.moves(t, ana) {
			stages[m.Track] = int32(m.To)
		}
		if stages["sales"] != int32(lifecycle.Disqualified) || stages["product"] != int32(lifecycle.MarketingQualified) {
			t.Errorf("stands in %v", stages)
		}
	})
}

// A merge closes what is open, and recycling by who leaves spares deals.
func TestMergeAndLeave(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		if _, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByMerge, lifecycle.Lead, ""); err != nil {
			t.Fatal(err)
		}
		o.stands(t, lifecycle.Lead, 2)
		if h := o.handoffs(t, ana)[0]; h.GetState() != handoffv1.Handoff_STATE_MERGED {
			t.Errorf("handoff %v", h)
		}

		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[1]
		for _, step := range []struct {
			cause lifecycle.Cause
			to    lifecycle.Stage
		}{{lifecycle.ByAccept, lifecycle.SalesAccepted}, {lifecycle.ByOutcome, lifecycle.Opportunity}} {
			if _, err := o.act(h, step.cause, step.to, ""); err != nil {
				t.Fatal(err)
			}
		}
		left, err := o.ReassignOwner(t.Context(), store.Leave{User: "jane", Reason: "left", Actor: "mia", By: lifecycle.Manager})
		if err != nil || left.Recycled != 0 || left.Queued != 1 {
			t.Errorf("of a deal: %+v, %v", left, err)
		}
		o.stands(t, lifecycle.Opportunity, 2)
	})
}
