// Package pending knows where a lead stands in the queue of those whose facts
// changed and for which no decision is made yet.
//
// A [Row] is one lead's place, and its methods are everything that can happen to
// it. They are pure: the store reads a row under its lock, calls one of them, and
// writes it back.
//
//	         Capture                Claim
//	Idle ───────────────▶ Waiting ─────────▶ Leased ──▶ Decide: Idle, or Waiting
//	                        ▲  ▲               │        if newer facts arrived
//	                        │  └───────────────┤ Release, Fail, Expire
//	     Capture, Retry     │                  ▼ after five claims
//	                        └──────────── Quarantined
//
// Captures that wait are summed up twice: those that a claim serves and those that
// arrived after it, so that a decision answers for the first and the others keep
// the time at which they were accepted.
package pending

import (
	"time"
)

// State is where a lead stands.
type State int64

// The states. The numbers are stored.
const (
	// Idle: everything known is decided.
	Idle State = iota
	// Waiting to be claimed.
	Waiting
	// Leased to a worker.
	Leased
	// Quarantined after too many failures: it waits for a new fact or an operator.
	Quarantined
)

// MaxAttempts is how many claims of one facts version are made before the lead is
// quarantined.
const MaxAttempts = 5

// What of one version may wait unseen.
const (
	// MaxRepeatedFacts is how many facts raise the version.
	MaxRepeatedFacts = 1000
	// maxRepeatedBytes is how large they may be.
	maxRepeatedBytes = 1 << 20
)

// Row is a lead's facts version and its place in the queue. Times are microseconds
// since 1970; 0 is none.
type Row struct {
	// Lead is the person's lead, never a merged member.
	Lead string
	// Version is the facts version: it is raised by every change of the facts.
	Version int64
	// Decided is the last version for which a decision is made.
	Decided int64
	// UpdatedAt is when the lead last changed.
	UpdatedAt int64
	// Latest is the latest effective time of any fact.
	Latest int64
	// Earliest is the earliest one, 0 without facts, and EarliestVersion the version
	// with which that fact came.
	Earliest, EarliestVersion int64
	// RepeatedFacts and RepeatedBytes are how much waits for the next version without
	// making the lead wait, see [Row.Repeat].
	RepeatedFacts, RepeatedBytes int64

	State State
	// QueuedAt is when the oldest capture that waits was accepted: the order of the
	// queue.
	QueuedAt int64
	// Serving are the captures that the claimed version has; Newer those after it.
	Serving, Newer Captures

	// Claimed is the version that was claimed last; 0 when nothing is claimed.
	Claimed int64
	// AsOf is the instant to score Claimed at, fixed by its first claim.
	AsOf int64
	// Attempts counts the claims of Claimed.
	Attempts int64
	// Fence is the token of the last lease; it only grows.
	Fence int64
	// LeaseUntil is when the lease ends; 0 without one.
	LeaseUntil int64
	// LastError is why the last attempt failed; never personal.
	LastError string
	// IdentityVersion is raised by every change of who this person is; 0 of one that was
	// always alone.
	IdentityVersion int64
}

// Capture takes in a capture that brought new facts: the next version, once for all
// captures of a transaction. latest is the latest effective time of its facts.
func (r *Row) Capture(c Captures, version, latest int64) {
	r.Version = version
	r.UpdatedAt = max(r.UpdatedAt, c.Accepted)
	r.Latest = max(r.Latest, latest)
	c.Facts += r.RepeatedFacts
	c.Bytes += r.RepeatedBytes
	r.RepeatedFacts, r.RepeatedBytes = 0, 0
	r.Newer.Add(c)
	if r.State == Quarantined {
		r.forget()
	}
	if r.State != Leased {
		r.wait(c.Accepted)
	}
}

// Repeat takes in captures whose facts only repeat what is known, and so change
// nothing that can be seen until another fact arrives: they belong to the next
// version and do not raise it. Only when they have become as many as may be sent
// together is the version raised for them. It comes before [Row.Capture] where a
// transaction has both.
func (r *Row) Repeat(c Captures, version, latest int64) {
	r.Latest = max(r.Latest, latest)
	r.RepeatedFacts += c.Facts
	r.RepeatedBytes += c.Bytes
	if r.RepeatedFacts >= MaxRepeatedFacts || r.RepeatedBytes >= maxRepeatedBytes {
		c.Facts, c.Bytes = 0, 0 // they are counted
		r.Capture(c, version, latest)
	}
}

// Begin takes in the earliest effective time of facts that come with a version: what
// the lead's first fact is may change with them.
func (r *Row) Begin(earliest, version int64) {
	if r.Earliest == 0 || earliest < r.Earliest {
		r.Earliest, r.EarliestVersion = earliest, version
	}
}

// Owes reports whether there are facts without a decision.
func (r *Row) Owes() bool { return r.Version > r.Decided }

// Claim leases the row, and says whether that was possible. Pending or not, a lead
// can be claimed by name; a leased or quarantined one cannot.
func (r *Row) Claim(now time.Time, lease time.Duration) bool {
	if r.State == Leased || r.State == Quarantined {
		return false
	}
	if r.Claimed != r.Version {
		r.Claimed, r.Attempts = r.Version, 0
		r.AsOf = max(now.UnixMicro(), r.Latest)
	}
	r.Serving.Add(r.Newer)
	r.Newer = Captures{}
	r.Attempts++
	r.Fence++
	r.State, r.LeaseUntil, r.QueuedAt = Leased, now.Add(lease).UnixMicro(), 0
	return true
}

// Holds reports whether a worker still has the lease.
func (r *Row) Holds(fence, version int64) bool {
	return r.State == Leased && r.Fence == fence && r.Claimed == version
}

// Decide ends a lease that holds: its version is decided.
func (r *Row) Decide(now time.Time) {
	r.Decided = r.Claimed
	r.Serving = Captures{}
	r.forget()
	r.settle(now)
}

// Release gives a lease back untried: the attempt does not count.
func (r *Row) Release(now time.Time) {
	r.Attempts--
	r.settle(now)
}

// firstPause is how long a lead waits after its first failure; after each further one
// four times as long, so that a passing trouble does not use up its attempts at once.
const firstPause = 250 * time.Millisecond

// Fail ends a lease with an error. The lead is claimed again after a pause, or at once
// when a new fact arrives.
func (r *Row) Fail(now time.Time, reason string) {
	r.fail(now, reason)
	if r.State == Waiting {
		r.QueuedAt = now.Add(firstPause << (2 * max(r.Attempts-1, 0))).UnixMicro()
	}
}

func (r *Row) fail(now time.Time, reason string) {
	r.LastError = reason
	if r.Attempts >= MaxAttempts && r.Claimed == r.Version && r.Owes() {
		r.State, r.LeaseUntil, r.QueuedAt = Quarantined, 0, 0
		return
	}
	r.settle(now)
}

// Expire ends a lease whose worker did not come back: the attempt counts, since the
// lead may be what it died of.
func (r *Row) Expire(now time.Time) { r.fail(now, "the lease expired") }

// Retry lets a quarantined lead be claimed again, and says whether it was one.
func (r *Row) Retry(now time.Time) bool {
	if r.State != Quarantined {
		return false
	}
	r.Attempts = 0
	r.settle(now)
	return true
}

// settle puts a row without a lease where it belongs.
func (r *Row) settle(now time.Time) {
	r.LeaseUntil, r.QueuedAt = 0, 0
	if !r.Owes() {
		// Only a claim by name ends here undecided: who made it tries again.
		r.State = Idle
		r.forget()
		return
	}
	r.wait(now.UnixMicro())
}

// wait queues the row, by its oldest capture or, without any, by now.
func (r *Row) wait(now int64) {
	r.State = Waiting
	r.QueuedAt = now
	for _, c := range []Captures{r.Serving, r.Newer} {
		if c.Accepted != 0 {
			r.QueuedAt = min(r.QueuedAt, c.Accepted)
		}
	}
}

// Void ends a lease because the person is another than the one that was claimed: whoever
// has it is fenced, and the attempt does not count.
func (r *Row) Void(now time.Time) {
	r.Fence++
	if r.State == Leased {
		r.forget()
		r.settle(now)
	}
}

// Absorb takes in the row of a person who turned out to be this one: the captures that
// wait.
func (r *Row) Absorb(o Row) {
	r.UpdatedAt = max(r.UpdatedAt, o.UpdatedAt)
	for _, c := range []Captures{o.Serving, o.Newer} {
		if r.Newer.Accepted != 0 && c.Accepted != 0 && c.Accepted < r.Newer.Accepted {
			c, r.Newer = r.Newer, c
		}
		r.Newer.Add(c)
	}
}

// forget drops what was known of the claims of a version.
func (r *Row) forget() {
	r.Claimed, r.AsOf, r.Attempts, r.LastError = 0, 0, 0, ""
}
