package sqldb_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestDeadlockIsRetried(t *testing.T) {
	db := openMigrated(t, func(s string, y sqldb.Sync) *sqldb.DB { return dbtest.Open(t, dbtest.Postgres(t), s, y) })
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		return errors.Join(insert(tx, "a", 0), insert(tx, "b", 0))
	})
	if err != nil {
		t.Fatal(err)
	}
	var both, all sync.WaitGroup
	both.Add(2)
	var runs [2]int
	for i, order := range [][2]string{{"a", "b"}, {"b", "a"}} {
		all.Go(func() {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				runs[i]++
				for j, id := range order {
					if _, err := tx.Exec(`UPDATE leads SET n = n + 1 WHERE id = $1`, id); err != nil {
						return err
					}
					if j == 0 && runs[i] == 1 { // each holds one row before it asks for the other
						both.Done()
						both.Wait()
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	var sum int
	if err := db.Read().QueryRowContext(t.Context(), `SELECT sum(n) FROM leads`).Scan(&sum); err != nil || sum != 4 {
		t.Errorf("sum %d %v, want 4", sum, err)
	}
	if runs[0]+runs[1] != 3 {
		t.Errorf("ran %v times: want one of them once and the other twice", runs)
	}
}

func TestStoreThatIsAway(t *testing.T) {
	url, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	db := dbtest.Open(t, url, "ingest", sqldb.Full)
	if err := db.Migrate(t.Context(), leads); err != nil {
		t.Fatal(err)
	}
	var transactions int
	c := sqldb.NewCommitter(db, "test", store, sqldb.OnCommit(func(int, time.Duration, error) { transactions++ }))
	stop()
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			if err := c.Submit(t.Context(), fmt.Sprint(i)); !sqldb.IsUnavailable(err) {
				t.Errorf("submitting to a store that is away: %v", err)
			}
		})
	}
	all.Wait()
	c.Close()
	if transactions > 20 { // nobody is retried alone
		t.Errorf("%d transactions for 20 items", transactions)
	}
	if err := db.Read().PingContext(t.Context()); !sqldb.IsUnavailable(err) {
		t.Errorf("reading: %v", err)
	}
	if _, err := sqldb.Open(t.Context(), sqldb.Config{URL: url, Service: "ingest"}); !sqldb.IsUnavailable(err) {
		t.Errorf("opening: %v", err)
	}
}

// A process that is killed leaves neither its lock nor an uncommitted row.
func TestSQLiteSurvivesKill(t *testing.T) {
	const variable = "ASSAY_TEST_KILLED_DATABASE"
	if url := os.Getenv(variable); url != "" { // the child
		db := dbtest.Open(t, url, "ingest", sqldb.Full)
		if err := db.Migrate(t.Context(), leads); err != nil {
			t.Fatal(err)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return insert(tx, "committed", 1) }); err != nil {
			t.Fatal(err)
		}
		_ = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_ = insert(tx, "uncommitted", 1)
			fmt.Println("in the transaction")
			select {}
		})
	}
	url := dbtest.SQLite(t)
	child := exec.Command(os.Args[0], "-test.run=^TestSQLiteSurvivesKill$")
	child.Env = append(os.Environ(), variable+"="+url)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	said := make([]byte, len("in the transaction"))
	if _, err := out.Read(said); err != nil || string(said) != "in the transaction" {
		t.Errorf("%q %v", said, err)
	}
	if _, err := sqldb.Open(t.Context(), sqldb.Config{URL: url, Service: "ingest"}); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("opening the file of a process that lives: %v", err)
	}
	child.Process.Kill() // Wait says
	child.Wait()         // it was killed
	db := dbtest.Open(t, url, "ingest", sqldb.Full)
	if n := count(t, db); n != 1 {
		t.Errorf("%d rows, want the committed one", n)
	}
}
