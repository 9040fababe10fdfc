package sqldb

import (
	"strconv"
	"strings"
	"time"
)

// Dialect is the kind of store.
type Dialect int

const (
	// SQLite is one file with one writer.
	SQLite Dialect = iota + 1
	// PostgreSQL is a schema in a server.
	PostgreSQL
)

// String returns the name of the dialect, which is also the name of its folder of
// migrations: `sqlite` or `postgres`.
func (d Dialect) String() string {
	switch d {
	case SQLite:
		return "sqlite"
	case PostgreSQL:
		return "postgres"
	}
	return "unknown"
}

// ForUpdate returns the row-locking clause of a SELECT, with a leading space. It is
// empty on SQLite, where the one writer holds every lock.
func (d Dialect) ForUpdate() string {
	if d == PostgreSQL {
		return " FOR UPDATE"
	}
	return ""
}

// ForUpdateSkipLocked is like [Dialect.ForUpdate] and passes over rows that another
// transaction holds.
func (d Dialect) ForUpdateSkipLocked() string {
	if d == PostgreSQL {
		return " FOR UPDATE SKIP LOCKED"
	}
	return ""
}

// Micros returns t as it is stored: microseconds since 1970 UTC. The zero time is
// stored as 0.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time returns the time stored as µs, in UTC. 0 is the zero time.
func Time(µs int64) time.Time {
	if µs == 0 {
		return time.Time{}
	}
	return time.UnixMicro(µs).UTC()
}

// Values returns the placeholders of a multi-row insert, `($1,$2),($3,$4)` for two
// rows of two columns. Both stores take at most 32,766 placeholders in a statement.
func Values(rows, cols int) string {
	var b strings.Builder
	b.Grow(rows * cols * 6)
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('(')
		for c := range cols {
			if c > 0 {
				b.WriteByte(',')
			}
			n++
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(n))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// List returns the placeholders of an IN list, `$3,$4,$5` for three from the third.
func List(first, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(first + i))
	}
	return b.String()
}
