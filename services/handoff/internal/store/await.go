package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A handoff that nobody may get waits for a team, or for the person whom a rule names.
// For each of them there is one row of due work: it is due when time alone may bring
// somebody (an absence ends, work begins), or at once when somebody has room again or was
// changed. So nobody has to look through what waits until there is something to do.

var awaited = duework.Table{Name: "awaited", Key: []string{"waits_for"}}

// never is when that is due which time alone does not bring.
var never = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// await has teams and people looked at when they may have somebody, at the latest.
func (s *Store) await(tx *sqldb.Tx, due map[string]time.Time) error {
	var columns []any
	for _, name := range slices.Sorted(maps.Keys(due)) {
		at := due[name]
		if at.IsZero() {
			at = never
		}
		columns = append(columns, name, sqldb.Micros(at))
	}
	return insert(tx, `INSERT INTO awaited (waits_for, due_time) VALUES `, 2, ` ON CONFLICT (waits_for) DO UPDATE SET
		due_time = CASE WHEN excluded.due_time < awaited.due_time THEN excluded.due_time ELSE awaited.due_time END,
		lease_until = 0, fence = awaited.fence + 1, attempts = 0, last_error = '', state = 0`, columns)
}

// Available says that users or teams were changed, so that somebody may be available who
// was not: whatever waits for them is looked at. It is called in the transaction of the
// change, after the change; whoever assigns holds the same rows.
func (s *Store) Available(tx *sqldb.Tx, users, teams []string) error {
	for _, user := range users {
		of, err := people.TeamsOf(tx, user)
		if err != nil {
			return err
		}
		teams = slices.Concat(teams, of)
	}
	var names []any
	for _, team := range distinct(teams) {
		names = append(names, people.TeamName(team))
	}
	for _, user := range distinct(slices.Clone(users)) {
		names = append(names, people.UserName(user))
	}
	return chunks(len(names), func(from, to int) error {
		_, err := tx.Exec(`UPDATE awaited SET due_time = $1, lease_until = 0, fence = fence + 1, attempts = 0, last_error = '', state = 0
			WHERE waits_for IN (`+sqldb.List(2, to-from)+`)`, append([]any{sqldb.Micros(s.now())}, names[from:to]...)...)
		return err
	})
}

// WaitForSomebody returns when there may be somebody for whom handoffs wait.
func (s *Store) WaitForSomebody(ctx context.Context, found bool) error {
	return s.somebody.Wait(ctx, found)
}

const (
	// awaitLease is how long one worker looks at a team.
	awaitLease = 10 * time.Second
	// awaitBatch is how many handoffs get an owner in one transaction.
	awaitBatch = 64
)

// AssignWaiting gives handoffs an owner that wait for somebody who may be available now,
// the hottest first. It returns how many teams and people it looked at.
func (s *Store) AssignWaiting(ctx context.Context) (int, error) {
	leases, err := s.claimDue(ctx, s.awaited, awaited.Name, awaitLease, 16)
	if err != nil {
		return 0, err
	}
	var failed []error // one holds up no other
	for _, lease := range leases {
		failed = append(failed, s.db.Write(ctx, func(tx *sqldb.Tx) error { return s.assignWaiting(tx, lease) }))
	}
	return len(leases), errors.Join(failed...)
}

// assignWaiting gives what waits for one an owner, as far as there is one, and ends the
// lease.
func (s *Store) assignWaiting(tx *sqldb.Tx, lease duework.Lease) error {
	name := lease.Key[0]
	var ids, leads []string
	rows, err := tx.Query(`SELECT handoff_id, lead_id FROM handoffs WHERE waits_for = $1 AND waits_for <> ''
		ORDER BY -priority, queue_rank, handoff_id LIMIT $2`, name, awaitBatch)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var id, lead string
		err := rows.Scan(&id, &lead)
		ids, leads = append(ids, id), append(leads, lead)
		return err
	})
	if err != nil {
		return err
	}
	if err := lockLeads(tx, leads); err != nil {
		return err
	}
	h := &happened{moment: s.now()}
	err = selectIn(tx, selectHandoff+` WHERE waits_for <> '' AND handoff_id IN (`, ids, func(rows *sql.Rows) error {
		after, rank, err := scanRanked(rows)
		if err != nil {
			return err
		}
		h.changes = append(h.changes, &change{
			before: proto.CloneOf(after), after: after, cause: byRouting, actor: Router, rank: rank, assignment: assignment{routesAgain: true},
		})
		return nil
	})
	if err != nil {
		return err
	}
	if len(h.changes) == 0 {
		_, err = s.awaited.Complete(tx, lease)
		return err
	}
	due, err := s.assignSome(tx, h, name)
	if err == nil {
		_, err = s.awaited.Postpone(tx, lease, due)
	}
	return err
}

// assignSome assigns what it can and saves that; the rest is as it was. It returns when to
// look at the rest of those who wait for the same again.
func (s *Store) assignSome(tx *sqldb.Tx, h *happened, name string) (time.Time, error) {
	a := assigning{store: s, tx: tx, moment: h.moment, awaited: map[string]time.Time{}}
	for _, c := range h.changes {
		a.see(c)
	}
	for _, step := range []func() error{a.readRoutes, a.readRoster} {
		if err := step(); err != nil {
			return time.Time{}, err
		}
	}
	var given []*change
	full := false
	for _, c := range a.moving {
		if err := a.settle(c); err != nil {
			return time.Time{}, err
		}
		if c.after.GetOwner() != "" || c.waitsFor != name {
			given = append(given, c)
		} else {
			full = true
		}
	}
	due, known := a.awaited[name]
	delete(a.awaited, name)
	a.moving, h.changes = given, given
	if err := a.write(); err != nil {
		return due, err
	}
	if err := s.follows(tx, h); err != nil { // what is assigned is passed over
		return due, err
	}
	for _, c := range given {
		if err := saveHandoff(tx, c.after, h.moment); err != nil {
			return due, err
		}
	}
	switch {
	case !full: // there may be more
		return h.moment, nil
	case !known || due.IsZero():
		return never, nil
	default:
		return due, nil
	}
}

// lockLeads locks leads in the order of their ids.
func lockLeads(tx *sqldb.Tx, leads []string) error {
	return selectIn(tx, `SELECT lead_id FROM leads WHERE lead_id IN (`, distinct(leads), func(*sql.Rows) error { return nil },
		`) ORDER BY lead_id`+tx.Dialect().ForUpdate())
}
