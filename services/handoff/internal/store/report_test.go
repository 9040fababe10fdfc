package store_test

import (
	"errors"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

func TestAReportIsAllOrNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		o.decide(t, o.scored(ana, decision.Qualified))
		h := o.handoffs(t, ana)[0]
		id := store.HandoffID(h.GetName())
		when := o.clock.Add(-24 * time.Hour)
		accept := store.Act{Handoff: id, Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Actor: "destinations/crm", Time: when}
		win := store.Act{
			Handoff: id, Cause: lifecycle.ByOutcome, To: lifecycle.Customer, Actor: "destinations/crm", Time: when,
			Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_WON, Amount: "12.00", CurrencyCode: "EUR"},
		}
		recycle := store.Act{Handoff: id, Cause: lifecycle.ByRecycle, To: lifecycle.Recycled, Reason: "too_late", Actor: "destinations/crm"}
		report := func(dry bool, acts ...store.Act) (*handoffv1.Handoff, map[lifecycle.Stage]bool, error) {
			var had map[lifecycle.Stage]bool
			h, err := o.Report(t.Context(), id, dry, func(_ *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]store.Act, error) {
				had = reached
				return acts, nil
			})
			return h, had, err
		}

		var wrong *store.StateError
		if _, _, err := report(false, accept, win, recycle); !errors.As(err, &wrong) {
			t.Fatalf("a last act that is not allowed: %v", err)
		}
		if _, reached, err := report(true, accept, win); err != nil || len(reached) != 0 {
			t.Fatalf("only tried: %v, %v", reached, err)
		}
		if got := o.handoffs(t, ana)[0]; got.GetState() != handoffv1.Handoff_STATE_OPEN || got.GetEtag() != h.GetEtag() || len(o.told(t, ana)) != 1 {
			t.Fatalf("nothing was to be done: %v", got)
		}
		after, _, err := report(false, accept, win)
		if err != nil || after.GetState() != handoffv1.Handoff_STATE_WON || !after.GetOutcome().GetOccurredTime().AsTime().Equal(when) {
			t.Fatalf("%v, %v", after, err)
		}
		if after.GetOwner() != "" {
			t.Errorf("a system that reports became the owner: %s", after.GetOwner())
		}
		if _, reached, err := report(false); err != nil || !reached[lifecycle.SalesAccepted] || !reached[lifecycle.Customer] || len(reached) != 2 {
			t.Errorf("reached %v, %v", reached, err)
		}
	})
}
