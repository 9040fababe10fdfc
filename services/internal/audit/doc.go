// Package audit keeps the log of every change that a person or a machine with a key made:
// who, as what, when, by which method, about what, and which fields were given. Never
// their values.
//
// No handler writes to it. The server puts a [Call] into the context of every call from
// outside, and the database asks the [Log] before each commit: the first transaction that
// commits under a call takes the call's one entry with it. So a change without an entry,
// or an entry without its change, cannot be; a call that changes nothing leaves none; and
// what services and workers do for themselves is no entry but a record of its own.
//
//	call from outside ─▶ With(ctx, Call) ─▶ handler ─▶ DB.Write ─▶ … ─▶ Log ─▶ commit
//
// Entries are numbered without gaps and chained: the hash of each is over its content and
// the hash of the one before. Who changes or removes one has to write anew all that
// follow, and cannot make the hash of the latest one what it was: an auditor who keeps
// that hash elsewhere sees it. Finding the next number locks one row, as the last thing a
// transaction does before it commits.
package audit
