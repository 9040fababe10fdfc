// Package qualifier turns changed leads into decisions.
//
//	      ┌──────────────────────────────────────────────────────────────┐
//	      ▼                                                              │
//	ClaimPending ─▶ which standards apply ─▶ AssessFit ─▶ ApplyFacts ─▶ Decide ─▶ Complete
//	(ingest)                                (profilefit)  (behavior)   (store)   (ingest)
//
// A few workers run this loop. Each pass takes what is pending, one lead or
// hundreds, and asks each service once for all of them. No transaction is open
// across a call.
//
// What can go wrong, and what is done about it:
//
//   - Nothing is known of a lead any more, as its import was undone: what was said of it is
//     forgotten, in the scorers as well.
//   - A service is away: the leases are given back, the worker pauses with backoff,
//     and nothing counts against a lead.
//   - A scorer does not know a model: it is registered, and asked again.
//   - A scorer's checkpoint does not fit the delta: it gets the whole history in
//     chunks. That is also what follows from a dropped database, a merge, or facts
//     too many for one message.
//   - Something newer was scored or decided: the pass is of no use. If the lease is
//     still ours that must not happen, and ingest counts it.
//   - A standard was published meanwhile: the lead is scored again.
//   - A call fails for another reason, or a worker panics: the leads are tried one
//     by one, so that the one at fault fails alone. ingest quarantines it in the end.
package qualifier
