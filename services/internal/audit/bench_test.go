package audit_test

import (
	"context"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// What an entry costs a change: the same change by nobody is the baseline.
func BenchmarkChange(b *testing.B) {
	for name, ctx := range map[string]func(int) context.Context{
		"by nobody":   func(int) context.Context { return b.Context() },
		"by a person": func(n int) context.Context { return audit.With(b.Context(), call(n)) },
	} {
		b.Run(name, func(b *testing.B) {
			_, db := benchLog(b)
			for n := 0; b.Loop(); n++ {
				if err := db.Write(ctx(n), touch); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// How fast a log is checked, by the entry.
func BenchmarkVerify(b *testing.B) {
	const entries = 5_000
	log, db := benchLog(b)
	for n := range entries {
		if err := db.Write(audit.With(b.Context(), call(n)), touch); err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		if v, err := log.Verify(b.Context()); err != nil || v.Entries != entries || v.Broken != 0 {
			b.Fatalf("%+v, %v", v, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/entries, "ns/entry")
}

func benchLog(b *testing.B) (*audit.Log, *sqldb.DB) {
	b.Helper()
	db := dbtest.Migrated(b, dbtest.SQLite(b), "handoff", sqldb.Normal, schema(b))
	return audit.Keep(db, time.Now), db
}
