package lifecycle

// Cause is what moves a lead.
type Cause string

// The causes.
const (
	// ByVerdict: the standard's verdict.
	ByVerdict Cause = "verdict"
	// ByAccept: sales takes the handoff.
	ByAccept Cause = "accept"
	// ByReject: sales refuses the handoff.
	ByReject Cause = "reject"
	// ByRecycle: sales gives the lead back.
	ByRecycle Cause = "recycle"
	// ByOutcome: sales reports what became of it.
	ByOutcome Cause = "outcome"
)

// Who may move a lead.
type Who string

// Who there is.
const (
	// System: the qualifier.
	System Who = "system"
	// Sales: a person who works handoffs.
	Sales Who = "sales"
)

// Transition is one edge of the lifecycle.
type Transition struct {
	// From where.
	From Stage
	// To where.
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

	{From: MarketingQualified, To: SalesAccepted, Cause: ByAccept, Who: Sales},
	{From: MarketingQualified, To: Recycled, Cause: ByReject, NeedsReason: true, Who: Sales},

	{From: SalesAccepted, To: SalesQualified, Cause: ByOutcome, Who: Sales},
	{From: SalesAccepted, To: Opportunity, Cause: ByOutcome, Who: Sales},
	{From: SalesAccepted, To: Customer, Cause: ByOutcome, Who: Sales},
	{From: SalesAccepted, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: Sales},
	{From: SalesQualified, To: Opportunity, Cause: ByOutcome, Who: Sales},
	{From: SalesQualified, To: Customer, Cause: ByOutcome, Who: Sales},
	{From: SalesQualified, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: Sales},
	{From: Opportunity, To: Customer, Cause: ByOutcome, Who: Sales},
	{From: Opportunity, To: Lost, Cause: ByOutcome, NeedsReason: true, Who: Sales},

	{From: SalesAccepted, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: Sales},
	{From: SalesQualified, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: Sales},
	{From: Opportunity, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: Sales},
	{From: Lost, To: Recycled, Cause: ByRecycle, NeedsReason: true, Who: Sales},
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
