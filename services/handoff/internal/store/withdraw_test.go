package store_test

import (
	"slices"
	"testing"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// suppressed: nobody may approach the lead.
func suppressed(l *store.Lead) {
	l.Assessments[0].Decision = decision.Decision{
		Verdict: decision.Disqualified, Excluded: true, Suppressed: true,
		Reasons: []decision.Reason{{Code: decision.SuppressedCode, Description: "suppressed, nobody may contact it: opt out"}},
	}
}

// once: the first verdict in a cycle stands.
func once(l *store.Lead) { l.Assessments[0].Once = true }

// What nobody has taken yet is withdrawn when the lead is suppressed; what sales has
// accepted is for sales to end.
func TestASuppressedLeadIsWithdrawn(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(bob, decision.Qualified))
		if _, err := o.act(o.handoffs(t, bob)[0], lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		r := o.decide(t, o.scored(ana, 0, suppressed))
		o.decide(t, o.scored(bob, 0, suppressed))

		if h := o.handoffs(t, ana)[0]; h.GetState() != handoffv1.Handoff_STATE_DISQUALIFIED || h.GetOutcomeReason() != "suppressed" {
			t.Errorf("the handoff nobody had taken is %s because of %q", h.GetState(), h.GetOutcomeReason())
		}
		q := o.qualification(t, ana)
		if q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED || q.GetHandoff() != "" || r.Digest.GetNextStep() != typev1.NextStep_NEXT_STEP_NONE {
			t.Errorf("stands in %s with %q", q.GetStage(), q.GetHandoff())
		}
		if h := o.handoffs(t, bob)[0]; h.GetState() != handoffv1.Handoff_STATE_ACCEPTED {
			t.Errorf("the handoff that sales has is %s", h.GetState())
		}
		// Doing something while suppressed hands nothing off; after it, in the next cycle.
		o.decide(t, o.scored(ana, 0, suppressed, o.stirredNow))
		o.decide(t, o.scored(ana, decision.Qualified))
		o.decide(t, o.scored(ana, decision.Qualified, o.stirredNow))
		var states []string
		for _, h := range o.handoffs(t, ana) {
			states = append(states, h.GetState().String())
		}
		if !slices.Equal(states, []string{"STATE_DISQUALIFIED", "STATE_OPEN"}) {
			t.Errorf("handoffs are %v", states)
		}
	})
}

// That nobody may approach a lead, no manager overrules; lifting the suppression does.
func TestNobodyReinstatesASuppressedLead(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, 0, suppressed))
		_, err := o.ActOnLead(t.Context(), store.LeadAct{
			Lead: ana, Cause: lifecycle.ByReinstate, Reason: "a mistake", Actor: "kim", By: lifecycle.Manager,
		})
		if err != nil {
			t.Fatal(err)
		}
		o.decide(t, o.scored(ana, 0, suppressed))
		if q := o.qualification(t, ana); q.GetStage() != typev1.LifecycleStage_LIFECYCLE_STAGE_DISQUALIFIED {
			t.Errorf("stands in %s", q.GetStage())
		}
	})
}

// Who lacks a permission is decided anew when it comes, also where the first verdict of a
// cycle stands; and who qualified before and is suppressed then does not stay qualified.
func TestABarredVerdictDoesNotStand(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		barred := func(l *store.Lead) {
			l.Assessments[0].Decision = decision.Decision{
				Verdict: decision.Nurture, Reasons: []decision.Reason{{Code: decision.PermissionCode, Description: "may not be called"}},
			}
		}
		o.decide(t, o.scored(ana, 0, barred, once))
		o.decide(t, o.scored(ana, 0, barred, once))
		if o.decide(t, o.scored(ana, decision.Qualified, once)); len(o.handoffs(t, ana)) != 1 {
			t.Error("granted, and not handed off")
		}
		o.decide(t, o.scored(bob, decision.Qualified, once, historical))
		o.decide(t, o.scored(bob, 0, suppressed, once, o.stirredNow))
		if q := o.qualification(t, bob); q.GetVerdict() != typev1.Verdict_VERDICT_DISQUALIFIED || len(o.handoffs(t, bob)) != 0 {
			t.Errorf("suppressed, and %s", q.GetVerdict())
		}
	})
}

func TestWhatAPageDoesNext(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		asks := func(l *store.Lead) { l.Assessments[0].Decision.Missing = []string{"job_title"} }
		for _, c := range []struct {
			name string
			lead *store.Lead
			want typev1.NextStep
			asks []string
		}{
			{"something is missing", o.scored(ana, decision.NeedsAnswers, asks), typev1.NextStep_NEXT_STEP_ASK, []string{"job_title"}},
			{"not yet", o.scored(ana, decision.Nurture), typev1.NextStep_NEXT_STEP_NONE, nil},
			{"history hands nothing off", o.scored(ana, decision.Qualified, historical), typev1.NextStep_NEXT_STEP_NONE, nil},
			{"handed off", o.scored(ana, decision.Qualified), typev1.NextStep_NEXT_STEP_MEET, nil},
			{"sales has it, whatever the scores", o.scored(ana, decision.NeedsAnswers, asks), typev1.NextStep_NEXT_STEP_MEET, nil},
			{"withdrawn", o.scored(ana, 0, suppressed), typev1.NextStep_NEXT_STEP_NONE, nil},
		} {
			c.lead.FactsVersion = o.version
			d := o.decide(t, c.lead).Digest
			if d.GetNextStep() != c.want || !slices.Equal(d.GetQuestions(), c.asks) {
				t.Errorf("%s: %s %v", c.name, d.GetNextStep(), d.GetQuestions())
			}
		}
	})
}
