package standard

import (
	"cmp"
	"slices"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/hours"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/internal/condition"
)

// accountOwner is the attribute that names the owner of an account, unless the standard
// names another.
const accountOwner = "account.owner"

// Route says who is to get a lead that qualifies, by its attributes at an instant. A team
// that the handling names comes in place of the routing's.
func (c *Compiled) Route(h Handling, lead condition.Attributes, at time.Time) routing.Route {
	route := c.routing.Route(lead, at, c.Zone)
	if h.Team != "" {
		route = route.ToTeam(h.Team, h.Reason)
	}
	return route
}

// Attributes are the keys of the attributes of the lead that the rules read, of the
// verdict and of the routing, sorted, each once.
func (c *Compiled) Attributes() []string {
	keys := append(c.Rules.Attributes(), c.routing.Attributes()...)
	slices.Sort(keys)
	return slices.Compact(keys)
}

// routes reads who gets the handoffs.
func (c *compiler) routes(path string, rules *handoffv1.HandoffRules, zone string) routing.Rules {
	r := rules.GetRouting()
	out := routing.Rules{
		Team: resourceID(r.GetTeam()), WorkingTime: workingTimes[r.GetWorkingTime()],
		Hours: hours.Of(zone, rules.GetSla().GetWorkingHours()),
	}
	if owner := r.GetAccountOwner(); owner != nil {
		at := join(path, "accountOwner")
		out.AccountOwner = &routing.AccountOwner{
			Attribute: cmp.Or(owner.GetAttribute(), accountOwner), ActiveDays: int(owner.GetActiveWithinDays()),
		}
		c.attribute(join(at, "attribute"), out.AccountOwner.Attribute)
		if owner.GetWhen() != "" {
			out.AccountOwner.When = c.condition(join(at, "when"), owner.GetWhen(), leadVars)
		}
	}
	ids := ids{}
	for i, rule := range r.GetRules() {
		at := index(join(path, "rules"), i)
		c.id(ids, at, rule.GetId())
		target := routing.Target{Team: resourceID(rule.GetTeam()), Owner: resourceID(rule.GetOwner()), Queue: rule.GetQueue()}
		if n := len(slices.DeleteFunc([]string{target.Team, target.Owner, target.Queue}, func(s string) bool { return s == "" })); n != 1 {
			c.add(at, "one of `team`, `owner` and `queue`, not %d of them", n)
		}
		out.Rules = append(out.Rules, routing.Rule{ID: rule.GetId(), When: c.condition(join(at, "when"), rule.GetWhen(), leadVars), Target: target})
	}
	return out
}

var workingTimes = map[handoffv1.RoutingRules_WorkingTime]routing.WorkingTime{
	handoffv1.RoutingRules_WORKING_TIME_PREFER:  routing.Prefer,
	handoffv1.RoutingRules_WORKING_TIME_REQUIRE: routing.Require,
	handoffv1.RoutingRules_WORKING_TIME_IGNORE:  routing.Ignore,
}

// resourceID is the id in a resource name; empty for no name.
func resourceID(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
