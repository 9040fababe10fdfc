package crm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

const (
	// lease is how long a lead's place in a CRM belongs to who talks about it. It is longer
	// than any attempt takes.
	lease = 2 * time.Minute
	// settle is how long a CRM may take to finish what it began after the call for it was
	// given up. Until then nothing is made anew.
	settle = 2 * time.Minute
)

// Places keeps where leads and handoffs are in CRMs; *store.Store does.
type Places interface {
	ClaimRemote(ctx context.Context, destination, lead, handoff string, lease time.Duration) (*store.RemoteHandoff, error)
	SendRemote(ctx context.Context, r *store.RemoteHandoff) (held bool, err error)
	EndRemote(ctx context.Context, r *store.RemoteHandoff, unanswered bool) error
}

// Sender brings handoffs to CRMs, each once in effect.
type Sender struct {
	places Places
	now    func() time.Time
	// turns are the leads that this process talks to a CRM about: who waits here does not
	// spend an attempt on the lease.
	turns turns
}

// NewSender returns a sender that keeps places where handoffs are.
func NewSender(places Places, now func() time.Time) *Sender {
	return &Sender{places: places, now: now, turns: turns{taken: map[string]chan struct{}{}}}
}

// Send sees to it that a handoff of a lead is in the CRM of a destination, all by their
// ids, and up to date there. It returns the CRM's id of the opportunity. The error is an
// *Error where the CRM or its lease says no.
func (s *Sender) Send(ctx context.Context, c Connector, destination, lead, handoff string, r Record) (string, error) {
	done, err := s.turns.take(ctx, destination+" "+lead)
	if err != nil {
		return "", err
	}
	defer done()
	place, err := s.places.ClaimRemote(ctx, destination, lead, handoff, lease)
	if errors.Is(err, store.ErrBusy) {
		return "", &Error{Effect: Away, Reason: "another process talks to the CRM about the lead"}
	}
	if err != nil {
		return "", err
	}
	unanswered, err := s.send(ctx, c, place, r)
	// What was learnt is kept also when the attempt was given up.
	return place.Opportunity, errors.Join(err, s.places.EndRemote(context.WithoutCancel(ctx), place, unanswered))
}

// send looks, and makes what is not there. unanswered: the CRM may still be making it.
func (s *Sender) send(ctx context.Context, c Connector, place *store.RemoteHandoff, r Record) (unanswered bool, err error) {
	key := Key(place.Handoff)
	if place.Opportunity == "" {
		// Not only after a call without an answer: our own memory may be of yesterday.
		found, ok, err := c.Find(ctx, key)
		if err != nil {
			return !place.Sent.IsZero(), err
		}
		if ok {
			learn(place, found)
		}
	}
	if place.Opportunity == "" {
		if wait := settle - s.now().Sub(place.Sent); !place.Sent.IsZero() && wait > 0 {
			return true, &Error{Effect: Away, Reason: "an earlier call may still arrive: the CRM is given time to finish it"}
		}
		held, err := s.places.SendRemote(ctx, place)
		if err != nil {
			return false, err
		}
		if !held {
			return false, &Error{Effect: Away, Reason: "the CRM took so long to answer that the lease on the lead ended"}
		}
	}
	remote, err := c.Upsert(ctx, key, Remote{Contact: place.Contact, Opportunity: place.Opportunity}, r)
	learn(place, remote)
	var failed *Error
	if errors.As(err, &failed) {
		return failed.Effect == Unknown && place.Opportunity == "", err
	}
	return err != nil && place.Opportunity == "", err
}

// learn keeps what a CRM said of where something is.
func learn(place *store.RemoteHandoff, r Remote) {
	if place.Contact == "" {
		place.Contact = r.Contact
	}
	if place.Opportunity == "" {
		place.Opportunity = r.Opportunity
	}
}

// turns lets one after the other.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// take waits until it is the caller's turn at what, and returns how to end it.
func (t *turns) take(ctx context.Context, what string) (done func(), err error) {
	for {
		t.mu.Lock()
		before, taken := t.taken[what]
		if !taken {
			mine := make(chan struct{})
			t.taken[what] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				defer t.mu.Unlock()
				delete(t.taken, what)
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lead's turn: %w", ctx.Err())
		}
	}
}
