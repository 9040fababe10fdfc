package store

import (
	"context"
	"database/sql"
	"errors"
	"math/bits"
	"slices"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// maxRows is the most rows of one statement. Statements take powers of two of rows,
// so that there are few different ones to prepare.
const maxRows = 128

// chunks calls fn for runs of n rows, each a power of two long.
func chunks(n int, fn func(from, to int) error) error {
	for from := 0; from < n; {
		size := min(1<<(bits.Len(uint(n-from))-1), maxRows)
		if err := fn(from, from+size); err != nil {
			return err
		}
		from += size
	}
	return nil
}

// insert writes rows: head is the statement up to VALUES, tail what follows them,
// values the columns of row after row.
func insert(tx *sqldb.Tx, head string, columns int, tail string, values []any) error {
	return chunks(len(values)/columns, func(from, to int) error {
		_, err := tx.Exec(head+sqldb.Values(to-from, columns)+tail, values[from*columns:to*columns]...)
		return err
	})
}

// insertReturning is insert with a RETURNING clause in its tail.
func insertReturning(tx *sqldb.Tx, head string, columns int, tail string, values []any, scan func(*sql.Rows) error) error {
	return chunks(len(values)/columns, func(from, to int) error {
		rows, err := tx.Query(head+sqldb.Values(to-from, columns)+tail, values[from*columns:to*columns]...)
		return scanAll(rows, err, scan)
	})
}

// querier is a transaction or the pool of readers.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// reader reads outside of any transaction.
type reader struct {
	ctx context.Context
	db  *sqldb.DB
}

func (r reader) Query(query string, args ...any) (*sql.Rows, error) {
	return r.db.Read().QueryContext(r.ctx, query, args...)
}

// selectIn reads the rows of some ids: query ends on `IN (`, and what may follow begins
// with `)`.
func selectIn(from querier, query string, ids []string, scan func(*sql.Rows) error, end ...string) error {
	tail := ")"
	if len(end) > 0 {
		tail = end[0]
	}
	return chunks(len(ids), func(first, to int) error {
		args := make([]any, 0, to-first)
		for _, id := range ids[first:to] {
			args = append(args, id)
		}
		rows, err := from.Query(query+sqldb.List(1, len(args))+tail, args...)
		return scanAll(rows, err, scan)
	})
}

// scanAll scans every row and closes them.
func scanAll(rows *sql.Rows, err error, scan func(*sql.Rows) error) error {
	if err != nil {
		return err
	}
	for rows.Next() {
		if err := scan(rows); err != nil {
			return errors.Join(err, rows.Close())
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

func boolColumn(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// distinct are the texts that are not empty, sorted, each once.
func distinct(texts []string) []string {
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	slices.Sort(texts)
	return slices.Compact(texts)
}
