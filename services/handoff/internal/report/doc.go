// Package report counts what became of handoffs. It is pure: handoffs in, figures out.
//
// The exception report has a line for each way by which leads qualified: the standard's
// gates, each fast track, each self-selection, and approvals. A handoff belongs to the
// way of its first reason, and to the period it was created in, whenever it ended. Rates
// are of all handoffs of the way, those that are still open included: so two ways of one
// period are compared over the same time.
package report
