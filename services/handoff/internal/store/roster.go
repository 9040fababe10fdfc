package store

import (
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/hours"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/internal/schedule"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// rosterOf locks teams, and then their members and those whom somebody calls by the given
// names, until the transaction ends, and returns them as they are then, without whose turn
// it is. What there is not is not in it.
func rosterOf(tx *sqldb.Tx, teams, called []string) (*routing.Roster, error) {
	r := &routing.Roster{People: map[string]*routing.Person{}, Known: map[string]string{}, Teams: map[string]*routing.Team{}}
	if err := people.LockTeam(tx, teams...); err != nil {
		return nil, err
	}
	found, err := people.TeamsIn(tx, teams)
	if err != nil {
		return nil, err
	}
	var users []string
	for id, t := range found {
		team := &routing.Team{Hours: hoursOf(t.GetWorkingHours())}
		for _, m := range t.GetMembers() {
			member := routing.Member{User: people.UserID(m.GetUser()), Weight: int(m.GetWeight())}
			if m.GetPaused() {
				member.Weight = 0
			}
			team.Members, users = append(team.Members, member), append(users, member.User)
		}
		r.Teams[id] = team
	}
	for _, name := range called {
		id, err := people.Find(tx, name)
		if err != nil {
			return nil, err
		}
		if id != "" {
			r.Known[name], users = id, append(users, id)
		}
	}
	users = distinct(users)
	if err := people.Lock(tx, users...); err != nil {
		return nil, err
	}
	known, err := people.UsersIn(tx, users)
	if err != nil {
		return nil, err
	}
	for id, u := range known {
		r.People[id] = personOf(id, u)
	}
	return r, nil
}

// personOf is a user as routing sees them.
func personOf(id string, u *handoffv1.User) *routing.Person {
	p := &routing.Person{ID: id, Inactive: u.GetInactive(), NotInSales: !people.Sells(u.GetRole()), Hours: hoursOf(u.GetWorkingHours()), Open: int(u.GetOpenHandoffCount())}
	for _, a := range u.GetAbsences() {
		p.Absences = append(p.Absences, schedule.Absence{Start: a.GetStartTime().AsTime(), End: a.GetEndTime().AsTime()})
	}
	if u.Capacity != nil {
		capacity := int(u.GetCapacity())
		p.Capacity = &capacity
	}
	if u.GetLastActiveTime() != nil {
		p.LastActive = u.GetLastActiveTime().AsTime().Add(lastActiveWithin)
	}
	return p
}

// lastActiveWithin is how exactly is known when somebody was active last: to the hour.
const lastActiveWithin = time.Hour

// hoursOf are working hours that somebody has; nil for none. A zone that is not given is
// that of the standard.
func hoursOf(w *typev1.WorkingHours) *routing.Hours {
	if w == nil {
		return nil
	}
	h := hours.Of("", w)
	h.Zone = w.GetTimeZone()
	return &routing.Hours{Given: h}
}
