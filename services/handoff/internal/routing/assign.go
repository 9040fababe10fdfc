package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/schedule"
)

// Roster is who there is, as they are at an instant. Assigning changes it: what somebody
// gets counts at once.
type Roster struct {
	// People by id.
	People map[string]*Person
	// Known finds the id of a person by whatever the rules call them: their id, or that in
	// a remote system. Nil: by id only.
	Known map[string]string
	// Teams by id.
	Teams map[string]*Team
}

// Team is who takes turns.
type Team struct {
	// Members, each once.
	Members []Member
	// Hours are the working hours of members without their own; nil: those of the standard.
	Hours *Hours
	// Rotation is whose turn it is.
	Rotation Rotation
}

// Member is somebody's part in a team.
type Member struct {
	// User is the id of a person of the roster.
	User string
	// Weight of the member's turns. 0: none.
	Weight int
}

// Assignment is to whom a lead went, and why.
type Assignment struct {
	// Owner is the id of the person; empty: it waits.
	Owner string
	// Team that it was assigned in, or waits for; empty: it is not by way of a team.
	Team string
	// Queue where it waits to be claimed, if a rule names one.
	Queue string
	// Reason in words.
	Reason string
	// For is the person it waits for, where it does not wait for a team.
	For string
	// Again is when time alone may have made somebody available; zero: never.
	Again time.Time
}

// Waits says whether it waits for somebody to be available.
func (a *Assignment) Waits() bool { return a.Owner == "" && (a.Team != "" || a.For != "") }

// person finds somebody by whatever the rules call them; nil: nobody.
func (r *Roster) person(called string) *Person {
	if id, known := r.Known[called]; known {
		called = id
	}
	return r.People[called]
}

// Assign finds who gets a lead by its route. except are people who are passed over, e.g.
// whom it is taken from.
func (r Route) Assign(roster *Roster, now time.Time, except ...string) Assignment {
	a := assigning{Roster: roster, Route: r, now: now, except: except}
	if r.Hours != nil {
		a.zone, a.standing = r.Hours.Zone, &Hours{Given: *r.Hours}
	}
	a.assign()
	a.done.Reason = strings.Join(a.words, "; ")
	return a.done
}

// assigning is one assignment on its way.
type assigning struct {
	*Roster
	Route
	now    time.Time
	except []string
	// zone and standing are those of the standard, for who has none of their own.
	zone     string
	standing *Hours

	words []string
	done  Assignment
}

func (a *assigning) say(format string, args ...any) {
	a.words = append(a.words, fmt.Sprintf(format, args...))
}

func (a *assigning) assign() {
	if a.AccountOwner != "" && a.toAccountOwner() {
		return
	}
	switch {
	case a.Owner != "":
		if a.toPerson() {
			return
		}
		if a.Otherwise == "" {
			return
		}
		a.say("team %s", a.Otherwise)
		a.toTeam(a.Otherwise)
	case a.Team != "":
		a.say("%s → team %s", a.Rule, a.Team)
		a.toTeam(a.Team)
	case a.Queue != "":
		a.say("%s → queue %s", a.Rule, a.Queue)
		a.done.Queue = a.Queue
	case a.Otherwise != "":
		a.say("no rule holds → team %s", a.Otherwise)
		a.toTeam(a.Otherwise)
	case len(a.words) == 0:
		a.say("no rule holds")
	}
}

// toAccountOwner gives the lead to whom its account belongs, however much they have: they
// know it.
func (a *assigning) toAccountOwner() bool {
	owner := a.person(a.AccountOwner)
	if owner == nil {
		a.say("account owner is no user")
		return false
	}
	since := a.now.Add(-time.Duration(a.ActiveDays) * 24 * time.Hour)
	switch away := owner.Away(a.now); {
	case slices.Contains(a.except, owner.ID):
		return false
	case away != "":
		a.say("account owner %s is %s", owner.ID, away)
		return false
	case a.ActiveDays > 0 && owner.LastActive.Before(since):
		a.say("account owner %s was not active in %d days", owner.ID, a.ActiveDays)
		return false
	}
	a.say("account owner %s", owner.ID)
	a.give(owner)
	return true
}

// toPerson gives the lead to whom a rule names.
func (a *assigning) toPerson() bool {
	owner := a.person(a.Owner)
	if owner == nil {
		a.say("%s → %s, who is no user", a.Rule, a.Owner)
		return false
	}
	away := owner.Away(a.now)
	switch {
	case slices.Contains(a.except, owner.ID):
		away = "passed over"
	case away == "" && owner.full():
		away = "full with " + owner.room() + " handoffs"
	case away == "":
		a.say("%s → %s", a.Rule, owner.ID)
		a.give(owner)
		return true
	}
	a.say("%s → %s, who is %s", a.Rule, owner.ID, away)
	a.done.For, a.done.Again = owner.ID, owner.absence(a.now)
	return false
}

func (a *assigning) give(owner *Person) {
	owner.Open++
	a.done.Owner, a.done.For, a.done.Again = owner.ID, "", time.Time{}
}

// toTeam gives the lead to whoever's turn it is.
func (a *assigning) toTeam(id string) {
	a.done.For, a.done.Again = "", time.Time{}
	a.done.Team = id
	team := a.Teams[id]
	if team == nil {
		a.say("there is no such team")
		return
	}
	team.Rotation.Keep(team.Members)
	there, off := a.there(team)
	if len(there) == 0 {
		a.say("nobody available: %s", off)
		return
	}
	owner := team.Rotation.Next(there)
	a.give(a.People[owner])
	for _, s := range there {
		if s.User == owner {
			a.say("round robin, weight %d", s.Weight)
		}
	}
}

// there are those who may have the next turn, or in words why nobody may. When they will
// be back is noted.
func (a *assigning) there(team *Team) (there []Share, off string) {
	var atWork []Share
	var count counts
	for _, m := range team.Members {
		p := a.People[m.User]
		if p == nil || m.Weight <= 0 {
			continue
		}
		var hours *schedule.Calendar // never at work
		if given := cmp.Or(p.Hours, team.Hours, a.standing); given != nil {
			hours = given.in(a.zone)
		}
		away, back := p.Away(a.now), p.absence(a.now)
		switch working := a.WorkingTime == Ignore || hours.Open(a.now); {
		case slices.Contains(a.except, p.ID):
			away = "passed over"
		case away != "":
		case p.full():
			away = "full"
		case !working && a.WorkingTime == Require:
			away, back = "not at work", hours.Opens(a.now)
		default:
			s := Share{User: p.ID, Weight: int64(m.Weight)}
			there = append(there, s)
			if working {
				atWork = append(atWork, s)
			}
			continue
		}
		count.add(away)
		if !p.Inactive && !p.NotInSales && !back.IsZero() && (a.done.Again.IsZero() || back.Before(a.done.Again)) {
			a.done.Again = back
		}
	}
	if len(there) > 0 {
		a.done.Again = time.Time{}
	}
	if len(atWork) > 0 {
		return atWork, ""
	}
	return there, count.String()
}

// counts are how many there are of what, in the order in which they came.
type counts []struct {
	what string
	n    int
}

func (c *counts) add(what string) {
	for i := range *c {
		if (*c)[i].what == what {
			(*c)[i].n++
			return
		}
	}
	*c = append(*c, struct {
		what string
		n    int
	}{what, 1})
}

func (c counts) String() string {
	if len(c) == 0 {
		return "no members"
	}
	words := make([]string, len(c))
	for i, one := range c {
		words[i] = strconv.Itoa(one.n) + " " + one.what
	}
	return strings.Join(words, ", ")
}
