package crm_test

import (
	"errors"
	"testing"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

func TestWhatAReportIsToAHandoff(t *testing.T) {
	type stages = map[lifecycle.Stage]bool
	won := &handoffv1.Handoff{
		State: handoffv1.Handoff_STATE_WON, Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_WON, Amount: "12500", CurrencyCode: "EUR"},
	}
	wonStages := stages{lifecycle.SalesAccepted: true, lifecycle.Opportunity: true, lifecycle.Customer: true}
	lost := &handoffv1.Handoff{
		State: handoffv1.Handoff_STATE_LOST, OutcomeReason: "no_budget",
		Outcome: &handoffv1.Outcome{Kind: handoffv1.Outcome_KIND_LOST, Reason: "no_budget"},
	}
	lostStages := stages{lifecycle.SalesAccepted: true, lifecycle.Lost: true}
	open := &handoffv1.Handoff{State: handoffv1.Handoff_STATE_OPEN}
	accepted := &handoffv1.Handoff{State: handoffv1.Handoff_STATE_ACCEPTED}
	rejected := &handoffv1.Handoff{State: handoffv1.Handoff_STATE_REJECTED, OutcomeReason: "no_budget"}
	for name, c := range map[string]struct {
		handoff *handoffv1.Handoff
		reached stages
		report  crm.Report
		want    []lifecycle.Stage
		differs string
	}{
		"an acceptance":               {open, nil, crm.Report{Word: crm.SaidAccepted}, []lifecycle.Stage{lifecycle.SalesAccepted}, ""},
		"an acceptance again":         {accepted, stages{lifecycle.SalesAccepted: true}, crm.Report{Word: crm.SaidAccepted}, nil, ""},
		"an acceptance after all":     {won, wonStages, crm.Report{Word: crm.SaidAccepted}, nil, ""},
		"an outcome":                  {accepted, stages{lifecycle.SalesAccepted: true}, crm.Report{Word: crm.SaidWon}, []lifecycle.Stage{lifecycle.Customer}, ""},
		"an outcome that nobody took": {open, nil, crm.Report{Word: crm.SaidOpportunity}, []lifecycle.Stage{lifecycle.SalesAccepted, lifecycle.Opportunity}, ""},
		"the same outcome":            {won, wonStages, crm.Report{Word: crm.SaidWon, Amount: "12500.00", Currency: "EUR"}, nil, ""},
		"another amount":              {won, wonStages, crm.Report{Word: crm.SaidWon, Amount: "12500.01", Currency: "EUR"}, nil, "amount"},
		"no amount any more":          {won, wonStages, crm.Report{Word: crm.SaidWon}, nil, "amount"},
		"another currency":            {won, wonStages, crm.Report{Word: crm.SaidWon, Amount: "12500", Currency: "USD"}, nil, "currencyCode"},
		"an outcome that was passed":  {won, wonStages, crm.Report{Word: crm.SaidOpportunity, Amount: "1", Currency: "EUR"}, nil, ""},
		"another outcome":             {won, wonStages, crm.Report{Word: crm.SaidLost, Reason: "no_budget"}, []lifecycle.Stage{lifecycle.Lost}, ""},
		"the same loss":               {lost, lostStages, crm.Report{Word: crm.SaidLost, Reason: "no_budget"}, nil, ""},
		"a loss for another reason":   {lost, lostStages, crm.Report{Word: crm.SaidLost, Reason: "competitor"}, nil, "reason"},
		"a rejection":                 {open, nil, crm.Report{Word: crm.SaidRejected, Reason: "no_budget"}, []lifecycle.Stage{lifecycle.Recycled}, ""},
		"a rejection again":           {rejected, nil, crm.Report{Word: crm.SaidRejected, Reason: "no_budget"}, nil, ""},
		"another rejection":           {rejected, nil, crm.Report{Word: crm.SaidRejected, Reason: "no_need"}, nil, "reason"},
		"a recycling":                 {lost, lostStages, crm.Report{Word: crm.SaidRecycled, Reason: "later"}, []lifecycle.Stage{lifecycle.Recycled}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			acts, err := c.report.Acts(c.handoff, c.reached)
			var differs *crm.DiffersError
			if errors.As(err, &differs) != (c.differs != "") || (differs != nil && differs.Field != c.differs) {
				t.Fatalf("%v, want a difference of %q", err, c.differs)
			}
			var stages []lifecycle.Stage
			for _, a := range acts {
				stages = append(stages, a.To)
			}
			if len(stages) != len(c.want) {
				t.Fatalf("leads to %v, want %v", stages, c.want)
			}
			for i := range stages {
				if stages[i] != c.want[i] {
					t.Errorf("leads to %v, want %v", stages, c.want)
				}
			}
		})
	}
}
