package crm_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

const (
	lead    = "01900000-0000-7000-8000-00000000000a"
	handoff = "01900000-0000-7000-8000-0000000000f1"
	other   = "01900000-0000-7000-8000-0000000000f2"
)

// fakeCRM keeps contacts and opportunities, without any rule that two be not the same,
// as CRMs do.
type fakeCRM struct {
	mu            sync.Mutex
	contacts      []string          // leads
	opportunities []string          // keys
	owners        map[string]string // by opportunity
	// fails says what becomes of the next calls that make something: done or not, and
	// answered or not. Beyond its end all go well.
	fails []fault
	// late are calls given up that the CRM has not finished yet.
	late []func()
	// blind: nothing can be looked up.
	blind bool
	// busy counts calls at once, for the law that there is one.
	busy, most int
}

type fault struct{ done, later, answered bool }

func (f *fakeCRM) enter() func() {
	f.mu.Lock()
	f.busy++
	f.most = max(f.most, f.busy)
	f.mu.Unlock()
	return func() { f.mu.Lock(); f.busy--; f.mu.Unlock() }
}

func (f *fakeCRM) Find(_ context.Context, key string) (crm.Remote, bool, error) {
	defer f.enter()()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.blind {
		return crm.Remote{}, false, &crm.Error{Effect: crm.Away, Reason: "away"}
	}
	for i, k := range f.opportunities {
		if k == key {
			return crm.Remote{Opportunity: strconv.Itoa(i + 1)}, true, nil
		}
	}
	return crm.Remote{}, false, nil
}

func (f *fakeCRM) Upsert(_ context.Context, key string, known crm.Remote, r crm.Record) (crm.Remote, error) {
	defer f.enter()()
	f.mu.Lock()
	defer f.mu.Unlock()
	if known.Opportunity != "" {
		f.owners[known.Opportunity] = r.Owner
		return known, nil
	}
	if known.Contact == "" {
		f.contacts = append(f.contacts, r.Lead)
		known.Contact = strconv.Itoa(len(f.contacts))
	}
	next := fault{done: true, answered: true}
	if len(f.fails) > 0 {
		next, f.fails = f.fails[0], f.fails[1:]
	}
	commit := func() { f.opportunities = append(f.opportunities, key) }
	switch {
	case next.later:
		f.late = append(f.late, commit)
		return known, &crm.Error{Effect: crm.Unknown, Reason: "no answer"}
	case next.done:
		commit()
	}
	switch {
	case !next.answered:
		return known, &crm.Error{Effect: crm.Unknown, Reason: "no answer"}
	case !next.done:
		return known, &crm.Error{Effect: crm.Refused, Reason: "no"}
	}
	known.Opportunity = strconv.Itoa(len(f.opportunities))
	return known, nil
}

func (f *fakeCRM) Changes(context.Context, crm.Cursor) ([]crm.Change, crm.Cursor, error) {
	return nil, crm.Cursor{}, errors.New("not asked for")
}

// finish ends the calls that the CRM was slow with.
func (f *fakeCRM) finish() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, commit := range f.late {
		commit()
	}
	f.late = nil
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time { return c.pass(time.Millisecond) }

func (c *clock) pass(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

func open(t *testing.T) (*store.Store, *sqldb.DB, *clock) {
	t.Helper()
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Normal, migrations.FS)
	c := &clock{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	return store.New(db, c.Now, func(*sqldb.Tx) (map[string]string, error) { return nil, nil }), db, c
}

func TestMain(m *testing.M) { dbtest.Main(m) }

// Whatever becomes of the calls, and if all is forgotten on our side in between, a handoff
// is one record, as long as the CRM finishes in time what it began.
func TestOneRecordWhateverBecomesOfTheCalls(t *testing.T) {
	places, db, c := open(t)
	rapid.Check(t, func(t *rapid.T) {
		for _, table := range []string{"remote_leads", "remote_handoffs"} {
			if err := db.Write(context.Background(), func(tx *sqldb.Tx) error { _, err := tx.Exec(`DELETE FROM ` + table); return err }); err != nil {
				t.Fatal(err)
			}
		}
		f := &fakeCRM{owners: map[string]string{}}
		f.fails = rapid.SliceOfN(rapid.SampledFrom([]fault{
			{done: true}, {later: true}, {answered: true}, {}, {done: true, answered: true},
		}), 0, 6).Draw(t, "faults")
		sender := crm.NewSender(places, c.Now)
		var since time.Time // the CRM has begun what it has not finished
		for attempt := range 10 {
			if len(f.late) > 0 && c.Now().Sub(since) > time.Minute {
				f.finish() // in time
			}
			if rapid.IntRange(0, 3).Draw(t, "the memory") == 0 && len(f.late) == 0 { // restored from a backup
				_ = db.Write(context.Background(), func(tx *sqldb.Tx) error {
					_, err := tx.Exec(`UPDATE remote_handoffs SET opportunity_id = '', sent_time = 0`)
					return err
				})
			}
			f.blind = rapid.IntRange(0, 4).Draw(t, "the network") == 0
			begun := len(f.late)
			id, err := sender.Send(context.Background(), f, "crm", lead, handoff, crm.Record{Lead: lead, Owner: strconv.Itoa(attempt)})
			if len(f.late) > begun {
				since = c.Now()
			}
			if err == nil && id != "1" {
				t.Fatalf("it is said to be at %q", id)
			}
			var failed *crm.Error
			if err != nil && !errors.As(err, &failed) {
				t.Fatal(err)
			}
			if rapid.Bool().Draw(t, "the CRM finishes") {
				f.finish()
			}
			c.pass(time.Duration(rapid.IntRange(1, 50).Draw(t, "seconds")) * time.Second)
		}
		f.finish()
		if len(f.opportunities) > 1 {
			t.Fatalf("%d records: %v", len(f.opportunities), f.opportunities)
		}
		if len(f.contacts) > 1 {
			t.Fatalf("%d contacts", len(f.contacts))
		}
	})
}

func TestHandoffsOfOneLeadShareItsContact(t *testing.T) {
	places, _, c := open(t)
	f := &fakeCRM{owners: map[string]string{}}
	sender := crm.NewSender(places, c.Now)
	var group sync.WaitGroup
	for i := range 20 {
		id := []string{handoff, other}[i%2]
		group.Go(func() {
			if _, err := sender.Send(t.Context(), f, "crm", lead, id, crm.Record{Lead: lead}); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if fmt.Sprint(len(f.contacts), len(f.opportunities), f.most) != "1 2 1" {
		t.Errorf("%d contacts, %d opportunities, %d calls at once", len(f.contacts), len(f.opportunities), f.most)
	}
}

// Two processes share the store and not the turns.
func TestAnotherProcessWaits(t *testing.T) {
	places, _, c := open(t)
	if _, err := places.ClaimRemote(t.Context(), "crm", lead, other, time.Minute); err != nil {
		t.Fatal(err)
	}
	_, err := crm.NewSender(places, c.Now).Send(t.Context(), &fakeCRM{}, "crm", lead, handoff, crm.Record{})
	if e := (*crm.Error)(nil); !errors.As(err, &e) || e.Effect != crm.Away {
		t.Errorf("%v", err)
	}
}
