package app

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Migrate brings the schemas of the services up to date and tells each service that
// is.
func Migrate(ctx context.Context, settings Settings, done func(service string)) error {
	settings = settings.withDefaults()
	for _, e := range table {
		if e.migrations == nil || !slices.Contains(settings.Services, e.name) {
			continue
		}
		db, err := sqldb.Open(ctx, sqldb.Config{URL: settings.DB, Service: e.name, Sync: e.sync})
		if err != nil {
			return err
		}
		err = errors.Join(db.Migrate(ctx, e.migrations), db.Close())
		if err != nil {
			return fmt.Errorf("%s: %w", e.name, err)
		}
		done(e.name)
	}
	return nil
}
