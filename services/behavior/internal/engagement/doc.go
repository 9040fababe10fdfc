// Package engagement says how interested a lead is: it folds what a lead did into
// a score that any instant, past or future, can be read from. It is pure: a model
// and facts in, a score out; no clock, no I/O, no randomness, no floating point in
// results.
//
//	Model ── Compile ──▶ Compiled
//	                        │
//	Fact ── Match ──▶ Entry ── Step ──▶ State ── Score(as of) ──▶ Score
//	                                      │▲
//	                                     Advance
//
// Match asks the conditions of the triggers that a fact is a candidate of, with the
// profile as it was at that instant: whether it matches, how much it gives, which
// values it says, and the leaves of its gate that ask the profile. Step folds the
// answers into the state and asks no condition again, so a late fact costs steps but
// no conditions; what depends on the state (gates over what was done, limits,
// sequences, stops) is answered there. Advance makes what happens by itself. State is
// bounded by the model (its rules, and days back to its horizon), never by the length
// of the history. Score does not change the state.
//
// A trigger (trigger.go) is anything that facts are matched against. Triggers stand in
// the order of the fold, so that one fact ends inactivities, moves the stage, ends and
// begins suspensions, remembers, resets, is counted, gives, gives what follows, and
// sets overrides, each seeing what the one before it did. All changes of attributes of
// one instant are one entry, made from the profile and made anew when it changes.
//
// # Order
//
// Facts fold in the order of their Key: effective time; attribute before fit before
// lifecycle.* before other activities; source; id. The order in which they arrive
// does not matter, and a fact that is repeated changes nothing: a score is a
// function of a set. History keeps what that takes between arrivals.
//
// # How a score adds up
//
// Each rule gives its points for every match. What suspensions, stops and repeat limits
// withhold, what resets take and give back, what fading and its cap withhold, and what
// the bounds of its group and of the total do are lines of their own, so that the lines
// always sum to the score. A match that is suspended or stopped uses up no limit. Caps
// hold the faded values of the instant.
//
// Points fade in buckets, one for each rule and day of the model's calendar: the
// bucket's points times a factor from a table of integers, rounded once, half away from
// zero, to hundredths.
//
// # What happens by itself
//
// Rules and resets by a schedule or by inactivity, and floors that are looked at by a
// schedule (alone.go), happen in Advance at instants that follow from model, facts and
// time zone alone, before the facts of their instant. A state at rest has seen what was
// due up to its head; a score at a later instant reads a copy that went on. Where
// nothing that a schedule asks can have changed, it is not asked: years of silence stay
// cheap. Because the profile is asked then, a late attribute folds again from there.
//
// # Where to look
//
//	limit, sharedLimits   limit.go, compile_limit.go
//	after, sequence       follow.go
//	resets, memories      reset.go
//	suspensions, stops    suspension.go, stop.go
//	floors that lift      floor.go
//	schedules, silence    schedule.go, inactivity.go, alone.go
//	what gates measure    measure.go, step.go
//	reading a score       reading.go, score.go, criteria.go, band.go, combined.go, override.go
//	gates                 gate.go, range.go, segment.go, compile_gate.go
//	when time moves it    review.go
//	lines by activity     lines.go
//	at rest               buckets.go, codec.go, codec_state.go, history.go
package engagement
