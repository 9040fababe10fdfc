package duework_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/fstest"
	"testing/synctest"
	"time"

	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

const table = `-- +goose Up
CREATE TABLE clocks (
	lead TEXT NOT NULL, kind TEXT NOT NULL, due_time BIGINT NOT NULL, lease_until BIGINT NOT NULL DEFAULT 0,
	fence BIGINT NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT NOT NULL DEFAULT '',
	state INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (lead, kind));
CREATE INDEX clocks_by_due_time ON clocks (state, due_time);
`

var migrations = fstest.MapFS{
	"sqlite/001_clocks.sql":   {Data: []byte(table)},
	"postgres/001_clocks.sql": {Data: []byte(table)},
}

var clocks = duework.Table{Name: "clocks", Key: []string{"lead", "kind"}}

func start(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) (*sqldb.DB, *duework.Queue) {
	t.Helper()
	db := open("handoff", sqldb.Normal)
	if err := db.Migrate(t.Context(), migrations); err != nil {
		t.Fatal(err)
	}
	return db, duework.New(db.Dialect(), clocks)
}

// row is the model of an item.
type row struct {
	due, until  int64
	fence       int64
	attempts    int
	quarantined bool
}

// Every sequence of steps by any workers does to the table what it does to the model,
// whose steps are the sentences of the package's documentation.
func TestLaws(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, q := start(t, open)
		rapid.Check(t, func(t *rapid.T) { machine(t, db, q) })
	})
}

func machine(t *rapid.T, db *sqldb.DB, q *duework.Queue) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	now := begin
	model := map[string]*row{}
	var leases []duework.Lease // all that were ever given
	lease := 10 * time.Second

	write := func(f func(tx *sqldb.Tx) error) {
		if err := db.Write(context.Background(), f); err != nil {
			t.Fatal(err)
		}
	}
	write(func(tx *sqldb.Tx) error { _, err := tx.Exec(`DELETE FROM clocks`); return err })
	// end ends a lease, live or stale, in one way and says whether the model holds it.
	end := func(t *rapid.T, how func(tx *sqldb.Tx, l duework.Lease) (bool, error)) (*row, string, duework.Lease) {
		if len(leases) == 0 {
			t.Skip("no lease yet")
		}
		l := rapid.SampledFrom(leases).Draw(t, "lease")
		r := model[l.Key[0]]
		want := r != nil && r.fence == l.Fence && r.until > 0
		write(func(tx *sqldb.Tx) error {
			held, err := how(tx, l)
			if held != want {
				t.Fatalf("ending %+v: held %v, want %v", l, held, want)
			}
			return err
		})
		if !want {
			return nil, "", l
		}
		return r, l.Key[0], l
	}
	t.Repeat(map[string]func(*rapid.T){
		"time passes": func(t *rapid.T) {
			now = now.Add(time.Duration(rapid.IntRange(0, 12).Draw(t, "seconds")) * time.Second)
		},
		"schedule": func(t *rapid.T) {
			lead := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "lead")
			due := now.Add(time.Duration(rapid.IntRange(-3, 3).Draw(t, "in")) * time.Second)
			write(func(tx *sqldb.Tx) error { return q.Schedule(tx, due, lead, "sla") })
			r := &row{due: sqldb.Micros(due)}
			if old := model[lead]; old != nil {
				r.fence = old.fence + 1
			}
			model[lead] = r
		},
		"claim": func(t *rapid.T) {
			limit := rapid.IntRange(1, 3).Draw(t, "limit")
			var got []duework.Lease
			write(func(tx *sqldb.Tx) (err error) { got, err = q.Claim(tx, now, lease, limit); return err })
			// Items due at the same instant may be picked in any order.
			var ready []string
			for lead, r := range model {
				if !r.quarantined && r.due <= sqldb.Micros(now) && r.until <= sqldb.Micros(now) {
					ready = append(ready, lead)
				}
			}
			slices.SortFunc(ready, func(a, b string) int { return cmp.Compare(model[a].due, model[b].due) })
			picked := map[string]bool{}
			var dues []int64
			for _, l := range got {
				r := model[l.Key[0]]
				if r == nil || !slices.Contains(ready, l.Key[0]) {
					t.Fatalf("%+v was not to be claimed", l)
				}
				r.fence, r.attempts, r.until = r.fence+1, r.attempts+1, sqldb.Micros(now.Add(lease))
				if l.Fence != r.fence || l.Attempts != r.attempts || sqldb.Micros(l.DueTime) != r.due {
					t.Fatalf("claimed %+v, want %+v", l, r)
				}
				picked[l.Key[0]] = true
				dues = append(dues, r.due)
			}
			if !slices.IsSorted(dues) {
				t.Fatalf("not in the order of due times: %v", dues)
			}
			// What was picked but used up its attempts is quarantined now. With ties
			// among the picked ones, ask the table which.
			n := min(limit, len(ready))
			for _, lead := range ready {
				if r := model[lead]; !picked[lead] && r.attempts == duework.MaxAttempts && state(t, db, lead) == 1 {
					r.fence, r.attempts, r.until, r.quarantined = r.fence+1, r.attempts+1, 0, true
					n--
				}
			}
			if len(got) != n {
				t.Fatalf("claimed %d, want %d of %v", len(got), n, ready)
			}
			leases = append(leases, got...)
		},
		"complete": func(t *rapid.T) {
			if _, lead, _ := end(t, q.Complete); lead != "" {
				delete(model, lead)
			}
		},
		"keep": func(t *rapid.T) {
			until := now.Add(lease)
			r, _, _ := end(t, func(tx *sqldb.Tx, l duework.Lease) (bool, error) { return q.Keep(tx, l, until) })
			if r != nil {
				r.until = sqldb.Micros(until)
			}
		},
		"release": func(t *rapid.T) {
			if r, _, _ := end(t, q.Release); r != nil {
				r.until, r.attempts = 0, r.attempts-1
			}
		},
		"postpone": func(t *rapid.T) {
			due := now.Add(5 * time.Second)
			r, _, _ := end(t, func(tx *sqldb.Tx, l duework.Lease) (bool, error) { return q.Postpone(tx, l, due) })
			if r != nil {
				r.until, r.attempts, r.due = 0, 0, sqldb.Micros(due)
			}
		},
		"fail": func(t *rapid.T) {
			retry := now.Add(2 * time.Second)
			r, _, _ := end(t, func(tx *sqldb.Tx, l duework.Lease) (bool, error) { return q.Fail(tx, l, "no", retry) })
			switch {
			case r == nil:
			case r.attempts >= duework.MaxAttempts:
				r.until, r.quarantined = 0, true
			default:
				r.until, r.due = 0, sqldb.Micros(retry)
			}
		},
		"retry": func(t *rapid.T) {
			lead := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "lead")
			r := model[lead]
			want := r != nil && r.quarantined
			write(func(tx *sqldb.Tx) error {
				got, err := q.Retry(tx, now, lead, "sla")
				if got != want {
					t.Fatalf("retry of %s: %v, want %v", lead, got, want)
				}
				return err
			})
			if want {
				r.quarantined, r.attempts, r.due = false, 0, sqldb.Micros(now)
			}
		},
		"restart": func(t *rapid.T) {
			write(q.VoidLeases)
			if db.Dialect() != sqldb.SQLite {
				return
			}
			for _, r := range model {
				if r.until > 0 {
					r.until, r.fence = 0, r.fence+1
				}
			}
		},
		"": func(t *rapid.T) { // after each step: nothing is lost or invented
			want := duework.Count{}
			var next int64
			for _, r := range model {
				switch {
				case r.quarantined:
					want.Quarantined++
					continue
				case r.due <= sqldb.Micros(now):
					want.Due++
					if d := sqldb.Time(r.due); want.Oldest.IsZero() || d.Before(want.Oldest) {
						want.Oldest = d
					}
				}
				if at := max(r.due, r.until); next == 0 || at < next {
					next = at
				}
			}
			got, err := q.Count(context.Background(), db, now)
			if err != nil || got != want {
				t.Fatalf("%+v %v, want %+v", got, err, want)
			}
			if at, err := q.Next(context.Background(), db); err != nil || sqldb.Micros(at) != next {
				t.Fatalf("next at %v %v, want %v", at, err, sqldb.Time(next))
			}
		},
	})
}

func state(t *rapid.T, db *sqldb.DB, lead string) (state int) {
	if err := db.Read().QueryRowContext(context.Background(), `SELECT state FROM clocks WHERE lead = $1`, lead).Scan(&state); err != nil {
		t.Fatal(err)
	}
	return state
}

func TestManyWorkersClaimEachItemOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, q := start(t, open)
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for i := range 300 {
				if err := q.Schedule(tx, now, fmt.Sprint(i), "sla"); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var mu sync.Mutex
		seen := map[string]int{}
		var workers sync.WaitGroup
		for range 4 {
			workers.Go(func() {
				for {
					var got []duework.Lease
					err := db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
						got, err = q.Claim(tx, now, time.Minute, 7)
						return err
					})
					if err != nil {
						t.Error(err)
						return
					}
					if len(got) == 0 {
						return
					}
					mu.Lock()
					for _, l := range got {
						seen[l.Key[0]]++
					}
					mu.Unlock()
				}
			})
		}
		workers.Wait()
		for key, n := range seen {
			if n != 1 {
				t.Errorf("%s was claimed %d times", key, n)
			}
		}
		if len(seen) != 300 {
			t.Errorf("%d items were claimed, want 300", len(seen))
		}
	})
}

func TestKeepDone(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, _ := start(t, open)
		q := duework.New(db.Dialect(), duework.Table{Name: "clocks", Key: clocks.Key, KeepDone: true})
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := q.Schedule(tx, now, "a", "sla"); err != nil {
				return err
			}
			for _, want := range []int{1, 0} { // done is not claimed again
				leases, err := q.Claim(tx, now, time.Minute, 10)
				if err != nil || len(leases) != want {
					return fmt.Errorf("claimed %v %w, want %d", leases, err, want)
				}
				if want == 1 {
					if held, err := q.Complete(tx, leases[0]); err != nil || !held {
						return fmt.Errorf("complete: %v %w", held, err)
					}
				}
				now = now.Add(time.Hour)
			}
			return nil
		})
		if err != nil {
			t.Error(err)
		}
	})
}

func TestWaker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := duework.NewWaker(5*time.Millisecond, 20*time.Millisecond)
		wait := func(found bool, want time.Duration) {
			t.Helper()
			begin := time.Now()
			if err := w.Wait(t.Context(), found); err != nil || time.Since(begin) != want {
				t.Errorf("waited %v %v, want %v", time.Since(begin), err, want)
			}
		}
		wait(true, 0)
		wait(false, 5*time.Millisecond) // then more rarely
		wait(false, 10*time.Millisecond)
		wait(false, 20*time.Millisecond)
		wait(false, 20*time.Millisecond)
		w.Wake()
		w.Wake() // one wake-up stands for many
		wait(false, 0)
		wait(false, 5*time.Millisecond)
		go func() { time.Sleep(time.Millisecond); w.Wake() }()
		wait(false, time.Millisecond)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if err := w.Wait(ctx, false); err == nil {
			t.Error("waited without a context")
		}
	})
}
