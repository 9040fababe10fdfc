package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Act is what sales does with a handoff.
type Act struct {
	// Handoff is its id.
	Handoff string
	// Cause is ByAccept, ByReject, ByRecycle, ByOutcome, ByLeave or ByMerge.
	Cause lifecycle.Cause
	// To is the stage it leads to.
	To lifecycle.Stage
	// Reason and SubReason, where the lifecycle and the standard ask for them.
	Reason, SubReason string
	// Actor who does it, and By is what they are. Default: a system that reports what
	// sales said.
	Actor string
	By    lifecycle.Who
	// Etag that must match; empty: any.
	Etag string
	// Time it happened; zero: now. The move is of now in any case.
	Time time.Time
	// Outcome that is reported, with ByOutcome; its time and actor are filled in.
	Outcome *handoffv1.Outcome
}

// StateError is an act on a handoff that is in the wrong state for it.
type StateError struct {
	// Is the state; Wanted those in which the act is allowed.
	Is     handoffv1.Handoff_State
	Wanted []handoffv1.Handoff_State
}

// Error names both.
func (e *StateError) Error() string {
	return fmt.Sprintf("the handoff is %s, wanted %s", e.Is, e.Wanted)
}

// wantedStates are the states in which each act is allowed.
var wantedStates = map[lifecycle.Cause][]handoffv1.Handoff_State{
	lifecycle.ByAccept:  {handoffv1.Handoff_STATE_OPEN},
	lifecycle.ByReject:  {handoffv1.Handoff_STATE_OPEN},
	lifecycle.ByRecycle: {handoffv1.Handoff_STATE_ACCEPTED, handoffv1.Handoff_STATE_LOST},
	lifecycle.ByOutcome: {handoffv1.Handoff_STATE_ACCEPTED},
	lifecycle.ByLeave:   {handoffv1.Handoff_STATE_ACCEPTED},
	lifecycle.ByMerge:   {handoffv1.Handoff_STATE_OPEN, handoffv1.Handoff_STATE_ACCEPTED},
}

// said is what sales says by moving a lead, as an activity's type; empty: nothing.
func said(cause lifecycle.Cause, to lifecycle.Stage) string {
	switch {
	case cause == lifecycle.ByAccept:
		return "sales.accepted"
	case cause == lifecycle.ByReject:
		return "sales.rejected"
	case cause == lifecycle.ByRecycle, cause == lifecycle.ByLeave:
		return "sales.recycled"
	case cause != lifecycle.ByOutcome:
		return ""
	case to == lifecycle.SalesQualified:
		return "sales.qualified"
	case to == lifecycle.Opportunity:
		return "sales.opportunity"
	case to == lifecycle.Customer:
		return "sales.won"
	default:
		return "sales.lost"
	}
}

// next is the state of a handoff after a move.
func next(to lifecycle.Stage, cause lifecycle.Cause) handoffv1.Handoff_State {
	switch {
	case cause == lifecycle.ByReject:
		return handoffv1.Handoff_STATE_REJECTED
	case cause == lifecycle.ByRecycle, cause == lifecycle.ByLeave:
		return handoffv1.Handoff_STATE_RECYCLED
	case cause == lifecycle.ByDisqualify:
		return handoffv1.Handoff_STATE_DISQUALIFIED
	case cause == lifecycle.ByMerge:
		return handoffv1.Handoff_STATE_MERGED
	case to == lifecycle.Customer:
		return handoffv1.Handoff_STATE_WON
	case to == lifecycle.Lost:
		return handoffv1.Handoff_STATE_LOST
	default:
		return handoffv1.Handoff_STATE_ACCEPTED
	}
}

// Act does what sales says: it changes the handoff, moves the lead, records the
// move and leaves word for ingest, in one transaction. It returns the handoff after
// it. Errors: ErrNotFound, ErrEtag, *StateError, and those of lifecycle.Standing.Move.
func (s *Store) Act(ctx context.Context, a Act) (*handoffv1.Handoff, error) {
	return s.acts(ctx, a.Handoff, false, func(*sqldb.Tx, *handoffv1.Handoff) ([]Act, error) { return []Act{a}, nil })
}

// acts does with a handoff what plan makes of it as it is, in one transaction that holds
// the lead; with dry it only tries.
func (s *Store) acts(ctx context.Context, handoff string, dry bool, plan func(*sqldb.Tx, *handoffv1.Handoff) ([]Act, error)) (*handoffv1.Handoff, error) {
	before, err := s.Handoff(ctx, handoff)
	if err != nil {
		return nil, err
	}
	agreed, err := s.agreements(ctx)
	if err != nil {
		return nil, err
	}
	lead := LeadID(before.GetLead()) // a handoff never changes its lead
	var after *handoffv1.Handoff
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := lockLead(tx, lead); err != nil {
			return err
		}
		h, err := scanHandoff(tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, handoff))
		if err != nil {
			return err
		}
		acts, err := plan(tx, h)
		if err != nil {
			return err
		}
		after = h
		for i := range acts {
			t, err := scanTrack(tx.QueryRow(selectTrack+` WHERE lead_id = $1 AND track = $2`, lead, h.GetTrack()))
			if err != nil {
				return fmt.Errorf("track of a handoff: %w", err)
			}
			if t.dormant { // another handoff of the person goes on
				return &StateError{Is: handoffv1.Handoff_STATE_MERGED, Wanted: wantedStates[acts[i].Cause]}
			}
			p := &person{Actor: acts[i].Actor, track: t, agreed: agreed[t.standard], moment: s.now()}
			if after, err = s.apply(tx, &acts[i], h, p); err != nil {
				return err
			}
		}
		if dry {
			return errOnlyTried
		}
		if err := s.whole(tx, after); err != nil || len(acts) > 0 {
			return err
		}
		return errUnchanged
	})
	if errors.Is(err, errOnlyTried) || errors.Is(err, errUnchanged) {
		return after, nil
	}
	if err != nil {
		return nil, err
	}
	s.waker.Wake()
	return after, nil
}

// errOnlyTried rolls back what was only tried.
var errOnlyTried = errors.New("only tried")

// lockLead keeps everybody else from deciding or moving the lead until the
// transaction ends.
func lockLead(tx *sqldb.Tx, lead string) error {
	var id string
	err := tx.QueryRow(`SELECT lead_id FROM leads WHERE lead_id = $1`+tx.Dialect().ForUpdate(), lead).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// apply does an act to a handoff and to its lead, and what follows from it.
func (s *Store) apply(tx *sqldb.Tx, a *Act, h *handoffv1.Handoff, p *person) (*handoffv1.Handoff, error) {
	if a.Etag != "" && a.Etag != h.GetEtag() {
		return nil, ErrEtag
	}
	if err := a.allowed(h.GetState()); err != nil {
		return nil, err
	}
	before := proto.CloneOf(h)
	move, err := p.move(tx, h, lifecycle.Step{
		To: a.To, Cause: a.Cause, By: cmp.Or(a.By, lifecycle.System), Reason: a.Reason, SubReason: a.SubReason,
	})
	if err != nil {
		return nil, err
	}
	if a.Cause == lifecycle.ByAccept && a.By&^lifecycle.System != 0 { // a system only reports that somebody did
		h.Owner = a.Actor
	}
	happened := p.moment
	if !a.Time.IsZero() && a.Time.Before(happened) {
		happened = a.Time
	}
	if a.Outcome != nil {
		h.Outcome = proto.CloneOf(a.Outcome)
		h.Outcome.OccurredTime, h.Outcome.Actor = timestamppb.New(happened), a.Actor
	}
	if err := s.saveMoved(tx, before, h, p, move); err != nil {
		return nil, err
	}
	if word, speaks := a.word(move, h, happened); speaks {
		return h, insert(tx, insertTellings, tellingColumns, ``, word.columns(p.moment))
	}
	return h, nil
}

func (a *Act) allowed(is handoffv1.Handoff_State) error {
	if slices.Contains(wantedStates[a.Cause], is) {
		return nil
	}
	return &StateError{Is: is, Wanted: wantedStates[a.Cause]}
}

// word is what ingest is told that sales said.
func (a *Act) word(m *Move, h *handoffv1.Handoff, moment time.Time) (Telling, bool) {
	kind := said(a.Cause, a.To)
	return Telling{
		ActivityID: m.ID + ".sales", // beside the move's own
		Lead:       m.Lead,
		Type:       kind,
		Time:       moment,
		Properties: properties(map[string]any{
			"track": m.Track, "cycle": h.GetCycle(), "handoff": h.GetName(), "reason": m.Reason, "sub_reason": m.SubReason,
			"amount": a.Outcome.GetAmount(), "currency_code": a.Outcome.GetCurrencyCode(),
		}),
	}, kind != ""
}

// Report does with a handoff what plan makes of it as it is, and of the stages that its
// cycle has reached with the word of sales: all acts or none, in one transaction. With dry
// it only says what would be. Errors are those of [Store.Act] and of plan.
func (s *Store) Report(ctx context.Context, handoff string, dry bool,
	plan func(h *handoffv1.Handoff, reached map[lifecycle.Stage]bool) ([]Act, error),
) (*handoffv1.Handoff, error) {
	return s.acts(ctx, handoff, dry, func(tx *sqldb.Tx, h *handoffv1.Handoff) ([]Act, error) {
		reached, err := reachedStages(tx, h)
		if err != nil {
			return nil, err
		}
		return plan(h, reached)
	})
}

// reachedStages are the stages to which sales moved the lead in the cycle of a handoff.
func reachedStages(tx *sqldb.Tx, h *handoffv1.Handoff) (map[lifecycle.Stage]bool, error) {
	reached := map[lifecycle.Stage]bool{}
	rows, err := tx.Query(`SELECT to_stage FROM stage_moves WHERE lead_id = $1 AND track = $2 AND cycle = $3 AND cause IN ($4, $5)`,
		LeadID(h.GetLead()), h.GetTrack(), h.GetCycle(), string(lifecycle.ByAccept), string(lifecycle.ByOutcome))
	return reached, scanAll(rows, err, func(rows *sql.Rows) error {
		var stage int64
		err := rows.Scan(&stage)
		reached[lifecycle.Stage(stage)] = true
		return err
	})
}
