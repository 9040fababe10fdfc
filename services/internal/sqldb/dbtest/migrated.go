package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// EachMigrated runs a test on both stores, with the database of a service to which
// its migrations were applied.
func EachMigrated(t *testing.T, service string, sync sqldb.Sync, migrations fs.FS, run func(t *testing.T, db *sqldb.DB)) {
	t.Helper()
	EachURL(t, func(t *testing.T, url string) {
		run(t, Migrated(t, url, service, sync, migrations))
	})
}

// Migrated is like [Open] and applies the migrations. They are applied once in a
// process: what is still empty becomes a copy of that database, since the migrations of
// a service take longer than most tests.
func Migrated(t testing.TB, url, service string, sync sqldb.Sync, migrations fs.FS) *sqldb.DB {
	t.Helper()
	if err := fill(url, service, migrations); err != nil {
		t.Fatal(err)
	}
	db := Open(t, url, service, sync)
	if err := db.CheckSchema(context.Background(), migrations); err == nil {
		return db
	}
	if err := db.Migrate(context.Background(), migrations); err != nil {
		t.Fatal(err)
	}
	return db
}

// fill makes an empty database a copy of a migrated one.
func fill(url, service string, migrations fs.FS) error {
	empty, err := isEmpty(url, service)
	if err != nil || !empty {
		return err
	}
	master, err := templateOf(url, service, migrations)
	if err != nil {
		return fmt.Errorf("dbtest: template of %s: %w", service, err)
	}
	if folder, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
		return os.WriteFile(filepath.Join(folder, service+".db"), master.file, 0o600)
	}
	server, name := splitDatabase(url)
	if err := execute(server, "DROP DATABASE "+name); err != nil {
		return err
	}
	return execute(server, "CREATE DATABASE "+name+" TEMPLATE "+master.database)
}

// isEmpty says whether no service has anything in a database: on SQLite each has a
// file of its own.
func isEmpty(url, service string) (empty bool, err error) {
	if folder, isSQLite := strings.CutPrefix(url, "sqlite:"); isSQLite {
		_, err := os.Stat(filepath.Join(folder, service+".db"))
		return errors.Is(err, fs.ErrNotExist), nil
	}
	db, err := sql.Open("pgx", url)
	if err != nil {
		return false, err
	}
	defer db.Close()
	err = db.QueryRowContext(context.Background(), `SELECT NOT EXISTS (SELECT FROM pg_namespace
		WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('public', 'information_schema'))`).Scan(&empty)
	return empty, err
}

// master is a migrated database that is copied: the bytes of a file, or the name of a
// database of the server that the tests of this process share.
type master struct {
	file     []byte
	database string
}

// By kind of store, service and names of migrations.
var templates struct {
	sync.Mutex
	made map[string]master
}

func templateOf(url, service string, migrations fs.FS) (master, error) {
	kind := "postgres"
	if strings.HasPrefix(url, "sqlite:") {
		kind = "sqlite"
	}
	names, err := fs.Glob(migrations, kind+"/*.sql")
	if err != nil {
		return master{}, err
	}
	key := kind + " " + service + " " + strings.Join(names, " ")
	templates.Lock()
	defer templates.Unlock()
	if m, ok := templates.made[key]; ok {
		return m, nil
	}
	var m master
	if kind == "sqlite" {
		m.file, err = migratedFile(service, migrations)
	} else {
		server, _ := splitDatabase(url)
		m.database = fmt.Sprintf("template_%d", len(templates.made))
		if err = execute(server, "CREATE DATABASE "+m.database); err == nil {
			err = migrate(withDatabase(server, m.database), service, migrations)
		}
	}
	if err != nil {
		return master{}, err
	}
	if templates.made == nil {
		templates.made = map[string]master{}
	}
	templates.made[key] = m
	return m, nil
}

func migratedFile(service string, migrations fs.FS) ([]byte, error) {
	folder, err := os.MkdirTemp("", "assay-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	if err := migrate("sqlite:"+folder, service, migrations); err != nil {
		return nil, err
	}
	return os.ReadFile(filepath.Join(folder, service+".db"))
}

// migrate applies migrations and closes the database, with which SQLite moves what is
// in its log to the file.
func migrate(url, service string, migrations fs.FS) error {
	db, err := sqldb.Open(context.Background(), sqldb.Config{URL: url, Service: service, Sync: sqldb.Normal})
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(context.Background(), migrations), db.Close())
}
