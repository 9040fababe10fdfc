package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/sla"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var timers = duework.Table{Name: "sla_timers", Key: []string{"clock_id"}}

// Timer is a step of a clock that is due, under a lease.
type Timer struct {
	// DueTime is when it was due.
	DueTime time.Time

	handoff, lead string
	step          int
	lease         duework.Lease
}

// WaitForTimers returns when it is time to claim timers: at once if the last claim found
// some, else when the next is due or one was set, and after a while in any case. It
// returns the error of ctx when that ends.
func (s *Store) WaitForTimers(ctx context.Context, found bool) error {
	return s.ticks.WaitUntil(ctx, found, func() (time.Duration, bool) {
		next, err := s.timers.Next(ctx, s.db)
		return next.Sub(s.now()), err == nil && !next.IsZero()
	})
}

// DueTimers counts the timers that are due and those that failed too often, for metrics.
func (s *Store) DueTimers(ctx context.Context) (duework.Count, error) {
	return s.timers.Count(ctx, s.db, s.now())
}

// ClaimTimers leases at most limit timers that are due, those due longest first.
func (s *Store) ClaimTimers(ctx context.Context, lease time.Duration, limit int) ([]Timer, error) {
	next, err := s.timers.Next(ctx, s.db) // a look costs no writer
	if err != nil || next.IsZero() || next.After(s.now()) {
		return nil, err
	}
	var due []Timer
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		leases, err := s.timers.Claim(tx, s.now(), lease, limit)
		if err != nil {
			return err
		}
		ids := make([]string, len(leases))
		index := make(map[string]int, len(leases))
		due = make([]Timer, len(leases))
		for i, l := range leases {
			ids[i], index[l.Key[0]] = l.Key[0], i
			due[i] = Timer{DueTime: l.DueTime, lease: l}
		}
		return selectIn(tx, `SELECT clock_id, handoff_id, lead_id, step FROM sla_timers WHERE clock_id IN (`, ids, func(rows *sql.Rows) error {
			var id, handoff, lead string
			var step int
			err := rows.Scan(&id, &handoff, &lead, &step)
			t := &due[index[id]]
			t.handoff, t.lead, t.step = handoff, lead, step
			return err
		})
	})
	return due, err
}

// Fired is a step that was done.
type Fired struct {
	// Kind of the step.
	Kind sla.Kind
	// DueTime is when it was due, Time when it was done.
	DueTime, Time time.Time
}

// Fire does what is due, with all that follows, in one transaction, and returns what was
// done. A timer whose clock was stopped meanwhile does nothing.
func (s *Store) Fire(ctx context.Context, due []Timer) ([]Fired, error) {
	var f firing
	leads := make([]string, len(due))
	handoffs := make([]string, len(due))
	for i := range due {
		leads[i], handoffs[i] = due[i].lead, due[i].handoff
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		f = firing{store: s, tx: tx, moment: s.now()}
		if err := lockLeads(tx, slices.Clone(leads)); err != nil {
			return err
		}
		if err := f.read(handoffs); err != nil {
			return err
		}
		for i := range due {
			if err := f.fire(&due[i]); err != nil {
				return err
			}
		}
		if err := insert(f.tx, insertClocks, clockColumns, ` ON CONFLICT (handoff_id, number) DO UPDATE SET
			warn_time = excluded.warn_time, breach_time = excluded.breach_time, escalate_time = excluded.escalate_time`, f.clocks); err != nil {
			return err
		}
		return f.tell()
	})
	if err != nil {
		return nil, err
	}
	return f.fired, nil
}

// FireLater ends the lease of a timer that failed; after some tries it waits for a person.
func (s *Store) FireLater(ctx context.Context, t Timer, reason string, again time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.timers.Fail(tx, t.lease, reason, again)
		return err
	})
}

// firing is one transaction in which timers fire.
type firing struct {
	store  *Store
	tx     *sqldb.Tx
	moment time.Time

	handoffs  map[string]*handoffv1.Handoff
	responses map[string]*response
	chains    map[string]chain
	fired     []Fired
	told      []told
	// clocks are the columns of those of which something is to be noted.
	clocks []any
}

// told is a step that destinations hear of.
type told struct {
	kind    string
	handoff *handoffv1.Handoff
	clock   *clock
	more    map[string]any
}

func (f *firing) read(handoffs []string) (err error) {
	f.handoffs = make(map[string]*handoffv1.Handoff, len(handoffs))
	err = selectIn(f.tx, selectHandoff+` WHERE handoff_id IN (`, handoffs, func(rows *sql.Rows) error {
		h, err := scanHandoff(rows)
		f.handoffs[HandoffID(h.GetName())] = h
		return err
	})
	if err != nil {
		return err
	}
	if f.responses, err = readResponses(f.tx, handoffs); err != nil {
		return err
	}
	f.chains, err = f.store.readClocks(f.tx, handoffs)
	return err
}

// fire does one step.
func (f *firing) fire(t *Timer) error {
	h, r := f.handoffs[t.handoff], f.responses[t.handoff]
	c := f.chains[t.handoff].running()
	if h == nil || r == nil || c == nil || c.id() != t.lease.Key[0] { // stopped meanwhile
		_, err := f.store.timers.Complete(f.tx, t.lease)
		return err
	}
	if t.DueTime.After(f.moment) { // somebody put the time back since it was claimed
		_, err := f.store.timers.Release(f.tx, t.lease)
		return err
	}
	rules, err := f.store.terms.readRules(f.tx, []string{c.rules})
	if err != nil {
		return err
	}
	steps := rules[c.rules].Rules.Steps(r.reassigned)
	step := steps[t.step]
	if held, err := f.end(t, c, steps); err != nil || !held {
		return err
	}
	f.fired = append(f.fired, Fired{Kind: step.Kind, DueTime: t.DueTime, Time: f.moment})
	switch step.Kind {
	case sla.Warning:
		c.warned = f.moment
		f.told = append(f.told, told{event.SLAWarning, h, c, map[string]any{"percent": step.Percent}})
	case sla.Breach:
		c.breached = f.moment
		f.told = append(f.told, told{event.SLABreached, h, c, nil})
	case sla.Escalation:
		c.escalated = f.moment
		f.told = append(f.told, told{event.SLAEscalated, h, c, nil})
	case sla.Reassignment:
		return f.reassign(h, c)
	}
	f.clocks = append(f.clocks, c.columns()...)
	return nil
}

// end ends the lease on a step and sets the timer to the next one. What was done is done
// once: whoever holds the lease no more does nothing.
func (f *firing) end(t *Timer, c *clock, steps []sla.Step) (held bool, err error) {
	var next time.Time
	if t.step+1 < len(steps) {
		next = c.DueAt(steps[t.step+1])
	}
	if next.IsZero() {
		return f.store.timers.Complete(f.tx, t.lease)
	}
	// As Postpone does, with the step.
	n, err := f.tx.Affected(`UPDATE sla_timers SET due_time = $1, step = $2, lease_until = 0, attempts = 0, last_error = ''
		WHERE clock_id = $3 AND fence = $4 AND lease_until > 0`, sqldb.Micros(next), t.step+1, t.lease.Key[0], t.lease.Fence)
	return n == 1, err
}

// reassign takes the handoff from its owner and gives it to whom routing says now. If
// nobody else may get it, it stays, and its clock runs on.
func (f *firing) reassign(h *handoffv1.Handoff, c *clock) error {
	after := proto.CloneOf(h)
	after.Owner = ""
	done := &happened{moment: f.moment, changes: []*change{{
		before: h, after: after, cause: ByClock, actor: Timekeeper,
		assignment: assignment{stays: true, why: "not answered in time by " + c.Owner},
	}}}
	if err := f.store.follows(f.tx, done); err != nil || after.GetOwner() == c.Owner {
		return err
	}
	f.handoffs[c.handoff] = after
	f.told = append(f.told, told{event.SLAReassigned, after, c, map[string]any{"previousOwner": c.Owner, "owner": after.GetOwner()}})
	return saveHandoff(f.tx, after, f.moment)
}

// tell has destinations hear of what was done.
func (f *firing) tell() error {
	var teams []string
	for _, t := range f.told {
		if t.kind == event.SLAEscalated && t.clock.team != "" {
			teams = append(teams, t.clock.team)
		}
	}
	managers, err := people.ManagersIn(f.tx, teams)
	if err != nil {
		return err
	}
	done := &happened{moment: f.moment}
	for _, t := range f.told {
		data := map[string]any{
			"handoff": t.handoff.GetName(), "lead": t.handoff.GetLead(), "track": t.handoff.GetTrack(),
			"owner": t.clock.Owner, "number": t.clock.Number, "dueTime": t.clock.due.Format(time.RFC3339),
		}
		maps.Copy(data, t.more)
		if t.kind == event.SLAEscalated {
			data["manager"] = managers[t.clock.team]
		}
		done.events = append(done.events, Event{
			Type: t.kind, Lead: t.handoff.GetLead(), Handoff: t.handoff.GetName(), Track: t.handoff.GetTrack(), Data: data,
		})
	}
	return f.store.announce(f.tx, done)
}
