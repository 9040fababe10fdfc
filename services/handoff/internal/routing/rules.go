package routing

import (
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// Rules say to whom a standard sends its leads.
type Rules struct {
	// AccountOwner has a lead go to whom its account belongs to, before any rule; nil:
	// accounts belong to nobody.
	AccountOwner *AccountOwner
	// Rules are asked in their order; the first that holds says where the lead goes.
	Rules []Rule
	// Team is where a lead goes that no rule holds for, or whose rule names a person who
	// may not get it. Empty: it waits in its queue for somebody to claim it.
	Team string
	// WorkingTime says what it means that somebody is not at work. Default [Prefer].
	WorkingTime WorkingTime
	// Hours are the working hours of those who have none of their own, nor their team.
	Hours schedule.Hours
}

// AccountOwner says whom an account belongs to.
type AccountOwner struct {
	// Attribute with the owner, a user id or their id in a remote system, e.g.
	// `account.owner`.
	Attribute string
	// When must be true for the owner to get the lead, e.g. that the account is actively
	// worked; unknown counts as no. Nil: always.
	When *condition.Condition
	// ActiveDays: the owner must have done something in so many days of 24 hours. 0: any
	// time.
	ActiveDays int
}

// Rule sends some leads somewhere.
type Rule struct {
	// ID of the rule, e.g. `territory_dach`.
	ID string
	// When it holds; unknown counts as no.
	When *condition.Condition
	// Target is where they go.
	Target
}

// Target is where a lead goes: at most one of them is set.
type Target struct {
	// Owner is a user's id, or their id in a remote system.
	Owner string `json:"owner,omitempty"`
	// Team is a team's id.
	Team string `json:"team,omitempty"`
	// Queue where it waits until somebody claims it.
	Queue string `json:"queue,omitempty"`
}

// WorkingTime says what it means that somebody is not at work.
type WorkingTime int8

const (
	// Prefer those who are at work now; if nobody is, whoever is there anyway.
	Prefer WorkingTime = iota
	// Require that somebody is at work: until then the lead waits.
	Require
	// Ignore the hours.
	Ignore
)

// Route is what the rules say of a lead. It is stored with the handoff: whoever routes it
// again later goes by the same.
type Route struct {
	// AccountOwner is whom the account belongs to, if that counts; else empty.
	AccountOwner string `json:"accountOwner,omitempty"`
	// ActiveDays in which the owner of the account must have done something.
	ActiveDays int `json:"activeDays,omitempty"`
	// Rule is the id of the one that holds; empty: none did.
	Rule string `json:"rule,omitempty"`
	// Target of that rule.
	Target
	// Otherwise is the team if no rule holds, or the rule's person may not get it.
	Otherwise string `json:"otherwise,omitempty"`
	// WorkingTime says what it means that somebody is not at work.
	WorkingTime WorkingTime `json:"workingTime,omitempty"`
	// Hours are the working hours of those who have none of their own, nor their team; nil:
	// these are never at work.
	Hours *schedule.Hours `json:"hours,omitempty"`
}

// Route says where a lead goes, by its attributes at an instant.
func (r *Rules) Route(lead condition.Attributes, now time.Time, zone *time.Location) Route {
	facts := condition.Facts{Lead: lead, Now: now, Zone: zone}
	holds := func(c *condition.Condition) bool {
		if c == nil {
			return true
		}
		answer, _ := c.Eval(&facts)
		return answer == condition.True
	}
	route := Route{Otherwise: r.Team, WorkingTime: r.WorkingTime, Hours: &r.Hours}
	if a := r.AccountOwner; a != nil && holds(a.When) {
		route.AccountOwner, route.ActiveDays = called(lead, a.Attribute), a.ActiveDays
	}
	for _, rule := range r.Rules {
		if holds(rule.When) {
			route.Rule, route.Target = rule.ID, rule.Target
			break
		}
	}
	return route
}

// called is what an attribute calls somebody: a text, or a whole number as some systems
// have for ids.
func called(lead condition.Attributes, key string) string {
	value, _ := lead.Attribute(key)
	if n, ok := value.AsNumber(); ok && n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return strconv.FormatInt(int64(n), 10)
	}
	text, _ := value.AsText()
	return text
}

// Attributes are the keys of those that the rules read, sorted, each once.
func (r *Rules) Attributes() []string {
	var keys []string
	if a := r.AccountOwner; a != nil {
		keys = append(keys, a.Attribute)
		if a.When != nil {
			keys = append(keys, a.When.Attributes()...)
		}
	}
	for _, rule := range r.Rules {
		if rule.When != nil {
			keys = append(keys, rule.When.Attributes()...)
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// ToTeam is the route with a team in place of what the rules say, for a reason. The owner
// of the account comes first still.
func (r Route) ToTeam(team, why string) Route {
	r.Rule, r.Target, r.Otherwise = why, Target{Team: team}, ""
	return r
}

// Leads says whether the route leads anywhere: to a person, a team or a queue.
func (r Route) Leads() bool {
	return r.AccountOwner != "" || r.Target != Target{} || r.Otherwise != ""
}
