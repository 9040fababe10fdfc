package lifecycle

import "strings"

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
	// ByLeave: who worked the lead is gone.
	ByLeave Cause = "leave"
	// ByDisqualify: a person says that it is no potential buyer.
	ByDisqualify Cause = "disqualify"
	// ByReinstate: a manager brings it back.
	ByReinstate Cause = "reinstate"
	// ByMerge: it is the same person as another lead, whose handoff goes on.
	ByMerge Cause = "merge"
)

// NoResponse is the reason for which the leads of somebody who left are recycled, unless
// another is named.
const NoResponse = "no_response"

// Causes are all the causes.
var Causes = []Cause{
	ByVerdict, ByAccept, ByReject, ByRecycle, ByOutcome, ByLeave, ByDisqualify, ByReinstate, ByMerge,
}

// Who may move a lead: one of several, or a set of them.
type Who uint8

// Who there is.
const (
	// System: the qualifier; for what sales says also another system that reports it,
	// such as a CRM.
	System Who = 1 << iota
	// Sales: a person who works handoffs.
	Sales
	// Marketing: a person who works leads before and after sales.
	Marketing
	// Manager: who leads a sales team.
	Manager
	// Admin: who runs the installation.
	Admin
)

// may says whether one of the given may do it.
func (w Who) may(by Who) bool { return w&by != 0 }

// String names them, e.g. `sales, manager`.
func (w Who) String() string {
	var names []string
	for i, name := range []string{"system", "sales", "marketing", "manager", "admin"} {
		if w&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}
