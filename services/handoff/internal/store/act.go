package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Act is what sales does with a handoff.
type Act struct {
	// Handoff is its id.
	Handoff string
	// Cause is ByAccept, ByReject, ByRecycle or ByOutcome.
	Cause lifecycle.Cause
	// To is the stage it leads to.
	To lifecycle.Stage
	// Reason, where the lifecycle asks for one.
	Reason string
	// Actor who does it.
	Actor string
	// Etag that must match; empty: any.
	Etag string
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
}

// said is what sales says by moving a lead, as an activity's type.
func said(cause lifecycle.Cause, to lifecycle.Stage) string {
	switch {
	case cause == lifecycle.ByAccept:
		return "sales.accepted"
	case cause == lifecycle.ByReject:
		return "sales.rejected"
	case cause == lifecycle.ByRecycle:
		return "sales.recycled"
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
	case cause == lifecycle.ByRecycle:
		return handoffv1.Handoff_STATE_RECYCLED
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
// it. Errors: ErrNotFound, ErrEtag, *StateError, *lifecycle.ForbiddenError,
// lifecycle.ErrNoReason.
func (s *Store) Act(ctx context.Context, a Act) (*handoffv1.Handoff, error) {
	before, err := s.Handoff(ctx, a.Handoff)
	if err != nil {
		return nil, err
	}
	lead := LeadID(before.GetLead()) // a handoff never changes its lead
	var after *handoffv1.Handoff
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := lockLead(tx, lead); err != nil {
			return err
		}
		h, err := scanHandoff(tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, a.Handoff))
		if err != nil {
			return err
		}
		t, err := scanTrack(tx.QueryRow(`SELECT lead_id, track, stage, cycle, stirred, rest_time, handoff_id, verdict
			FROM tracks WHERE lead_id = $1 AND track = $2`, lead, h.GetTrack()))
		if err != nil {
			return fmt.Errorf("track of a handoff: %w", err)
		}
		after, err = s.apply(tx, &a, h, t, s.now())
		return err
	})
	if err != nil {
		return nil, err
	}
	s.waker.Wake()
	return after, nil
}

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
func (s *Store) apply(tx *sqldb.Tx, a *Act, h *handoffv1.Handoff, t track, moment time.Time) (*handoffv1.Handoff, error) {
	if a.Etag != "" && a.Etag != h.GetEtag() {
		return nil, ErrEtag
	}
	if err := a.allowed(h.GetState()); err != nil {
		return nil, err
	}
	standing, err := t.standing.Move(a.To, a.Cause, a.Reason)
	if err != nil {
		return nil, err
	}
	move := Move{
		ID: newID(), Lead: t.lead, Track: t.name, Cycle: standing.Cycle, From: t.standing.Stage, To: standing.Stage,
		Cause: a.Cause, Reason: a.Reason, Actor: a.Actor, Time: moment,
	}
	before := proto.CloneOf(h)
	h.State = next(a.To, a.Cause)
	if a.Cause == lifecycle.ByAccept {
		h.Owner = a.Actor
	}
	if a.Reason != "" {
		h.OutcomeReason = a.Reason
	}
	if a.Outcome != nil {
		h.Outcome = proto.CloneOf(a.Outcome)
		h.Outcome.OccurredTime, h.Outcome.Actor = timestamppb.New(moment), a.Actor
	}
	if err := s.follows(tx, &happened{
		moment:  moment,
		changes: []*change{{before: before, after: h, cause: a.Cause, actor: a.Actor}},
		moves:   []Move{move},
	}); err != nil {
		return nil, err
	}
	if err := saveHandoff(tx, h, moment); err != nil {
		return nil, err
	}
	if err := saveStanding(tx, t, standing, h, moment); err != nil {
		return nil, err
	}
	if err := insert(tx, insertMoves, moveColumns, ``, move.columns()); err != nil {
		return nil, err
	}
	return h, insert(tx, insertTellings, tellingColumns, ``, a.tellings(&move, h, moment))
}

func (a *Act) allowed(is handoffv1.Handoff_State) error {
	if slices.Contains(wantedStates[a.Cause], is) {
		return nil
	}
	return &StateError{Is: is, Wanted: wantedStates[a.Cause]}
}

// tellings are the rows of what ingest is told: what sales said, and the move.
func (a *Act) tellings(m *Move, h *handoffv1.Handoff, moment time.Time) []any {
	word := Telling{
		ActivityID: m.ID + ".sales", // beside the move's own
		Lead:       m.Lead,
		Type:       said(a.Cause, a.To),
		Time:       moment,
		Properties: properties(map[string]any{
			"track": m.Track, "cycle": h.GetCycle(), "handoff": h.GetName(), "reason": m.Reason,
			"amount": a.Outcome.GetAmount(), "currency_code": a.Outcome.GetCurrencyCode(),
		}),
	}
	columns := word.columns(moment)
	if telling, ok := m.telling(); ok {
		columns = append(columns, telling.columns(moment)...)
	}
	return columns
}

func saveHandoff(tx *sqldb.Tx, h *handoffv1.Handoff, moment time.Time) error {
	outcome, _, err := outcomeColumns(h.GetOutcome())
	if err != nil {
		return err
	}
	var revision int64
	err = tx.QueryRow(`UPDATE handoffs SET state = $1, owner = $2, outcome_reason = $3, outcome = $4, update_time = $5,
		revision = revision + 1 WHERE handoff_id = $6 RETURNING revision`,
		int64(h.GetState()), h.GetOwner(), h.GetOutcomeReason(), outcome, sqldb.Micros(moment), HandoffID(h.GetName())).Scan(&revision)
	h.Etag, h.UpdateTime = etag(revision), timestamppb.New(moment)
	return err
}

func saveStanding(tx *sqldb.Tx, before track, after lifecycle.Standing, h *handoffv1.Handoff, moment time.Time) error {
	var rest time.Time
	if after.Rests() {
		rest = moment
	}
	handoff := before.handoff
	if after.Cycle != before.standing.Cycle {
		handoff = ""
	}
	outcome, _, err := outcomeColumns(h.GetOutcome())
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE tracks SET stage = $1, cycle = $2, stirred = $3, rest_time = $4, handoff_id = $5,
		outcome = COALESCE($6, outcome) WHERE lead_id = $7 AND track = $8`,
		int64(after.Stage), after.Cycle, boolColumn(after.Stirred), sqldb.Micros(rest), handoff, outcome, before.lead, before.name)
	return err
}

const selectHandoff = `SELECT handoff_id, lead_id, track, cycle, state, revision, queue, owner, reasons, decision_id,
	outcome_reason, outcome, create_time, update_time, priority, queue_rank, action FROM handoffs`

// scanHandoff reads a row; ErrNotFound if there is none.
func scanHandoff(row interface{ Scan(...any) error }) (*handoffv1.Handoff, error) {
	h, _, err := scanRanked(row)
	return h, err
}

// scanRanked reads a row with its rank in the queue.
func scanRanked(row interface{ Scan(...any) error }) (*handoffv1.Handoff, int64, error) {
	var (
		h                      handoffv1.Handoff
		id, lead, decision     string
		state, revision        int64
		reasons, outcome       []byte
		createTime, updateTime int64
		digest                 typev1.DecisionDigest
		rank                   int64
	)
	err := row.Scan(&id, &lead, &h.Track, &h.Cycle, &state, &revision, &h.Queue, &h.Owner, &reasons, &decision,
		&h.OutcomeReason, &outcome, &createTime, &updateTime, &h.Priority, &rank, &h.Action)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, 0, ErrNotFound
	case err != nil:
		return nil, 0, err
	}
	if err := proto.Unmarshal(reasons, &digest); err != nil {
		return nil, 0, err
	}
	if h.Outcome, err = readOutcome(outcome); err != nil {
		return nil, 0, err
	}
	h.Name, h.Lead, h.Decision = HandoffName(id), LeadName(lead), DecisionName(lead, decision)
	h.State, h.Etag, h.Reasons = handoffv1.Handoff_State(state), etag(revision), digest.Reasons
	h.CreateTime, h.UpdateTime = timestamppb.New(sqldb.Time(createTime)), timestamppb.New(sqldb.Time(updateTime))
	return &h, rank, nil
}

func readOutcome(blob []byte) (*handoffv1.Outcome, error) {
	if len(blob) == 0 {
		return nil, nil
	}
	o := &handoffv1.Outcome{}
	return o, proto.Unmarshal(blob, o)
}
