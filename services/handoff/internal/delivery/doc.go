// Package delivery carries events to destinations: a webhook, a chat, a CRM.
//
//	verdict, word of sales ──one transaction──▶ event ──▶ deliveries, one for each destination
//	                                                          │
//	          ┌── Sender: claim (the key is written) ◀────────┘
//	          │        │ the first time: assemble the packet, render the body, keep it
//	          │        │ an attempt before may have arrived: Lookup, where the kind can
//	          │        ▼
//	          │     Deliver ──▶ delivered │ failed │ throttled │ unknown │ rejected │ gone
//	          └── later, by the schedule ◀────┴─────────┴──────────┘        │        │
//	                 after the last attempt: dead letter ◀──────────────────┘    disabled
//
// A delivery is effectively once: its row is marked as sending, with the key that never
// changes, before the call begins. Whoever finds the mark afterwards (after a timeout, a
// broken connection, a kill) does not know whether the call arrived: it looks up first
// where the kind of destination can, and otherwise repeats the same bytes under the same
// key, which a receiver that honours the key drops.
//
// Destinations do not wait for each other: each has its own few senders, and its own
// pause when it asks for one.
package delivery
