package store_test

import (
	"context"
	"slices"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

const cyd = "01900000-0000-7000-8000-00000000000c"

// merged: who the claim says that the lead is, and how often that changed.
func merged(version int32, members ...string) func(*store.Lead) {
	return func(l *store.Lead) { l.IdentityVersion, l.Members = version, members }
}

// states of the handoffs of the person that a lead is, oldest first.
func (o *office) states(t tester, lead string) []string {
	t.Helper()
	var out []string
	for _, h := range o.handoffs(t, lead) {
		out = append(out, store.LeadID(h.GetLead())[35:]+" "+h.GetState().String()[len("STATE_"):])
	}
	return out
}

func (o *office) wants(t tester, lead string, stage typev1.LifecycleStage, states ...string) {
	t.Helper()
	if q := o.qualification(t, lead); q.GetStage() != stage {
		t.Fatal(lead[35:], " stands in ", q.GetStage(), ", wanted ", stage, ", has ", o.states(t, lead))
	}
	if got := o.states(t, lead); !slices.Equal(got, states) {
		t.Fatal(lead[35:], " has ", got, ", wanted ", states)
	}
}

const (
	asLead      = typev1.LifecycleStage_LIFECYCLE_STAGE_LEAD
	asQualified = typev1.LifecycleStage_LIFECYCLE_STAGE_MARKETING_QUALIFIED
	asAccepted  = typev1.LifecycleStage_LIFECYCLE_STAGE_SALES_ACCEPTED
	asNurture   = typev1.LifecycleStage_LIFECYCLE_STAGE_NURTURE
	asDisq      = typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED
)

// The open handoff of a member is the person's, and whatever is asked of either lead is
// answered for the person.
func TestAMergeAdoptsTheOpenHandoff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(bob, decision.Qualified))
		accepted, err := o.act(o.handoffs(t, bob)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, "")
		if err != nil {
			t.Fatal(err)
		}
		r := o.decide(t, o.scored(ana, decision.Nurture, merged(1, bob)))
		if r.State != store.Decided || r.Digest.GetStage() != asAccepted || r.Digest.GetNextStep() != typev1.NextStep_NEXT_STEP_MEET {
			t.Fatalf("%v", r)
		}
		for _, lead := range []string{ana, bob} {
			o.wants(t, lead, asAccepted, "b ACCEPTED")
			q := o.qualification(t, lead)
			if q.GetLead() != store.LeadName(ana) || q.GetHandoff() != accepted.GetName() || q.GetVerdict() != typev1.Verdict_VERDICT_NURTURE {
				t.Errorf("asked of %s: %v", lead[35:], q)
			}
			lines, err := o.Qualifications(t.Context(), []store.Term{{Column: store.LeadColumn, Value: lead}}, false, nil, 10)
			if err != nil || len(lines) != 1 || lines[0].Qualification.GetLead() != store.LeadName(ana) {
				t.Errorf("the list has %v, %v", lines, err)
			}
		}
		h := o.handoffs(t, ana)[0]
		if h.GetLead() != store.LeadName(bob) || h.GetPerson() != store.LeadName(ana) || h.GetOwner() != "jane" || h.GetMadeWhileMerged() {
			t.Errorf("%v", h)
		}
		// Sales goes on with it, and what was decided of the member before is out of date.
		if r := o.decide(t, o.scored(bob, decision.Qualified)); r.State != store.Stale {
			t.Errorf("a lead that is no person any more is decided: %v", r)
		}
		if _, err := o.act(h, lifecycle.ByOutcome, lifecycle.Opportunity, ""); err != nil {
			t.Error(err)
		}
		o.wants(t, bob, typev1.LifecycleStage_LIFECYCLE_STAGE_OPPORTUNITY, "b ACCEPTED")
	})
}

// Of several open handoffs the furthest goes on, of equals the earliest; the others close,
// with their clocks.
func TestAMergeLeavesOneOpenHandoff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		for _, lead := range []string{bob, ana, cyd} {
			o.decide(t, o.scored(lead, decision.Qualified))
		}
		if _, err := o.act(o.handoffs(t, cyd)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob)))
		o.wants(t, ana, asQualified, "b OPEN", "a MERGED") // the earliest
		o.decide(t, o.scored(ana, decision.Qualified, merged(2, bob, cyd)))
		o.wants(t, bob, asAccepted, "b MERGED", "a MERGED", "c ACCEPTED") // the furthest
		for _, m := range o.moves(t, ana) {
			if m.Cause == lifecycle.ByMerge && (m.From != lifecycle.MarketingQualified || m.To != lifecycle.Lead) {
				t.Errorf("%+v", m)
			}
		}
		if told := o.told(t, bob); slices.Contains(told, "lifecycle.lead") {
			t.Errorf("the facts of the lead remember the merge: %v", told)
		}
	})
}

// When a merge is undone each lead has its own again, and what was made while it held is
// marked.
func TestAnUnmergeGivesBack(t *testing.T) {
	for name, first := range map[string]string{"the person's claim comes first": ana, "the member's claim comes first": bob} {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, o *office) {
				o.decide(t, o.scored(ana, decision.Nurture))
				o.decide(t, o.scored(bob, decision.Qualified))
				o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob)))
				h, err := o.act(o.handoffs(t, ana)[0], lifecycle.ByReject, lifecycle.Recycled, "no_budget")
				if err != nil {
					t.Fatal(err)
				}
				o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob), o.stirredNow))
				o.wants(t, ana, asQualified, "b REJECTED", "b OPEN")
				if h.GetMadeWhileMerged() || o.handoffs(t, ana)[1].GetMadeWhileMerged() || len(o.handoffs(t, ana)[1].GetMadeFor()) != 1 {
					t.Error("marked while the merge holds")
				}

				second := map[string]string{ana: bob, bob: ana}[first]
				verdicts := map[string]decision.Verdict{ana: decision.Nurture, bob: decision.Qualified}
				for _, lead := range []string{first, second, first, second} {
					if r := o.decide(t, o.scored(lead, verdicts[lead], merged(2))); r.State != store.Decided {
						t.Fatalf("%v", r)
					}
				}
				o.wants(t, ana, asNurture)
				o.wants(t, bob, asQualified, "b REJECTED", "b OPEN")
				hs := o.handoffs(t, bob)
				if hs[0].GetMadeWhileMerged() || !hs[1].GetMadeWhileMerged() || hs[1].GetPerson() != "" {
					t.Errorf("%v", hs)
				}
				var marked []bool
				records, err := o.Decisions(t.Context(), bob, nil, 10)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range records {
					marked = append(marked, r.Decision.GetMadeWhileMerged())
				}
				if !slices.Contains(marked, true) || marked[len(marked)-1] || marked[0] {
					t.Errorf("decisions are marked %v, latest first", marked)
				}
				if r := o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob))); r.State != store.Stale {
					t.Errorf("a claim from before is decided: %v", r)
				}
			})
		})
	}
}

// A lead whose handoff was closed by a merge is decided anew when it is undone: it is not
// lost.
func TestWhatWasClosedByAMergeComesBack(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(bob, decision.Qualified))
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob)))
		o.wants(t, ana, asQualified, "b OPEN", "a MERGED")
		o.decide(t, o.scored(ana, decision.Qualified, merged(2)))
		o.decide(t, o.scored(bob, decision.Qualified, merged(2)))
		o.wants(t, ana, asQualified, "a MERGED", "a OPEN")
		o.wants(t, bob, asQualified, "b OPEN")
	})
}

// Somebody's word on a lead stands for the person: against a handoff that waits, not
// against one that sales works on.
func TestADisqualifiedMember(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(bob, decision.Qualified))
		_, err := o.ActOnLead(t.Context(), store.LeadAct{
			Lead: ana, Cause: lifecycle.ByDisqualify, Reason: "competitor", Actor: "mia", By: lifecycle.Manager,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(bob, decision.Qualified, merged(1, ana)))
		o.wants(t, bob, asDisq, "b DISQUALIFIED")
		if h := o.handoffs(t, ana)[0]; h.GetOutcomeReason() != "competitor" {
			t.Errorf("%v", h)
		}
		o.decide(t, o.scored(cyd, decision.Qualified))
		if _, err := o.act(o.handoffs(t, cyd)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(bob, decision.Qualified, merged(2, ana, cyd)))
		o.wants(t, ana, asAccepted, "b DISQUALIFIED", "c ACCEPTED")
		// The word that somebody has of one lead is of the person.
		_, err = o.ActOnLead(t.Context(), store.LeadAct{
			Lead: ana, Cause: lifecycle.ByDisqualify, Reason: "competitor", Actor: "mia", By: lifecycle.Manager,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.wants(t, cyd, asDisq, "b DISQUALIFIED", "c DISQUALIFIED")
	})
}

// What waits for a lead waits for the person: an approval stands, a held lead stays held.
func TestWhatWaitsForAMemberWaitsForThePerson(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(bob, decision.Nurture))
		o.decide(t, o.scored(bob, decision.Qualified, func(l *store.Lead) { l.Cause = store.ByRescore }))
		o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob), func(l *store.Lead) { l.Cause = store.ByRescore }))
		held, err := o.HeldLeads(t.Context(), "", nil, 10)
		if err != nil || len(held) != 1 || held[0].GetLead() != store.LeadName(ana) {
			t.Fatalf("held are %v, %v", held, err)
		}
		q := o.qualification(t, bob)
		if q.GetHeldUntilTime() == nil || q.GetStage() != asNurture {
			t.Errorf("%v", q)
		}
	})
}

// Nobody hears twice of a merge: of one that sales never heard of the leads of, nobody.
func TestSalesIsTold(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.destination(t, "crm", "lead.merged", "lead.unmerged")
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(bob, decision.Nurture))
		o.decide(t, o.scored(ana, decision.Nurture, merged(1, bob)))
		o.decide(t, o.scored(ana, decision.Qualified, merged(1, bob)))
		if got := o.events(t); len(got) != 0 {
			t.Errorf("told %v", got)
		}
		o.decide(t, o.scored(cyd, decision.Nurture))
		o.decide(t, o.scored(ana, decision.Qualified, merged(2, bob, cyd)))
		o.decide(t, o.scored(ana, decision.Qualified, merged(2, bob, cyd)))
		o.decide(t, o.scored(cyd, decision.Nurture, merged(3)))
		o.decide(t, o.scored(ana, decision.Qualified, merged(3, bob)))
		if got := o.events(t); !slices.Equal(got, []string{"lead.merged handoff", "lead.unmerged handoff"}) {
			t.Errorf("told %v", got)
		}
	})
}

// events are the types of what destinations are told, oldest first, and whether it is of a
// handoff.
func (o *office) events(t tester) []string {
	t.Helper()
	list, err := o.Deliveries(context.Background(), nil, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, d := range list {
		what := d.GetEventType()
		if d.GetHandoff() != "" {
			what += " handoff"
		}
		out = append(out, what)
	}
	slices.Reverse(out)
	return out
}
