// Package store keeps what was decided, and all that follows from it: where each lead
// stands, the verdicts, the records of decisions and stage moves, the handoffs with their
// owners, clocks and deliveries, the approvals, and what ingest is still to be told.
//
//	Decide (a claim that was scored) ──┐                ┌▶ assign an owner  (assign.go)
//	Act, ActOnLead, Claim, Reassign …  ├─▶ follows ─────┼▶ stop, start clocks (clocks.go)
//	Fire (a clock), AssignWaiting     ─┘   (change.go)  └▶ events and deliveries (events.go)
//
// Everything that follows from one event is one transaction. The row of a lead in `leads`
// is its lock: each of these transactions takes it first, so two of them never see the
// same lead half changed. After the leads, in the order of their ids, it locks teams and
// then people, in the order of theirs.
//
// What is due later is a row of due work in a table of its own, with a worker outside that
// claims it: reviews, held_leads, awaited, sla_timers, deliveries, crm_polls, the outbox
// and operations.
package store
