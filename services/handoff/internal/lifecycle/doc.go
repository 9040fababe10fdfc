// Package lifecycle says where a lead may go in a track, and by whom. It is pure:
// one table of transitions and what follows from it.
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
// A verdict moves only a lead whose cycle has no handoff: from then on the cycle is
// for sales to end. So MARKETING_QUALIFIED is left for DISQUALIFIED only by a lead
// that was decided as history and never handed off.
//
// A cycle is one passage of a lead through a track. Going back to marketing closes
// it and opens the next at once; a disqualification closes it, and the next opens
// if the lead ever qualifies again.
//
// A dashed edge needs the lead to be stirred: a fact of its own, not ours, that was
// received after it came to rest. The solid automatic edges form no circle, and
// coming to rest takes the stirring away. So, however often a lead is scored again,
// its stage changes only finitely often before the lead, or a person, does something.
package lifecycle
