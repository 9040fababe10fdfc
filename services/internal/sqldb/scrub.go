package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Scrub makes what was deleted from some tables, or overwritten there, unreadable in the
// files of the database, as far as the store allows it.
//
// A database does not wipe what it deletes: the bytes stay in free space until something
// else is written there, and in the log that commits go through. So:
//
//   - SQLite writes its whole file anew and empties the WAL. Nothing is left. Whoever
//     writes waits meanwhile, readers do not. PRAGMA secure_delete would not do: pages that
//     are split keep copies of what was moved off them.
//   - PostgreSQL writes the tables and their indexes anew (VACUUM FULL), each locked
//     meanwhile, and makes a checkpoint if the role may, with which the old files go. Its
//     WAL is the server's: segments are reused or removed after the next checkpoints, and
//     what is archived or backed up is for the operator to let expire.
//
// Scrubbing again does no harm.
func (db *DB) Scrub(ctx context.Context, tables ...string) error {
	if db.dialect == SQLite {
		return db.scrubFile(ctx)
	}
	return db.scrubTables(ctx, tables)
}

// checkpointPause is between two tries to empty a WAL that somebody reads.
const checkpointPause = 20 * time.Millisecond

func (db *DB) scrubFile(ctx context.Context) error {
	conn, err := db.write.Conn(ctx) // the only writer: all others wait
	if err != nil {
		return err
	}
	defer conn.Close()
	ctx = context.WithoutCancel(ctx) // half a rewrite is none
	// What VACUUM builds is as large as the file: not in memory.
	for _, statement := range []string{`PRAGMA temp_store = FILE`, `VACUUM`, `PRAGMA temp_store = MEMORY`} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("sqldb: scrub %s: %w", db.config.Service, err)
		}
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(checkpointPause) {
		var busy, pages, moved int
		if err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
			return fmt.Errorf("sqldb: scrub %s: %w", db.config.Service, err)
		}
		if busy == 0 {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("sqldb: scrub %s: somebody reads for a minute: the WAL could not be emptied", db.config.Service)
		}
	}
}

func (db *DB) scrubTables(ctx context.Context, tables []string) error {
	pool, err := db.maintenance(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	for _, table := range tables {
		if err := retried(ctx, pool, `VACUUM (FULL) `+table); err != nil { // names are ours
			return fmt.Errorf("sqldb: scrub %s.%s: %w", db.config.Service, table, err)
		}
	}
	const notAllowed = "42501"
	if _, err := pool.ExecContext(ctx, `CHECKPOINT`); err != nil && state(err) != notAllowed {
		return fmt.Errorf("sqldb: scrub %s: checkpoint: %w", db.config.Service, err)
	}
	return nil
}

// retried runs a statement again while others hold locks that it needs.
func retried(ctx context.Context, pool *sql.DB, statement string) error {
	for attempt := 1; ; attempt++ {
		_, err := pool.ExecContext(ctx, statement)
		if err == nil || attempt == maxAttempts || !isRetryable(err) && state(err) != "55P03" {
			return err
		}
		select {
		case <-time.After(time.Duration(attempt) * time.Second):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}
