package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Agreements are the versions of standards that decide.
type Agreements interface {
	Active(ctx context.Context) ([]*standard.Compiled, error)
}

// Agree says which versions of standards decide: people move leads by their reasons.
// Until then no standard has any.
func (s *Store) Agree(a Agreements) { s.agreed = a }

// agreements are the versions that decide, by the id of their standard.
func (s *Store) agreements(ctx context.Context) (map[string]*standard.Compiled, error) {
	if s.agreed == nil {
		return nil, nil
	}
	active, err := s.agreed.Active(ctx)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]*standard.Compiled, len(active))
	for _, c := range active {
		byID[c.ID] = c
	}
	return byID, nil
}

// LeadAct is what a person does with a lead, whether it has a handoff or not.
type LeadAct struct {
	// Lead is its id, Track the line of business. Default: the lead's only one.
	Lead, Track string
	// Cause is ByDisqualify or ByReinstate.
	Cause lifecycle.Cause
	// Reason and SubReason why.
	Reason, SubReason string
	// Actor who does it, and By is what they are.
	Actor string
	By    lifecycle.Who
}

// TrackError is an act that does not say in which of several tracks.
type TrackError struct{ Tracks []string }

// Error names them.
func (e *TrackError) Error() string { return "one of the tracks " + strings.Join(e.Tracks, ", ") }

// leadsTo is where a person brings a lead, by the cause.
var leadsTo = map[lifecycle.Cause]lifecycle.Stage{
	lifecycle.ByDisqualify: lifecycle.Disqualified,
	lifecycle.ByReinstate:  lifecycle.Lead,
}

// ActOnLead does what a person says of a lead: it moves the lead, closes its handoff,
// records the move and leaves word for ingest, in one transaction. It returns where the
// lead stands then, without what a standard says of it: none may any more. Errors:
// ErrNotFound, *TrackError, and those of lifecycle.Standing.Move.
func (s *Store) ActOnLead(ctx context.Context, a LeadAct) (*handoffv1.Qualification, error) {
	agreed, err := s.agreements(ctx)
	if err != nil {
		return nil, err
	}
	var p *person
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		m, err := lockPerson(tx, a.Lead)
		if err != nil {
			return err
		}
		t, err := onlyTrack(tx, m, a.Track)
		if err != nil {
			return err
		}
		p = &person{Actor: a.Actor, track: t, agreed: agreed[t.standard], moment: s.now()}
		return s.applyToLead(tx, &a, p)
	})
	if err != nil {
		return nil, err
	}
	s.waker.Wake()
	return &handoffv1.Qualification{
		Name: LeadName(p.track.person) + "/qualification", Lead: LeadName(p.track.person), Track: p.track.name,
		Stage: stageOf(p.after.Stage), Cycle: int32(p.after.Cycle),
		QualifiedCount: int32(p.after.Qualified), RecycledCount: int32(p.after.Recycled),
	}, nil
}

// onlyTrack is where a person stands in a track; without a name in its only one.
func onlyTrack(tx *sqldb.Tx, m members, name string) (track, error) {
	var all []track
	w := where{conditions: []string{"dormant = 0"}}
	w.among("lead_id", m.ids)
	rows, err := tx.Query(selectTrack+w.String()+` ORDER BY track`, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		t, err := scanTrack(rows)
		t.person = m.person
		if name == "" || t.name == name {
			all = append(all, t)
		}
		return err
	})
	switch {
	case err != nil:
		return track{}, err
	case len(all) == 0:
		return track{}, ErrNotFound
	case len(all) > 1:
		e := &TrackError{}
		for _, t := range all {
			e.Tracks = append(e.Tracks, t.name)
		}
		return track{}, e
	}
	return all[0], nil
}

func (s *Store) applyToLead(tx *sqldb.Tx, a *LeadAct, p *person) error {
	var h, before *handoffv1.Handoff
	if p.track.handoff != "" {
		var err error
		if h, err = scanHandoff(tx.QueryRow(selectHandoff+` WHERE handoff_id = $1`, p.track.handoff)); err != nil {
			return err
		}
		if !holds(h) {
			h = nil // over
		}
		before = proto.CloneOf(h)
	}
	move, err := p.move(tx, h, lifecycle.Step{
		To: leadsTo[a.Cause], Cause: a.Cause, By: a.By, Reason: a.Reason, SubReason: a.SubReason,
	})
	if err != nil {
		return err
	}
	// What was held qualified, and is not to any more.
	if _, err := tx.Exec(`DELETE FROM held_leads WHERE lead_id = $1 AND track = $2`, p.track.person, p.track.name); err != nil {
		return err
	}
	return s.saveMoved(tx, before, h, p, move)
}

// person is who moves a lead, and where it stood.
type person struct {
	Actor string
	track track
	// agreed is the version that decides of the standard that leads the track; nil if it
	// was retired.
	agreed *standard.Compiled
	moment time.Time
	after  lifecycle.Standing
}

// move goes a step: h, the handoff, becomes what the step makes of it; nil: none is
// touched.
func (p *person) move(tx *sqldb.Tx, h *handoffv1.Handoff, step lifecycle.Step) (*Move, error) {
	version, rules := p.track.version, (*lifecycle.Rules)(nil)
	if p.agreed != nil {
		version, rules = p.agreed.Version, p.agreed.Lifecycle
	}
	standing := p.track.standing
	after, err := standing.Move(rules, step, p.moment)
	if err != nil {
		return nil, err
	}
	p.after = after
	decision, err := decisionThatStands(tx, p.track)
	if err != nil {
		return nil, err
	}
	if h != nil {
		h.State = next(step.To, step.Cause)
		if step.Reason != "" {
			h.OutcomeReason, h.OutcomeSubReason = step.Reason, step.SubReason
		}
	}
	return &Move{
		ID: newID(), Lead: p.track.lead, Track: p.track.name, Cycle: after.Cycle, From: standing.Stage, To: after.Stage,
		Cause: step.Cause, Reason: step.Reason, SubReason: step.SubReason, Actor: p.Actor,
		Decision: decision, Version: version, Time: p.moment,
	}, nil
}

// decisionThatStands is the latest decision of the standard that leads a track; empty if
// none says anything of the lead any more.
func decisionThatStands(tx *sqldb.Tx, t track) (string, error) {
	var id string
	err := tx.QueryRow(`SELECT decision_id FROM verdicts WHERE lead_id = $1 AND standard_id = $2`, t.lead, t.standard).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// saveMoved does what follows from a move of a person and saves it all. h is nil if no
// handoff is touched.
func (s *Store) saveMoved(tx *sqldb.Tx, before, h *handoffv1.Handoff, p *person, move *Move) error {
	what := &happened{moment: p.moment, moves: []Move{*move}}
	if h != nil {
		what.changes = []*change{{before: before, after: h, cause: move.Cause, actor: p.Actor}}
	}
	if err := s.follows(tx, what); err != nil {
		return err
	}
	if h != nil {
		if err := saveHandoff(tx, h, p.moment); err != nil {
			return err
		}
	}
	if err := p.save(tx, h); err != nil {
		return err
	}
	if err := insert(tx, insertMoves, moveColumns, ``, move.columns()); err != nil {
		return err
	}
	if telling, ok := move.telling(); ok {
		return insert(tx, insertTellings, tellingColumns, ``, telling.columns(p.moment))
	}
	return nil
}

// save saves where the lead stands now.
func (p *person) save(tx *sqldb.Tx, h *handoffv1.Handoff) error {
	handoff := p.track.handoff
	if p.after.Cycle != p.track.standing.Cycle || p.after.Rests() {
		handoff = "" // its cycle is closed
	}
	outcome, _, err := outcomeColumns(h.GetOutcome())
	if err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE tracks SET stage = $1, cycle = $2, stirred = $3, rest_time = $4, handoff_id = $5,
		outcome = COALESCE($6, outcome), reason = $7, sub_reason = $8, waived = $9, qualified_count = $10, recycled_count = $11
		WHERE lead_id = $12 AND track = $13`,
		int64(p.after.Stage), p.after.Cycle, boolColumn(p.after.Stirred), sqldb.Micros(p.after.Since), handoff,
		outcome, p.after.Reason, p.after.SubReason, p.after.Waived, p.after.Qualified, p.after.Recycled,
		p.track.lead, p.track.name)
	return err
}
