package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

// versionTable is where goose keeps what was applied.
const versionTable = "goose_db_version"

// Migrate applies the migrations that are missing, in the order of their numbers.
// migrations has one folder per dialect, `sqlite` and `postgres`, with files named
// NNN_name.sql in goose's format. On PostgreSQL it makes the schema first.
func (db *DB) Migrate(ctx context.Context, migrations fs.FS) error {
	pool := db.write
	if db.dialect == PostgreSQL {
		var err error
		if pool, err = db.maintenance(ctx); err != nil {
			return err
		}
		defer pool.Close()
	}
	provider, err := db.provider(pool, migrations)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("sqldb: migrate %s: %w", db.config.Service, err)
	}
	return nil
}

// CheckSchema returns an error unless exactly the migrations that this binary knows
// are applied. The error says what to run.
func (db *DB) CheckSchema(ctx context.Context, migrations fs.FS) error {
	provider, err := db.provider(db.read, migrations)
	if err != nil {
		return err
	}
	known := map[int64]bool{}
	var newest int64
	for _, s := range provider.ListSources() {
		known[s.Version] = true
		newest = max(newest, s.Version)
	}
	applied, err := db.applied(ctx)
	if err != nil {
		return fmt.Errorf("sqldb: schema version of %s: %w", db.config.Service, err)
	}
	for _, v := range applied {
		if v != 0 && !known[v] {
			return fmt.Errorf("sqldb: the schema of %s is at version %d and this binary knows it up to %d: "+
				"run the assay that migrated it, or a newer one", db.config.Service, v, newest)
		}
		delete(known, v)
	}
	if len(known) > 0 {
		return fmt.Errorf("sqldb: the schema of %s misses %d of the migrations up to version %d: "+
			"run `assay migrate`", db.config.Service, len(known), newest)
	}
	return nil
}

func (db *DB) applied(ctx context.Context) (versions []int64, err error) {
	rows, err := db.read.QueryContext(ctx, `SELECT version_id FROM `+versionTable+` WHERE is_applied ORDER BY version_id`)
	if err != nil {
		if isNoTable(err) {
			return nil, nil
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v int64
		if err := rows.Scan(&v); err != nil {
			return nil, err
		}
		versions = append(versions, v)
	}
	return versions, rows.Err()
}

func (db *DB) provider(pool *sql.DB, migrations fs.FS) (*goose.Provider, error) {
	folder, err := fs.Sub(migrations, db.dialect.String())
	if err != nil {
		return nil, fmt.Errorf("sqldb: migrations of %s: %w", db.config.Service, err)
	}
	dialect := goose.DialectSQLite3
	if db.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, pool, folder,
		goose.WithTableName(versionTable), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return nil, fmt.Errorf("sqldb: migrations of %s: %w", db.config.Service, err)
	}
	return provider, nil
}
