package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const selectHandoff = `SELECT handoff_id, lead_id, track, cycle, state, revision, queue, owner, reasons, decision_id,
	outcome_reason, outcome_sub_reason, outcome, create_time, update_time, priority, queue_rank, action,
	team, assign_reason, assign_time, transfer_count, approval_id, made_for FROM handoffs`

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
		approval, madeFor      string
		state, revision        int64
		reasons, outcome       []byte
		createTime, updateTime int64
		digest                 typev1.DecisionDigest
		rank, assignTime       int64
	)
	err := row.Scan(&id, &lead, &h.Track, &h.Cycle, &state, &revision, &h.Queue, &h.Owner, &reasons, &decision,
		&h.OutcomeReason, &h.OutcomeSubReason, &outcome, &createTime, &updateTime, &h.Priority, &rank, &h.Action,
		&h.Team, &h.AssignReason, &assignTime, &h.TransferCount, &approval, &madeFor)
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
	h.Exception, h.Approval = exceptionAmong(digest.Reasons), ApprovalName(approval)
	if madeFor != "" {
		h.MadeFor = names(strings.Fields(madeFor))
	}
	h.State, h.Etag, h.Reasons = handoffv1.Handoff_State(state), etag(revision), digest.Reasons
	if h.Team = people.TeamName(h.Team); assignTime != 0 {
		h.AssignTime = timestamppb.New(sqldb.Time(assignTime))
	}
	h.CreateTime, h.UpdateTime = timestamppb.New(sqldb.Time(createTime)), timestamppb.New(sqldb.Time(updateTime))
	return &h, rank, nil
}

// insertHandoffs writes the handoffs that are new.
func insertHandoffs(tx *sqldb.Tx, h *happened) error {
	moment := sqldb.Micros(h.moment)
	var rows []any
	for _, c := range h.changes {
		if c.before != nil {
			continue
		}
		blob, err := proto.Marshal(&typev1.DecisionDigest{Reasons: c.after.GetReasons()})
		if err != nil {
			return err
		}
		route, err := routeColumn(c.handling.Route)
		if err != nil {
			return err
		}
		rows = append(rows, HandoffID(c.after.GetName()), LeadID(c.after.GetLead()), c.after.GetTrack(), c.after.GetCycle(),
			int64(c.after.GetState()), 1, c.after.GetQueue(), c.after.GetOwner(), blob, DecisionID(c.after.GetDecision()), "",
			moment, moment, c.after.GetPriority(), c.rank, c.after.GetAction(), people.TeamID(c.after.GetTeam()), c.after.GetAssignReason(), assignMicros(c.after), c.after.GetTransferCount(),
			route, c.waitsFor, ApprovalID(c.after.GetApproval()), strings.ReplaceAll(strings.Join(c.after.GetMadeFor(), " "), "leads/", ""))
	}
	return insert(tx, `INSERT INTO handoffs (handoff_id, lead_id, track, cycle, state, revision, queue, owner, reasons, decision_id,
		outcome_reason, create_time, update_time, priority, queue_rank, action,
		team, assign_reason, assign_time, transfer_count, route, waits_for, approval_id, made_for) VALUES `, 24, ``, rows)
}

// saveHandoff writes what changed of a handoff, and gives it its new etag.
func saveHandoff(tx *sqldb.Tx, h *handoffv1.Handoff, moment time.Time) error {
	outcome, _, err := outcomeColumns(h.GetOutcome())
	if err != nil {
		return err
	}
	var revision int64
	err = tx.QueryRow(`UPDATE handoffs SET state = $1, owner = $2, outcome_reason = $3, outcome_sub_reason = $4, outcome = $5, update_time = $6,
		revision = revision + 1 WHERE handoff_id = $7 RETURNING revision`,
		int64(h.GetState()), h.GetOwner(), h.GetOutcomeReason(), h.GetOutcomeSubReason(), outcome, sqldb.Micros(moment), HandoffID(h.GetName())).Scan(&revision)
	h.Etag, h.UpdateTime = etag(revision), timestamppb.New(moment)
	return err
}

// saveHandoffs writes what changed of the handoffs that were there before.
func saveHandoffs(tx *sqldb.Tx, h *happened) error {
	for _, c := range h.changes {
		if c.before == nil {
			continue
		}
		if err := saveHandoff(tx, c.after, h.moment); err != nil {
			return err
		}
	}
	return nil
}

// holds says whether somebody has a handoff: it counts among what they have.
func holds(h *handoffv1.Handoff) bool {
	return h.GetState() == handoffv1.Handoff_STATE_OPEN || h.GetState() == handoffv1.Handoff_STATE_ACCEPTED
}

// Handoff returns a handoff, or ErrNotFound.
func (s *Store) Handoff(ctx context.Context, id string) (*handoffv1.Handoff, error) {
	h, err := scanHandoff(s.db.Read().QueryRowContext(ctx, selectHandoff+` WHERE handoff_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return h, s.whole(reader{ctx, s.db}, h)
}

// RankedHandoff is a handoff with its place in a list.
type RankedHandoff struct {
	*handoffv1.Handoff
	Place []any
}

// dueTime is when a handoff must be answered, last of all if no clock of it runs.
var dueTime = `COALESCE((SELECT NULLIF(r.due_time, 0) FROM responses r WHERE r.handoff_id = handoffs.handoff_id), ` +
	strconv.FormatInt(sqldb.Micros(never), 10) + `)`

// Handoffs lists handoffs, oldest first; byQueue in the order to work them: the hottest
// first, of those that are as hot the one that is due first.
func (s *Store) Handoffs(ctx context.Context, terms []Term, byQueue bool, place []any, limit int) ([]RankedHandoff, error) {
	if byQueue {
		return s.listHandoffs(ctx, terms, "-priority, queue_rank, "+dueTime+", handoff_id", place, limit, func(h *handoffv1.Handoff, rank int64) []any {
			return []any{int64(-h.GetPriority()), rank, dueMicros(h), HandoffID(h.GetName())}
		})
	}
	return s.listHandoffs(ctx, terms, "create_time, handoff_id", place, limit, func(h *handoffv1.Handoff, _ int64) []any {
		return []any{sqldb.Micros(h.GetCreateTime().AsTime()), HandoffID(h.GetName())}
	})
}

// HandoffsByDueTime lists handoffs, those first that must be answered first, and last those
// without a clock.
func (s *Store) HandoffsByDueTime(ctx context.Context, terms []Term, place []any, limit int) ([]RankedHandoff, error) {
	return s.listHandoffs(ctx, terms, dueTime+", handoff_id", place, limit, func(h *handoffv1.Handoff, _ int64) []any {
		return []any{dueMicros(h), HandoffID(h.GetName())}
	})
}

func dueMicros(h *handoffv1.Handoff) int64 {
	if h.GetDueTime() == nil {
		return sqldb.Micros(never)
	}
	return sqldb.Micros(h.GetDueTime().AsTime())
}

// listHandoffs lists handoffs in an order of columns; at is the place of one in it, by the
// handoff and its rank.
func (s *Store) listHandoffs(
	ctx context.Context, terms []Term, order string, place []any, limit int, at func(*handoffv1.Handoff, int64) []any,
) ([]RankedHandoff, error) {
	terms, err := s.ofPersons(ctx, terms)
	if err != nil {
		return nil, err
	}
	var w where
	w.terms(terms)
	w.from(order, ">", place)
	query := selectHandoff + w.String() + ` ORDER BY ` + order + ` LIMIT ` + w.arg(limit)
	var plain []*handoffv1.Handoff
	var ranks []int64
	rows, err := s.db.Read().QueryContext(ctx, query, w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		h, rank, err := scanRanked(rows)
		plain, ranks = append(plain, h), append(ranks, rank)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := s.whole(reader{ctx, s.db}, plain...); err != nil {
		return nil, err
	}
	handoffs := make([]RankedHandoff, len(plain))
	for i, h := range plain {
		handoffs[i] = RankedHandoff{h, at(h, ranks[i])}
	}
	return handoffs, nil
}
