// Package rescore goes over all leads in the background: to decide them again after a
// publish, or to preview one.
//
//	publish ─▶ operation (same transaction)
//	              │ step: lease
//	              ▼
//	           ClaimLeads ─▶ the qualifier's pass ─▶ next page … ─▶ place and progress
//	           (ingest)      (the live one)                         (with the lease's end)
//
// A step is a few pages of leads in the order of their names. Its end stores the place
// together with the end of its lease, so that after a kill whoever takes the next step
// goes on from there; what is done twice comes to the same. A newer publish ends the
// older re-score, whose step finds its lease void.
//
// Live capture goes first: what waits for a decision is left to it, for it is decided
// by the new standards anyway; and while leads wait, the pages are small and the pauses
// between them longer than they are.
//
// A page is claimed without facts as long as the scorers have what they need, and
// with whole histories once they do not: a publish that changes only gates reads no
// history at all.
package rescore
