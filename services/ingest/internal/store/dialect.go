package store

import (
	"strconv"
	"strings"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// The two stores differ in how many rows go in or out with one statement. SQLite
// runs in this process: texts of a few shapes are prepared once. PostgreSQL is a
// round trip away: one statement takes columns as arrays, however long.

// table says how rows are written to a table.
type table struct {
	name    string
	columns string // `name type`, with commas between them
	suffix  string // what to do about rows that are there
}

// rows are values to write, one row after another.
type rows struct {
	table  *table
	names  []string
	types  []string
	values []any
}

func (t *table) rows() *rows {
	r := &rows{table: t}
	for column := range strings.SplitSeq(t.columns, ",") {
		name, kind, _ := strings.Cut(strings.TrimSpace(column), " ")
		r.names, r.types = append(r.names, name), append(r.types, kind)
	}
	return r
}

func (r *rows) add(values ...any) { r.values = append(r.values, values...) }

func (r *rows) len() int { return len(r.values) / len(r.names) }

// write returns how many rows were written.
func (r *rows) write(tx *sqldb.Tx) (int64, error) {
	if len(r.values) == 0 {
		return 0, nil
	}
	head := "INSERT INTO " + r.table.name + " (" + strings.Join(r.names, ",") + ") "
	if tx.Dialect() == sqldb.PostgreSQL {
		return tx.Affected(head+"SELECT * FROM unnest("+placeholders(r.types)+") "+r.table.suffix, r.arrays()...)
	}
	var written int64
	cols := len(r.names)
	for at, left := 0, r.len(); left > 0; {
		n := chunk(left)
		affected, err := tx.Affected(head+"VALUES "+sqldb.Values(n, cols)+" "+r.table.suffix, r.values[at*cols:(at+n)*cols]...)
		if err != nil {
			return 0, err
		}
		written += affected
		at, left = at+n, left-n
	}
	return written, nil
}

// chunk returns the largest power of two that is not above n, at most 64: seven
// texts in all for a table.
func chunk(n int) int {
	for c := 64; ; c /= 2 {
		if c <= n {
			return c
		}
	}
}

// arrays turns the rows into one array for each column.
func (r *rows) arrays() []any {
	cols, n := len(r.names), r.len()
	args := make([]any, cols)
	for c, kind := range r.types {
		switch kind {
		case "text":
			args[c] = column[string](r.values, c, cols, n)
		case "bigint":
			args[c] = column[int64](r.values, c, cols, n)
		default:
			args[c] = column[[]byte](r.values, c, cols, n)
		}
	}
	return args
}

func column[T any](values []any, c, cols, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = values[i*cols+c].(T)
	}
	return out
}

// keys are what to look for: a table to join with, of columns a, b, c. A query has
// it as the first of its FROM, joined by CROSS JOIN so that both stores begin there.
type keys struct{ columns []any } // []string or []int64, all of one length

func keysOf(columns ...any) keys { return keys{columns} }

// from returns the text of the table and its arguments, which are the first of the
// statement.
func (k keys) from(d sqldb.Dialect) (string, []any) {
	const names = "abcdef"
	if d == sqldb.PostgreSQL {
		types := make([]string, len(k.columns))
		for i, c := range k.columns {
			types[i] = "bigint"
			if _, ok := c.([]string); ok {
				types[i] = "text"
			}
		}
		as := strings.Join(strings.Split(names[:len(k.columns)], ""), ",")
		return "unnest(" + placeholders(types) + ") AS k(" + as + ")", k.columns
	}
	fields := make([]string, len(k.columns))
	for i := range fields {
		fields[i] = "value->>" + strconv.Itoa(i) + " AS " + names[i:i+1]
	}
	return "(SELECT " + strings.Join(fields, ",") + " FROM json_each($1)) AS k", []any{string(k.json())}
}

func (k keys) json() []byte {
	n := 0
	switch c := k.columns[0].(type) {
	case []string:
		n = len(c)
	case []int64:
		n = len(c)
	}
	out := make([]byte, 0, n*48)
	out = append(out, '[')
	for i := range n {
		if i > 0 {
			out = append(out, ',')
		}
		for j, column := range k.columns {
			sep := byte(',')
			if j == 0 {
				sep = '['
			}
			out = append(out, sep)
			switch c := column.(type) {
			case []string:
				out = append(out, canonical.Text(c[i])...)
			case []int64:
				out = strconv.AppendInt(out, c[i], 10)
			}
		}
		out = append(out, ']')
	}
	return append(out, ']')
}

// placeholders returns `$1::text[],$2::bigint[]` for types.
func placeholders(types []string) string {
	var b strings.Builder
	for i, t := range types {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("$" + strconv.Itoa(i+1) + "::" + t + "[]")
	}
	return b.String()
}

// lock returns the clause that locks the rows of `pending p` in a join.
func lock(d sqldb.Dialect) string {
	if d == sqldb.PostgreSQL {
		return " FOR UPDATE OF p"
	}
	return ""
}

// lockFree is like lock and passes over rows that another transaction holds.
func lockFree(d sqldb.Dialect) string {
	if d == sqldb.PostgreSQL {
		return " FOR UPDATE OF p SKIP LOCKED"
	}
	return ""
}
