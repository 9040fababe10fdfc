package delivery

import (
	"context"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

// Transport is how one kind of destination is delivered to: a webhook, a chat, a CRM.
// It is safe for concurrent use.
type Transport interface {
	// Render makes the bytes that are sent. It is called once, before the first attempt,
	// and the bytes are kept with the delivery, so that each attempt sends the same. It
	// does no I/O. An error ends the delivery as a dead letter, and its text is shown to
	// people: it holds no personal data.
	Render(d *Delivery) ([]byte, error)
	// Deliver makes one attempt within the deadline of ctx.
	Deliver(ctx context.Context, d *Delivery) Result
}

// Finder is a transport that can ask a receiver whether an attempt arrived, e.g. a CRM
// that is searched by our key. It is asked before an attempt that follows one of which
// nobody knows what became of it.
type Finder interface {
	Transport
	// Lookup returns found, and a result that is [Delivered], if the receiver has it
	// already. If the answer is not to be had, found is false and the result says what
	// to do instead, as Deliver would; [None] says that it is not there and may be sent.
	Lookup(ctx context.Context, d *Delivery) (result Result, found bool)
}

// Delivery is one event on its way to one destination.
type Delivery struct {
	// Key is the idempotency key: the same for every attempt, and for a replay. It is
	// the `webhook-id` of a webhook, and what a CRM keeps as our reference.
	Key string
	// Event is what happened.
	Event Event
	// Destination is where it goes.
	Destination *Destination
	// Sample: somebody tries the destination out. The event is one of the catalogue, and
	// a CRM makes nothing of it.
	Sample bool
	// Packet is what sales is given with the handoff, or, of an event about a lead, who that
	// is; with no more of the person than the detail of the destination allows. In Render
	// only; nil with LinkOnly, and for an event that is about nobody.
	Packet *handoffv1.HandoffPacket
	// Body is what Render made; nil in Render itself.
	Body []byte
	// Attempt counts from 1.
	Attempt int
	// Now is when the attempt begins.
	Now time.Time
}

// Event is something that happened, as it was written down in the transaction in which
// it did.
type Event struct {
	// ID of the event.
	ID string
	// Type is one of the catalogue, e.g. `handoff.created`.
	Type string
	// Time it happened.
	Time time.Time
	// Lead and Handoff it is about: resource names; Handoff may be empty.
	Lead, Handoff string
	// Data is what happened, without personal data: one JSON object.
	Data []byte
	// Traceparent of the span of the attempt; empty if it is not traced.
	Traceparent string
}

// Outcome is how an attempt ended.
type Outcome int8

const (
	// None: there was no attempt.
	None Outcome = iota
	// Delivered: the receiver has it.
	Delivered
	// Failed: the receiver does not have it. It is tried again by the schedule.
	Failed
	// Throttled: the receiver asks to wait, all deliveries to it do. The attempt does
	// not count.
	Throttled
	// Unknown: the request went out and no answer came: it may have arrived.
	Unknown
	// Rejected: the receiver will never take it as it is. It is a dead letter at once.
	Rejected
	// Gone: the receiver wants nothing any more. The destination is disabled.
	Gone
)

// String is the outcome as metrics and people read it.
func (o Outcome) String() string {
	return [...]string{"none", "delivered", "failed", "throttled", "unknown", "rejected", "gone"}[o]
}

// Result is what came of an attempt.
type Result struct {
	// Outcome of it.
	Outcome Outcome
	// Code is the HTTP status, if there was an answer.
	Code int
	// Reason says why it did not arrive, in words a person can act on. It is stored and
	// shown: no personal data, nothing of the body of an answer.
	Reason string
	// After is how long the receiver asked to wait, with Throttled; 0: it did not say.
	After time.Duration
	// RemoteID is what the receiver calls what it made, e.g. the id of an opportunity.
	RemoteID string

	// unseen: it is the answer to a lookup, and whether an attempt before arrived is as
	// unknown as it was.
	unseen bool
}
