// Package report counts what became of handoffs. It is pure: handoffs in, figures out.
//
// The exception report has a line for each way by which leads qualified: the standard's
// gates, each fast track, each self-selection, and approvals. A handoff belongs to the
// way of its first reason, and to the period it was created in, whenever it ended. Close
// rates are of the handoffs that ended, whichever way: one that sales refused counts as
// one that was not won.
//
// The report on response times counts clocks, by the owner who is credited and the team
// they got the handoff in.
package report
