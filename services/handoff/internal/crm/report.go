package crm

import (
	"fmt"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// Word is what somebody says became of a handoff.
type Word string

// The words there are.
const (
	SaidAccepted    Word = "accepted"
	SaidRejected    Word = "rejected"
	SaidRecycled    Word = "recycled"
	SaidQualified   Word = "qualified"
	SaidOpportunity Word = "opportunity"
	SaidWon         Word = "won"
	SaidLost        Word = "lost"
)

// meanings of the words: the act, and the stage that the lead is in after it.
var meanings = map[Word]struct {
	cause   lifecycle.Cause
	stage   lifecycle.Stage
	outcome handoffv1.Outcome_Kind
}{
	SaidAccepted:    {lifecycle.ByAccept, lifecycle.SalesAccepted, 0},
	SaidRejected:    {lifecycle.ByReject, lifecycle.Recycled, 0},
	SaidRecycled:    {lifecycle.ByRecycle, lifecycle.Recycled, 0},
	SaidQualified:   {lifecycle.ByOutcome, lifecycle.SalesQualified, handoffv1.Outcome_KIND_SALES_QUALIFIED},
	SaidOpportunity: {lifecycle.ByOutcome, lifecycle.Opportunity, handoffv1.Outcome_KIND_OPPORTUNITY},
	SaidWon:         {lifecycle.ByOutcome, lifecycle.Customer, handoffv1.Outcome_KIND_WON},
	SaidLost:        {lifecycle.ByOutcome, lifecycle.Lost, handoffv1.Outcome_KIND_LOST},
}

// Report is what a CRM, a file or a message says became of a handoff.
type Report struct {
	// Handoff by its id.
	Handoff string
	// Word says what.
	Word Word
	// Reason and SubReason, where the word needs them.
	Reason, SubReason string
	// Amount as a decimal number, and the ISO 4217 code of its currency; both or neither.
	Amount, Currency string
	// Time it happened; zero: now.
	Time time.Time
	// Actor who says it: whoever reports is to the lifecycle a system that does.
	Actor string
}

// DiffersError is a report of something that is recorded already, with other words.
type DiffersError struct {
	// Field that differs, lowerCamelCase, and what is recorded.
	Field, Recorded string
}

// Error names both.
func (e *DiffersError) Error() string {
	if e.Recorded == "" {
		return fmt.Sprintf("it is recorded already, without %s", e.Field)
	}
	return fmt.Sprintf("it is recorded already, with %s %s", e.Field, e.Recorded)
}

// Acts are what is to be done with the handoff, as it is and by the stages that its cycle
// has reached with the word of sales; none: it was said before. Who reports an outcome of
// a handoff that nobody took says that somebody did.
func (r *Report) Acts(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]store.Act, error) {
	m := meanings[r.Word]
	said, err := r.said(h, reached)
	if said || err != nil {
		return nil, err
	}
	act := store.Act{
		Handoff: r.Handoff, Cause: m.cause, To: m.stage, Reason: r.Reason, SubReason: r.SubReason, Actor: r.Actor, Time: r.Time,
	}
	if m.outcome == 0 {
		return []store.Act{act}, nil
	}
	act.Outcome = &handoffv1.Outcome{Kind: m.outcome, Reason: r.Reason, Amount: r.Amount, CurrencyCode: r.Currency}
	if h.GetState() != handoffv1.Handoff_STATE_OPEN {
		return []store.Act{act}, nil
	}
	accept := store.Act{Handoff: r.Handoff, Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Actor: r.Actor, Time: r.Time}
	return []store.Act{accept, act}, nil
}

// said says whether the handoff has heard this before.
func (r *Report) said(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) (bool, error) {
	m := meanings[r.Word]
	recorded := map[string]string{"reason": h.GetOutcomeReason(), "subReason": h.GetOutcomeSubReason()}
	switch r.Word {
	case SaidAccepted:
		return reached[lifecycle.SalesAccepted], nil
	case SaidRejected:
		if h.GetState() != handoffv1.Handoff_STATE_REJECTED {
			return false, nil
		}
	case SaidRecycled:
		if h.GetState() != handoffv1.Handoff_STATE_RECYCLED {
			return false, nil
		}
	default:
		if o := h.GetOutcome(); o.GetKind() == m.outcome {
			recorded = map[string]string{"reason": o.GetReason(), "amount": o.GetAmount(), "currencyCode": o.GetCurrencyCode()}
		} else if !reached[m.stage] {
			return false, nil
		} else {
			return true, nil // and what came later stands
		}
	}
	for _, field := range []struct{ name, said string }{{"reason", r.Reason}, {"subReason", r.SubReason}, {"amount", r.Amount}, {"currencyCode", r.Currency}} {
		if was, kept := recorded[field.name]; kept && !same(field.name, was, field.said) {
			return true, &DiffersError{Field: field.name, Recorded: was}
		}
	}
	return true, nil
}

// same compares amounts as numbers: 12500 is 12500.00.
func same(field, a, b string) bool {
	if field == "amount" {
		a, b = cents(a), cents(b)
	}
	return a == b
}

// cents is an amount with two digits after the point; empty stays.
func cents(amount string) string {
	whole, rest, _ := strings.Cut(amount, ".")
	if amount == "" {
		return ""
	}
	return whole + "." + (rest + "00")[:2]
}
