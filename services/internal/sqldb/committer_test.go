package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

var errBad = errors.New("bad item")

// store inserts each item as a row; "bad" fails after it has written.
func store(tx *sqldb.Tx, items []string) []error {
	for i, item := range items {
		if err := insert(tx, item, i); err != nil {
			return sqldb.All(len(items), err)
		}
		if item == "bad" {
			return sqldb.All(len(items), errBad)
		}
	}
	return nil
}

// gate holds the first transaction of a committer until it is opened, so that a
// test decides what arrives meanwhile.
type gate struct {
	once           sync.Once
	entered, opens chan struct{}
}

func newGate() *gate { return &gate{entered: make(chan struct{}), opens: make(chan struct{})} }

func (g *gate) pass() {
	g.once.Do(func() { close(g.entered); <-g.opens })
}

func TestCommitterBatchesWhatArrivesMeanwhile(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, g := openMigrated(t, open), newGate()
		var sizes []int
		c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []string) []error {
			g.pass()
			return store(tx, items)
		}, sqldb.MaxItems(64), sqldb.OnCommit(func(n int, _ time.Duration, _ error) { sizes = append(sizes, n) }))
		var submitted sync.WaitGroup
		submit := func(item string) {
			submitted.Go(func() {
				if err := c.Submit(t.Context(), item); err != nil {
					t.Error(err)
				}
			})
		}
		submit("first")
		<-g.entered
		for i := range 100 {
			submit(fmt.Sprint(i))
		}
		waitFor(t, func() bool { return c.Queued() == 100 })
		close(g.opens)
		submitted.Wait()
		c.Close()
		if fmt.Sprint(sizes) != "[1 64 36]" || count(t, db) != 101 {
			t.Errorf("transactions of %v items, %d rows; want [1 64 36] and 101", sizes, count(t, db))
		}
	})
}

// waitFor yields until the condition holds.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the condition did not come true")
		}
	}
}

func TestCommitterBadItemAloneFails(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, g := openMigrated(t, open), newGate()
		c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []string) []error {
			g.pass()
			return store(tx, items)
		})
		defer c.Close()
		results := make(chan error, 1)
		go func() { results <- c.Submit(t.Context(), "first") }()
		<-g.entered
		var bad, good atomic.Int32
		var submitted sync.WaitGroup
		for _, item := range []string{"a", "bad", "b", "a", "c"} { // "a" twice: a database error
			submitted.Go(func() {
				if c.Submit(t.Context(), item) != nil {
					bad.Add(1)
				} else {
					good.Add(1)
				}
			})
		}
		waitFor(t, func() bool { return c.Queued() == 5 })
		close(g.opens)
		submitted.Wait()
		if err := <-results; err != nil {
			t.Error(err)
		}
		if bad.Load() != 2 || good.Load() != 3 || count(t, db) != 4 {
			t.Errorf("%d failed, %d went well, %d rows; want 2, 3, 4", bad.Load(), good.Load(), count(t, db))
		}
	})
}

func TestCommitterRejectedItemLeavesTheBatch(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, g := openMigrated(t, open), newGate()
		var transactions atomic.Int32
		c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []string) []error {
			g.pass()
			transactions.Add(1)
			errs := make([]error, len(items))
			for i, item := range items {
				if item == "bad" {
					errs[i] = sqldb.Reject(errBad)
				} else {
					errs[i] = insert(tx, item, i)
				}
			}
			return errs
		})
		defer c.Close()
		var submitted sync.WaitGroup
		submit := func(item string, want error) {
			submitted.Go(func() {
				if err := c.Submit(t.Context(), item); !errors.Is(err, want) {
					t.Errorf("%s: %v, want %v", item, err, want)
				}
			})
		}
		submit("first", nil)
		<-g.entered
		submit("a", nil)
		submit("bad", errBad)
		submit("b", nil)
		waitFor(t, func() bool { return c.Queued() == 3 })
		close(g.opens)
		submitted.Wait()
		if transactions.Load() != 2 || count(t, db) != 3 {
			t.Errorf("%d transactions, %d rows; want 2 and 3", transactions.Load(), count(t, db))
		}
	})
}

func TestCommitterCallerThatLeavesCancelsNobody(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db, g := openMigrated(t, open), newGate()
		c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []string) []error {
			errs := store(tx, items)
			g.pass() // in the middle of the transaction
			return errs
		})
		ctx, cancel := context.WithCancel(t.Context())
		left := make(chan error, 1)
		go func() { left <- c.Submit(ctx, "leaver") }()
		<-g.entered
		cancel()
		if err := <-left; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller that left got %v", err)
		}
		close(g.opens)
		c.Close() // drains
		if count(t, db) != 1 {
			t.Error("the transaction was cancelled with its caller")
		}
		if err := c.Submit(t.Context(), "late"); !errors.Is(err, sqldb.ErrClosed) {
			t.Errorf("submitting after Close: %v", err)
		}
	})
}

func TestCommitterOutlivesAPanic(t *testing.T) {
	db := openMigrated(t, func(s string, y sqldb.Sync) *sqldb.DB { return dbtest.Open(t, dbtest.SQLite(t), s, y) })
	c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []string) []error {
		if items[0] == "bad" {
			panic("bug")
		}
		return store(tx, items)
	})
	defer c.Close()
	if err := c.Submit(t.Context(), "bad"); err == nil {
		t.Error("a panic went unnoticed")
	}
	if err := c.Submit(t.Context(), "good"); err != nil {
		t.Error(err)
	}
}

func TestCommitterBoundsABatchByItsSize(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db := openMigrated(t, open)
		type bump struct{ lead string }
		c := sqldb.NewCommitter(db, "test", func(tx *sqldb.Tx, items []bump) []error {
			if len(items) > 3 {
				t.Errorf("%d items of one byte in a transaction of 3", len(items))
			}
			for _, b := range items {
				_, err := tx.Exec(`INSERT INTO leads (id, n) VALUES ($1, 1) ON CONFLICT (id) DO UPDATE SET n = leads.n + 1`, b.lead)
				if err != nil {
					return sqldb.All(len(items), err)
				}
			}
			return nil
		}, sqldb.MaxBytes(3, func(bump) int { return 1 }))
		var all sync.WaitGroup
		for i := range 200 {
			all.Go(func() {
				if err := c.Submit(t.Context(), bump{lead: fmt.Sprint(i % 7)}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		c.Close()
		var sum int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT sum(n) FROM leads`).Scan(&sum); err != nil || sum != 200 {
			t.Errorf("sum %d, %v; want 200", sum, err)
		}
	})
}
