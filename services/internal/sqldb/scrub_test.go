package sqldb_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// folderOf is where a store keeps its files.
func folderOf(t *testing.T, address string) string {
	t.Helper()
	if dir, ok := strings.CutPrefix(address, "sqlite:"); ok {
		return dir
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(u.Query().Get("host"), "data", "base") // without the WAL, which is the server's
}

// found says in which files of a folder a text stands.
func found(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // what is removed meanwhile holds nothing
		}
		if b, err := os.ReadFile(path); err == nil && bytes.Contains(b, []byte(text)) {
			files = append(files, filepath.Base(path))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestScrubLeavesNoByteOfWhatWasDeleted(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		db := dbtest.Open(t, url, "ingest", sqldb.Full)
		if err := db.Migrate(t.Context(), leads); err != nil {
			t.Fatal(err)
		}
		write := func(statement string, args ...any) {
			t.Helper()
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(statement, args...)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		const gone, kept = "canary-gone", "canary-kept"
		for i := range 400 { // in an order in which pages split
			id := strings.Repeat(string(rune('a'+i*7%26)), i*13%60+1) + string(rune('a'+i%26)) + string(rune('a'+i/26))
			write(`INSERT INTO leads (id, n, data) VALUES ($1, $2, $3)`, gone+id, i, []byte(strings.Repeat(gone, i*31%300)))
			write(`INSERT INTO leads (id, n, data) VALUES ($1, $2, $3)`, kept+id, i, []byte(strings.Repeat("x", i*17%300)))
			write(`UPDATE leads SET data = $1 WHERE id = $2`, []byte(gone), gone+id)
		}
		write(`DELETE FROM leads WHERE id LIKE $1`, gone+"%")
		var readers sync.WaitGroup
		ctx, stop := context.WithCancel(t.Context())
		readers.Go(func() { // who reads is not in the way
			for ctx.Err() == nil {
				count(t, db)
			}
		})
		if err := db.Scrub(t.Context(), "leads"); err != nil {
			t.Fatal(err)
		}
		stop()
		readers.Wait()
		write(`INSERT INTO leads (id, n) VALUES ('after', 1)`)
		if files := found(t, folderOf(t, url), gone); len(files) > 0 {
			t.Errorf("what was deleted stands in %v", files)
		}
		if n := count(t, db); n != 401 {
			t.Errorf("%d rows are left, want 401", n)
		}
		if files := found(t, folderOf(t, url), kept); len(files) == 0 {
			t.Error("what was kept is found nowhere: the test looks in the wrong place")
		}
	})
}
