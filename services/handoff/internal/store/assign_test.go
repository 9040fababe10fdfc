package store_test

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// floor is an office with people.
type floor struct {
	*office
	people *people.Store
	leads  int
}

// eachFloor runs a test on both stores, with people who work around the clock: ann twice as
// much as ben in the team dach, cid and dan in the team emea.
func eachFloor(t *testing.T, run func(t *testing.T, f *floor)) {
	each(t, func(t *testing.T, o *office) {
		f := &floor{office: o, people: people.New(o.db, o.now)}
		f.people.Changed = f.Available
		for _, user := range []string{"ann", "ben", "cid", "dan", "mia"} {
			if _, err := f.people.Create(t.Context(), user, &handoffv1.User{Role: typev1.Role_ROLE_SALES}); err != nil {
				t.Fatal(err)
			}
		}
		f.team(t, "dach", "ann", 2, "ben", 1)
		f.team(t, "emea", "cid", 1, "dan", 1)
		run(t, f)
	})
}

func (f *floor) team(t *testing.T, id string, members ...any) {
	t.Helper()
	team := &handoffv1.Team{}
	for i := 0; i < len(members); i += 2 {
		team.Members = append(team.Members, &handoffv1.TeamMember{User: people.UserName(members[i].(string)), Weight: int32(members[i+1].(int))})
	}
	if _, err := f.people.CreateTeam(t.Context(), id, team); err != nil {
		t.Fatal(err)
	}
}

func (f *floor) change(t *testing.T, user string, change func(u *handoffv1.User)) {
	t.Helper()
	_, _, err := f.people.Update(t.Context(), people.Update{ID: user, HandsOn: true, Change: func(u *handoffv1.User) error { change(u); return nil }})
	if err != nil {
		t.Fatal(err)
	}
}

func capacity(n int32) func(*handoffv1.User) { return func(u *handoffv1.User) { u.Capacity = &n } }

func inactive(is bool) func(*handoffv1.User) { return func(u *handoffv1.User) { u.Inactive = is } }

func (f *floor) absent(d time.Duration) func(*handoffv1.User) {
	return func(u *handoffv1.User) {
		u.Absences = []*handoffv1.Absence{{StartTime: timestamppb.New(f.clock.Add(-time.Hour)), EndTime: timestamppb.New(f.clock.Add(d))}}
	}
}

func to(team string) routing.Route {
	return routing.Route{Rule: "territory", Target: routing.Target{Team: team}, WorkingTime: routing.Ignore}
}

// lead is a new qualified lead with a route.
func (f *floor) lead(route routing.Route, change ...func(*store.Lead)) *store.Lead {
	f.leads++
	return f.scored(fmt.Sprintf("01900000-0000-7000-8000-%012d", f.leads), decision.Qualified, append(change, func(l *store.Lead) {
		l.Assessments[0].Handling.Route = route
	})...)
}

// handOff hands a new lead off and returns its handoff.
func (f *floor) handOff(t *testing.T, route routing.Route, change ...func(*store.Lead)) *handoffv1.Handoff {
	t.Helper()
	l := f.lead(route, change...)
	f.decide(t, l)
	return f.handoffs(t, l.ID)[0]
}

func (f *floor) again(t *testing.T, h *handoffv1.Handoff) *handoffv1.Handoff {
	t.Helper()
	now, err := f.Handoff(t.Context(), store.HandoffID(h.GetName()))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// look assigns what waits for somebody who may be there.
func (f *floor) look(t *testing.T) {
	t.Helper()
	for range 10 {
		switch n, err := f.AssignWaiting(t.Context()); {
		case err != nil:
			t.Fatal(err)
		case n == 0:
			return
		}
	}
	t.Fatal("whoever waits is looked at again and again")
}

func owns(t *testing.T, h *handoffv1.Handoff, owner, reason string) {
	t.Helper()
	if h.GetOwner() != owner || h.GetAssignReason() != reason {
		t.Errorf("%q has it: %s\nwant %q: %s", h.GetOwner(), h.GetAssignReason(), owner, reason)
	}
	if (h.GetAssignTime() != nil) != (owner != "") {
		t.Errorf("assigned at %v", h.GetAssignTime())
	}
}

func TestAQualifiedLeadGetsAnOwner(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		f.change(t, "cid", func(u *handoffv1.User) { u.RemoteIds = map[string]string{"tryton": "7"} })
		h := f.handOff(t, to("dach"))
		owns(t, h, "ann", "territory → team dach; round robin, weight 2")
		if h.GetTeam() != "teams/dach" || h.GetTransferCount() != 1 || !h.GetAssignTime().AsTime().Equal(h.GetCreateTime().AsTime()) {
			t.Errorf("got %v", h)
		}
		owns(t, f.handOff(t, to("dach")), "ben", "territory → team dach; round robin, weight 1")
		owns(t, f.handOff(t, to("dach")), "ann", "territory → team dach; round robin, weight 2")
		owns(t, f.handOff(t, routing.Route{AccountOwner: "7"}), "cid", "account owner cid")
		owns(t, f.handOff(t, routing.Route{Rule: "partners", Target: routing.Target{Queue: "partners"}}), "", "partners → queue partners")
		owns(t, f.handOff(t, routing.Route{}), "", "")
		inQueue, err := f.Handoffs(t.Context(), []store.Term{{Column: store.QueueColumn, Value: "partners"}}, true, nil, 10)
		if err != nil || len(inQueue) != 1 {
			t.Errorf("%d in the queue, %v", len(inQueue), err)
		}
	})
}

func TestTheHottestOfABatchIsFirst(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		f.change(t, "ben", capacity(0))
		f.change(t, "ann", capacity(1))
		cold := f.lead(to("dach"))
		hot := f.lead(to("dach"), func(l *store.Lead) { l.Assessments[0].Handling.Priority = 1 })
		if _, err := f.Decide(t.Context(), []*store.Lead{cold, hot}); err != nil {
			t.Fatal(err)
		}
		if got := f.handoffs(t, hot.ID)[0]; got.GetOwner() != "ann" {
			t.Errorf("the hot one: %s", got.GetAssignReason())
		}
		owns(t, f.handoffs(t, cold.ID)[0], "", "territory → team dach; nobody available: 2 full")
	})
}

// The order in which to work a queue, and that of what is due, read page by page.
func TestOrdersOfAQueue(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		lead := func(name string, priority int, score float64, response *standard.Response) {
			id := fmt.Sprintf("01900000-0000-7000-8000-%012s", name)
			o.decide(t, o.scored(id, decision.Qualified, func(l *store.Lead) {
				h := &l.Assessments[0].Handling
				h.Priority, h.Response = priority, response
				l.Assessments[0].Engagement.Score = &score
			}))
			if response != nil {
				o.give(t, o.handoffs(t, id)[0], "jane")
			}
		}
		lead("1", 0, 50, nil)
		lead("2", 1, 40, nil)
		lead("3", 0, 60, agreed(t, "{withinMinutes: 120}"))
		lead("4", 0, 60, agreed(t, "{withinMinutes: 60}"))
		lead("5", 0, 60, nil)
		byQueue := func(place []any) ([]store.RankedHandoff, error) { return o.Handoffs(t.Context(), nil, true, place, 2) }
		byDue := func(place []any) ([]store.RankedHandoff, error) {
			return o.HandoffsByDueTime(t.Context(), nil, place, 2)
		}
		for name, c := range map[string]struct {
			read func([]any) ([]store.RankedHandoff, error)
			want string
		}{
			"the hottest, and of these what is due first": {byQueue, "24351"},
			"what is due first, then what is never":       {byDue, "43125"},
		} {
			got := ""
			for place := []any(nil); ; {
				page, err := c.read(place)
				if err != nil {
					t.Fatal(err)
				}
				for _, h := range page {
					got += h.GetLead()[len(h.GetLead())-1:]
					place = h.Place
				}
				if len(page) < 2 {
					break
				}
			}
			if got != c.want {
				t.Errorf("%s: %s, want %s", name, got, c.want)
			}
		}
	})
}

// The shares are exact whoever assigns at once, and nobody gets more than they may have.
func TestSharesAreExactWithManyWorkers(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		f.team(t, "mixed", "dan", 1, "mia", 1)
		f.change(t, "dan", capacity(6))
		routes := []routing.Route{to("dach"), to("dach"), to("dach"), to("emea"), to("mixed")}
		var work [][]*store.Lead
		for i := range 60 {
			work = append(work, []*store.Lead{f.lead(routes[i%5]), f.lead(routes[(i+1)%5])})
		}
		queue := make(chan []*store.Lead, len(work))
		for _, leads := range work {
			queue <- leads
		}
		close(queue)
		var workers sync.WaitGroup
		for range 6 {
			workers.Go(func() {
				for leads := range queue {
					if _, err := f.Decide(t.Context(), leads); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Wait()
		got := map[string]int{}
		list, err := f.Handoffs(t.Context(), nil, false, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, h := range list {
			got[h.GetTeam()+" "+h.GetOwner()]++
		}
		// dan has six of both teams together, however they came.
		dan := got["teams/emea dan"] + got["teams/mixed dan"]
		if got["teams/dach ann"] != 48 || got["teams/dach ben"] != 24 || dan != 6 ||
			got["teams/emea cid"]+got["teams/emea dan"] != 24 || got["teams/mixed mia"]+got["teams/mixed dan"] != 24 {
			t.Errorf("got %v", got)
		}
	})
}

func TestALeadWaitsUntilThereIsSomebody(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		team := 0
		// One case: the team is away, two leads wait, and somebody is back.
		wait := func(name, why string, away, back func(), most int) {
			t.Helper()
			team++
			id := fmt.Sprintf("t%d", team)
			f.team(t, id, "ann", 2, "ben", 1)
			away()
			hot := func(l *store.Lead) { l.Assessments[0].Handling.Priority = 5 }
			waits := []*handoffv1.Handoff{f.handOff(t, to(id)), f.handOff(t, to(id), hot)}
			for _, h := range waits {
				owns(t, h, "", "territory → team "+id+"; nobody available: "+why)
			}
			f.look(t)
			if h := f.again(t, waits[1]); h.String() != waits[1].String() {
				t.Errorf("%s: a look in vain changed it: %v", name, h)
			}
			back()
			f.look(t)
			if h := f.again(t, waits[1]); h.GetOwner() == "" || h.GetTransferCount() != 1 || h.GetAssignTime() == nil {
				t.Errorf("%s: the hotter one: %v", name, h)
			}
			if h := f.again(t, waits[0]); (h.GetOwner() == "") != (most == 1) {
				t.Errorf("%s: the other one: %v", name, h)
			}
			f.change(t, "ann", func(u *handoffv1.User) { u.Absences, u.Inactive, u.Capacity = nil, false, nil })
			f.change(t, "ben", func(u *handoffv1.User) { u.Absences, u.Inactive, u.Capacity = nil, false, nil })
			f.look(t)
		}
		bothAway := func() {
			f.change(t, "ann", f.absent(2*time.Hour))
			f.change(t, "ben", f.absent(3*time.Hour))
		}
		bothInactive := func() {
			f.change(t, "ann", inactive(true))
			f.change(t, "ben", inactive(true))
		}
		wait("an absence ends", "2 absent", bothAway, func() { f.clock = f.clock.Add(2 * time.Hour) }, 2)
		wait("somebody is back early", "2 absent", bothAway, func() { f.change(t, "ben", func(u *handoffv1.User) { u.Absences = nil }) }, 2)
		wait("somebody is active again", "2 inactive", bothInactive, func() { f.change(t, "ann", inactive(false)) }, 2)
		wait("somebody joins", "2 inactive", bothInactive, func() {
			_, err := f.people.UpdateTeam(t.Context(), fmt.Sprintf("t%d", team), "", func(t *handoffv1.Team) error {
				t.Members = []*handoffv1.TeamMember{{User: "users/mia", Weight: 1}}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}, 2)
		wait("somebody has room", "1 full, 1 inactive", func() {
			f.change(t, "ben", inactive(true))
			f.change(t, "ann", func(u *handoffv1.User) { u.Capacity = &u.OpenHandoffCount })
		}, func() {
			has, err := f.Handoffs(t.Context(), []store.Term{{Column: store.OwnerColumn, Value: "ann"}}, false, nil, 1)
			if err == nil {
				_, err = f.act(has[0].Handoff, lifecycle.ByReject, lifecycle.Recycled, "no_budget")
			}
			if err != nil {
				t.Fatal(err)
			}
		}, 1)
	})
}

func TestALeadWaitsForWhomARuleNames(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		f.change(t, "cid", f.absent(time.Hour))
		key := routing.Route{Rule: "key_accounts", Target: routing.Target{Owner: "cid"}}
		h := f.handOff(t, key)
		owns(t, h, "", "key_accounts → cid, who is absent")
		f.clock = f.clock.Add(time.Hour)
		f.look(t)
		owns(t, f.again(t, h), "cid", "key_accounts → cid")
	})
}

func TestOfTwoWhoClaimOneGetsIt(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		h := f.handOff(t, routing.Route{})
		type answer struct {
			who string
			err error
		}
		answers := make(chan answer)
		for _, who := range []string{"ann", "ben", "cid"} {
			go func() {
				_, err := f.Claim(t.Context(), store.Claim{Handoff: store.HandoffID(h.GetName()), Actor: who})
				answers <- answer{who, err}
			}()
		}
		var won []string
		var told []string
		for range 3 {
			a := <-answers
			var owned *store.OwnedError
			switch {
			case a.err == nil:
				won = append(won, a.who)
			case errors.As(a.err, &owned):
				told = append(told, owned.Owner)
			default:
				t.Fatal(a.err)
			}
		}
		if len(won) != 1 || len(told) != 2 || told[0] != won[0] || told[1] != won[0] {
			t.Errorf("%v got it, the others heard of %v", won, told)
		}
		owns(t, f.again(t, h), won[0], "claimed by "+won[0])
	})
}

func TestClaims(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		h := f.handOff(t, routing.Route{})
		claim := func(c store.Claim) (*handoffv1.Handoff, error) {
			c.Handoff = store.HandoffID(h.GetName())
			return f.Claim(t.Context(), c)
		}
		if _, err := claim(store.Claim{Actor: "ann", Etag: "7"}); !errors.Is(err, store.ErrEtag) {
			t.Errorf("another etag: %v", err)
		}
		got, err := claim(store.Claim{Actor: "ann", Etag: h.GetEtag()})
		if err != nil || got.GetTransferCount() != 1 {
			t.Fatalf("%v, %v", got, err)
		}
		same, err := claim(store.Claim{Actor: "ann"})
		if err != nil || same.GetEtag() != got.GetEtag() {
			t.Errorf("claimed again: %v, %v", same, err)
		}
		taken, err := claim(store.Claim{Actor: "mia", Manager: true})
		if err != nil || taken.GetOwner() != "mia" || taken.GetTransferCount() != 2 {
			t.Errorf("by a manager: %v, %v", taken, err)
		}
		if _, err := f.act(h, lifecycle.ByAccept, lifecycle.SalesAccepted, ""); err != nil {
			t.Fatal(err)
		}
		var state *store.StateError
		if _, err := claim(store.Claim{Actor: "mia", Manager: true}); !errors.As(err, &state) {
			t.Errorf("of an accepted one: %v", err)
		}
	})
}

func TestReassignments(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		h := f.handOff(t, to("dach"))
		for _, c := range []struct {
			name   string
			r      store.Reassignment
			owner  string
			reason string
		}{
			{"by its route", store.Reassignment{Actor: "ann", Reason: "ill"}, "ben", "given away by ann: ill; territory → team dach; round robin, weight 1"},
			{"to a person", store.Reassignment{Owner: "dan", Actor: "mia", Manager: true, Reason: "knows them"}, "dan", "given by mia: knows them"},
			{"to a team", store.Reassignment{Team: "emea", Actor: "dan", Reason: "moved"}, "cid", "given away by dan: moved; asked for → team emea; round robin, weight 1"},
			{"by a manager, of what is accepted", store.Reassignment{Owner: "ann", Actor: "mia", Manager: true, Reason: "x"}, "ann", "given by mia: x"},
		} {
			if c.name == "by a manager, of what is accepted" {
				a := store.Act{Handoff: store.HandoffID(h.GetName()), Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Actor: "cid"}
				if _, err := f.Act(t.Context(), a); err != nil {
					t.Fatal(err)
				}
			}
			before := f.again(t, h)
			c.r.Handoff = store.HandoffID(h.GetName())
			got, err := f.Reassign(t.Context(), c.r)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			after := f.again(t, h)
			owns(t, after, c.owner, c.reason)
			if got.GetEtag() != after.GetEtag() || after.GetTransferCount() != before.GetTransferCount()+1 || after.GetState() != before.GetState() {
				t.Errorf("%s: answered %v, stored %v", c.name, got, after)
			}
		}
	})
}

func TestReassignmentsThatAreRefused(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		h := f.handOff(t, to("dach"))
		try := func(what string, r store.Reassignment, is func(error) bool) {
			t.Helper()
			before := f.again(t, h)
			r.Handoff, r.Reason = store.HandoffID(h.GetName()), "x"
			_, err := f.Reassign(t.Context(), r)
			if after := f.again(t, h); !is(err) || after.String() != before.String() {
				t.Errorf("%s: %v, and it became %v", what, err, after)
			}
		}
		is := func(want error) func(error) bool { return func(err error) bool { return errors.Is(err, want) } }
		nobody := func(err error) bool { e, ok := errors.AsType[*store.NobodyError](err); return ok && e.Reason != "" }
		try("somebody else's", store.Reassignment{Owner: "dan", Actor: "ben"}, is(store.ErrNotYours))
		try("to nobody known", store.Reassignment{Owner: "zoe", Actor: "ann"}, is(store.ErrNoUser))
		try("to no team", store.Reassignment{Team: "apac", Actor: "ann"}, is(store.ErrNoTeam))
		try("with another etag", store.Reassignment{Owner: "dan", Actor: "ann", Etag: "9"}, is(store.ErrEtag))
		f.change(t, "dan", inactive(true))
		try("to somebody inactive", store.Reassignment{Owner: "dan", Actor: "ann"}, nobody)
		f.change(t, "cid", f.absent(time.Hour))
		try("to somebody absent", store.Reassignment{Owner: "cid", Actor: "ann"}, nobody)
		try("to a team without anybody there", store.Reassignment{Team: "emea", Actor: "ann"}, nobody)
		f.change(t, "ben", capacity(0))
		try("with nobody there", store.Reassignment{Actor: "ann"}, nobody)
		if _, err := f.act(h, lifecycle.ByReject, lifecycle.Recycled, "no_budget"); err != nil {
			t.Fatal(err)
		}
		try("of what is over", store.Reassignment{Owner: "mia", Actor: "ann"}, func(err error) bool { _, ok := errors.AsType[*store.StateError](err); return ok })
	})
}

// GitLab: when an owner leaves, what is not accepted goes to the assigned rep of an account
// that is worked, else by turn; what is accepted is recycled, "no response".
func TestWhenAnOwnerLeaves(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		ofAccount := to("dach")
		ofAccount.AccountOwner = "dan"
		byTurn := f.handOff(t, to("dach"))
		f.change(t, "dan", f.absent(time.Hour))
		worked := f.handOff(t, ofAccount) // dan is away: ben's turn
		if worked.GetOwner() != "ben" {
			t.Fatal(worked)
		}
		if _, err := f.Reassign(t.Context(), store.Reassignment{Handoff: store.HandoffID(worked.GetName()), Owner: "ann", Actor: "ben", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		f.change(t, "dan", func(u *handoffv1.User) { u.Absences = nil })
		accepted := f.handOff(t, routing.Route{AccountOwner: "ann"})
		a := store.Act{Handoff: store.HandoffID(accepted.GetName()), Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Actor: "ann"}
		if _, err := f.Act(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		alone := f.handOff(t, routing.Route{Rule: "key", Target: routing.Target{Owner: "ann"}})
		f.change(t, "ann", inactive(true))

		left, err := f.ReassignOwner(t.Context(), store.Leave{User: "ann", Reason: "left", Actor: "mia", By: lifecycle.Manager})
		if err != nil || left != (store.Left{Reassigned: 2, Queued: 1, Recycled: 1}) {
			t.Fatalf("%+v, %v", left, err)
		}
		owns(t, f.again(t, byTurn), "ben", "ann gives it up: left; territory → team dach; round robin, weight 1")
		owns(t, f.again(t, worked), "dan", "ann gives it up: left; account owner dan")
		owns(t, f.again(t, alone), "", "ann gives it up: left; key → ann, who is passed over")
		if h := f.again(t, accepted); h.GetState() != handoffv1.Handoff_STATE_RECYCLED || h.GetOutcomeReason() != "no_response" {
			t.Errorf("what was accepted: %v", h)
		}
		again, err := f.ReassignOwner(t.Context(), store.Leave{User: "ann", Reason: "left", Actor: "mia", By: lifecycle.Manager})
		if err != nil || again != (store.Left{}) {
			t.Errorf("again: %+v, %v", again, err)
		}
		if _, err := f.ReassignOwner(t.Context(), store.Leave{User: "zoe", Reason: "left", Actor: "mia"}); !errors.Is(err, store.ErrNoUser) {
			t.Errorf("nobody known: %v", err)
		}
	})
}

func TestWhatIsDoneWithWhatWasAccepted(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		for _, c := range []struct {
			accepted handoffv1.ReassignOwnerRequest_Accepted
			owner    string
			state    handoffv1.Handoff_State
		}{
			{handoffv1.ReassignOwnerRequest_ACCEPTED_KEEP, "ann", handoffv1.Handoff_STATE_ACCEPTED},
			{handoffv1.ReassignOwnerRequest_ACCEPTED_RECYCLE, "ann", handoffv1.Handoff_STATE_RECYCLED},
			{handoffv1.ReassignOwnerRequest_ACCEPTED_REASSIGN, "ben", handoffv1.Handoff_STATE_ACCEPTED},
		} {
			route := to("dach")
			route.AccountOwner = "ann"
			h := f.handOff(t, route)
			a := store.Act{Handoff: store.HandoffID(h.GetName()), Cause: lifecycle.ByAccept, To: lifecycle.SalesAccepted, Actor: "ann"}
			if _, err := f.Act(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			l := store.Leave{User: "ann", Reason: "left", Actor: "mia", By: lifecycle.Manager, Accepted: c.accepted, RecycleReason: "no_interest"}
			if _, err := f.ReassignOwner(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			if got := f.again(t, h); got.GetOwner() != c.owner || got.GetState() != c.state {
				t.Errorf("%s: got %v", c.accepted, got)
			}
		}
	})
}

// Whoever leaves while leads come in has none in the end, and nobody's lead is lost.
func TestNobodyWhoLeftGetsALead(t *testing.T) {
	eachFloor(t, func(t *testing.T, f *floor) {
		var work []*store.Lead
		for range 40 {
			work = append(work, f.lead(to("dach")))
		}
		queue := make(chan *store.Lead, len(work))
		for _, l := range work {
			queue <- l
		}
		close(queue)
		var workers sync.WaitGroup
		for range 3 {
			workers.Go(func() {
				for l := range queue {
					if _, err := f.Decide(t.Context(), []*store.Lead{l}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		workers.Go(func() {
			_, _, err := f.people.Update(t.Context(), people.Update{ID: "ann", HandsOn: true, Change: func(u *handoffv1.User) error { u.Inactive = true; return nil }})
			if err == nil {
				_, err = f.ReassignOwner(t.Context(), store.Leave{User: "ann", Reason: "left", Actor: "mia", By: lifecycle.Manager})
			}
			if err != nil {
				t.Error(err)
			}
		})
		workers.Wait()
		list, err := f.Handoffs(t.Context(), nil, false, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		has := map[string]int{}
		for _, h := range list {
			has[h.GetOwner()]++
		}
		if want := map[string]int{"ben": len(work)}; !maps.Equal(has, want) {
			t.Errorf("got %v, want %v", has, want)
		}
	})
}

func TestReasonsNameNoPerson(t *testing.T) {
	// What an assignment says goes into logs of those who receive it: ids of users, never
	// what the account's owner is called elsewhere.
	eachFloor(t, func(t *testing.T, f *floor) {
		h := f.handOff(t, routing.Route{AccountOwner: "jane.doe@example.com", Otherwise: "dach"})
		if strings.Contains(h.GetAssignReason(), "@") || h.GetOwner() != "ann" {
			t.Errorf("%s: %s", h.GetOwner(), h.GetAssignReason())
		}
	})
}
