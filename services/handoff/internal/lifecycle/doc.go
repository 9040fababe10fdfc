// Package lifecycle says where a lead may go in a track, by whom, for which reasons, and
// when it may come back. It is pure: one table of transitions and what follows from it.
// docs/reference/lifecycle.md shows the table and its diagram, written from the code.
//
//	table.go     every transition there is: cause, who may, what it needs
//	standing.go  where a lead stands, and how a verdict or a person moves it
//	rules.go     what a standard may add: reasons, and when those may come back
//	verdict.go   what a verdict says, the stage it stands for, and which verdict leads
//
// Automatic edges (caused by a verdict):
//
//	         NEEDS_DATA          NURTURE
//	(none) ─────────────▶ LEAD ───────────▶ NURTURE ──┐
//	   │ │                 │ │                 │      │
//	   │ └─────────────────┼─┴──── QUALIFIED ──┘      │ DISQUALIFIED
//	   │                   │           │              │
//	   │                   │           ▼              │
//	   │  DISQUALIFIED     │  MARKETING_QUALIFIED ────┤
//	   └───────────────────┴──────────────────────────┴──▶ DISQUALIFIED
//
//	RECYCLED ─ ─ QUALIFIED ─ ─▶ MARKETING_QUALIFIED     only when stirred
//	RECYCLED ─ ─ DISQUALIFIED ─ ─▶ DISQUALIFIED         only when stirred
//	DISQUALIFIED ─ ─ QUALIFIED ─ ─▶ MARKETING_QUALIFIED only when stirred
//
// Edges of people (what sales says of a handoff; * needs a reason):
//
//	MARKETING_QUALIFIED ── accept ──▶ SALES_ACCEPTED
//	MARKETING_QUALIFIED ── reject* ─▶ RECYCLED
//
//	SALES_ACCEPTED ─▶ SALES_QUALIFIED ─▶ OPPORTUNITY ─▶ CUSTOMER    outcomes; any of
//	      └───────────────┴──────────────────┴────────▶ LOST*       them may be skipped
//	                                                      │
//	SALES_ACCEPTED, SALES_QUALIFIED, OPPORTUNITY, LOST ───┴─ recycle* ─▶ RECYCLED
//
// A person also disqualifies* a lead from wherever it is worked, and a manager
// reinstates* one that is DISQUALIFIED or RECYCLED: to LEAD, from where the verdicts
// take it on.
//
// A verdict moves only a lead whose cycle has no handoff: from then on the cycle is
// for sales to end. So MARKETING_QUALIFIED is left for DISQUALIFIED by a verdict only if
// the lead was decided as history and never handed off, or if it is suppressed before
// anybody accepted it: then its handoff is withdrawn.
//
// A cycle is one passage of a lead through a track. Going back to marketing closes
// it and opens the next at once; a disqualification closes it, and the next opens
// if the lead ever comes back.
//
// A dashed edge needs the lead to be stirred: a fact of its own, not ours, that was
// received after it came to rest. The solid automatic edges form no circle, and
// coming to rest takes the stirring away. A standard can only hold a lead at rest back
// for longer, and a clock only ends that. So, however often a lead is scored again and
// however much time passes, its stage changes only finitely often before the lead, or a
// person, does something.
package lifecycle
