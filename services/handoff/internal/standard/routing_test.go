package standard_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/schedule"
)

const routed = `
id: x
handoff:
  byReason:
  - {reasons: [fast_track.demo*], team: teams/demos}
  sla: {withinMinutes: 120, workingHours: {hours: [{weekdays: [1], from: "10:00", to: "12:00"}]}}
  routing:
    accountOwner: {when: account.worked, activeWithinDays: 30}
    rules:
    - {id: partners, when: lead.partner, queue: partners}
    - {id: key_accounts, when: lead.employees >= 5000, owner: users/kim}
    - {id: territory_dach, when: 'lead.country in ["DE", "AT"]', team: teams/dach}
    team: teams/inbound
    workingTime: WORKING_TIME_REQUIRE
`

func TestRoutes(t *testing.T) {
	c := compile(t, routed)
	all := routing.Route{
		Otherwise: "inbound", WorkingTime: routing.Require,
		Hours: &schedule.Hours{Zone: "UTC", Days: []schedule.DayHours{{Weekdays: []int{1}, From: "10:00", To: "12:00"}}},
	}
	for _, test := range []struct {
		name    string
		lead    condition.AttributeMap
		reasons []string
		want    func(r *routing.Route)
	}{
		{"nobody in particular", nil, nil, func(*routing.Route) {}},
		{
			"territory",
			condition.AttributeMap{"country": condition.Text("AT")},
			nil,
			func(r *routing.Route) { r.Rule, r.Team = "territory_dach", "dach" },
		},
		{
			"the first rule",
			condition.AttributeMap{"country": condition.Text("AT"), "employees": condition.Number(6000)},
			nil,
			func(r *routing.Route) { r.Rule, r.Owner = "key_accounts", "kim" },
		},
		{
			"a queue",
			condition.AttributeMap{"partner": condition.Bool(true)},
			nil,
			func(r *routing.Route) { r.Rule, r.Queue = "partners", "partners" },
		},
		{
			"the owner of the account",
			condition.AttributeMap{"account.worked": condition.Bool(true), "account.owner": condition.Text("rob")},
			nil,
			func(r *routing.Route) { r.AccountOwner, r.ActiveDays = "rob", 30 },
		},
		{
			"the owner of an account that is not worked",
			condition.AttributeMap{"account.owner": condition.Text("rob")},
			nil,
			func(*routing.Route) {},
		},
		{
			"the team of a reason",
			condition.AttributeMap{"country": condition.Text("AT")},
			[]string{"fast_track.demo_request"},
			func(r *routing.Route) { r.Rule, r.Team, r.Otherwise = "fast_track.demo_request", "demos", "" },
		},
	} {
		want := all
		if test.want(&want); want.AccountOwner == "" && test.lead["account.worked"].Known() {
			want.ActiveDays = 30
		}
		if diff := cmp.Diff(want, c.Route(c.Handle(test.reasons, false), test.lead, time.Time{})); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
	if got := strings.Join(c.Attributes(), " "); got != "account.owner account.worked country employees partner suppressed" {
		t.Errorf("reads %s", got)
	}
}

func TestBadRouting(t *testing.T) {
	for name, test := range map[string]struct{ routing, want string }{
		"owner's condition":  {"accountOwner: {when: nonsense}", "handoff.routing.accountOwner.when: expected a condition"},
		"rule's condition":   {"rules: [{id: a, when: lead.x ==, team: teams/a}]", "handoff.routing.rules[0].when: expected a condition"},
		"no condition":       {"rules: [{id: a, team: teams/a}]", "handoff.routing.rules[0].when: "},
		"an activity":        {"rules: [{id: a, when: activity.type == 'x', team: teams/a}]", "handoff.routing.rules[0].when: expected a condition"},
		"id taken":           {"rules: [{id: a, when: 'true', team: teams/a}, {id: a, when: 'true', team: teams/b}]", "handoff.routing.rules[1].id: expected an id of its own"},
		"to nobody":          {"rules: [{id: a, when: 'true'}]", "handoff.routing.rules[0]: expected one of `team`, `owner` and `queue`, not 0 of them"},
		"to two":             {"rules: [{id: a, when: 'true', team: teams/a, queue: b}]", "handoff.routing.rules[0]: expected one of `team`, `owner` and `queue`, not 2 of them"},
		"a person as a team": {"team: users/kim", "handoff.routing.team: "},
	} {
		t.Run(name, func(t *testing.T) {
			spec, err := standard.Parse("test.yaml", []byte("id: x\nhandoff: {routing: {"+test.routing+"}}"))
			if err == nil {
				_, err = standard.Compile(spec, nil)
			}
			var problems standard.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %s", err, test.want)
			}
		})
	}
}

func TestAccountOwnerIsAWordOfTheVocabulary(t *testing.T) {
	spec, err := standard.Parse("test.yaml", []byte("id: x\nvocabulary: {attributes: [{key: country}]}\nhandoff: {routing: {accountOwner: {}}}"))
	if err == nil {
		_, err = standard.Compile(spec, nil)
	}
	if err == nil || !strings.Contains(err.Error(), "handoff.routing.accountOwner.attribute: expected an attribute of `vocabulary`, not \"account.owner\"") {
		t.Errorf("got %v", err)
	}
}
