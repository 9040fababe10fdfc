package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
	"pgregory.net/rapid"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/report"
	"github.com/assay-hq/assay/services/handoff/internal/routing"
	"github.com/assay-hq/assay/services/handoff/internal/sla/slatest"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// punctual gives the office a clock that stands still until it is set, and handoffs rules
// for the time to answer.
func (o *office) punctual(t testing.TB, rules string) func(*store.Lead) {
	t.Helper()
	o.Store = store.New(o.db, func() time.Time { return o.clock }, func(*sqldb.Tx) (map[string]string, error) { return o.active, nil })
	response := agreed(t, rules)
	return func(l *store.Lead) { l.Assessments[0].Handling.Response = response }
}

// agreed are rules as a standard has them.
func agreed(t testing.TB, rules string) *standard.Response {
	t.Helper()
	spec, err := standard.Parse("sla.yaml", []byte("{id: default, timeZone: UTC, handoff: {sla: "+rules+"}}"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := standard.Compile(spec, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Handle(nil, false).Response
}

// employs has somebody work some hours from now on.
func (o *office) employs(t testing.TB, id string, hours *typev1.WorkingHours) {
	t.Helper()
	staff := people.New(o.db, func() time.Time { return o.clock })
	_, err := staff.Create(t.Context(), id, &handoffv1.User{Role: typev1.Role_ROLE_SALES, WorkingHours: hours})
	var taken *people.TakenError
	if errors.As(err, &taken) {
		_, _, err = staff.Update(t.Context(), people.Update{ID: id, Change: func(u *handoffv1.User) error { u.WorkingHours = hours; return nil }})
	}
	if err != nil {
		t.Fatal(err)
	}
}

// qualify hands a new lead off.
func (o *office) qualify(t tester, change ...func(*store.Lead)) *handoffv1.Handoff {
	t.Helper()
	lead := uuid.Must(uuid.NewV7()).String()
	o.decide(t, o.scored(lead, decision.Qualified, change...))
	return o.handoffs(t, lead)[0]
}

// give gives a handoff to an owner; empty: to nobody.
func (o *office) give(t tester, h *handoffv1.Handoff, owner string) {
	t.Helper()
	o.change(t, h, "reassign", func(h *handoffv1.Handoff) { h.Owner = owner })
}

func (o *office) change(t tester, h *handoffv1.Handoff, cause lifecycle.Cause, do func(*handoffv1.Handoff)) {
	t.Helper()
	err := o.Change(context.Background(), store.HandoffID(h.GetName()), store.LeadID(h.GetLead()), cause, "maria", do)
	if err != nil {
		t.Fatal(err)
	}
}

// handoff is a handoff as it is.
func (o *office) handoff(t tester, h *handoffv1.Handoff) *handoffv1.Handoff {
	t.Helper()
	now, err := o.Handoff(context.Background(), store.HandoffID(h.GetName()))
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// fire does all that is due, and says what that was.
func (o *office) fire(t tester) []string {
	t.Helper()
	var fired []string
	for {
		due, err := o.ClaimTimers(context.Background(), time.Minute, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(due) == 0 {
			return fired
		}
		done, err := o.Fire(context.Background(), due)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range done {
			if f.Time.Before(f.DueTime) {
				t.Fatal(f.Kind, "was done", f.DueTime.Sub(f.Time), "early")
			}
			fired = append(fired, string(f.Kind))
		}
	}
}

// GitLab's rules, as its file tells them, through the store.
func TestGitLabsClocks(t *testing.T) {
	file := slatest.Load(t, "../sla/testdata/gitlab.yaml")
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120}`)
		for name, p := range file.People {
			hours := &typev1.WorkingHours{TimeZone: p.TimeZone, Holidays: p.Holidays}
			for _, d := range p.Hours {
				hours.Hours = append(hours.Hours, &typev1.DayHours{From: d.From, To: d.To})
			}
			o.employs(t, name, hours)
		}
		for _, scenario := range file.Scenarios {
			if scenario.Steps[0].Status == "Inquiry" {
				continue // nobody has a lead here before it is handed off
			}
			t.Run(scenario.Name, func(t *testing.T) {
				var h *handoffv1.Handoff
				for _, step := range scenario.Steps {
					o.clock = file.At(t, step.At)
					if step.Status == "MQL" {
						h = o.qualify(t, timed)
					}
					owner := o.handoff(t, h).GetOwner()
					switch step.Owner {
					case "":
					case "nobody":
						o.give(t, h, "")
					default:
						if owner = step.Owner; step.Status != "Accepted" {
							o.give(t, h, owner)
						}
					}
					o.becomes(t, h, step.Status, owner)
				}
				shown := o.handoff(t, h).GetClocks()
				if len(shown) != len(scenario.Clocks) {
					t.Fatalf("%d clocks, want %d", len(shown), len(scenario.Clocks))
				}
				for i, want := range scenario.Clocks {
					state := handoffv1.SlaClock_STATE_NOT_MET
					switch {
					case want.Running:
						state = handoffv1.SlaClock_STATE_RUNNING
					case want.Met:
						state = handoffv1.SlaClock_STATE_MET
					}
					c := shown[i]
					if c.GetOwner() != want.Owner || c.GetState() != state || int(c.GetNumber()) != want.Transfers {
						t.Errorf("clock %v, want %+v", c, want)
					}
					if !want.Running && (c.GetWorkingDuration().AsDuration() != want.Working || c.GetElapsedDuration().AsDuration() != want.Elapsed) {
						t.Errorf("clock %v, want %+v", c, want)
					}
					if want.Due != "" && !c.GetDueTime().AsTime().Equal(file.At(t, want.Due)) {
						t.Errorf("clock %v, want %+v", c, want)
					}
				}
			})
		}
	})
}

// becomes does what brings a handoff's lead into one of GitLab's statuses.
func (o *office) becomes(t *testing.T, h *handoffv1.Handoff, status, actor string) {
	t.Helper()
	act := func(cause lifecycle.Cause, to lifecycle.Stage, reason string) {
		t.Helper()
		a := store.Act{Handoff: store.HandoffID(h.GetName()), Cause: cause, To: to, Reason: reason, Actor: actor}
		if cause == lifecycle.ByOutcome {
			a.Outcome = &handoffv1.Outcome{}
		}
		if _, err := o.Act(t.Context(), a); err != nil {
			t.Fatal(err)
		}
	}
	switch status {
	case "", "MQL":
	case "Accepted":
		act(lifecycle.ByAccept, lifecycle.SalesAccepted, "")
	case "Qualifying":
		act(lifecycle.ByAccept, lifecycle.SalesAccepted, "")
		act(lifecycle.ByOutcome, lifecycle.SalesQualified, "")
	case "Qualified":
		act(lifecycle.ByAccept, lifecycle.SalesAccepted, "")
		act(lifecycle.ByOutcome, lifecycle.Opportunity, "")
	case "Recycle":
		act(lifecycle.ByReject, lifecycle.Recycled, "no_budget")
	case "Disqualified", "Ineligible":
		o.change(t, h, "disqualify", func(h *handoffv1.Handoff) { h.State = handoffv1.Handoff_STATE_DISQUALIFIED })
	default:
		t.Fatalf("%q is no status", status)
	}
}

// Monday, the 16th of March 2026, in UTC.
func monday(hour, minute int) time.Time { return time.Date(2026, 3, 16, hour, minute, 0, 0, time.UTC) }

const everything = `{withinMinutes: 120, warnAtPercent: [50, 80], escalateAfterMinutes: 30, reassignAfterMinutes: 60, maxReassignments: 2}`

// Every step is done at its time, not a microsecond before, and once.
func TestStepsAreDoneAtTheirTime(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		o.clock = monday(15, 30)
		h := o.qualify(t, timed)
		o.give(t, h, "jane") // half an hour of Monday is over when Tuesday begins with 90 minutes done
		for _, step := range []struct {
			at   time.Time
			want string
		}{
			{monday(16, 30), "warning"},
			{monday(24+9, 6), "warning"},
			{monday(24+9, 30), "breach"},
			{monday(24+10, 0), "escalation"},
			{monday(24+10, 30), "reassignment"},
		} {
			o.clock = step.at.Add(-time.Microsecond)
			if early := o.fire(t); len(early) > 0 {
				t.Fatalf("%v before %s", early, step.at)
			}
			o.clock = step.at
			if got := o.fire(t); !slices.Equal(got, []string{step.want}) {
				t.Fatalf("at %s: %v, want %s", step.at, got, step.want)
			}
		}
		o.clock = monday(24+200, 0)
		if again := o.fire(t); len(again) > 0 {
			t.Errorf("%v again", again)
		}
		// There is nobody else: it stays with jane, and her clock runs on.
		now := o.handoff(t, h)
		c := now.GetClocks()[0]
		if now.GetOwner() != "jane" || len(now.GetClocks()) > 1 || c.GetState() != handoffv1.SlaClock_STATE_BREACHED ||
			!c.GetDueTime().AsTime().Equal(monday(24+9, 30)) || !c.GetWarnTime().AsTime().Equal(monday(24+9, 6)) || !c.GetEscalateTime().AsTime().Equal(monday(24+10, 0)) {
			t.Errorf("handoff %v", now)
		}
	})
}

// A handoff that nobody answers goes to somebody else as often as the standard says, and
// destinations hear of every step.
func TestUnansweredHandoffsGoToSomebodyElse(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		o.clock = monday(9, 0)
		staff := people.New(o.db, func() time.Time { return o.clock })
		for _, id := range []string{"jane", "otto", "maria"} {
			o.employs(t, id, nil)
		}
		_, err := staff.CreateTeam(t.Context(), "dach", &handoffv1.Team{
			Manager: "users/maria", Members: []*handoffv1.TeamMember{{User: "users/jane", Weight: 1}, {User: "users/otto", Weight: 1}},
		})
		if err != nil {
			t.Fatal(err)
		}
		o.destination(t, "hook", "sla.*")
		h := o.qualify(t, timed, func(l *store.Lead) {
			l.Assessments[0].Handling.Route = routing.Route{Rule: "territory", Target: routing.Target{Team: "dach"}}
		})
		first := o.handoff(t, h).GetOwner()
		second := map[string]string{"jane": "otto", "otto": "jane"}[first]
		if second == "" || !o.handoff(t, h).GetDueTime().AsTime().Equal(monday(11, 0)) {
			t.Fatalf("handoff %v", h)
		}

		o.clock = monday(12, 0)
		o.fire(t)
		if now := o.handoff(t, h); now.GetOwner() != second || now.GetTransferCount() != 2 || !now.GetDueTime().AsTime().Equal(monday(14, 0)) ||
			now.GetClocks()[0].GetState() != handoffv1.SlaClock_STATE_NOT_MET || now.GetClocks()[0].GetStopCause() != "reassign" {
			t.Fatalf("handoff %v", now)
		}
		o.clock = monday(15, 0)
		o.fire(t)
		o.clock = monday(24*7, 0)
		o.fire(t)
		now := o.handoff(t, h)
		if now.GetOwner() != first || len(now.GetClocks()) != 3 || now.GetTransferCount() != 3 {
			t.Fatalf("handoff %v", now)
		}

		var got []string
		for _, d := range o.due(t, "hook") {
			var data map[string]any
			if err := json.Unmarshal(d.Data, &data); err != nil {
				t.Fatal(err)
			}
			got = append(got, strings.TrimRight(fmt.Sprintln(data["number"], d.Type, data["percent"], data["manager"], data["previousOwner"]), "\n"))
			if data["handoff"] != h.GetName() || data["dueTime"] == "" || data["owner"] == nil {
				t.Errorf("%s says %v", d.Type, data)
			}
		}
		slices.Sort(got)
		want := []string{
			"1 sla.breached <nil> <nil> <nil>", "1 sla.escalated <nil> maria <nil>", "1 sla.reassigned <nil> <nil> " + first,
			"1 sla.warning 50 <nil> <nil>", "1 sla.warning 80 <nil> <nil>",
			"2 sla.breached <nil> <nil> <nil>", "2 sla.escalated <nil> maria <nil>", "2 sla.reassigned <nil> <nil> " + second,
			"2 sla.warning 50 <nil> <nil>", "2 sla.warning 80 <nil> <nil>",
			"3 sla.breached <nil> <nil> <nil>", "3 sla.escalated <nil> maria <nil>",
			"3 sla.warning 50 <nil> <nil>", "3 sla.warning 80 <nil> <nil>",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// What fell due while nobody worked is done afterwards, in its order.
func TestWhatFellDueInTheMeantime(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		o.clock = monday(9, 0)
		h := o.qualify(t, timed)
		o.give(t, h, "jane")
		o.clock = monday(16, 0)
		if got, want := o.fire(t), []string{"warning", "warning", "breach", "escalation", "reassignment"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

// A clock that was stopped does nothing any more, also if its step was claimed before.
func TestAStoppedClockDoesNothing(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		for name, stop := range map[string]func(h *handoffv1.Handoff){
			"accepted":       func(h *handoffv1.Handoff) { o.becomes(t, h, "Accepted", "jane") },
			"recycled":       func(h *handoffv1.Handoff) { o.becomes(t, h, "Recycle", "jane") },
			"disqualified":   func(h *handoffv1.Handoff) { o.becomes(t, h, "Disqualified", "maria") },
			"another owner":  func(h *handoffv1.Handoff) { o.give(t, h, "otto") },
			"no owner":       func(h *handoffv1.Handoff) { o.give(t, h, "") },
			"back and forth": func(h *handoffv1.Handoff) { o.give(t, h, ""); o.give(t, h, "jane") },
		} {
			t.Run(name, func(t *testing.T) {
				o.clock = monday(9, 0)
				h := o.qualify(t, timed)
				o.give(t, h, "jane")
				o.clock = monday(10, 0)
				due, err := o.ClaimTimers(t.Context(), time.Minute, 10)
				if err != nil || len(due) != 1 {
					t.Fatalf("%d timers, %v", len(due), err)
				}
				stop(h)
				if done, err := o.Fire(t.Context(), due); err != nil || len(done) > 0 {
					t.Errorf("did %v, %v", done, err)
				}
				if o.handoff(t, h).GetState() == handoffv1.Handoff_STATE_OPEN {
					o.becomes(t, h, "Recycle", "jane") // the clock of the next owner, too
				}
				o.clock = monday(24*7, 0)
				if late := o.fire(t); len(late) > 0 {
					t.Errorf("later %v", late)
				}
			})
		}
	})
}

// A process that dies with a step in its hands leaves it to the next one; if it was only
// slow, what it does afterwards counts for nothing.
func TestAStepSurvivesItsWorker(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		o.clock = monday(9, 0)
		h := o.qualify(t, timed)
		o.give(t, h, "jane")
		o.clock = monday(10, 0)
		lost, err := o.ClaimTimers(t.Context(), time.Minute, 10)
		if err != nil || len(lost) != 1 {
			t.Fatalf("%d timers, %v", len(lost), err)
		}
		if got := o.fire(t); len(got) > 0 {
			t.Errorf("%v under another's lease", got)
		}
		o.clock = o.clock.Add(time.Minute)
		if got := o.fire(t); !slices.Equal(got, []string{"warning"}) {
			t.Errorf("after the lease: %v", got)
		}
		if done, err := o.Fire(t.Context(), lost); err != nil || len(done) > 0 {
			t.Errorf("the slow one did %v, %v", done, err)
		}
	})
}

// If the time is put back while a step is in somebody's hands, it waits until it is due
// again, and is done once.
func TestTimeThatIsPutBack(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120, warnAtPercent: [50]}`)
		o.clock = monday(9, 0)
		o.give(t, o.qualify(t, timed), "jane")
		o.clock = monday(10, 0)
		due, err := o.ClaimTimers(t.Context(), time.Minute, 10)
		if err != nil || len(due) != 1 {
			t.Fatal(due, err)
		}
		o.clock = monday(9, 30)
		if done, err := o.Fire(t.Context(), due); err != nil || len(done) > 0 {
			t.Errorf("did %v, %v", done, err)
		}
		for _, at := range []struct {
			when time.Time
			want int
		}{{monday(9, 59), 0}, {monday(10, 0), 1}, {monday(10, 1), 0}} {
			o.clock = at.when
			if got := o.fire(t); len(got) != at.want {
				t.Errorf("at %s: %v", at.when, got)
			}
		}
	})
}

// Many workers do each step once.
func TestManyWorkersDoEachStepOnce(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, everything)
		o.clock = monday(9, 0)
		const handoffs = 40
		for i := range handoffs {
			o.give(t, o.qualify(t, timed), []string{"jane", "otto"}[i%2])
		}
		o.clock = monday(17, 0)
		var mu sync.Mutex
		done := map[string]int{}
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					due, err := o.ClaimTimers(context.Background(), time.Minute, 7)
					if err != nil || len(due) == 0 {
						if err != nil {
							t.Error(err)
						}
						return
					}
					fired, err := o.Fire(context.Background(), due)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					for _, f := range fired {
						done[string(f.Kind)]++
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		for _, kind := range o.fire(t) { // what the last one left
			done[kind]++
		}
		if got, want := fmt.Sprint(done), fmt.Sprint(map[string]int{"warning": 2 * handoffs, "breach": handoffs, "escalation": handoffs, "reassignment": handoffs}); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	})
}

// The hours of an owner are those of when the clock started; the next clock has the new
// ones.
func TestHoursThatAreChanged(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120}`)
		hours := func(from, to string) *typev1.WorkingHours {
			return &typev1.WorkingHours{Hours: []*typev1.DayHours{{From: from, To: to}}}
		}
		o.employs(t, "jane", hours("08:00", "12:00"))
		o.clock = monday(8, 0)
		h := o.qualify(t, timed)
		o.give(t, h, "jane")
		o.employs(t, "jane", hours("09:00", "17:00"))
		o.clock = monday(9, 30)
		o.give(t, h, "")
		o.give(t, h, "jane")
		clocks := o.handoff(t, h).GetClocks()
		if got := clocks[0].GetWorkingDuration().AsDuration(); got != 90*time.Minute {
			t.Errorf("the first clock counted %s", got)
		}
		if got := clocks[1].GetDueTime().AsTime(); !got.Equal(monday(11, 30)) {
			t.Errorf("the second is due at %s", got)
		}
	})
}

// What the machine took, how long the lead waited, and the clocks are figures of their own.
func TestTheTimesOfAHandoff(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120}`)
		o.clock = monday(9, 0).Add(2 * time.Second)
		h := o.qualify(t, timed, func(l *store.Lead) {
			l.Accepted, l.Stirred, l.AcceptDuration = monday(9, 0), monday(9, 0).Add(time.Second), 10*time.Millisecond
		})
		o.clock = monday(9, 30)
		o.give(t, h, "jane")
		o.clock = monday(10, 0)
		o.becomes(t, h, "Accepted", "jane")
		o.clock = monday(11, 0)
		now := o.handoff(t, h)
		if got := now.GetRequestTime().AsTime(); !got.Equal(monday(9, 0)) {
			t.Errorf("requested at %s", got)
		}
		if got := now.GetFirstTouchTime().AsTime(); !got.Equal(monday(10, 0)) {
			t.Errorf("touched at %s", got)
		}
		if got := now.GetSpeedToLeadDuration().AsDuration(); got != time.Hour {
			t.Errorf("speed to lead %s", got)
		}
		if got := now.GetMachineDuration().AsDuration(); got != 2010*time.Millisecond {
			t.Errorf("the machine took %s", got)
		}
		if got := now.GetClocks()[0].GetWorkingDuration().AsDuration(); got != 30*time.Minute {
			t.Errorf("the clock shows %s", got)
		}
	})
}

// Without rules no clock runs, and handoffs from before there were any stay as they are.
func TestNoRulesNoClock(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		h := o.qualify(t)
		o.give(t, h, "jane")
		if now := o.handoff(t, h); len(now.GetClocks()) > 0 || now.GetDueTime() != nil {
			t.Errorf("handoff %v", now)
		}
		if o.clock = o.clock.AddDate(1, 0, 0); len(o.fire(t)) > 0 {
			t.Error("something fired")
		}
	})
}

// Whatever happens in whatever order: each step is done at most once for a clock, and none
// for a clock that was stopped before it was due.
func TestLawsOfTimers(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 60, warnAtPercent: [50], escalateAfterMinutes: 0, reassignAfterMinutes: 30, maxReassignments: 1, aroundTheClock: true}`)
		rapid.Check(t, func(t *rapid.T) {
			h := o.qualify(t, timed)
			open, owner, since := true, "", o.clock
			var held []store.Timer
			// The steps of a clock, and when they are due after its start; how many were done.
			steps := []string{"warning", "breach", "escalation", "reassignment"}
			after := []time.Duration{30 * time.Minute, time.Hour, time.Hour, 90 * time.Minute}
			done := 0
			t.Repeat(map[string]func(*rapid.T){
				"time passes": func(t *rapid.T) {
					o.clock = o.clock.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "minutes")) * time.Minute)
				},
				"give": func(t *rapid.T) {
					next := rapid.SampledFrom([]string{"", "jane", "otto"}).Draw(t, "owner")
					o.give(t, h, next)
					if next != owner {
						owner, since, done = next, o.clock, 0
					}
				},
				"answer": func(t *rapid.T) {
					if !open {
						t.Skip("answered")
					}
					o.change(t, h, "accept", func(h *handoffv1.Handoff) { h.State = handoffv1.Handoff_STATE_ACCEPTED })
					open = false
				},
				"claim": func(t *rapid.T) {
					due, err := o.ClaimTimers(context.Background(), 10*time.Minute, 10)
					if err != nil {
						t.Fatal(err)
					}
					held = append(held, due...)
				},
				"fire": func(t *rapid.T) {
					if len(held) == 0 {
						t.Skip("nothing held")
					}
					i := rapid.IntRange(0, len(held)-1).Draw(t, "which")
					fired, err := o.Fire(context.Background(), held[i:i+1]) // held may be stale, and is kept
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range fired {
						if !open || owner == "" || done >= len(steps) {
							t.Fatalf("%s though no step is left", f.Kind)
						}
						if string(f.Kind) != steps[done] || f.Time.Before(since.Add(after[done])) {
							t.Fatalf("%s at %s after %s, want %s", f.Kind, f.Time, since, steps[done])
						}
						done++ // and nobody else is there: it stays with its owner
					}
				},
			})
			// Nothing is lost: what is due in the end is done.
			o.clock = o.clock.Add(time.Hour)
			for range 2 {
				o.fire(t)
				o.clock = o.clock.Add(3 * time.Hour)
			}
			if left, err := o.ClaimTimers(context.Background(), time.Minute, 10); err != nil || len(left) > 0 {
				t.Fatalf("%d timers left, %v", len(left), err)
			}
		})
	})
}

// Who leaves is credited with the clocks that ran; the next owners have their own.
func TestSomebodyLeavesWhileClocksRun(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120}`)
		o.clock = monday(9, 0)
		for _, id := range []string{"jane", "otto"} {
			o.employs(t, id, nil)
		}
		staff := people.New(o.db, func() time.Time { return o.clock })
		_, err := staff.CreateTeam(t.Context(), "dach", &handoffv1.Team{Members: []*handoffv1.TeamMember{{User: "users/jane", Weight: 1}, {User: "users/otto", Weight: 1}}})
		if err != nil {
			t.Fatal(err)
		}
		routed := func(l *store.Lead) {
			l.Assessments[0].Handling.Route = routing.Route{Rule: "territory", Target: routing.Target{Team: "dach"}}
		}
		handoffs := []*handoffv1.Handoff{o.qualify(t, timed, routed), o.qualify(t, timed, routed)}
		o.clock = monday(10, 30)
		if _, err := o.ReassignOwner(t.Context(), store.Leave{User: "jane", Reason: "left", Actor: "maria", By: lifecycle.Manager}); err != nil {
			t.Fatal(err)
		}
		for _, h := range handoffs {
			now := o.handoff(t, h)
			last := now.GetClocks()[len(now.GetClocks())-1]
			if now.GetOwner() != "otto" || last.GetOwner() != "otto" || last.GetStopTime() != nil {
				t.Errorf("handoff %v", now)
			}
			if first := now.GetClocks()[0]; len(now.GetClocks()) == 2 &&
				(first.GetOwner() != "jane" || first.GetState() != handoffv1.SlaClock_STATE_MET || first.GetWorkingDuration().AsDuration() != 90*time.Minute) {
				t.Errorf("her clock %v", first)
			}
		}
	})
}

// The report has a clock where it is credited, and the answer to a lead where it was given.
func TestResponseReport(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		timed := o.punctual(t, `{withinMinutes: 120}`)
		asked := func(l *store.Lead) { l.Accepted, l.Stirred = o.clock.Add(-time.Minute), o.clock }
		o.clock = monday(9, 0)
		first, second := o.qualify(t, timed, asked), o.qualify(t, timed, asked)
		o.give(t, first, "jane")
		o.give(t, second, "jane")
		o.clock = monday(12, 0)
		o.give(t, first, "otto") // too late for jane
		o.becomes(t, second, "Accepted", "jane")
		o.clock = monday(12, 30)
		o.becomes(t, first, "Recycle", "otto")
		o.clock = monday(13, 0)
		running := o.qualify(t, timed, asked)
		o.give(t, running, "otto")

		r, err := o.ResponseReport(t.Context(), store.Cohort{From: monday(0, 0), To: monday(24, 0), Track: "sales"})
		if err != nil {
			t.Fatal(err)
		}
		line := func(f *report.Figures) string {
			median, _ := f.Working(0.5)
			speed, _ := f.SpeedToLead(0.5)
			machine, _ := f.Machine(0.5)
			return fmt.Sprintf("%s: %d of %d met, %d run, median %s, speed to lead %s, machine %s", f.Name, f.Met, f.Clocks, f.Running, median, speed, machine)
		}
		got := []string{line(&r.Total)}
		for _, owner := range r.Owners() {
			got = append(got, line(owner))
		}
		want := []string{
			": 1 of 3 met, 1 run, median 3h0m0s, speed to lead 3h1m0s, machine 1m0s",
			"jane: 0 of 2 met, 0 run, median 3h0m0s, speed to lead 3h1m0s, machine 1m0s",
			"otto: 1 of 1 met, 1 run, median 30m0s, speed to lead 3h31m0s, machine 1m0s",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("report (-want +got):\n%s", diff)
		}
		for name, c := range map[string]store.Cohort{"before": {To: monday(9, 0)}, "after": {From: monday(14, 0)}, "elsewhere": {Track: "partners"}} {
			if r, err := o.ResponseReport(t.Context(), c); err != nil || r.Total.Clocks+r.Total.Running > 0 {
				t.Errorf("%s: %+v, %v", name, r, err)
			}
		}
	})
}
