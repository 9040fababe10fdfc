package sqldb_test

import (
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func eachBench(b *testing.B, run func(b *testing.B, db *sqldb.DB)) {
	b.Run("sqlite", func(b *testing.B) { run(b, migrated(b, dbtest.SQLite(b))) })
	b.Run("postgres", func(b *testing.B) {
		url, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(stop)
		run(b, migrated(b, url))
	})
}

func migrated(b *testing.B, url string) *sqldb.DB {
	b.Helper()
	db := dbtest.Open(b, url, "ingest", sqldb.Full)
	if err := db.Migrate(b.Context(), leads); err != nil {
		b.Fatal(err)
	}
	return db
}

// One row per transaction, with the store's own durability: what group commit is
// measured against.
func BenchmarkWrite(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		n := 0
		for b.Loop() {
			n++
			if err := db.Write(b.Context(), func(tx *sqldb.Tx) error { return insert(tx, fmt.Sprint(n), n) }); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// Many callers with one row each.
func BenchmarkSubmit(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		c := sqldb.NewCommitter(db, "bench", store)
		defer c.Close()
		var n atomic.Int64
		b.SetParallelism(64)
		b.ResetTimer()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := c.Submit(b.Context(), fmt.Sprint(n.Add(1))); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkRead(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
			for i := range 10_000 {
				if err := insert(tx, fmt.Sprint(i), i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		i := 0
		for b.Loop() {
			i++
			var n int
			if err := db.Read().QueryRowContext(b.Context(), `SELECT n FROM leads WHERE id = $1`, fmt.Sprint(i%10_000)).Scan(&n); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// A statement within a transaction: the cost that a batch multiplies.
func BenchmarkStatement(b *testing.B) {
	eachBench(b, func(b *testing.B, db *sqldb.DB) {
		err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
			n := 0
			for b.Loop() {
				n++
				if err := insert(tx, fmt.Sprint(n), n); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}
