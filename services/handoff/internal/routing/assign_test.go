package routing_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/schedule"
)

// A Wednesday in Berlin, at ten.
var now = time.Date(2026, 3, 4, 9, 0, 0, 0, time.UTC)

func when(text string) *condition.Condition {
	c, err := condition.Compile(text, condition.LeadVar|condition.NowVar)
	if err != nil {
		panic(err)
	}
	return c
}

// hours are from Monday to Friday, in the standard's zone.
func hours(from, to string) *routing.Hours {
	return &routing.Hours{Given: schedule.Hours{Days: []schedule.DayHours{{From: from, To: to}}}}
}

// gitlab is how its sales development pages say that leads are routed, with territories.
func gitlab() routing.Rules {
	return routing.Rules{
		AccountOwner: &routing.AccountOwner{Attribute: "account.owner", When: when(`account.actively_worked`), ActiveDays: 30},
		Rules: []routing.Rule{
			{ID: "partners", When: when(`lead.partner`), Target: routing.Target{Queue: "partners"}},
			{ID: "key_accounts", When: when(`lead.employees >= 5000`), Target: routing.Target{Owner: "kim"}},
			{ID: "territory_dach", When: when(`lead.country in ["DE", "AT", "CH"]`), Target: routing.Target{Team: "dach"}},
		},
		Team: "inbound", Hours: schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{{From: "08:00", To: "09:30"}}},
	}
}

func limit(n int) *int { return &n }

// office are the people of the tests, all at work.
func office() *routing.Roster {
	r := &routing.Roster{
		People: map[string]*routing.Person{}, Known: map[string]string{"crm-7": "rob", "7": "rob"},
		Teams: map[string]*routing.Team{
			"dach":    {Members: []routing.Member{{User: "ann", Weight: 2}, {User: "ben", Weight: 1}}},
			"inbound": {Members: []routing.Member{{User: "ira", Weight: 1}}},
		},
	}
	for _, id := range []string{"ann", "ben", "ira", "kim", "rob"} {
		r.People[id] = &routing.Person{ID: id, Hours: hours("09:00", "17:00"), LastActive: now.Add(-time.Hour)}
	}
	return r
}

func lead(pairs ...any) condition.AttributeMap {
	m := condition.AttributeMap{}
	for i := 0; i < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case string:
			m[pairs[i].(string)] = condition.Text(v)
		case bool:
			m[pairs[i].(string)] = condition.Bool(v)
		case int:
			m[pairs[i].(string)] = condition.Number(float64(v))
		}
	}
	return m
}

func TestWhoGetsALead(t *testing.T) {
	away := func(id string) func(*routing.Roster) {
		return func(r *routing.Roster) {
			r.People[id].Absences = []schedule.Absence{{Start: now.Add(-time.Hour), End: now.Add(3 * time.Hour)}}
		}
	}
	worked := lead("account.owner", "crm-7", "account.actively_worked", true, "country", "DE")
	german := lead("country", "DE")
	for _, c := range []struct {
		name   string
		lead   condition.AttributeMap
		but    []func(*routing.Roster)
		hours  routing.WorkingTime
		except string
		owner  string
		reason string
		again  time.Duration // from now
	}{
		{
			name: "the owner of an account that is worked", lead: worked,
			owner: "rob", reason: "account owner rob",
		},
		{
			name: "whose id is a number", lead: lead("account.owner", 7, "account.actively_worked", true),
			owner: "rob", reason: "account owner rob",
		},
		{
			name: "not if the account is not worked", lead: lead("account.owner", "crm-7", "account.actively_worked", false, "country", "DE"),
			owner: "ann", reason: "territory_dach → team dach; round robin, weight 2",
		},
		{
			name: "nor if nobody knows whether it is", lead: lead("account.owner", "rob"),
			owner: "ira", reason: "no rule holds → team inbound; round robin, weight 1",
		},
		{
			name: "nor if the owner is absent", lead: worked, but: []func(*routing.Roster){away("rob")},
			owner: "ann", reason: "account owner rob is absent; territory_dach → team dach; round robin, weight 2",
		},
		{
			name: "nor if the owner was not active", lead: worked,
			but:   []func(*routing.Roster){func(r *routing.Roster) { r.People["rob"].LastActive = now.AddDate(0, 0, -31) }},
			owner: "ann", reason: "account owner rob was not active in 30 days; territory_dach → team dach; round robin, weight 2",
		},
		{
			name: "nor if the owner left", lead: worked,
			but:   []func(*routing.Roster){func(r *routing.Roster) { r.People["rob"].Inactive = true }},
			owner: "ann", reason: "account owner rob is inactive; territory_dach → team dach; round robin, weight 2",
		},
		{
			name: "nor if the owner is nobody here", lead: lead("account.owner", "0051x", "account.actively_worked", true),
			owner: "ira", reason: "account owner is no user; no rule holds → team inbound; round robin, weight 1",
		},
		{
			name: "the owner of the account however much they have", lead: worked,
			but:   []func(*routing.Roster){func(r *routing.Roster) { r.People["rob"].Open, r.People["rob"].Capacity = 9, limit(3) }},
			owner: "rob", reason: "account owner rob",
		},
		{
			name: "the first rule that holds", lead: lead("country", "DE", "employees", 9000),
			owner: "kim", reason: "key_accounts → kim",
		},
		{
			name: "a rule's person who may not get it", lead: lead("employees", 9000), but: []func(*routing.Roster){away("kim")},
			owner: "ira", reason: "key_accounts → kim, who is absent; team inbound; round robin, weight 1",
		},
		{
			name: "a queue to be claimed from", lead: lead("country", "DE", "partner", true),
			reason: "partners → queue partners",
		},
		{
			name: "who is at work first", lead: german,
			but:   []func(*routing.Roster){func(r *routing.Roster) { r.People["ann"].Hours = hours("13:00", "17:00") }},
			owner: "ben", reason: "territory_dach → team dach; round robin, weight 1",
		},
		{
			name: "who is not, if nobody is", lead: german,
			but: []func(*routing.Roster){func(r *routing.Roster) {
				r.People["ann"].Hours, r.People["ben"].Hours = hours("13:00", "17:00"), nil
			}},
			owner: "ann", reason: "territory_dach → team dach; round robin, weight 2",
		},
		{
			name: "who is at work by the hours of their team", lead: german,
			but: []func(*routing.Roster){func(r *routing.Roster) {
				r.People["ann"].Hours, r.People["ben"].Hours, r.Teams["dach"].Hours = hours("13:00", "17:00"), nil, hours("08:00", "12:00")
			}},
			owner: "ben", reason: "territory_dach → team dach; round robin, weight 1",
		},
		{
			name: "nobody until work begins", lead: german, hours: routing.Require,
			but: []func(*routing.Roster){func(r *routing.Roster) {
				r.People["ann"].Hours, r.People["ben"].Hours = hours("13:00", "17:00"), hours("12:00", "17:00")
			}},
			reason: "territory_dach → team dach; nobody available: 2 not at work", again: 2 * time.Hour,
		},
		{
			name: "nobody with room", lead: german, but: []func(*routing.Roster){away("ann"), func(r *routing.Roster) {
				r.People["ben"].Open, r.People["ben"].Capacity = 3, limit(3)
			}},
			reason: "territory_dach → team dach; nobody available: 1 absent, 1 full", again: 3 * time.Hour,
		},
		{
			name: "somebody else than before", lead: german, except: "ann",
			owner: "ben", reason: "territory_dach → team dach; round robin, weight 1",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			rules, roster := gitlab(), office()
			rules.WorkingTime = c.hours
			for _, change := range c.but {
				change(roster)
			}
			got := rules.Route(c.lead, now, time.UTC).Assign(roster, now, c.except)
			if got.Owner != c.owner || got.Reason != c.reason {
				t.Errorf("%q: %s; want %q: %s", got.Owner, got.Reason, c.owner, c.reason)
			}
			want := time.Time{}
			if c.again != 0 {
				want = now.Add(c.again)
			}
			if !got.Again.Equal(want) {
				t.Errorf("again %s, want %s", got.Again, want)
			}
			if got.Waits() != (c.owner == "" && got.Queue == "") {
				t.Errorf("waits: %t", got.Waits())
			}
		})
	}
}

func TestAStandardWithoutRouting(t *testing.T) {
	var rules routing.Rules
	route := rules.Route(lead("country", "DE"), now, time.UTC)
	if got := route.Assign(office(), now); got.Owner != "" || got.Waits() || route.Leads() {
		t.Errorf("got %+v", got)
	}
}

func TestWhatRulesRead(t *testing.T) {
	rules := gitlab()
	want := "[account.actively_worked account.owner country employees partner]"
	if got := fmt.Sprint(rules.Attributes()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestATeamInPlaceOfTheRules(t *testing.T) {
	rules := gitlab()
	route := rules.Route(lead("country", "DE"), now, time.UTC).ToTeam("inbound", "fast_track.demo")
	if got := route.Assign(office(), now); got.Owner != "ira" || got.Reason != "fast_track.demo → team inbound; round robin, weight 1" {
		t.Errorf("got %+v", got)
	}
}

// The laws: nobody inactive, absent or passed over ever gets a lead, nobody in turn more
// than they may have, or out of hours where these are required; and nobody waits while
// somebody may get it.
func TestOnlyWhoMayGetsALead(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rules := gitlab()
		rules.WorkingTime = routing.WorkingTime(rapid.IntRange(0, 2).Draw(t, "hours"))
		roster := office()
		instant := now.Add(time.Duration(rapid.IntRange(0, 7*24*60).Draw(t, "minutes")) * time.Minute)
		for _, id := range []string{"ann", "ben", "ira", "kim", "rob"} {
			p := roster.People[id]
			p.Inactive = rapid.Bool().Draw(t, id+" inactive")
			for range rapid.IntRange(0, 2).Draw(t, id+" absences") {
				start := now.Add(time.Duration(rapid.IntRange(-24, 200).Draw(t, "start")) * time.Hour)
				p.Absences = append(p.Absences, schedule.Absence{Start: start, End: start.Add(time.Duration(rapid.IntRange(1, 72).Draw(t, "long")) * time.Hour)})
			}
			if rapid.Bool().Draw(t, id+" is limited") {
				p.Capacity = limit(rapid.IntRange(0, 3).Draw(t, id+" capacity"))
			}
		}
		nineToFive, err := schedule.NewCalendar(schedule.Hours{Zone: "Europe/Berlin", Days: []schedule.DayHours{{From: "09:00", To: "17:00"}}})
		if err != nil {
			t.Fatal(err)
		}
		may := func(id string, turn bool) bool {
			p := roster.People[id]
			for _, a := range p.Absences {
				if !a.Start.After(instant) && a.End.After(instant) {
					return false
				}
			}
			full := p.Capacity != nil && p.Open >= *p.Capacity
			late := rules.WorkingTime == routing.Require && !nineToFive.Open(instant)
			return !p.Inactive && (!turn || !full && !late)
		}
		for range rapid.IntRange(1, 20).Draw(t, "leads") {
			lead := lead("country", rapid.SampledFrom([]string{"DE", "US"}).Draw(t, "country"), "employees", rapid.SampledFrom([]int{1, 5000}).Draw(t, "employees"),
				"account.owner", rapid.SampledFrom([]string{"rob", "crm-7", "nobody"}).Draw(t, "owner"), "account.actively_worked", rapid.Bool().Draw(t, "worked"))
			before := map[string]bool{}
			for id := range roster.People {
				before[id] = may(id, true)
			}
			owns := may("rob", false)
			got := rules.Route(lead, instant, time.UTC).Assign(roster, instant)
			byAccount := got.Owner == "rob" && got.Team == ""
			switch {
			case byAccount && !owns, got.Owner != "" && !byAccount && got.Owner != "kim" && !before[got.Owner]:
				t.Fatalf("%s got it: %s", got.Owner, got.Reason)
			case got.Owner == "kim" && !may("kim", false):
				t.Fatalf("kim got it: %s", got.Reason)
			case got.Owner == "" && (got.Team == "dach" && (before["ann"] || before["ben"]) || got.Team == "inbound" && before["ira"]):
				t.Fatalf("it waits: %s", got.Reason)
			case got.Owner == "" && !got.Waits():
				t.Fatalf("it is lost: %s", got.Reason)
			}
			if got.Owner != "" {
				continue
			}
			if !got.Again.IsZero() && !got.Again.After(instant) {
				t.Fatalf("again at %s, now is %s", got.Again, instant)
			}
		}
	})
}
