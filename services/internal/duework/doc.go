// Package duework keeps work that is due at a time as rows, and hands it to workers
// under leases: deliveries, review times, clocks, an outbox.
//
// Rows are a table of the service with, beside its key and whatever it is about,
//
//	due_time    BIGINT  NOT NULL             -- µs; not before this
//	lease_until BIGINT  NOT NULL DEFAULT 0   -- µs; 0: not leased
//	fence       BIGINT  NOT NULL DEFAULT 0   -- only grows; names a lease
//	attempts    INTEGER NOT NULL DEFAULT 0   -- claims that count
//	last_error  TEXT    NOT NULL DEFAULT ''
//	state       INTEGER NOT NULL DEFAULT 0   -- 0 waiting, 1 quarantined, 2 done
//
// and an index on (state, due_time).
//
//	          Claim (due, no live lease): fence+1, attempts+1
//	┌─────────┐ ───────────────────────────────────▶ ┌────────┐  Complete
//	│ waiting │                                      │ leased │ ──────────▶ gone, or done
//	└─────────┘ ◀─────────────────────────────────── └────────┘
//	  ▲  ▲       Release: attempts-1                    │  ▲ │
//	  │  │       Fail: later      lease ends (crash)    │  │ │ Fail or Claim
//	  │  └──────────────────────────────────────────────┘  │ │ after 5 claims
//	  │ Retry                                              │ ▼
//	  │       Schedule, from anywhere: fence+1  ┌─────────────┐
//	  └──────────────────────────────────────── │ quarantined │
//	                                            └─────────────┘
//
// A worker claims in one transaction, commits, works with no transaction open, and
// ends the lease in another, which may be the one that stores its result. Ending is
// conditional on the fence, so a worker that slept through its lease changes
// nothing. Attempts are counted by the claim, so that work that kills its worker
// counts too. Scheduling again what is leased voids the lease: what the worker knew
// is out of date.
//
// The laws, held as a property test on both stores: no item is held by two live
// leases; a stale fence ends nothing; nothing is lost.
package duework
