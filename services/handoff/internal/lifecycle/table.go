package lifecycle

// Transition is one edge of the lifecycle.
type Transition struct {
	// From where.
	From Stage
	// To where. The same stage: the lead stays, for another reason.
	To Stage
	// Cause of the move.
	Cause Cause
	// NeedsReason: the move is refused without a reason.
	NeedsReason bool
	// NeedsStirring: the lead must have done something since it came to rest.
	NeedsStirring bool
	// Who may do it.
	Who Who
}

const (
	// seller is who speaks for sales, or reports what sales said.
	seller = System | Sales | Manager | Admin
	// leader is who decides over the heads of others.
	leader = Manager | Admin
)

// Table is every transition there is; what is not here is forbidden.
var Table = []Transition{
	{From: None, To: Lead, Cause: ByVerdict, Who: System},
	{From: None, To: Nurture, Cause: ByVerdict, Who: System},
	{From: None, To: MarketingQualified, Cause: ByVerdict, Who: System},
	{From: None, To: Disqualified, Cause: ByVerdict, Who: System},
	{From: Lead, To: Nurture, Cause: ByVerdict, Who: System},
	{From: Lead, To: MarketingQualified, Cause: ByVerdict, Who: System},
	{From: Lead, To: Disqualified, Cause: ByVerdict, Who: System},
	{From: Nurture, To: MarketingQualified, Cause: ByVerdict, Who: System},
	{From: Nurture, To: Disqualified, Cause: ByVerdict, Who: System},
	{From: MarketingQualified, To: Disqualified, Cause: ByVerdict, Who: System},
	{From: Recycled, To: MarketingQualified, Cause: ByVerdict, NeedsStirring: true, Who: System},
	{From: Recycled, To: Disqualified, Cause: ByVerdict, NeedsStirring: true, Who: System},
	{From: Disqualified, To: MarketingQualified, Cause: ByVerdict, NeedsStirring: true, Who: System},

	{From: MarketingQualified, To: SalesAccepted, Cause: ByAccept, Who: seller},
	{From: MarketingQualified, To: Recycled, Cause: ByReject, NeedsReason: true, Who: seller},

	{From: SalesAccepted, To: SalesQualified, Cause: ByOutcome, Who: seller},
	{From: SalesAccepted, To: Opportunity, Cause: ByOutcome, Who: seller},
	{From: SalesAccepted, To: Customer, Cause: ByOutcome, Who: seller},
	{From: SalesAccepted, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: seller},
	{From: SalesQualified, To: Opportunity, Cause: ByOutcome, Who: seller},
	{From: SalesQualified, To: Customer, Cause: ByOutcome, Who: seller},
	{From: SalesQualified, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: seller},
	{From: Opportunity, To: Customer, Cause: ByOutcome, Who: seller},
	{From: Opportunity, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: seller},

	{From: SalesAccepted, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: seller},
	{From: SalesQualified, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: seller},
	{From: Opportunity, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: seller},
	{From: Lost, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: seller},

	// A deal does not end because somebody leaves.
	{From: SalesAccepted, To: Recycled, Cause: ByLeave, NeedsReason: true, Who: leader},
	{From: SalesQualified, To: Recycled, Cause: ByLeave, NeedsReason: true, Who: leader},

	{From: Lead, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Marketing | leader},
	{From: Nurture, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Marketing | leader},
	{From: Recycled, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Marketing | leader},
	{From: MarketingQualified, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Sales | Marketing | leader},
	{From: SalesAccepted, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Sales | leader},
	{From: SalesQualified, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Sales | leader},
	{From: Opportunity, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: Sales | leader},
	// Another reason may let it come back sooner, so that is for a leader to say.
	{From: Disqualified, To: Disqualified, Cause: ByDisqualify, NeedsReason: true, Who: leader},

	{From: Disqualified, To: Lead, Cause: ByReinstate, NeedsReason: true, Who: leader},
	{From: Recycled, To: Lead, Cause: ByReinstate, NeedsReason: true, Who: leader},

	{From: MarketingQualified, To: Lead, Cause: ByMerge, Who: System},
	{From: SalesAccepted, To: Lead, Cause: ByMerge, Who: System},
	{From: SalesQualified, To: Lead, Cause: ByMerge, Who: System},
	{From: Opportunity, To: Lead, Cause: ByMerge, Who: System},
}

// find is the transition, or nil.
func find(from, to Stage, cause Cause) *Transition {
	for i := range Table {
		if t := &Table[i]; t.From == from && t.To == to && t.Cause == cause {
			return t
		}
	}
	return nil
}

// closes says whether the move ends the cycle and opens the next.
func (t *Transition) closes() bool {
	return t.To == Recycled || t.Cause == ByMerge || (t.From == Disqualified && t.To != Disqualified)
}
