package sqldb

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// Before 3.51.3 two connections that write and checkpoint at the same moment can
// corrupt the file: https://www.sqlite.org/wal.html#walresetbug.
const oldestSQLite = "3.51.3"

func openSQLite(ctx context.Context, c Config, dir string) (*DB, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("sqldb: folder of %s: %w", c.Service, err)
	}
	path, err := filepath.Abs(filepath.Join(dir, c.Service+".db"))
	if err != nil {
		return nil, err
	}
	release, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	db, err := openSQLiteFile(ctx, c, path)
	if err != nil {
		release() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	db.release = release
	return db, nil
}

func openSQLiteFile(ctx context.Context, c Config, path string) (*DB, error) {
	sync := "FULL"
	if c.Sync == Normal {
		sync = "NORMAL"
	}
	// The writer first: it makes the file and turns it to WAL.
	writer, err := sqlitePool(path, 1, url.Values{
		"_txlock":       {"immediate"},
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"1"},
		"_journal_mode": {"WAL"},
		"_synchronous":  {sync},
		"_dqs":          {"0"},
		"_pragma": {
			"cache_size(-8192)", // KiB
			"temp_store(MEMORY)",
			"wal_autocheckpoint(4000)",     // pages of 4 KiB
			"journal_size_limit(67108864)", // give back what a burst took
		},
	})
	if err != nil {
		return nil, err
	}
	if err := checkSQLite(ctx, writer, c.Sync); err != nil {
		writer.Close()
		return nil, fmt.Errorf("sqldb: %s: %w", c.Service, err)
	}
	readers := c.MaxConns
	if readers == 0 {
		readers = 4
	}
	reader, err := sqlitePool(path, readers, url.Values{
		"_busy_timeout": {"5000"},
		"_foreign_keys": {"1"},
		"_dqs":          {"0"},
		"_query_only":   {"1"},
		// A commit of the writer voids what a reader has cached: little is enough.
		"_pragma": {"cache_size(-1024)", "temp_store(MEMORY)"},
	})
	if err != nil {
		writer.Close()
		return nil, err
	}
	return &DB{config: c, dialect: SQLite, read: reader, write: writer}, nil
}

func sqlitePool(path string, conns int, params url.Values) (*sql.DB, error) {
	name := "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + params.Encode()
	connector, err := sqlite.NewConnector(name)
	if err != nil {
		return nil, fmt.Errorf("sqldb: %w", err)
	}
	pool := sql.OpenDB(cachingConnector{connector})
	pool.SetMaxOpenConns(conns)
	pool.SetMaxIdleConns(conns) // an idle connection keeps its prepared statements
	return pool, nil
}

// checkSQLite asserts what durability rests on, rather than hoping that each pragma
// was obeyed.
func checkSQLite(ctx context.Context, writer *sql.DB, sync Sync) error {
	var version, journal string
	var synchronous, foreignKeys int
	for query, dest := range map[string]any{
		`SELECT sqlite_version()`: &version,
		`PRAGMA journal_mode`:     &journal,
		`PRAGMA synchronous`:      &synchronous,
		`PRAGMA foreign_keys`:     &foreignKeys,
	} {
		if err := writer.QueryRowContext(ctx, query).Scan(dest); err != nil {
			return fmt.Errorf("open SQLite file: %w", err)
		}
	}
	if olderVersion(version, oldestSQLite) {
		return fmt.Errorf("SQLite %s can corrupt a file in WAL mode: want %s or later", version, oldestSQLite)
	}
	if journal != "wal" {
		return fmt.Errorf("journal_mode is %s: want wal (is the folder on a network file system?)", journal)
	}
	want := 2 // FULL
	if sync == Normal {
		want = 1
	}
	if synchronous != want {
		return fmt.Errorf("PRAGMA synchronous is %d: want %d", synchronous, want)
	}
	if foreignKeys != 1 {
		return fmt.Errorf("PRAGMA foreign_keys is off")
	}
	return nil
}

// olderVersion compares dotted numbers.
func olderVersion(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range bs {
		if i >= len(as) {
			return true
		}
		x, _ := strconv.Atoi(as[i])
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x < y
		}
	}
	return false
}
