package store_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestMigrationsAreTheSameOnBothStores(t *testing.T) {
	dbtest.CheckMigrations(t, migrations.FS)
}

// fixture is a store on a database of its own, with a clock that tests turn.
type fixture struct {
	*store.Store
	t  testing.TB
	db *sqldb.DB

	mu    sync.Mutex
	clock time.Time
}

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// each runs a test on both stores.
func each(t *testing.T, run func(t *testing.T, f *fixture)) {
	dbtest.EachMigrated(t, "ingest", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		run(t, newFixture(t, db))
	})
}

func newFixture(t testing.TB, db *sqldb.DB) *fixture {
	f := &fixture{t: t, db: db, clock: start}
	f.Store = f.process()
	return f
}

// process opens the store once more, as another process would on PostgreSQL and a
// restarted one on SQLite.
func (f *fixture) process() *store.Store {
	s := store.Open(f.db, f.now)
	f.t.Cleanup(s.Close)
	return s
}

func (f *fixture) now() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.clock
}

func (f *fixture) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.clock = f.clock.Add(d)
}

// ok fails the test on an error.
func (f *fixture) ok(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

func email(address string) identity.Identity {
	return identity.Identity{Kind: identity.Email, Value: address}
}

func attributes(pairs ...string) (list []lead.Attribute) {
	for i := 0; i < len(pairs); i += 2 {
		list = append(list, lead.Attribute{Key: pairs[i], Value: []byte(pairs[i+1])})
	}
	return list
}

// act returns an activity that happened so long after the start.
func act(id string, after time.Duration, properties ...string) activity.Activity {
	in := &ingestv1.Activity{Id: id, Type: "page.viewed", Source: "web"}
	for _, p := range properties {
		in.PropertiesJson = []byte(p)
	}
	at := start.Add(after)
	a, v := activity.New(in, 0, activity.Circumstances{Window: effective.Window{Now: at}, Default: at})
	if v != nil {
		panic(v)
	}
	return a
}

// subject returns a lead found by identities.
func subject(ids ...identity.Identity) *store.Subject {
	return &store.Subject{Identities: ids, Effective: start, Source: "api"}
}

// capture stores what is said of one lead.
func (f *fixture) capture(s *store.Subject) store.Result {
	f.t.Helper()
	if s.Effective.Equal(start) {
		s.Effective = f.now()
	}
	f.ok(f.Capture(f.t.Context(), &store.Capture{Received: f.now(), Subjects: []*store.Subject{s}}))
	return s.Result
}

// acts stores activities of a lead with an address.
func (f *fixture) acts(address string, list ...activity.Activity) store.Result {
	f.t.Helper()
	s := subject(email(address))
	s.Activities = list
	return f.capture(s)
}

// says stores attributes of a lead with an address.
func (f *fixture) says(address string, pairs ...string) store.Result {
	f.t.Helper()
	s := subject(email(address))
	s.Attributes = attributes(pairs...)
	return f.capture(s)
}

func (f *fixture) lead(id string) store.Lead {
	f.t.Helper()
	l, err := f.Lead(f.t.Context(), id)
	f.ok(err)
	return l
}

func (f *fixture) claim(n int) []*store.Claimed {
	f.t.Helper()
	for f.Crowd().Crowded(time.Now()) { // by what was captured just now
		time.Sleep(time.Millisecond)
	}
	claimed, err := f.Claim(f.t.Context(), n, time.Minute, 0)
	f.ok(err)
	return claimed
}

// complete ends leases in one way.
func (f *fixture) complete(outcome store.EndOutcome, claimed ...*store.Claimed) []store.Ended {
	f.t.Helper()
	ends := make([]store.Completion, len(claimed))
	for i, c := range claimed {
		ends[i] = store.Completion{Lead: c.Lead, Fence: c.Fence, Version: c.Claimed, Outcome: outcome, Error: "no such model"}
		if outcome == store.Decided {
			ends[i].Digest = fmt.Appendf(nil, "decision of %d", c.Claimed)
		}
	}
	states, err := f.Complete(f.t.Context(), ends)
	f.ok(err)
	return states
}

// sayings are facts without the one that follows from the earliest of them.
func sayings(facts []*typev1.Fact) []*typev1.Fact {
	return slices.DeleteFunc(slices.Clone(facts), func(f *typev1.Fact) bool {
		return f.GetAttribute().GetKey() == lead.CreateTime
	})
}

// history returns all facts of a lead in short: version, key or id, value or type.
func (f *fixture) history(id string) (list []string) {
	f.t.Helper()
	facts, _, more, err := f.Facts(f.t.Context(), id, 0, 0, 1<<20)
	f.ok(err)
	if more {
		f.t.Fatal("more than all")
	}
	for _, x := range sayings(facts) {
		if a := x.GetAttribute(); a != nil {
			list = append(list, fmt.Sprintf("%d %s=%s", x.GetFactsVersion(), a.GetKey(), a.GetValueJson()))
		} else {
			list = append(list, fmt.Sprintf("%d %s", x.GetFactsVersion(), x.GetId()))
		}
	}
	return list
}

// sql runs a statement beside the store.
func (f *fixture) sql(query string, args ...any) {
	f.t.Helper()
	f.ok(f.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	}))
}

func (f *fixture) count(query string, args ...any) (n int) {
	f.t.Helper()
	f.ok(f.db.Read().QueryRowContext(f.t.Context(), query, args...).Scan(&n))
	return n
}
