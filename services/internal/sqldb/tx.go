package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"time"
)

// Tx is a write transaction. Its Exec, Query and QueryRow run under the context of
// [DB.Write]; do not call Commit or Rollback on it.
type Tx struct {
	*sql.Tx
	dialect Dialect
	ctx     context.Context
}

// Dialect returns the kind of store.
func (tx *Tx) Dialect() Dialect { return tx.dialect }

// Context returns the context that the statements run under.
func (tx *Tx) Context() context.Context { return tx.ctx }

// Exec runs a statement that returns no rows.
func (tx *Tx) Exec(query string, args ...any) (sql.Result, error) {
	return tx.ExecContext(tx.ctx, query, args...)
}

// Affected runs a statement and returns how many rows it wrote.
func (tx *Tx) Affected(query string, args ...any) (int64, error) {
	r, err := tx.ExecContext(tx.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query runs a statement that returns rows. Close them before the next statement:
// a PostgreSQL connection has one result at a time.
func (tx *Tx) Query(query string, args ...any) (*sql.Rows, error) {
	return tx.QueryContext(tx.ctx, query, args...)
}

// QueryRow runs a statement that returns at most one row.
func (tx *Tx) QueryRow(query string, args ...any) *sql.Row {
	return tx.QueryRowContext(tx.ctx, query, args...)
}

// maxAttempts bounds how often a transaction is run when the store asks to retry.
const maxAttempts = 5

// Write runs fn in one write transaction and returns after its durable commit. fn
// is run again, up to five times in all, when the store asks for it (serialization
// failure, deadlock, busy), so it must be repeatable: it resets what it sets
// outside. Any error of fn rolls back and is returned as it is.
func (db *DB) Write(ctx context.Context, fn func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := db.writeOnce(ctx, fn)
		if err == nil || attempt == maxAttempts || !isRetryable(err) {
			return err
		}
		// Full jitter: those that collided do not collide again.
		pause := rand.N(time.Duration(attempt) * 5 * time.Millisecond)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, fn func(tx *Tx) error) error {
	conn, err := db.write.Conn(ctx) // waits for the writer, no longer than ctx
	if err != nil {
		return err
	}
	defer conn.Close()
	if db.dialect == SQLite {
		// The writer is ours now and a transaction is short: let it end. Watching
		// the context would also cost a goroutine per statement.
		ctx = context.WithoutCancel(ctx)
	}
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // does nothing after Commit; also runs on panic
	t := &Tx{Tx: tx, dialect: db.dialect, ctx: ctx}
	if err := fn(t); err != nil {
		return err
	}
	if db.before == nil {
		return tx.Commit()
	}
	ended, err := db.before(t)
	if err != nil {
		return err
	}
	committed := false
	if ended != nil {
		defer func() { ended(committed) }()
	}
	err = tx.Commit()
	committed = err == nil
	return err
}
