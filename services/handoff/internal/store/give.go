package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// ByClaim: somebody takes the handoff.
	ByClaim lifecycle.Cause = "claim"
	// ByReassign: somebody gives the handoff to another.
	ByReassign lifecycle.Cause = "reassign"
)

var (
	// ErrNotYours: a salesperson gives away only what they have.
	ErrNotYours = errors.New("the handoff is somebody else's")
	// ErrNoUser: there is no such user.
	ErrNoUser = errors.New("there is no such user")
	// ErrNoTeam: there is no such team.
	ErrNoTeam = errors.New("there is no such team")
)

// OwnedError is a claim of a handoff that somebody else has.
type OwnedError struct{ Owner string }

// Error names them.
func (e *OwnedError) Error() string { return "the handoff is " + e.Owner + "'s" }

// NobodyError says that nobody who may get a handoff is available, and why, in words.
type NobodyError struct{ Reason string }

// Error says why.
func (e *NobodyError) Error() string { return "nobody is available: " + e.Reason }

// Claim is somebody taking a handoff.
type Claim struct {
	// Handoff is its id, Etag what must match; empty: any.
	Handoff, Etag string
	// Actor takes it. A Manager may take it from somebody.
	Actor   string
	Manager bool
}

// Claim gives an OPEN handoff to who takes it. Of several who try, one gets it and the
// others are told who. Claiming what one has changes nothing. Errors: ErrNotFound, ErrEtag,
// *StateError, *OwnedError.
func (s *Store) Claim(ctx context.Context, c Claim) (*handoffv1.Handoff, error) {
	return s.give(ctx, c.Handoff, c.Etag, func(_ *sqldb.Tx, h *handoffv1.Handoff) (*assignment, error) {
		if h.GetState() != handoffv1.Handoff_STATE_OPEN {
			return nil, &StateError{Is: h.GetState(), Wanted: []handoffv1.Handoff_State{handoffv1.Handoff_STATE_OPEN}}
		}
		if owner := h.GetOwner(); owner != "" && owner != c.Actor && !c.Manager {
			return nil, &OwnedError{owner}
		}
		h.Owner = c.Actor
		return &assignment{why: "claimed by " + c.Actor}, nil
	}, ByClaim, c.Actor)
}

// Reassignment is somebody giving a handoff away.
type Reassignment struct {
	// Handoff is its id, Etag what must match; empty: any.
	Handoff, Etag string
	// Owner is the id of who gets it, or Team that of the team in which the turn decides.
	// Neither: whom its route names.
	Owner, Team string
	// Reason why.
	Reason string
	// Actor who does it. Only a Manager may give away what somebody else has.
	Actor   string
	Manager bool
}

// Reassign gives an OPEN or ACCEPTED handoff to somebody else, who goes on from where it
// stands. If nobody may get it, it stays as it is. Errors: ErrNotFound, ErrEtag,
// *StateError, ErrNotYours, ErrNoUser, ErrNoTeam, *NobodyError.
func (s *Store) Reassign(ctx context.Context, r Reassignment) (*handoffv1.Handoff, error) {
	return s.give(ctx, r.Handoff, r.Etag, func(tx *sqldb.Tx, h *handoffv1.Handoff) (*assignment, error) {
		if !holds(h) {
			return nil, &StateError{Is: h.GetState(), Wanted: []handoffv1.Handoff_State{handoffv1.Handoff_STATE_OPEN, handoffv1.Handoff_STATE_ACCEPTED}}
		}
		if !r.Manager && h.GetOwner() != r.Actor {
			return nil, ErrNotYours
		}
		a := &assignment{why: "given away by " + r.Actor + ": " + r.Reason, must: true}
		h.Owner = r.Owner
		if r.Owner != "" {
			a.why = "given by " + r.Actor + ": " + r.Reason
			return a, nil
		}
		a.routesAgain = true
		if r.Team == "" {
			return a, nil
		}
		if err := people.LockTeam(tx, r.Team); err != nil {
			return nil, err
		}
		known, err := people.TeamsIn(tx, []string{r.Team})
		if err == nil && known[r.Team] == nil {
			err = ErrNoTeam
		}
		if err != nil {
			return nil, err
		}
		route, err := routeOf(tx, HandoffID(h.GetName()))
		a.routed, a.route = true, route.ToTeam(r.Team, "asked for")
		a.route.AccountOwner = ""
		return a, err
	}, ByReassign, r.Actor)
}

// give changes the owner of a handoff by a function that changes it in place, and does what
// follows. If the owner stays the same, nothing changes.
func (s *Store) give(
	ctx context.Context, id, etag string, to func(*sqldb.Tx, *handoffv1.Handoff) (*assignment, error), cause lifecycle.Cause, actor string,
) (*handoffv1.Handoff, error) {
	known, err := s.Handoff(ctx, id)
	if err != nil {
		return nil, err
	}
	var after *handoffv1.Handoff
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := lockLead(tx, LeadID(known.GetLead())); err != nil {
			return err
		}
		h, err := scanHandoff(tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, id))
		if err != nil {
			return err
		}
		if etag != "" && etag != h.GetEtag() {
			return ErrEtag
		}
		before := proto.CloneOf(h)
		a, err := to(tx, h)
		if err != nil {
			return err
		}
		if after = h; h.GetOwner() == before.GetOwner() && h.GetOwner() != "" {
			if err := s.whole(tx, h); err != nil {
				return err
			}
			return errUnchanged
		}
		what := &happened{moment: s.now(), changes: []*change{{before: before, after: h, cause: cause, actor: actor, assignment: *a}}}
		if err := s.follows(tx, what); err != nil {
			return err
		}
		if err := saveHandoff(tx, h, what.moment); err != nil {
			return err
		}
		return s.whole(tx, h)
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return after, err
}

// errUnchanged rolls back where nothing changed, so that it leaves no entry in the audit log.
var errUnchanged = errors.New("nothing changed")

// Leave is somebody whose handoffs go to others.
type Leave struct {
	// User is their id.
	User string
	// Accepted says what is done with what they accepted. Default: recycled.
	Accepted handoffv1.ReassignOwnerRequest_Accepted
	// RecycleReason and RecycleSubReason are those of recycling. Default reason:
	// [lifecycle.NoResponse].
	RecycleReason, RecycleSubReason string
	// Reason why they go to others.
	Reason string
	// Actor who does it, and By is what they are.
	Actor string
	By    lifecycle.Who
}

// Left is what became of somebody's handoffs.
type Left struct {
	// Reassigned to others, Queued until there is somebody, and Recycled.
	Reassigned, Queued, Recycled int
}

// ReassignOwner hands on all that somebody has, in one transaction: what is OPEN by the
// route by which it came, what is ACCEPTED as asked for. Errors: ErrNoUser, and those of
// lifecycle.Standing.Move.
func (s *Store) ReassignOwner(ctx context.Context, l Leave) (left Left, err error) {
	agreed, err := s.agreements(ctx)
	if err != nil {
		return left, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		left, err = s.reassignOwner(tx, l, agreed)
		return err
	})
	if err == nil && left.Recycled > 0 {
		s.waker.Wake()
	}
	return left, err
}

func (s *Store) reassignOwner(tx *sqldb.Tx, l Leave, agreed map[string]*standard.Compiled) (left Left, err error) {
	held, err := lockHeldBy(tx, l.User)
	if err != nil {
		return left, err
	}
	if len(held) == 0 {
		known, err := people.UsersIn(tx, []string{l.User})
		if err == nil && known[l.User] == nil {
			err = ErrNoUser
		}
		return left, err
	}
	what := &happened{moment: s.now()}
	for _, h := range held {
		accepted := h.GetState() == handoffv1.Handoff_STATE_ACCEPTED
		if accepted && l.Accepted == handoffv1.ReassignOwnerRequest_ACCEPTED_KEEP {
			continue
		}
		if accepted && l.Accepted != handoffv1.ReassignOwnerRequest_ACCEPTED_REASSIGN {
			var forbidden *lifecycle.ForbiddenError
			err := s.recycleOf(tx, l, h, agreed, what.moment)
			if err == nil {
				left.Recycled++
				continue
			}
			// A deal does not end because somebody leaves: others go on with it.
			if !errors.As(err, &forbidden) {
				return left, err
			}
		}
		before := proto.CloneOf(h)
		h.Owner = ""
		what.changes = append(what.changes, &change{
			before: before, after: h, cause: ByReassign, actor: l.Actor,
			assignment: assignment{why: l.User + " gives it up: " + l.Reason},
		})
	}
	if err := s.follows(tx, what); err != nil {
		return left, err
	}
	for _, c := range what.changes {
		if left.Reassigned++; c.after.GetOwner() == "" {
			left.Reassigned, left.Queued = left.Reassigned-1, left.Queued+1
		}
		if err := saveHandoff(tx, c.after, what.moment); err != nil {
			return left, err
		}
	}
	return left, nil
}

// recycleOf recycles a lead of somebody who left.
func (s *Store) recycleOf(tx *sqldb.Tx, l Leave, h *handoffv1.Handoff, agreed map[string]*standard.Compiled, moment time.Time) error {
	t, err := onlyTrack(tx, alone(LeadID(h.GetLead())), h.GetTrack())
	if err != nil {
		return fmt.Errorf("track of a handoff: %w", err)
	}
	a := &Act{
		Cause: lifecycle.ByLeave, To: lifecycle.Recycled, Actor: l.Actor, By: l.By,
		Reason: l.RecycleReason, SubReason: l.RecycleSubReason,
	}
	if a.Reason == "" {
		a.Reason = lifecycle.NoResponse
	}
	_, err = s.apply(tx, a, h, &person{Actor: l.Actor, track: t, agreed: agreed[t.standard], moment: moment})
	return err
}

// lockHeldBy locks the leads of the handoffs that somebody has, and returns these in the
// order of their leads. What they get meanwhile is found by looking again.
func lockHeldBy(tx *sqldb.Tx, user string) ([]*handoffv1.Handoff, error) {
	var locked []string
	for {
		var held []*handoffv1.Handoff
		var leads []string
		rows, err := tx.Query(selectHandoff+` WHERE owner = $1 AND state IN (1, 2) ORDER BY lead_id, handoff_id`, user)
		err = scanAll(rows, err, func(rows *sql.Rows) error {
			h, err := scanHandoff(rows)
			held, leads = append(held, h), append(leads, LeadID(h.GetLead()))
			return err
		})
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(leads, func(l string) bool { return !slices.Contains(locked, l) }) {
			return held, nil
		}
		if err := lockLeads(tx, leads); err != nil {
			return nil, err
		}
		locked = distinct(append(locked, leads...))
	}
}
