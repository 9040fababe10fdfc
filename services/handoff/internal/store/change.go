package store

import (
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// change is what happens to a handoff in a transaction: it is new, or somebody did
// something with it, or a clock did.
type change struct {
	// before is the handoff as it was; nil if it is new.
	before *handoffv1.Handoff
	// after is the handoff as it becomes. It is saved after what follows from it was done,
	// which may fill in more.
	after *handoffv1.Handoff
	// cause of the change, and who made it.
	cause lifecycle.Cause
	actor string
	// handling is what the standard says of it, rank its place among equals in the queue;
	// both of a new handoff only.
	handling standard.Handling
	rank     int64
	assignment
	// requested is when the lead asked, machine what the machine took since; of a new
	// handoff only, zero where nobody knows.
	requested time.Time
	machine   time.Duration
}

// assignment is how a handoff gets an owner, see [Store.assign].
type assignment struct {
	// route by which it is assigned, if routed; else that of its handling, or the one by
	// which it came.
	route  routing.Route
	routed bool
	// routesAgain: it has no owner, waits, and may get one now.
	routesAgain bool
	// must: an error unless it has an owner afterwards who may get it.
	must bool
	// stays: it stays with whom it is taken from if nobody else may get it.
	stays bool
	// why it changes its owner, in words.
	why string
	// assigned: done. waitsFor is the team or the person it waits for, by resource name.
	assigned bool
	waitsFor string
}

// happened is what a transaction did to handoffs and leads.
type happened struct {
	// moment of the transaction.
	moment time.Time
	// changes of handoffs, in the order in which their leads are locked.
	changes []*change
	// moves of leads from stage to stage.
	moves []Move
	// traces are the traceparents of what caused it, by the id of the lead; of others it is
	// in the context.
	traces map[string]string
	// events that are neither, e.g. of clocks.
	events []Event
}

// follows does what follows, in the same transaction and in this order: handoffs without
// an owner are assigned, clocks stop and start, and who wants to hear of it is told. The
// leads are locked by the caller; after them teams are, in the order of their names.
func (s *Store) follows(tx *sqldb.Tx, h *happened) error {
	for _, step := range []func(*sqldb.Tx, *happened) error{s.assign, s.runClocks, s.announce} {
		if err := step(tx, h); err != nil {
			return err
		}
	}
	return nil
}
