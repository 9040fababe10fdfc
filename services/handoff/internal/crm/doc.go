// Package crm brings handoffs to CRMs and brings back what became of them there.
//
//	delivery ─▶ Sender ─▶ Connector.Find, Upsert ─▶ the CRM
//	                                                  │ somebody works it
//	 handoff ◀─ Intake ◀─ Poller ◀─ Connector.Changes ◀┘
//	              ▲
//	              └── webhook of a CRM, CSV, batch API
//
// Few CRMs have an upsert, and none a transaction that spans ours. So a handoff arrives
// once in effect by four things together:
//
//   - The key, `assay:handoffs/{handoff}`, stands in the CRM's record. Who has forgotten
//     where it put a handoff finds it by its key.
//   - Where a lead and a handoff are in a CRM is a row of ours (the remote ids), and that
//     a call is on its way is written before it is made.
//   - A lead's calls to a CRM are made one after the other, under a lease.
//   - After a call without an answer the next try looks first. As a CRM may finish
//     what it began after we gave up, nothing is made anew before it had time to.
//
// What comes back is a claim about a handoff, not an order: the lifecycle says whether
// the lead may go there. What it forbids is kept with the record and logged, once.
// Everything a CRM answers is parsed as hostile: size, depth, type and range.
package crm
