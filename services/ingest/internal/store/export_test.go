package store

import "context"

// Rewrite rewrites the histories of leads as they are.
func (s *Store) Rewrite(ctx context.Context, leads ...string) error {
	return s.rewriting(ctx, leads, false, func(*commit) error { return nil })
}
