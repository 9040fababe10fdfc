// Package engagement says how interested a lead is: it folds what a lead did into
// a score that any instant, past or future, can be read from. It is pure: a model
// and facts in, a score out; no clock, no I/O, no randomness, no floating point in
// results.
//
//	Model ── Compile ──▶ Compiled
//	                        │
//	Fact ── Match ──▶ Entry ── Step ──▶ State ── Score(as of) ──▶ Score
//
// Match asks the conditions of the rules that an activity is a candidate of, with
// the profile as it was at that instant. Step folds the answer into the state and
// asks no condition again, so a late fact costs steps but no conditions. State is
// bounded by the model (its rules, and days back to its horizon), never by the
// length of the history. Score does not change the state.
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
// Each rule gives its points for every match. What its repeat limit, decay and cap
// withhold, what the cap of its group withholds and what the cap of the total
// withholds are lines of their own with the opposite sign, in this order, so that
// the lines always sum to the score. Caps hold the faded values of the instant.
//
// Points fade in buckets, one for each rule and UTC day: the bucket's points times a
// factor from a table of integers, rounded once, half away from zero, to hundredths.
//
// # Growing
//
// Whatever happens by itself in a richer model (inactivity, floors, resets, scheduled
// evaluation) belongs in Advance, at instants fixed by model, facts and time zone;
// whatever combines matches (boosters, sequences, unless-fired) belongs in Step,
// which sees every match in order. Both extend State and its codec; nothing else
// needs to know.
package engagement
