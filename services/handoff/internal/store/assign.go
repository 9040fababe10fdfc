package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// assign gives an owner to each handoff that is open and has none, unless it had none
// before and waits: one that is new by the route of its handling, one that was taken from
// somebody (before has an owner, after has none) by the route it came by, and never back.
// It notes who has what since when and why, and has those looked at who wait for somebody
// who has room now.
//
// Teams and people are locked here, after the leads; so what a person has is exact
// however many assign at once, and whoever changes a person meanwhile comes before or
// after.
func (s *Store) assign(tx *sqldb.Tx, h *happened) error {
	a := assigning{store: s, tx: tx, moment: h.moment, awaited: map[string]time.Time{}}
	for _, c := range h.changes {
		a.see(c)
	}
	if len(a.moving) == 0 && len(a.freed) == 0 {
		return nil
	}
	if err := a.readRoutes(); err != nil {
		return err
	}
	if err := a.readRoster(); err != nil {
		return err
	}
	for _, c := range a.moving {
		if err := a.settle(c); err != nil {
			return err
		}
	}
	if err := a.write(); err != nil {
		return err
	}
	return a.rouse()
}

// assigning is the assignments of one transaction.
type assigning struct {
	store  *Store
	tx     *sqldb.Tx
	moment time.Time

	// moving are the changes with which a handoff gets another owner, or is to, the hottest
	// first.
	moving []*change
	// freed are the people who have less now.
	freed  []string
	roster *routing.Roster
	// awaited are the teams and people that handoffs wait for from now on, and when time
	// alone may bring one of them.
	awaited map[string]time.Time
}

// see sorts a change: does the handoff get another owner, has somebody room now?
func (a *assigning) see(c *change) {
	if c.assigned {
		return
	}
	had, has := c.before.GetOwner(), c.after.GetOwner()
	if holds(c.before) && had != "" && (had != has || !holds(c.after)) {
		a.freed = append(a.freed, had)
	}
	isNew := c.before == nil && (has != "" || c.handling.Route.Leads())
	closes := c.before != nil && had == "" && !holds(c.after) // and waits no more
	if isNew || closes || had != has || c.routesAgain {
		at, _ := slices.BinarySearchFunc(a.moving, c, hotter)
		a.moving = slices.Insert(a.moving, at, c)
	}
}

// hotter compares by who is to get an owner first.
func hotter(x, y *change) int {
	return cmp.Or(
		cmp.Compare(y.after.GetPriority(), x.after.GetPriority()), cmp.Compare(x.rank, y.rank),
		cmp.Compare(x.after.GetName(), y.after.GetName()),
	)
}

// readRoutes finds what the rules said of each handoff.
func (a *assigning) readRoutes() error {
	again := map[string]*change{}
	for _, c := range a.moving {
		if c.before == nil {
			c.route = c.handling.Route
		} else if c.after.GetOwner() == "" && !c.routed {
			again[HandoffID(c.after.GetName())] = c
		}
	}
	return selectIn(a.tx, `SELECT handoff_id, route FROM handoffs WHERE handoff_id IN (`, slices.Sorted(maps.Keys(again)), func(rows *sql.Rows) error {
		var id, route string
		if err := rows.Scan(&id, &route); err != nil {
			return err
		}
		return readRoute(route, &again[id].route)
	})
}

// routeOf is the route by which a handoff came.
func routeOf(tx *sqldb.Tx, id string) (route routing.Route, err error) {
	var text string
	if err := tx.QueryRow(`SELECT route FROM handoffs WHERE handoff_id = $1`, id).Scan(&text); err != nil {
		return route, err
	}
	err = readRoute(text, &route)
	return route, err
}

func readRoute(text string, route *routing.Route) error {
	if text == "" {
		return nil
	}
	return json.Unmarshal([]byte(text), route)
}

// readRoster locks and reads who may get something, and who has less.
func (a *assigning) readRoster() error {
	var teams []string
	called := slices.Clone(a.freed)
	for _, c := range a.moving {
		if c.after.GetOwner() != "" {
			called = append(called, c.after.GetOwner())
			continue
		}
		teams = append(teams, c.route.Team, c.route.Otherwise)
		called = append(called, c.route.AccountOwner, c.route.Owner)
	}
	teams = distinct(teams)
	var err error
	if a.roster, err = rosterOf(a.tx, teams, distinct(called)); err != nil {
		return err
	}
	for _, user := range a.freed {
		if p := a.roster.People[user]; p != nil {
			p.Open--
		}
	}
	for _, c := range a.moving {
		if p := a.roster.People[c.after.GetOwner()]; p != nil && c.before.GetOwner() != p.ID {
			p.Open++
		}
	}
	return selectIn(a.tx, `SELECT team_id, rotation FROM rotations WHERE team_id IN (`, teams, func(rows *sql.Rows) error {
		var id string
		var rotation []byte
		if err := rows.Scan(&id, &rotation); err != nil || a.roster.Teams[id] == nil {
			return err
		}
		return json.Unmarshal(rotation, &a.roster.Teams[id].Rotation)
	})
}

// settle finds the owner of a handoff, if it has none, and notes what is said of it.
func (a *assigning) settle(c *change) error {
	c.assigned, c.waitsFor = true, ""
	h := c.after
	switch {
	case !holds(h):
		return nil
	case h.GetOwner() != "": // somebody took it, or gave it to somebody
		if err := a.check(c); err != nil {
			return err
		}
		h.Team, h.AssignReason = "", cmp.Or(c.why, "accepted by "+c.actor)
	default:
		a.route(c)
	}
	switch owner := h.GetOwner(); {
	case owner == "" && c.must:
		return &NobodyError{h.GetAssignReason()}
	case owner == "":
		h.AssignTime = nil
	case owner != c.before.GetOwner():
		h.AssignTime = timestamppb.New(a.moment)
		h.TransferCount++
	}
	return nil
}

// check refuses to give a handoff to somebody who may get none.
func (a *assigning) check(c *change) error {
	if !c.must {
		return nil
	}
	p := a.roster.People[c.after.GetOwner()]
	if p == nil {
		return ErrNoUser
	}
	if away := p.Away(a.moment); away != "" {
		return &NobodyError{p.ID + " is " + away}
	}
	return nil
}

// route finds the owner of a handoff by its route.
func (a *assigning) route(c *change) {
	h := c.after
	got := c.route.Assign(a.roster, a.moment, c.before.GetOwner())
	if got.Owner == "" && c.stays {
		h.Owner = c.before.GetOwner()
		if p := a.roster.People[h.Owner]; p != nil {
			p.Open++
		}
		return
	}
	h.Owner, h.Team, h.AssignReason = got.Owner, people.TeamName(got.Team), got.Reason
	if c.why != "" {
		h.AssignReason = c.why + "; " + got.Reason
	}
	if got.Queue != "" {
		h.Queue = got.Queue
	}
	if !got.Waits() {
		return
	}
	if c.waitsFor = h.GetTeam(); c.waitsFor == "" {
		c.waitsFor = people.UserName(got.For)
	}
	if due, known := a.awaited[c.waitsFor]; !known || due.IsZero() || (!got.Again.IsZero() && got.Again.Before(due)) {
		a.awaited[c.waitsFor] = got.Again
	}
}

// write stores whose turn it is, and what is said of handoffs that are not new.
func (a *assigning) write() error {
	for _, id := range slices.Sorted(maps.Keys(a.roster.Teams)) {
		rotation, err := json.Marshal(&a.roster.Teams[id].Rotation)
		if err != nil {
			return err
		}
		_, err = a.tx.Exec(`INSERT INTO rotations (team_id, rotation) VALUES ($1, $2)
			ON CONFLICT (team_id) DO UPDATE SET rotation = excluded.rotation`, id, string(rotation))
		if err != nil {
			return err
		}
	}
	for _, c := range a.moving {
		if c.before == nil {
			continue
		}
		h := c.after
		_, err := a.tx.Exec(`UPDATE handoffs SET queue = $1, team = $2, assign_reason = $3, assign_time = $4, transfer_count = $5,
			waits_for = $6 WHERE handoff_id = $7`, h.GetQueue(), people.TeamID(h.GetTeam()), h.GetAssignReason(), assignMicros(h),
			h.GetTransferCount(), c.waitsFor, HandoffID(h.GetName()))
		if err != nil {
			return err
		}
	}
	return a.store.await(a.tx, a.awaited)
}

// rouse has those looked at who wait for somebody who has room now.
func (a *assigning) rouse() error {
	users := slices.DeleteFunc(distinct(a.freed), func(user string) bool {
		p := a.roster.People[user]
		return p == nil || p.Capacity == nil || p.Open >= *p.Capacity
	})
	return a.store.Available(a.tx, users, nil)
}

func assignMicros(h *handoffv1.Handoff) int64 {
	if h.GetAssignTime() == nil {
		return 0
	}
	return sqldb.Micros(h.GetAssignTime().AsTime())
}

// unassigned says that a handoff begins to wait for somebody who may get it.
func (c *change) unassigned() bool {
	return c.waitsFor != "" && (c.before == nil || c.before.GetOwner() != "")
}

// AssignedIn returns how many handoffs members of teams got in turn, in all, by team and
// user.
func (s *Store) AssignedIn(ctx context.Context, teams []string) (map[string]map[string]int64, error) {
	assigned := map[string]map[string]int64{}
	err := selectIn(reader{ctx, s.db}, `SELECT team_id, rotation FROM rotations WHERE team_id IN (`, teams, func(rows *sql.Rows) error {
		var id string
		var text []byte
		var rotation routing.Rotation
		if err := rows.Scan(&id, &text); err != nil {
			return err
		}
		if err := json.Unmarshal(text, &rotation); err != nil {
			return err
		}
		assigned[id] = map[string]int64{}
		for _, place := range rotation.Places {
			assigned[id][place.User] = place.Given
		}
		return nil
	})
	return assigned, err
}

// routeColumn is a route as it is stored; empty for one that leads nowhere.
func routeColumn(r routing.Route) (string, error) {
	if !r.Leads() {
		return "", nil
	}
	b, err := json.Marshal(r)
	return string(b), err
}

const (
	// byRouting is the cause of what routing does by itself, and Router its actor.
	byRouting lifecycle.Cause = "routing"
	// Router is the actor of assignments that nobody asked for.
	Router = "system:router"
)
