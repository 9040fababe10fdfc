package duework

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// MaxAttempts is how many claims an item has before it is quarantined.
const MaxAttempts = 5

// Table describes the rows of a [Queue].
type Table struct {
	// Name is the name of the table.
	Name string
	// Key are the columns of the primary key, all TEXT.
	Key []string
	// KeepDone keeps a completed row with state done. Default: it is deleted.
	KeepDone bool
}

// Queue claims and ends the work of one table. It holds no state but its statements;
// it is safe for concurrent use and across processes.
type Queue struct {
	table                                                                       Table
	claim, keep, complete, release, fail, retry, schedule, postpone, quarantine string
	next, void                                                                  string
}

// Lease is an item in the hands of one worker.
type Lease struct {
	// Key are the values of the key columns.
	Key []string
	// Fence names the lease. A later lease of the item has a larger one.
	Fence int64
	// Attempts counts this claim too: 1 at first.
	Attempts int
	// DueTime is since when it is due.
	DueTime time.Time
}

// New returns the queue over a table.
func New(dialect sqldb.Dialect, t Table) *Queue {
	key := strings.Join(t.Key, ", ")
	n := len(t.Key)
	// Arguments of statements on one lease: key, fence, more.
	mine := ""
	for i, column := range t.Key {
		mine += fmt.Sprintf("%s = $%d AND ", column, i+1)
	}
	held := mine + fmt.Sprintf("fence = $%d AND lease_until > 0", n+1)
	mine = strings.TrimSuffix(mine, " AND ")
	arg := func(i int) string { return fmt.Sprintf("$%d", n+i) }
	q := &Queue{table: t}
	// MATERIALIZED: PostgreSQL must not run the locking SELECT more than once.
	q.claim = `WITH picked AS MATERIALIZED (SELECT ` + key + ` FROM ` + t.Name + `
		WHERE state = 0 AND due_time <= $1 AND lease_until <= $1 ORDER BY due_time LIMIT $3` + dialect.ForUpdateSkipLocked() + `)
		UPDATE ` + t.Name + ` SET lease_until = $2, fence = fence + 1, attempts = attempts + 1
		WHERE (` + key + `) IN (SELECT ` + key + ` FROM picked) RETURNING ` + key + `, fence, attempts, due_time`
	q.complete = `DELETE FROM ` + t.Name + ` WHERE ` + held
	if t.KeepDone {
		q.complete = `UPDATE ` + t.Name + ` SET state = 2, lease_until = 0, last_error = '' WHERE ` + held
	}
	q.keep = `UPDATE ` + t.Name + ` SET lease_until = ` + arg(2) + ` WHERE ` + held
	q.release = `UPDATE ` + t.Name + ` SET lease_until = 0, attempts = attempts - 1 WHERE ` + held
	q.postpone = `UPDATE ` + t.Name + ` SET lease_until = 0, attempts = 0, last_error = '', due_time = ` + arg(2) + ` WHERE ` + held
	q.fail = `UPDATE ` + t.Name + ` SET lease_until = 0, last_error = ` + arg(2) + `, due_time = ` + arg(3) + ` WHERE ` + held
	q.quarantine = `UPDATE ` + t.Name + ` SET lease_until = 0, last_error = ` + arg(2) + `, state = 1 WHERE ` + held
	q.retry = `UPDATE ` + t.Name + ` SET state = 0, attempts = 0, due_time = ` + arg(1) + ` WHERE ` + mine + ` AND state = 1`
	q.schedule = `INSERT INTO ` + t.Name + ` (` + key + `, due_time) VALUES ` + sqldb.Values(1, n+1) + ` ` + q.OnConflict()
	q.next = `SELECT due_time, lease_until FROM ` + t.Name + ` WHERE state = 0 ORDER BY due_time LIMIT $1`
	q.void = `UPDATE ` + t.Name + ` SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0`
	return q
}

// OnConflict returns the end of an INSERT of the owner that schedules a row of the
// table: a row that is there is due at the new due_time, and a lease on it is void.
// Never schedule with DO NOTHING, which loses what a worker is about to delete.
func (q *Queue) OnConflict() string {
	return `ON CONFLICT (` + strings.Join(q.table.Key, ", ") + `) DO UPDATE SET due_time = excluded.due_time,
		lease_until = 0, fence = ` + q.table.Name + `.fence + 1, attempts = 0, last_error = '', state = 0`
}

// Schedule makes the item due at a time, new or again. For tables whose other columns
// have defaults; otherwise the owner inserts and ends with [Queue.OnConflict].
func (q *Queue) Schedule(tx *sqldb.Tx, due time.Time, key ...string) error {
	_, err := tx.Exec(q.schedule, append(values(key), sqldb.Micros(due))...)
	return err
}

// Claim leases at most limit items that are due at now and not leased, those due
// longest first, until now + lease. An item that has been claimed too often without
// an end is quarantined instead of returned.
func (q *Queue) Claim(tx *sqldb.Tx, now time.Time, lease time.Duration, limit int) ([]Lease, error) {
	leases, err := q.pick(tx, now, lease, limit)
	if err != nil {
		return nil, err
	}
	kept := leases[:0]
	for _, l := range leases {
		if l.Attempts <= MaxAttempts {
			kept = append(kept, l)
			continue
		}
		if _, err := q.end(tx, q.quarantine, l, fmt.Sprintf("%d leases ended without an answer", MaxAttempts)); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(kept, func(a, b Lease) int {
		return cmp.Or(a.DueTime.Compare(b.DueTime), slices.Compare(a.Key, b.Key))
	})
	return kept, nil
}

func (q *Queue) pick(tx *sqldb.Tx, now time.Time, lease time.Duration, limit int) (leases []Lease, err error) {
	rows, err := tx.Query(q.claim, sqldb.Micros(now), sqldb.Micros(now.Add(lease)), limit)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		l := Lease{Key: make([]string, len(q.table.Key))}
		var due int64
		var dest []any
		for i := range l.Key {
			dest = append(dest, &l.Key[i])
		}
		if err := rows.Scan(append(dest, &l.Fence, &l.Attempts, &due)...); err != nil {
			return nil, err
		}
		l.DueTime = sqldb.Time(due)
		leases = append(leases, l)
	}
	return leases, rows.Err()
}

// Keep makes a lease longer: its worker is alive. Work that may take long has a short lease
// that is kept, so that others need not wait long for a worker that was killed.
func (q *Queue) Keep(tx *sqldb.Tx, l Lease, until time.Time) (held bool, err error) {
	return q.end(tx, q.keep, l, sqldb.Micros(until))
}

// Complete ends the lease: the work is done. It reports whether the lease still held;
// if not, nothing was changed and the item belongs to another lease.
func (q *Queue) Complete(tx *sqldb.Tx, l Lease) (held bool, err error) {
	return q.end(tx, q.complete, l)
}

// Postpone ends the lease: the work is done and is due again at a time.
func (q *Queue) Postpone(tx *sqldb.Tx, l Lease, due time.Time) (held bool, err error) {
	return q.end(tx, q.postpone, l, sqldb.Micros(due))
}

// Release ends the lease as if there had been none, e.g. because another service is
// away: the attempt does not count.
func (q *Queue) Release(tx *sqldb.Tx, l Lease) (held bool, err error) {
	return q.end(tx, q.release, l)
}

// Fail ends the lease with an error, which must hold no personal data. The item is
// due again at retry, or quarantined after [MaxAttempts] claims.
func (q *Queue) Fail(tx *sqldb.Tx, l Lease, reason string, retry time.Time) (held bool, err error) {
	if l.Attempts >= MaxAttempts {
		return q.end(tx, q.quarantine, l, reason)
	}
	return q.end(tx, q.fail, l, reason, sqldb.Micros(retry))
}

func (q *Queue) end(tx *sqldb.Tx, statement string, l Lease, more ...any) (bool, error) {
	n, err := tx.Affected(statement, append(append(values(l.Key), l.Fence), more...)...)
	return n == 1, err
}

// Retry makes a quarantined item due at a time, with all attempts before it. It
// reports whether the item was quarantined.
func (q *Queue) Retry(tx *sqldb.Tx, due time.Time, key ...string) (bool, error) {
	n, err := tx.Affected(q.retry, append(values(key), sqldb.Micros(due))...)
	return n == 1, err
}

// VoidLeases ends all leases; their attempts count. On SQLite one process owns the
// database, so that at its start nobody can hold one. On PostgreSQL it does nothing:
// another process may be working.
func (q *Queue) VoidLeases(tx *sqldb.Tx) error {
	if tx.Dialect() != sqldb.SQLite {
		return nil
	}
	_, err := tx.Exec(q.void)
	return err
}

// Next returns when there is something to claim next, the zero time if nothing waits. It
// reads one row if the first that is due is not leased, however many wait.
func (q *Queue) Next(ctx context.Context, db *sqldb.DB) (next time.Time, err error) {
	// What is leased stands before what is not: workers take the first. More than a
	// thousand are hardly leased at once; then the end of a lease is the answer.
	for _, limit := range []int{1, 1000} {
		var leased bool
		if next, leased, err = q.first(ctx, db, limit); err != nil || !leased {
			break
		}
	}
	return next, err
}

// first is the earliest time at which one of the first rows can be claimed, and whether
// they all are leased until after they are due, so that a later row may come before.
func (q *Queue) first(ctx context.Context, db *sqldb.DB, limit int) (next time.Time, leased bool, err error) {
	rows, err := db.Read().QueryContext(ctx, q.next, limit)
	if err != nil {
		return time.Time{}, false, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var due, until int64
		if err := rows.Scan(&due, &until); err != nil {
			return time.Time{}, false, err
		}
		leased = until > due
		if at := sqldb.Time(max(due, until)); next.IsZero() || at.Before(next) {
			next = at
		}
		if !leased {
			break
		}
	}
	return next, leased, rows.Err()
}

// Count is how much there is of what, for metrics.
type Count struct {
	// Due items wait or are leased at the instant.
	Due int
	// Quarantined items wait for a person.
	Quarantined int
	// Oldest is since when the oldest due item is due; zero if none is.
	Oldest time.Time
}

// Count returns how much there is at an instant.
func (q *Queue) Count(ctx context.Context, db *sqldb.DB, now time.Time) (c Count, err error) {
	var oldest sql.NullInt64
	err = db.Read().QueryRowContext(ctx, `SELECT count(CASE WHEN state = 0 THEN 1 END), count(CASE WHEN state = 1 THEN 1 END),
		min(CASE WHEN state = 0 THEN due_time END) FROM `+q.table.Name+` WHERE state = 1 OR (state = 0 AND due_time <= $1)`,
		sqldb.Micros(now)).Scan(&c.Due, &c.Quarantined, &oldest)
	c.Oldest = sqldb.Time(oldest.Int64)
	return c, err
}

func values(key []string) []any {
	args := make([]any, len(key), len(key)+4)
	for i, v := range key {
		args[i] = v
	}
	return args
}
