package store

import "context"

// UndoLeads takes back what an import did to the next n of its leads, and reports
// whether there are more.
func (s *Store) UndoLeads(ctx context.Context, w *ImportWork, n int) (more bool, err error) {
	return false, nil
}
