package store_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestClaimsAreOldestFirst(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var want []string
		for i := range 5 {
			want = append(want, f.acts(fmt.Sprintf("l%d@x.example", i), act(fmt.Sprint("e", i), 0)).Lead)
			f.pass(time.Second)
		}
		f.acts("l0@x.example", act("e9", 0)) // does not put it back
		var got []string
		for _, n := range []int{2, 2, 2, 2} {
			for _, c := range f.claim(n) {
				got = append(got, c.Lead)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

func TestADecisionAnswersForWhatWasClaimed(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.acts("a@x.example", act("e1", 0))
		f.pass(time.Second)
		c := f.claim(1)[0]
		f.pass(time.Second)
		accepted := f.now()
		f.acts("a@x.example", act("e2", 0))
		f.pass(time.Second)
		if state := f.complete(store.Decided, c)[0]; state != store.StillPending {
			t.Fatalf("%v", state)
		}
		next := f.claim(1)[0]
		if next.From != 1 || next.Claimed != 2 || len(next.Facts) != 1 || next.Facts[0].GetId() != "e2" || next.Serving.Accepted != accepted.UnixMicro() || next.Attempts != 1 {
			t.Errorf("%+v", next)
		}
		if state := f.complete(store.Decided, next)[0]; state != store.Done {
			t.Errorf("%v", state)
		}
		if len(f.claim(1)) != 0 {
			t.Error("it is pending still")
		}
	})
}

func TestTracesAndHistoryOfAClaim(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		capture := func(id, trace string, historical bool) {
			t.Helper()
			s := subject(email("a@x.example"))
			s.Activities = append(s.Activities, act(id, 0))
			f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now().Add(-time.Millisecond), Trace: trace, Historical: historical, Subjects: []*store.Subject{s}}))
		}
		capture("e1", "first", true)
		c := f.claim(1)[0]
		if !c.Serving.Historical || c.Serving.Trace != "first" || c.Serving.Took != time.Millisecond {
			t.Errorf("%+v", c.Serving)
		}
		f.complete(store.Released, c)
		for i := range 20 {
			capture(fmt.Sprint("x", i), fmt.Sprint("trace", i), i != 7)
		}
		c = f.claim(1)[0]
		if c.Serving.Historical || c.Serving.Trace != "first" || len(c.Serving.Links) != 16 || c.Serving.Links[0] != "trace0" {
			t.Errorf("%+v", c.Serving)
		}
	})
}

func TestAsOfIsFixedByTheFirstClaim(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.acts("a@x.example", act("e1", 4*time.Minute))
		c := f.claim(1)[0]
		if c.AsOf != start.Add(4*time.Minute).UnixMicro() {
			t.Error("as_of is before a fact")
		}
		f.complete(store.Failed, c)
		f.pass(time.Hour)
		again := f.claim(1)[0]
		if again.AsOf != c.AsOf || again.Attempts != 2 || again.Fence <= c.Fence {
			t.Errorf("%+v", again.Row)
		}
		f.complete(store.Decided, again)
		byName, err := f.ClaimLead(t.Context(), c.Lead, time.Minute)
		f.ok(err)
		if len(byName) != 1 || byName[0].AsOf != f.now().UnixMicro() || byName[0].From != 1 || byName[0].Claimed != 1 || len(byName[0].Facts) != 0 || byName[0].Omitted {
			t.Errorf("by name: %+v", byName)
		}
	})
}

func TestAnExpiredLeaseIsFenced(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.acts("a@x.example", act("e1", 0))
		old := f.claim(1)[0]
		f.pass(30 * time.Second)
		if len(f.claim(1)) != 0 {
			t.Fatal("a lease was broken")
		}
		f.pass(time.Minute)
		other := f.process()
		claimed, err := other.Claim(t.Context(), 1, time.Minute, 0)
		f.ok(err)
		if len(claimed) != 1 || claimed[0].Attempts != 2 {
			t.Fatalf("%+v", claimed)
		}
		for _, outcome := range []store.EndOutcome{store.Decided, store.Released, store.Failed} {
			if state := f.complete(outcome, old)[0]; state != store.Fenced {
				t.Errorf("%v", state)
			}
		}
		if state := f.complete(store.Decided, claimed[0])[0]; state != store.Done {
			t.Errorf("%v", state)
		}
		unknown := &store.Claimed{Row: pending.Row{Lead: lead.NewID(), Fence: 1, Claimed: 1}}
		if state := f.complete(store.Decided, unknown)[0]; state != store.Fenced {
			t.Errorf("an unknown lead: %v", state)
		}
	})
}

func TestQuarantine(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("bad@x.example", act("e1", 0)).Lead
		fail := func() (last store.Ended) {
			for range pending.MaxAttempts {
				last = f.complete(store.Failed, f.claim(1)...)[0]
				if len(f.claim(1)) != 0 {
					t.Fatal("claimed again without a pause")
				}
				f.pass(time.Minute)
			}
			return last
		}
		if fail() != store.InQuarantine || len(f.claim(1)) != 0 {
			t.Fatal("after five failures it is claimed")
		}
		if claimed, err := f.ClaimLead(t.Context(), id, time.Minute); err != nil || len(claimed) != 0 {
			t.Error("it was claimed by name", err)
		}
		q, err := f.Queue(t.Context())
		if err != nil || q.Quarantined != 1 || q.Waiting+q.Leased != 0 || !q.Oldest.IsZero() {
			t.Errorf("%+v, %v", q, err)
		}
		f.acts("bad@x.example", act("e2", 0)) // a new fact tries it again
		if fail() != store.InQuarantine {
			t.Fatal("not in quarantine")
		}
		if n, err := f.Retry(t.Context(), ""); err != nil || n != 1 {
			t.Error(n, err)
		}
		if fail() != store.InQuarantine {
			t.Fatal("not in quarantine")
		}
		if n, err := f.Retry(t.Context(), id); err != nil || n != 1 {
			t.Error(n, err)
		}
		c := f.claim(1)
		if len(c) != 1 || len(sayings(c[0].Facts)) != 3 {
			t.Errorf("%+v", c)
		}
		if n, err := f.Retry(t.Context(), id); err != nil || n != 0 {
			t.Error(n, err)
		}
		if _, err := f.Retry(t.Context(), lead.NewID()); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestARestartVoidsLeasesOnSQLite(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		f.acts("a@x.example", act("e1", 0))
		c := f.claim(1)[0]
		restarted := f.process()
		f.ok(restarted.VoidLeases(t.Context()))
		again, err := restarted.Claim(t.Context(), 1, time.Minute, 0)
		f.ok(err)
		want := 0
		if f.db.Dialect() == sqldb.SQLite {
			want = 1
		}
		if len(again) != want {
			t.Fatalf("%d claims, want %d", len(again), want)
		}
		if state := f.complete(store.Decided, c)[0]; (state == store.Fenced) != (want == 1) {
			t.Errorf("%v", state)
		}
	})
}

func TestClaimLead(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.acts("a@x.example", act("e1", 0)).Lead
		claimed, err := f.ClaimLead(t.Context(), id, time.Minute)
		if err != nil || len(claimed) != 1 || len(sayings(claimed[0].Facts)) != 2 {
			t.Fatalf("%+v, %v", claimed, err)
		}
		if twice, err := f.ClaimLead(t.Context(), id, time.Minute); err != nil || len(twice) != 0 || len(f.claim(1)) != 0 {
			t.Error("a leased lead was claimed", err)
		}
		f.pass(2 * time.Minute)
		if again, err := f.ClaimLead(t.Context(), id, time.Minute); err != nil || len(again) != 1 || again[0].Attempts != 2 {
			t.Error("an expired lease was kept", err)
		}
		if _, err := f.ClaimLead(t.Context(), lead.NewID(), time.Minute); !errors.Is(err, store.ErrNotFound) {
			t.Error(err)
		}
	})
}

func TestLargeDeltasAreOmitted(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		many := make([]activity.Activity, 2100)
		for i := range many {
			many[i] = act(fmt.Sprint("m", i), 0)
		}
		large := make([]activity.Activity, 80)
		for i := range large {
			large[i] = act(fmt.Sprint("l", i), 0, `{"text":"`+strings.Repeat("x", 9900)+`","more":"`+strings.Repeat("y", 9900)+`","most":"`+strings.Repeat("z", 9900)+`"}`)
		}
		f.acts("many@x.example", many...)
		f.pass(1)
		f.acts("large@x.example", large...)
		f.pass(1)
		f.acts("small@x.example", large[0])
		f.pass(1)
		f.acts("small2@x.example", act("s", 0))
		claimed := f.claim(9)
		var omitted []bool
		for _, c := range claimed {
			omitted = append(omitted, c.Omitted)
			if c.Omitted != (len(c.Facts) == 0) {
				t.Errorf("%d facts, omitted %v", len(c.Facts), c.Omitted)
			}
		}
		if !slices.Equal(omitted, []bool{true, true, false, false}) {
			t.Errorf("%v", omitted)
		}
	})
}

func TestWhatDoesNotFitIntoOneAnswerIsGivenBack(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var huge []string
		for i := range 100 { // about 1 MiB a lead
			huge = append(huge, fmt.Sprintf("k%d", i), `"`+strings.Repeat("x", 10_000)+`"`)
		}
		for i := range 40 {
			f.says(fmt.Sprintf("l%d@x.example", i), huge...)
		}
		first := f.claim(100)
		second := f.claim(100)
		if n := len(first) + len(second); n != 40 || len(first) < 10 || len(first) > 30 {
			t.Errorf("%d and %d leads", len(first), len(second))
		}
		for _, c := range second {
			if c.Attempts != 1 {
				t.Errorf("giving it back counted: attempt %d", c.Attempts)
			}
		}
	})
}

func TestClaimWaitsForACapture(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		claimed := make(chan []*store.Claimed, 2)
		other := f.process()
		for _, s := range []*store.Store{f.Store, other} { // woken here, and by looking
			go func() {
				c, err := s.Claim(context.Background(), 1, time.Minute, 20*time.Second)
				if err != nil {
					t.Error(err)
				}
				claimed <- c
			}()
		}
		f.acts("a@x.example", act("e1", 0))
		f.acts("b@x.example", act("e2", 0))
		if one, two := <-claimed, <-claimed; len(one) != 1 || len(two) != 1 || one[0].Lead == two[0].Lead {
			t.Errorf("%+v, %+v", one, two)
		}
	})
}

// Workers in several processes claim what captures bring, some die and some fail:
// every version is decided, and no lease is ever held twice.
func TestManyWorkers(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		processes := []*store.Store{f.Store}
		if f.db.Dialect() == sqldb.PostgreSQL {
			processes = append(processes, f.process())
		}
		const leads, rounds = 10, 12
		ctx, stop := context.WithCancel(t.Context())
		var workers, captures sync.WaitGroup
		var mu sync.Mutex
		decided, held := map[string]int64{}, map[string]bool{}
		for w := range 4 {
			s := processes[w%len(processes)]
			workers.Go(func() {
				for n := 0; ctx.Err() == nil; n++ {
					claimed, err := s.Claim(ctx, 3, time.Hour, time.Second)
					if err != nil {
						continue // the end
					}
					var ends []store.Completion
					for _, c := range claimed {
						mu.Lock()
						if held[c.Lead] {
							t.Errorf("%s is held twice", c.Lead)
						}
						held[c.Lead] = true
						if c.From != decided[c.Lead] {
							t.Errorf("the delta begins at %d, decided is %d", c.From, decided[c.Lead])
						}
						mu.Unlock()
						end := store.Completion{Lead: c.Lead, Fence: c.Fence, Version: c.Claimed, Outcome: store.Decided, Digest: []byte("x")}
						if n%5 == 4 {
							end.Outcome = store.Released
						}
						mu.Lock()
						if end.Outcome == store.Decided {
							decided[c.Lead] = c.Claimed
						}
						held[c.Lead] = false
						mu.Unlock()
						ends = append(ends, end)
					}
					states, err := s.Complete(context.Background(), ends)
					if err != nil || slices.Contains(states, store.Fenced) {
						t.Error(states, err)
					}
				}
			})
		}
		for l := range leads {
			captures.Go(func() {
				for r := range rounds {
					s := subject(email(fmt.Sprintf("l%d@x.example", l)))
					s.Activities = append(s.Activities, act(fmt.Sprint(l, "-", r), 0))
					if err := processes[r%len(processes)].Capture(t.Context(), &store.Capture{Received: start, Subjects: []*store.Subject{s}}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		captures.Wait()
		for end := time.Now().Add(time.Minute); f.count(`SELECT count(*) FROM pending WHERE state <> 0`) > 0; {
			if t.Failed() || time.Now().After(end) {
				t.Error("leads stay pending")
				break
			}
		}
		stop()
		workers.Wait()
		if n := f.count(`SELECT count(*) FROM pending WHERE facts_version = decided_version`); n != leads {
			t.Errorf("%d of %d leads are decided", n, leads)
		}
	})
}

// Any interleaving of captures, claims, ends, lost leases and restarts: nothing is
// lost, and every version is decided once.
func TestNothingIsLost(t *testing.T) {
	dbtest.EachMigrated(t, "ingest", sqldb.Normal, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		// Each step is a transaction: fewer cases than for what is pure. The state
		// machine itself is held to the same by its own property.
		t.Cleanup(checks("25"))
		rapid.Check(t, func(r *rapid.T) {
			f := newFixture(t, db)
			defer func() { f.Close() }()
			for _, table := range []string{"leads", "identities", "attributes", "activities", "pending", "requests"} {
				f.sql(`DELETE FROM ` + table)
			}
			checkNothingIsLost(r, f)
		})
	})
}

// law tries a law in both stores on so many cases, "" for as many as asked for. The cases of
// one store have numbers of their own and share its database.
func law(t *testing.T, cases string, check func(r *rapid.T, f *fixture, n int)) {
	t.Helper()
	if cases != "" {
		t.Cleanup(checks(cases))
	}
	dbtest.EachMigrated(t, "ingest", sqldb.Normal, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		f, n := newFixture(t, db), 0
		f.pass(100 * time.Hour)
		rapid.Check(t, func(r *rapid.T) {
			n++
			check(r, f, n)
		})
	})
}

// checks sets how many cases rapid tries and returns what sets it back.
func checks(n string) func() {
	before := flag.Lookup("rapid.checks").Value.String()
	_ = flag.Set("rapid.checks", n)
	return func() { _ = flag.Set("rapid.checks", before) }
}

func checkNothingIsLost(r *rapid.T, f *fixture) {
	type fact struct{ lead, id string }
	people := []string{"a@x.example", "b@x.example", "c@x.example"}
	stored, decided := map[fact]bool{}, map[fact]int{}
	var leases []*store.Claimed
	n := 0
	take := func(r *rapid.T) *store.Claimed {
		if len(leases) == 0 {
			r.Skip("no lease")
		}
		i := rapid.IntRange(0, len(leases)-1).Draw(r, "lease")
		c := leases[i]
		leases = slices.Delete(leases, i, i+1)
		return c
	}
	decide := func(c *store.Claimed) {
		if f.complete(store.Decided, c)[0] == store.Fenced {
			return
		}
		for _, x := range c.Facts {
			if x.GetActivity() != nil {
				decided[fact{c.Lead, x.GetId()}]++
			}
		}
	}
	r.Repeat(map[string]func(*rapid.T){
		"capture": func(r *rapid.T) {
			f.pass(time.Millisecond)
			n++
			var list []activity.Activity
			for i := range rapid.IntRange(1, 3).Draw(r, "activities") {
				list = append(list, act(fmt.Sprint("n", rapid.IntRange(max(0, n-5), n).Draw(r, "id"), "-", i), 0))
			}
			got := f.acts(rapid.SampledFrom(people).Draw(r, "who"), list...)
			for i, o := range got.Activities {
				if o.State == store.Stored {
					stored[fact{got.Lead, list[i].ID}] = true
				}
			}
		},
		"claim": func(r *rapid.T) {
			leases = append(leases, f.claim(rapid.IntRange(1, 3).Draw(r, "n"))...)
		},
		"decide":  func(r *rapid.T) { decide(take(r)) },
		"fail":    func(r *rapid.T) { f.complete(store.Failed, take(r)) },
		"release": func(r *rapid.T) { f.complete(store.Released, take(r)) },
		"expire":  func(*rapid.T) { f.pass(2 * time.Minute) },
		"restart": func(*rapid.T) { f.Close(); f.Store = f.process(); f.ok(f.VoidLeases(context.Background())) },
		"retry": func(*rapid.T) {
			_, err := f.Retry(context.Background(), "")
			f.ok(err)
		},
	})
	f.pass(time.Hour) // whoever holds a lease is dead
	for retried := 1; retried > 0; {
		for claimed := f.claim(10); len(claimed) > 0; claimed = f.claim(10) {
			for _, c := range claimed {
				decide(c)
			}
		}
		var err error
		retried, err = f.Retry(context.Background(), "")
		f.ok(err)
	}
	if len(decided) != len(stored) {
		r.Fatalf("%d activities are stored, %d decided", len(stored), len(decided))
	}
	for x, times := range decided {
		if times != 1 || !stored[x] {
			r.Fatalf("%v was decided %d times, stored: %v", x, times, stored[x])
		}
	}
	if left := f.count(`SELECT count(*) FROM pending WHERE state <> 0 OR facts_version <> decided_version`); left != 0 {
		r.Fatalf("%d leads are pending", left)
	}
}
