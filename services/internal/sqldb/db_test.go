package sqldb_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// migrations returns the same statements for both stores, one file each.
func migrations(statements ...string) fstest.MapFS {
	files := fstest.MapFS{}
	for i, s := range statements {
		for _, dialect := range []string{"sqlite", "postgres"} {
			files[dialect+"/00"+string(rune('1'+i))+"_step.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\n" + s + "\n")}
		}
	}
	return files
}

var leads = migrations(`CREATE TABLE leads (id TEXT PRIMARY KEY, n BIGINT NOT NULL, data ` + `BYTEA` + `);`)

func openMigrated(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) *sqldb.DB {
	t.Helper()
	db := open("ingest", sqldb.Full)
	if err := db.Migrate(t.Context(), leads); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t *testing.T, db *sqldb.DB) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM leads`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func insert(tx *sqldb.Tx, id string, n int) error {
	_, err := tx.Exec(`INSERT INTO leads (id, n) VALUES ($1, $2)`, id, n)
	return err
}

func TestWriteCommitsAllOrNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db := openMigrated(t, open)
		sorry := errors.New("sorry")
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			if err := insert(tx, "a", 1); err != nil {
				return err
			}
			return sorry
		})
		if !errors.Is(err, sorry) || count(t, db) != 0 {
			t.Fatalf("a failed transaction: err %v, %d rows; want the error itself and none", err, count(t, db))
		}
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`INSERT INTO leads (id, n) VALUES `+sqldb.Values(2, 2), "a", 1, "b", 2)
			return err
		})
		if err != nil || count(t, db) != 2 {
			t.Fatalf("err %v, %d rows; want 2", err, count(t, db))
		}
		err = db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) })
		if err == nil || sqldb.IsUnavailable(err) {
			t.Errorf("inserting a key twice: %v, want an error of the caller's", err)
		}
	})
}

func TestWritePanicRollsBackAndFreesTheWriter(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db := openMigrated(t, open)
		func() {
			defer func() { _ = recover() }()
			_ = db.Write(t.Context(), func(tx *sqldb.Tx) error { _ = insert(tx, "a", 1); panic("bug") })
		}()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "a", 1) }); err != nil {
			t.Fatal(err)
		}
	})
}

func TestReusedStatements(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		db := openMigrated(t, open)
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for i := range 400 { // more texts than a connection keeps
				if _, err := tx.Exec(`INSERT INTO leads (id, n) VALUES ($1, $2) /* `+strings.Repeat("x", i)+` */`, strings.Repeat("a", i+1), i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 400 {
			var n int
			if err := db.Read().QueryRowContext(t.Context(), `SELECT n FROM leads WHERE id = $1 AND n = $2 OR id = $1`, strings.Repeat("a", i+1), i).Scan(&n); err != nil || n != i {
				t.Fatalf("row %d: %d %v", i, n, err)
			}
		}
	})
}

func TestSQLiteSameStatementTwiceAtOnce(t *testing.T) {
	db := dbtest.Open(t, dbtest.SQLite(t), "ingest", sqldb.Normal)
	if err := db.Migrate(t.Context(), leads); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO leads (id, n) VALUES ('a', 1), ('b', 2), ('c', 3)`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	pairs := 0
	err = db.Write(t.Context(), func(tx *sqldb.Tx) error {
		outer, err := tx.Query(`SELECT n FROM leads ORDER BY n`)
		if err != nil {
			return err
		}
		defer outer.Close()
		for outer.Next() {
			inner, err := tx.Query(`SELECT n FROM leads ORDER BY n`)
			if err != nil {
				return err
			}
			for inner.Next() {
				pairs++
			}
			inner.Close()
		}
		return outer.Err()
	})
	if err != nil || pairs != 9 {
		t.Errorf("%d pairs, %v; want 9", pairs, err)
	}
}

func TestSQLiteReadersRefuseToWrite(t *testing.T) {
	db := dbtest.Open(t, dbtest.SQLite(t), "ingest", sqldb.Full)
	if _, err := db.Read().ExecContext(t.Context(), `CREATE TABLE t (a TEXT)`); err == nil {
		t.Error("a reader could write")
	}
}

func TestSQLiteFileBelongsToOne(t *testing.T) {
	url := dbtest.SQLite(t)
	first := dbtest.Open(t, url, "ingest", sqldb.Full)
	_, err := sqldb.Open(t.Context(), sqldb.Config{URL: url, Service: "ingest"})
	if err == nil || !strings.Contains(err.Error(), "held by another process") {
		t.Fatalf("opening a file twice: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	dbtest.Open(t, url, "ingest", sqldb.Full)
}

func TestSchemaOfAnotherVersionIsRefused(t *testing.T) {
	one := migrations(`CREATE TABLE a (id TEXT PRIMARY KEY);`)
	two := migrations(`CREATE TABLE a (id TEXT PRIMARY KEY);`, `CREATE TABLE b (id TEXT PRIMARY KEY);`)
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		ctx, db := t.Context(), open("handoff", sqldb.Full)
		if err := db.CheckSchema(ctx, one); err == nil || !strings.Contains(err.Error(), "assay migrate") {
			t.Errorf("empty database: %v, want the command to run", err)
		}
		if err := db.Migrate(ctx, one); err != nil {
			t.Fatal(err)
		}
		if err := db.CheckSchema(ctx, one); err != nil {
			t.Error(err)
		}
		if err := db.CheckSchema(ctx, two); err == nil || !strings.Contains(err.Error(), "assay migrate") {
			t.Errorf("older schema: %v, want the command to run", err)
		}
		for range 2 { // migrating again changes nothing
			if err := db.Migrate(ctx, two); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.CheckSchema(ctx, one); err == nil || !strings.Contains(err.Error(), "newer") {
			t.Errorf("newer schema: %v, want a refusal", err)
		}
	})
}

func TestServicesShareADatabaseButNotTables(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, open func(string, sqldb.Sync) *sqldb.DB) {
		openMigrated(t, open)
		other := open("behavior", sqldb.Normal)
		var n int
		if err := other.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM leads`).Scan(&n); err == nil {
			t.Error("a service reads the tables of another")
		}
	})
}

func TestOpenRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, c := range []sqldb.Config{
		{URL: "mysql://root:secret@host/db", Service: "ingest"},
		{URL: "sqlite:", Service: "ingest"},
		{URL: "sqlite:/x", Service: "in gest"},
	} {
		_, err := sqldb.Open(context.Background(), c)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestMigrationsOfBothStoresMatch(t *testing.T) { dbtest.CheckMigrations(t, leads) }
