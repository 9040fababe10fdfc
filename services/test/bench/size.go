package main

import (
	"context"
	"database/sql"
	"errors"
	"strings"
)

// size returns how many bytes a service's database has, indexes and free pages included,
// while it is in use.
func size(ctx context.Context, url, service string) (bytes float64, err error) {
	driver, source := "pgx", url
	query, args := `SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'`, []any{service}
	if dir, ok := strings.CutPrefix(url, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+dir+"/"+service+".db?mode=ro"
		query, args = `SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()`, nil
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return 0, err
	}
	err = db.QueryRowContext(ctx, query, args...).Scan(&bytes)
	return bytes, errors.Join(err, db.Close())
}
