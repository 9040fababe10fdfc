package standard

import (
	"context"
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// OnChange has fn called in every transaction that changes which versions decide, with
// the name of the version that decides now, or of the standard that does no more. An
// error of fn undoes the change. Call it before the registry is used.
func (r *Registry) OnChange(fn func(tx *sqldb.Tx, name string) error) { r.changed = fn }

// watched runs what may change the active set, and tells what it changed.
func (r *Registry) watched(tx *sqldb.Tx, fn func(tx *sqldb.Tx) error) error {
	if r.changed == nil {
		return fn(tx)
	}
	before, err := r.ActiveIn(tx)
	if err != nil {
		return err
	}
	if err := fn(tx); err != nil {
		return err
	}
	after, err := r.ActiveIn(tx)
	if err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(after)) {
		if before[id] != after[id] {
			if err := r.changed(tx, after[id]); err != nil {
				return err
			}
		}
	}
	for _, id := range slices.Sorted(maps.Keys(before)) {
		if after[id] == "" {
			if err := r.changed(tx, "standards/"+id); err != nil {
				return err
			}
		}
	}
	return nil
}

// Compiled returns a version ready to decide, whether it is published or not, or
// ErrNotFound.
func (r *Registry) Compiled(ctx context.Context, id, version string) (*Compiled, error) {
	return r.compile(ctx, id, version)
}
