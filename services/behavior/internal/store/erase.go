package store

import (
	"context"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// tables that hold something of leads, in the column `lead`.
var tables = []string{"ledger", "checkpoints"}

// Erase deletes all that is kept of leads, `leads/{lead}`, and returns how many rows went
// from each table. It may be repeated.
func (s *Store) Erase(ctx context.Context, leads []string) (gone map[string]int32, err error) {
	args := make([]any, len(leads))
	for i, lead := range leads {
		args[i] = lead
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		gone = map[string]int32{}
		for _, table := range tables {
			n, err := tx.Affected(`DELETE FROM `+table+` WHERE lead IN (`+sqldb.List(1, len(args))+`)`, args...)
			if err != nil {
				return err
			}
			if n > 0 {
				gone[table] = int32(n)
			}
		}
		return nil
	})
	return gone, err
}

// Scrub makes what was erased unreadable in the files of the database, see [sqldb.DB.Scrub].
func (s *Store) Scrub(ctx context.Context) error { return s.db.Scrub(ctx, tables...) }
