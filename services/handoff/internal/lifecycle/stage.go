package lifecycle

// Stage is where a lead stands in a track.
type Stage int8

// The stages, numbered as in the API.
const (
	// None: not decided yet.
	None Stage = iota
	// Lead: known, not qualified.
	Lead
	// MarketingQualified: meets the standard, ready for sales.
	MarketingQualified
	// SalesAccepted: sales accepted the handoff.
	SalesAccepted
	// SalesQualified: sales confirmed a real need.
	SalesQualified
	// Opportunity: a deal exists.
	Opportunity
	// Customer: the deal was won.
	Customer
	// Nurture: not now, marketing goes on.
	Nurture
	// Recycled: was handed to sales and came back with a reason.
	Recycled
	// Disqualified: not a potential buyer.
	Disqualified
	// Lost: the deal was lost.
	Lost
)

// Stages are all the stages but None.
var Stages = []Stage{
	Lead, MarketingQualified, SalesAccepted, SalesQualified, Opportunity, Customer,
	Nurture, Recycled, Disqualified, Lost,
}

var stageNames = [...]string{
	None: "NONE", Lead: "LEAD", MarketingQualified: "MARKETING_QUALIFIED",
	SalesAccepted: "SALES_ACCEPTED", SalesQualified: "SALES_QUALIFIED",
	Opportunity: "OPPORTUNITY", Customer: "CUSTOMER", Nurture: "NURTURE",
	Recycled: "RECYCLED", Disqualified: "DISQUALIFIED", Lost: "LOST",
}

// String is the stage's name in the API, without its prefix.
func (s Stage) String() string {
	if s < 0 || int(s) >= len(stageNames) {
		return "UNKNOWN"
	}
	return stageNames[s]
}

// Worked says whether sales has a lead that is here, or is about to.
func (s Stage) Worked() bool { return s >= MarketingQualified && s <= Opportunity }

// rests says whether a lead stays here until it is stirred or a person moves it.
func (s Stage) rests() bool { return s == Recycled || s == Disqualified }
