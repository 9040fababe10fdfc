package store_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// Of a lead that is gone nothing is listed, and what is decided of what was known before is
// stale; a lead that sales had, or that a person moved, stays.
func TestALeadThatIsGoneIsForgotten(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		const cy = "0197a000-0000-7000-8000-00000000000c"
		o.decide(t, o.scored(ana, decision.Nurture))
		o.decide(t, o.scored(ana, decision.Qualified, historical))
		o.decide(t, o.scored(bob, decision.Qualified))
		o.decide(t, o.scored(cy, decision.Nurture))
		_, err := o.ActOnLead(t.Context(), store.LeadAct{Lead: cy, Cause: lifecycle.ByDisqualify, Reason: "a student", Actor: "kim", By: lifecycle.Manager})
		if err != nil {
			t.Fatal(err)
		}
		late := o.scored(ana, decision.Nurture)
		gone := func(lead string) *store.Lead {
			l := o.scored(lead, decision.Nurture)
			l.Assessments = nil
			return l
		}
		list := []*store.Lead{gone(ana), gone(bob), gone(cy)}
		for range 2 {
			forgotten, err := o.Forget(t.Context(), list)
			if err != nil || !slices.Equal(forgotten, []bool{true, false, false}) {
				t.Fatalf("%v %v", forgotten, err)
			}
		}
		if _, err := o.Qualification(t.Context(), ana, ""); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("stands: %v", err)
		}
		if lines, err := o.Qualifications(t.Context(), nil, false, nil, 10); err != nil || len(lines) != 2 {
			t.Errorf("%d are listed, %v", len(lines), err)
		}
		if moves := o.moves(t, ana); len(moves) != 0 {
			t.Errorf("moves: %v", moves)
		}
		if results, err := o.Decide(t.Context(), []*store.Lead{late}); err != nil || results[0].State != store.Stale {
			t.Errorf("decided late: %v %v", results, err)
		}
		// Whoever comes back is decided like anybody.
		o.decide(t, o.scored(ana, decision.Qualified))
		if n := len(o.handoffs(t, ana)); n != 1 {
			t.Errorf("%d handoffs", n)
		}
	})
}
