// Package sla keeps the time in which sales answers. It is pure: rules, instants and
// calendars come in, what a clock shows and what falls due while it runs comes out.
//
// A clock runs while a handoff waits for the answer of its owner, and counts the owner's
// working time:
//
//	handoff   open, no owner ──▶ open, jane ────────▶ open, otto ──────▶ accepted
//	clocks                       ├─ 1: jane ──────────┤
//	                                                  ├─ 2: otto ───────┤
//	                                          stopped: owner changed    stopped: answered
//
// Each clock is credited to its owner, whatever comes after, and was met if it was stopped
// no later than it was due. While it runs, steps fall due: warnings at a share of the
// time, the breach when it is over, then the escalation and the reassignment. A clock that
// was stopped has no more steps.
//
//	start ───── 50 % ───── 80 % ───── due ──── + 30 min ───── + 60 min ───▶ working time
//	           warning    warning    breach   escalation    reassignment
//
// Time is allowed as a length, not as "until the end of the day": two hours that begin on
// Friday at 15:00 are over on Friday at 17:00 where the day ends then, and an answer on
// Saturday comes too late. What begins and is answered outside of working hours took none
// of it, and was met.
package sla
