package dbtest_test

import (
	"bufio"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// folder returns the folder of the server behind a URL.
func folder(t *testing.T, server string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host")
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func setting(t *testing.T, server, name string) (value string) {
	t.Helper()
	db, err := sql.Open("pgx", server)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), `SHOW `+name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestServerIsAsAskedForAndLeavesNothing(t *testing.T) {
	server, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true, Settings: []string{"work_mem=5MB"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := setting(t, server, "fsync") + " " + setting(t, server, "work_mem"); got != "on 5MB" {
		t.Error(got)
	}
	stop()
	if exists(folder(t, server)) {
		t.Error("the folder is still there")
	}
}

func TestEachTestHasADatabaseOfItsOwn(t *testing.T) {
	a, b := dbtest.Postgres(t), dbtest.Postgres(t)
	if a == b || folder(t, a) != folder(t, b) {
		t.Errorf("%s and %s: want two databases of one server", a, b)
	}
	if got := setting(t, a, "fsync"); got != "off" {
		t.Errorf("fsync is %s", got)
	}
}

func TestServerEndsWithAProcessThatIsKilled(t *testing.T) {
	const variable = "ASSAY_TEST_KILLED_SERVER"
	if os.Getenv(variable) != "" { // the child
		server, _, err := dbtest.StartPostgres(dbtest.PostgresOptions{})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Println(server)
		select {}
	}
	child := exec.Command(os.Args[0], "-test.run=^TestServerEndsWithAProcessThatIsKilled$")
	child.Env = append(os.Environ(), variable+"=1")
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "postgres://") {
		t.Fatalf("%q %v", line, err)
	}
	dir := folder(t, strings.TrimSpace(line))
	child.Process.Kill() // Wait says
	child.Wait()         // it was killed
	for end := time.Now().Add(20 * time.Second); exists(dir + "/data/postmaster.pid"); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the server outlives its process")
		}
	}
	_, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if exists(dir) {
		t.Error("the next start did not remove the folder")
	}
}

// What is copied has every migration, and what was there stays.
func TestMigratedIsACopyOnce(t *testing.T) {
	statements := fstest.MapFS{}
	for _, dialect := range []string{"sqlite", "postgres"} {
		statements[dialect+"/001_first.sql"] = &fstest.MapFile{Data: []byte("-- +goose Up\nCREATE TABLE words (word TEXT);\n")}
	}
	for range 2 { // the second is copied from what the first made
		dbtest.EachURL(t, func(t *testing.T, url string) {
			db := dbtest.Migrated(t, url, "first", sqldb.Full, statements)
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`INSERT INTO words VALUES ('kept')`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			dbtest.Migrated(t, url, "second", sqldb.Full, statements)
			db.Close() // a file has one owner
			var word string
			db = dbtest.Migrated(t, url, "first", sqldb.Full, statements)
			if err := db.Read().QueryRowContext(t.Context(), `SELECT word FROM words`).Scan(&word); err != nil || word != "kept" {
				t.Errorf("%q %v", word, err)
			}
		})
	}
}
