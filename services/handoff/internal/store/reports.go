package store

import (
	"context"
	"database/sql"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/report"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Cohort are the handoffs that a report is about.
type Cohort struct {
	// From and To bound when they were created or their clocks started, To excluded; zero: not.
	From, To time.Time
	// Track; empty: all.
	Track string
}

// cohort bounds a column of times and one of tracks.
func (w *where) cohort(c Cohort, timeColumn, trackColumn string) {
	if !c.From.IsZero() {
		w.conditions = append(w.conditions, timeColumn+" >= "+w.arg(sqldb.Micros(c.From)))
	}
	if !c.To.IsZero() {
		w.conditions = append(w.conditions, timeColumn+" < "+w.arg(sqldb.Micros(c.To)))
	}
	if c.Track != "" {
		w.conditions = append(w.conditions, trackColumn+" = "+w.arg(c.Track))
	}
}

// ExceptionReport counts what became of the handoffs of a cohort, by the way their leads
// qualified: that of the reasons that are frozen with each.
func (s *Store) ExceptionReport(ctx context.Context, c Cohort) (*report.Exceptions, error) {
	var w where
	w.conditions = []string{"h.state <> " + w.arg(int64(handoffv1.Handoff_STATE_MERGED))} // the other one goes on
	w.cohort(c, "h.create_time", "h.track")
	reached := func(stage lifecycle.Stage) string {
		return `CASE WHEN EXISTS (SELECT 1 FROM stage_moves m WHERE m.lead_id = h.lead_id AND m.track = h.track AND m.cycle = h.cycle
			AND m.to_stage = ` + w.arg(int64(stage)) + `) THEN 1 ELSE 0 END`
	}
	query := `SELECT h.state, h.reasons, h.outcome, ` + reached(lifecycle.SalesAccepted) + `, ` + reached(lifecycle.Opportunity) + `
		FROM handoffs h` + w.String()
	counted := &report.Exceptions{}
	rows, err := s.db.Read().QueryContext(ctx, query, w.args...)
	return counted, scanAll(rows, err, func(rows *sql.Rows) error {
		h, err := scanReported(rows)
		if err == nil {
			counted.Add(h)
		}
		return err
	})
}

// scanReported reads a handoff as the report counts it.
func scanReported(rows *sql.Rows) (report.Handoff, error) {
	var (
		h                     report.Handoff
		state                 int64
		reasons, outcome      []byte
		accepted, opportunity int64
		digest                typev1.DecisionDigest
	)
	if err := rows.Scan(&state, &reasons, &outcome, &accepted, &opportunity); err != nil {
		return h, err
	}
	if err := proto.Unmarshal(reasons, &digest); err != nil {
		return h, err
	}
	o, err := readOutcome(outcome)
	h.Way = report.Gates
	if exception := exceptionAmong(digest.Reasons); exception != "" {
		h.Way = exception
	}
	h.Accepted, h.Opportunity = accepted != 0, opportunity != 0
	h.Amount, h.Currency = o.GetAmount(), o.GetCurrencyCode()
	switch handoffv1.Handoff_State(state) {
	case handoffv1.Handoff_STATE_WON:
		h.Won, h.Closed = true, true
	case handoffv1.Handoff_STATE_LOST:
		h.Lost, h.Closed = true, true
	case handoffv1.Handoff_STATE_REJECTED:
		h.Rejected, h.Closed = true, true
	case handoffv1.Handoff_STATE_RECYCLED:
		h.Recycled, h.Closed = true, true
	case handoffv1.Handoff_STATE_DISQUALIFIED:
		h.Closed = true
	}
	return h, err
}

// ResponseReport counts how quickly the handoffs were answered whose clocks started in the
// bounds of a cohort.
func (s *Store) ResponseReport(ctx context.Context, c Cohort) (*report.Responses, error) {
	var w where
	w.cohort(c, "c.start_time", "c.track")
	now := sqldb.Micros(s.now())
	counted := &report.Responses{}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT c.owner, c.team, c.number, c.due_time, c.stop_time, c.met, c.working_time,
			r.request_time, r.machine_time, r.touch_time
		FROM sla_clocks c JOIN responses r ON r.handoff_id = c.handoff_id`+w.String(), w.args...)
	return counted, scanAll(rows, err, func(rows *sql.Rows) error {
		var number, due, stop, met, working, request, machine, touch int64
		var c report.Clock
		if err := rows.Scan(&c.Owner, &c.Team, &number, &due, &stop, &met, &working, &request, &machine, &touch); err != nil {
			return err
		}
		c.Stopped, c.Met, c.Over = stop != 0, met != 0, stop == 0 && due != 0 && due < now
		c.Working = time.Duration(working) * time.Microsecond
		if stop != 0 && stop == touch && request != 0 { // what stopped it was the first answer
			speed := time.Duration(max(touch-request, 0)) * time.Microsecond
			c.Answer = &speed
		}
		if number == 1 && machine != 0 {
			took := time.Duration(machine) * time.Microsecond
			c.Machine = &took
		}
		counted.Add(&c)
		return nil
	})
}
