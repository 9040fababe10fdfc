package store

import (
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/schedule"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// clock is a clock of a handoff as stored.
type clock struct {
	sla.Clock
	handoff, track, team string
	rules, calendar      string // ids
	due                  time.Time
	met                  bool
	working              time.Duration
	// When what was done; zero: not yet.
	warned, breached, escalated time.Time
}

const (
	insertClocks = `INSERT INTO sla_clocks (handoff_id, number, track, owner, team, rules_id, calendar_id, start_time, due_time,
		stop_time, stop_cause, met, working_time, warn_time, breach_time, escalate_time) VALUES `
	clockColumns = 16
	selectClocks = `SELECT handoff_id, number, track, owner, team, rules_id, calendar_id, start_time, due_time,
		stop_time, stop_cause, met, working_time, warn_time, breach_time, escalate_time FROM sla_clocks`
)

func scanClock(rows *sql.Rows) (*clock, error) {
	var c clock
	var start, due, stop, met, working, warned, breached, escalated int64
	err := rows.Scan(&c.handoff, &c.Number, &c.track, &c.Owner, &c.team, &c.rules, &c.calendar, &start, &due,
		&stop, &c.Cause, &met, &working, &warned, &breached, &escalated)
	c.Start, c.due, c.Stop = sqldb.Time(start), sqldb.Time(due), sqldb.Time(stop)
	c.met, c.working = met != 0, time.Duration(working)*time.Microsecond
	c.warned, c.breached, c.escalated = sqldb.Time(warned), sqldb.Time(breached), sqldb.Time(escalated)
	return &c, err
}

func (c *clock) columns() []any {
	return []any{
		c.handoff, c.Number, c.track, c.Owner, c.team, c.rules, c.calendar, sqldb.Micros(c.Start), sqldb.Micros(c.due),
		sqldb.Micros(c.Stop), c.Cause, boolColumn(c.met), c.working.Microseconds(),
		sqldb.Micros(c.warned), sqldb.Micros(c.breached), sqldb.Micros(c.escalated),
	}
}

// id names the clock among all timers.
func (c *clock) id() string { return c.handoff + "/" + strconv.Itoa(c.Number) }

// chain are the clocks of a handoff, the first first; only the last may run.
type chain []*clock

// running is the clock that runs; nil if none does.
func (c chain) running() *clock {
	if n := len(c); n > 0 && c[n-1].Running() {
		return c[n-1]
	}
	return nil
}

// readClocks reads the clocks of some handoffs, with what they count by.
func (s *Store) readClocks(from querier, handoffs []string) (map[string]chain, error) {
	found := map[string]chain{}
	var all []*clock
	err := selectIn(from, selectClocks+` WHERE handoff_id IN (`, handoffs, func(rows *sql.Rows) error {
		c, err := scanClock(rows)
		found[c.handoff], all = append(found[c.handoff], c), append(all, c)
		return err
	})
	if err != nil || len(all) == 0 {
		return found, err
	}
	rules, calendars := make([]string, len(all)), make([]string, len(all))
	for i, c := range all {
		rules[i], calendars[i] = c.rules, c.calendar
	}
	rulesOf, err := s.terms.readRules(from, rules)
	if err != nil {
		return nil, fmt.Errorf("rules of clocks: %w", err)
	}
	calendarOf, err := s.terms.readCalendars(from, calendars)
	if err != nil {
		return nil, fmt.Errorf("calendars of clocks: %w", err)
	}
	for _, c := range all {
		if rulesOf[c.rules] == nil || calendarOf[c.calendar] == nil {
			return nil, fmt.Errorf("clock %s: its rules or its calendar are gone", c.id())
		}
		c.Allowed, c.Calendar = rulesOf[c.rules].Rules.Within, calendarOf[c.calendar]
	}
	for _, clocks := range found {
		slices.SortFunc(clocks, func(a, b *clock) int { return a.Number - b.Number })
	}
	return found, nil
}

// ByClock is the cause of what a clock does to a handoff.
const ByClock lifecycle.Cause = "sla"

// Timekeeper is the actor of it.
const Timekeeper = "system:sla"

// runClocks stops the clocks of handoffs that were answered or changed their owner, starts
// those of new owners, and fills in what is known of the response.
func (s *Store) runClocks(tx *sqldb.Tx, h *happened) error {
	if len(h.changes) == 0 {
		return nil
	}
	k := keeper{store: s, tx: tx, moment: sqldb.Time(sqldb.Micros(h.moment)), rules: map[string][]byte{}}
	var known []string
	for _, c := range h.changes {
		if c.before != nil {
			known = append(known, HandoffID(c.after.GetName()))
		}
	}
	responses, err := readResponses(tx, known)
	if err != nil {
		return err
	}
	chains, err := s.readClocks(tx, known)
	if err != nil {
		return err
	}
	for _, c := range h.changes {
		id := HandoffID(c.after.GetName())
		r := responses[id]
		if r == nil {
			r = &response{handoff: id, request: c.requested, machine: c.machine}
			if rules := c.handling.Response; rules != nil {
				r.rules, k.rules[rules.ID] = rules.ID, rules.Content
			}
		}
		k.follow(c, r, chains[id])
	}
	return k.write()
}

// keeper keeps the clocks of one transaction.
type keeper struct {
	store  *Store
	tx     *sqldb.Tx
	moment time.Time

	responses []*response
	stopped   []*clock
	started   []start
	rules     map[string][]byte // to be stored, by id
}

// start is a clock that is to start.
type start struct {
	*clock
	change   *change
	response *response
}

// follow does what follows from one change.
func (k *keeper) follow(c *change, r *response, clocks chain) {
	k.responses = append(k.responses, r)
	if r.touch.IsZero() && c.touches() {
		r.touch = k.moment
	}
	standing := sla.Standing{Waits: c.after.GetState() == handoffv1.Handoff_STATE_OPEN, Owner: c.after.GetOwner()}
	runs := clocks.running()
	var ticking *sla.Clock
	if runs != nil {
		ticking = &runs.Clock
	}
	follows := standing.Follow(ticking)
	if follows.Stop {
		if c.cause == ByClock {
			r.reassigned++
		}
		r.due = time.Time{}
		k.stop(runs, stopCause(c))
	}
	if follows.Start && r.rules != "" {
		k.started = append(k.started, start{
			clock: &clock{
				Clock:   sla.Clock{Number: len(clocks) + 1, Owner: standing.Owner, Start: k.moment},
				handoff: r.handoff, track: c.after.GetTrack(), team: people.TeamID(c.after.GetTeam()), rules: r.rules,
			},
			change: c, response: r,
		})
	}
	r.fill(c.after)
}

// stopCause says what stopped a clock.
func stopCause(c *change) string {
	switch {
	case c.after.GetState() == handoffv1.Handoff_STATE_OPEN:
		return "reassign"
	case c.after.GetState() == handoffv1.Handoff_STATE_DISQUALIFIED:
		return "disqualify"
	default:
		return string(c.cause)
	}
}

func (k *keeper) stop(c *clock, cause string) {
	c.Stop, c.Cause = k.moment, cause
	shows := c.Read(k.moment)
	c.met, c.working = shows.InTime, shows.Working
	k.stopped = append(k.stopped, c)
}

// write writes what was stopped and started.
func (k *keeper) write() error {
	if err := writeTerms(k.tx, "sla_rules", "rules_id", k.rules); err != nil {
		return err
	}
	if err := k.writeStopped(); err != nil {
		return err
	}
	if err := k.writeStarted(); err != nil {
		return err
	}
	var rows []any
	for _, r := range k.responses {
		rows = append(rows, r.columns()...)
	}
	return insert(k.tx, insertResponses, responseColumns, onResponse, rows)
}

func (k *keeper) writeStopped() error {
	for _, c := range k.stopped {
		_, err := k.tx.Exec(`UPDATE sla_clocks SET stop_time = $1, stop_cause = $2, met = $3, working_time = $4
			WHERE handoff_id = $5 AND number = $6`,
			sqldb.Micros(c.Stop), c.Cause, boolColumn(c.met), c.working.Microseconds(), c.handoff, c.Number)
		if err != nil {
			return err
		}
		if _, err := k.tx.Exec(`DELETE FROM sla_timers WHERE clock_id = $1`, c.id()); err != nil {
			return err
		}
	}
	return nil
}

func (k *keeper) writeStarted() error {
	if len(k.started) == 0 {
		return nil
	}
	agreed, hours, err := k.agreements()
	if err != nil {
		return err
	}
	calendars := map[string][]byte{}
	var clocks, timers []any
	for i, c := range k.started {
		id, content, err := hoursFrom(hours[i], k.moment)
		if err != nil {
			return err
		}
		calendars[id], c.calendar = content, id
		if c.Calendar, err = schedule.NewCalendar(hours[i]); err != nil {
			return fmt.Errorf("working hours of an owner: %w", err)
		}
		rules := agreed[i].Rules
		c.Allowed = rules.Within
		c.due = c.Due()
		c.response.due = c.due
		c.response.fill(c.change.after)
		clocks = append(clocks, c.columns()...)
		if first := c.DueAt(rules.Steps(c.response.reassigned)[0]); !first.IsZero() {
			timers = append(timers, c.id(), c.handoff, LeadID(c.change.after.GetLead()), 0, sqldb.Micros(first))
		}
	}
	if err := writeTerms(k.tx, "sla_calendars", "calendar_id", calendars); err != nil {
		return err
	}
	if err := insert(k.tx, insertClocks, clockColumns, ``, clocks); err != nil {
		return err
	}
	k.store.ticks.Wake() // a look that comes too early is repeated soon
	return insert(k.tx, `INSERT INTO sla_timers (clock_id, handoff_id, lead_id, step, due_time) VALUES `, 5,
		k.store.timers.OnConflict()+`, step = excluded.step`, timers)
}

// agreements are the rules of the clocks that start, and the hours of their owners.
func (k *keeper) agreements() ([]*standard.Response, []schedule.Hours, error) {
	ids := make([]string, len(k.started))
	for i, c := range k.started {
		ids[i] = c.rules
	}
	rules, err := k.store.terms.readRules(k.tx, ids)
	if err != nil {
		return nil, nil, fmt.Errorf("rules of clocks: %w", err)
	}
	owners := make([]string, len(k.started))
	for i, c := range k.started {
		owners[i] = c.Owner
	}
	tables, err := people.TimetablesIn(k.tx, owners)
	if err != nil {
		return nil, nil, fmt.Errorf("working hours of owners: %w", err)
	}
	agreed, hours := make([]*standard.Response, len(ids)), make([]schedule.Hours, len(ids))
	for i, c := range k.started {
		if agreed[i] = rules[c.rules]; agreed[i] == nil {
			return nil, nil, fmt.Errorf("clock %s: its rules are gone", c.id())
		}
		table := tables[c.Owner]
		if table == nil {
			table = &people.Timetable{}
		}
		hours[i] = agreed[i].Hours(table.Own, table.Team(c.team))
		if !agreed[i].AroundTheClock() {
			hours[i].Absences = table.Absences
		}
	}
	return agreed, hours, nil
}

// clocksAt are the clocks of a handoff in the API, the first first, as they stand at an instant.
func clocksAt(clocks chain, at time.Time) []*handoffv1.SlaClock {
	out := make([]*handoffv1.SlaClock, len(clocks))
	for i, c := range clocks {
		shows := c.Read(at)
		out[i] = &handoffv1.SlaClock{
			Number: int32(c.Number), Owner: c.Owner, State: c.state(shows), StartTime: timestamppb.New(c.Start),
			DueTime: timestamp(c.due), StopTime: timestamp(c.Stop), StopCause: c.Cause,
			WorkingDuration: durationpb.New(shows.Working), ElapsedDuration: durationpb.New(shows.Elapsed),
			AllowedDuration: durationpb.New(c.Allowed),
			WarnTime:        timestamp(c.warned), EscalateTime: timestamp(c.escalated), Team: people.TeamName(c.team),
		}
	}
	return out
}

func (c *clock) state(shows sla.Reading) handoffv1.SlaClock_State {
	switch {
	case c.Running() && shows.InTime:
		return handoffv1.SlaClock_STATE_RUNNING
	case c.Running():
		return handoffv1.SlaClock_STATE_BREACHED
	case c.met:
		return handoffv1.SlaClock_STATE_MET
	default:
		return handoffv1.SlaClock_STATE_NOT_MET
	}
}
