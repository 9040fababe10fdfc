package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Move is a stage move.
type Move struct {
	// ID of the move, Lead without `leads/`, Track and the Cycle it led into.
	ID, Lead, Track string
	Cycle           int
	// From and To are the stages.
	From, To lifecycle.Stage
	// Cause, the Reason and SubReason if any were given, and who moved the lead.
	Cause             lifecycle.Cause
	Reason, SubReason string
	Actor             string
	// Decision is the id of the decision that stood: the one behind it, if a verdict
	// caused it. Empty if no standard said anything of the lead.
	Decision string
	// Version is the name of the version of the standard that led the track.
	Version string
	// Time of the move.
	Time time.Time
}

const (
	insertMoves = `INSERT INTO stage_moves (lead_id, move_time, move_id, track, cycle, from_stage, to_stage, cause, reason, sub_reason, actor, decision_id, version) VALUES `
	moveColumns = 13
)

func (m *Move) columns() []any {
	return []any{
		m.Lead, sqldb.Micros(m.Time), m.ID, m.Track, m.Cycle, int64(m.From), int64(m.To),
		string(m.Cause), m.Reason, m.SubReason, m.Actor, m.Decision, m.Version,
	}
}

// telling is what ingest is told of the move. Nothing is told of a new lead that is
// put where new leads are (LEAD, NURTURE): nothing happened to it that a rule could
// react to, and an import would be doubled. Nor of one that only rests for another reason,
// nor of a merge, which the lead's facts must not remember when it is undone.
func (m *Move) telling() (Telling, bool) {
	if m.From == m.To || m.Cause == lifecycle.ByMerge || m.From == lifecycle.None && (m.To == lifecycle.Lead || m.To == lifecycle.Nurture) {
		return Telling{}, false
	}
	return Telling{
		ActivityID: m.ID,
		Lead:       m.Lead,
		Type:       "lifecycle." + strings.ToLower(m.To.String()),
		Time:       m.Time,
		Properties: properties(map[string]any{
			"track": m.Track, "cycle": m.Cycle, "cause": m.Cause,
			"from": strings.ToLower(m.From.String()), "reason": m.Reason,
			"sub_reason": m.SubReason,
		}),
	}, true
}

// properties are the properties of an activity, without the empty ones.
func properties(p map[string]any) []byte {
	for k, v := range p {
		if v == "" {
			delete(p, k)
		}
	}
	b, err := json.Marshal(p)
	if err != nil {
		panic(err) // texts and numbers always marshal
	}
	return b
}

// Moves lists the stage moves of a lead, latest first.
func (s *Store) Moves(ctx context.Context, lead string, place []any, limit int) ([]Move, error) {
	m, err := s.membersOf(ctx, lead)
	if err != nil {
		return nil, err
	}
	var w where
	w.among("lead_id", m.ids)
	w.from("move_time, move_id", "<", place)
	query := `SELECT lead_id, move_time, move_id, track, cycle, from_stage, to_stage, cause, reason, sub_reason, actor, decision_id, version
		FROM stage_moves` + w.String() + ` ORDER BY move_time DESC, move_id DESC LIMIT ` + w.arg(limit)
	var moves []Move
	rows, err := s.db.Read().QueryContext(ctx, query, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var m Move
		var at, from, to int64
		err := rows.Scan(&m.Lead, &at, &m.ID, &m.Track, &m.Cycle, &from, &to, &m.Cause, &m.Reason, &m.SubReason, &m.Actor, &m.Decision, &m.Version)
		m.Time, m.From, m.To = sqldb.Time(at), lifecycle.Stage(from), lifecycle.Stage(to)
		moves = append(moves, m)
		return err
	})
	return moves, err
}

// Place of the move in the list.
func (m *Move) Place() []any { return []any{sqldb.Micros(m.Time), m.ID} }

// Proto is the move in the API.
func (m *Move) Proto() *handoffv1.StageMove {
	return &handoffv1.StageMove{
		Track: m.Track, Cycle: int32(m.Cycle), FromStage: stageOf(m.From), ToStage: stageOf(m.To),
		Cause: string(m.Cause), Reason: m.Reason, SubReason: m.SubReason, Actor: m.Actor, StandardVersion: m.Version,
		Decision: DecisionName(m.Lead, m.Decision), MoveTime: timestamppb.New(m.Time),
	}
}
