package dbtest

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Main runs the tests of a package, stops PostgreSQL and, if they passed, checks
// that no goroutine is left behind.
func Main(m *testing.M) {
	before := goleak.IgnoreCurrent()
	code := m.Run()
	stopShared()
	if code == 0 {
		if err := goleak.Find(before); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// Each runs a test on both stores, as subtests `sqlite` and `postgres`. open opens
// the database of a service, empty at first: the caller migrates it. It is closed
// when the subtest ends; a test that plays a restart closes it and opens it again.
func Each(t *testing.T, run func(t *testing.T, open func(service string, sync sqldb.Sync) *sqldb.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		run(t, func(service string, sync sqldb.Sync) *sqldb.DB {
			t.Helper()
			return Open(t, url, service, sync)
		})
	})
}

// EachURL is like [Each] for what opens its databases itself.
func EachURL(t *testing.T, run func(t *testing.T, url string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { run(t, SQLite(t)) })
	t.Run("postgres", func(t *testing.T) { run(t, Postgres(t)) })
}

// SQLite returns the URL of an empty folder for SQLite files.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + Folder(t)
}

// Folder returns an empty folder for what need not outlive the test, or a power cut.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp(scratch(os.TempDir()), ownedBy(sqlitePrefix))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

var databases atomic.Int64

// Postgres returns the URL of an empty database in the PostgreSQL of this process.
func Postgres(t testing.TB) string {
	t.Helper()
	url, err := sharedPostgres()
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	if err := execute(url, "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(url, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(url, name)
}

// Open opens the database of a service and closes it when the test ends.
func Open(t testing.TB, url, service string, sync sqldb.Sync) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), sqldb.Config{URL: url, Service: service, Sync: sync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() }) // closing twice is fine
	return db
}

// CheckMigrations fails the test unless the folders `sqlite` and `postgres` have the
// same files.
func CheckMigrations(t testing.TB, migrations fs.FS) {
	t.Helper()
	files := map[string][]string{}
	for _, dialect := range []sqldb.Dialect{sqldb.SQLite, sqldb.PostgreSQL} {
		entries, err := fs.ReadDir(migrations, dialect.String())
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".sql") {
				files[dialect.String()] = append(files[dialect.String()], e.Name())
			}
		}
	}
	if len(files["sqlite"]) == 0 || !slices.Equal(files["sqlite"], files["postgres"]) {
		t.Errorf("migrations differ:\n  sqlite   %v\n  postgres %v", files["sqlite"], files["postgres"])
	}
}
