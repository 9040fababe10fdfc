package sqldb

import (
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqlState is what PostgreSQL's errors have.
type sqlState interface{ SQLState() string }

// state returns the SQLSTATE of a PostgreSQL error, else "".
func state(err error) string {
	var s sqlState
	if errors.As(err, &s) {
		return s.SQLState()
	}
	return ""
}

// code returns the extended result code of a SQLite error, else 0.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code()
	}
	return 0
}

// isRetryable reports whether the store asks to run the transaction again.
func isRetryable(err error) bool {
	switch state(err) {
	case "40001", // serialization failure
		"40P01": // deadlock
		return true
	}
	switch code(err) & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return true
	}
	return false
}

// IsUnavailable reports whether err says that the store is away or overloaded, so
// that the same call may succeed later: nothing is wrong with what was asked.
func IsUnavailable(err error) bool {
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	if s := state(err); s != "" {
		switch s[:2] {
		case "08", // connection
			"53", // out of resources
			"57": // operator intervention: shutdown, start-up, statement timeout
			return true
		}
		return s == "25P03" /* idle in transaction */ || s == "55P03" /* lock timeout */
	}
	switch code(err) & 0xff {
	case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN:
		return true
	}
	// pgx found the connection closed before it sent anything.
	var unsent interface{ SafeToRetry() bool }
	if errors.As(err, &unsent) && unsent.SafeToRetry() {
		return true
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, driver.ErrBadConn) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrUnexpectedEOF)
}

// isNoTable reports whether err says that a table does not exist.
func isNoTable(err error) bool {
	return state(err) == "42P01" ||
		(code(err)&0xff == sqlite3.SQLITE_ERROR && strings.Contains(err.Error(), "no such table"))
}
