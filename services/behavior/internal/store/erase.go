package store

import "context"

// tables that hold something of leads.
var tables = []string{"ledger", "checkpoints"}

// Erase deletes all that is kept of leads, `leads/{lead}`, and returns how many rows went
// from each table. It may be repeated.
func (s *Store) Erase(ctx context.Context, leads []string) (gone map[string]int32, err error) {
	return s.db.Erase(ctx, tables, "lead", leads)
}

// Scrub makes what was erased unreadable in the files of the database.
func (s *Store) Scrub(ctx context.Context) error { return s.db.Scrub(ctx, tables...) }
