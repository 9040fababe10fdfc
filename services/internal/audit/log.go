package audit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Entry is one change. It is never changed.
type Entry struct {
	// Number counts entries from 1, without gaps.
	Number int64
	// Time in whole microseconds.
	Time time.Time
	// Actor, Role, Method, Resource, Fields, RequestID and TraceID are those of the call.
	Actor              string
	Role               typev1.Role
	Method, Resource   string
	Fields             []string
	RequestID, TraceID string
	// Hash is over the entry and the hash of the one before.
	Hash []byte
}

// sum is the hash of an entry after another.
func (e *Entry) sum(before []byte) []byte {
	var b []byte
	text := func(s string) { b = append(binary.AppendUvarint(b, uint64(len(s))), s...) }
	b = binary.AppendUvarint(b, uint64(e.Number))
	b = binary.AppendVarint(b, e.Time.UnixMicro())
	b = binary.AppendVarint(b, int64(e.Role))
	for _, s := range []string{e.Actor, e.Method, e.Resource, e.RequestID, e.TraceID} {
		text(s)
	}
	for _, f := range e.Fields {
		text(f)
	}
	hash := sha256.Sum256(append(before[:len(before):len(before)], b...))
	return hash[:]
}

// Log is the log in a service's database, in the tables audit_entries and audit_head. It
// is safe for concurrent use.
type Log struct {
	db  *sqldb.DB
	now func() time.Time
}

// Keep returns the log of a database and has it asked before each commit. now gives the
// times of entries. To be called before the database is written to.
func Keep(db *sqldb.DB, now func() time.Time) *Log {
	l := &Log{db, now}
	db.BeforeCommit(l.record)
	return l
}

// record writes the entry of the call that a transaction runs under, unless there is none
// or it has its entry.
func (l *Log) record(tx *sqldb.Tx) (ended func(committed bool), err error) {
	c := from(tx.Context())
	if c == nil {
		return nil, nil
	}
	c.mu.Lock() // of two transactions of a call at once, the second waits for how the first ends
	if c.recorded {
		c.mu.Unlock()
		return nil, nil
	}
	if err := l.append(tx, c); err != nil {
		c.mu.Unlock()
		return nil, err
	}
	return func(committed bool) {
		c.recorded = committed
		c.mu.Unlock()
	}, nil
}

func (l *Log) append(tx *sqldb.Tx, c *Call) error {
	var number int64
	var before []byte
	err := tx.QueryRow(`SELECT entry_number, hash FROM audit_head WHERE head_id = 1`+tx.Dialect().ForUpdate()).Scan(&number, &before)
	if err != nil {
		return err
	}
	e := &Entry{
		Number: number + 1, Time: sqldb.Time(sqldb.Micros(l.now())), Actor: c.Actor, Role: c.Role,
		Method: c.Method, RequestID: c.RequestID, TraceID: c.TraceID,
	}
	e.Resource, e.Fields = c.describe()
	e.Hash = e.sum(before)
	fields, err := json.Marshal(e.Fields)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(`INSERT INTO audit_entries (entry_number, create_time, actor, role, method, resource, fields, request_id, trace_id, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.Number, sqldb.Micros(e.Time), e.Actor, int64(e.Role), e.Method, e.Resource, string(fields), e.RequestID, e.TraceID, e.Hash); err != nil {
		return err
	}
	_, err = tx.Exec(`UPDATE audit_head SET entry_number = $1, hash = $2 WHERE head_id = 1`, e.Number, e.Hash)
	return err
}

// Filter says which entries to list; empty fields mean any.
type Filter struct{ Actor, Method, Resource string }

const selectEntry = `SELECT entry_number, create_time, actor, role, method, resource, fields, request_id, trace_id, hash FROM audit_entries`

// List returns at most limit entries before a number, latest first; 0: the latest.
func (l *Log) List(ctx context.Context, f Filter, before int64, limit int) ([]Entry, error) {
	var conditions []string
	var args []any
	where := func(condition string, v any) {
		args = append(args, v)
		conditions = append(conditions, condition+"$"+strconv.Itoa(len(args)))
	}
	if before > 0 {
		where("entry_number < ", before)
	}
	for _, equal := range []struct{ column, value string }{{"actor", f.Actor}, {"method", f.Method}, {"resource", f.Resource}} {
		if equal.value != "" {
			where(equal.column+" = ", equal.value)
		}
	}
	query := selectEntry
	if len(conditions) > 0 {
		query += " WHERE " + strings.Join(conditions, " AND ")
	}
	args = append(args, limit)
	rows, err := l.db.Read().QueryContext(ctx, query+` ORDER BY entry_number DESC LIMIT $`+strconv.Itoa(len(args)), args...)
	var list []Entry
	err = each(rows, err, func(e Entry) error { list = append(list, e); return nil })
	return list, err
}

// Verdict is what [Log.Verify] found.
type Verdict struct {
	// Entries is how many there are, Hash that of the latest.
	Entries int64
	Hash    []byte
	// Broken is the number of the first entry that is missing or not as it was written;
	// 0: there is none.
	Broken int64
}

// pace is how many entries are checked at once.
const pace = 5_000

// errBroken ends a check.
var errBroken = errors.New("audit: the chain is broken")

// Verify goes through the log from the first entry to the latest.
func (l *Log) Verify(ctx context.Context) (Verdict, error) {
	var head Verdict
	var latest int64
	err := l.db.Read().QueryRowContext(ctx, `SELECT entry_number, hash, (SELECT COALESCE(max(entry_number), 0) FROM audit_entries)
		FROM audit_head WHERE head_id = 1`).Scan(&head.Entries, &head.Hash, &latest)
	if err != nil {
		return Verdict{}, err
	}
	var number int64
	var before []byte
	check := func(e Entry) error {
		number++
		if e.Number != number || !bytes.Equal(e.Hash, e.sum(before)) {
			return errBroken
		}
		before = e.Hash
		return nil
	}
	for number < head.Entries && err == nil {
		last := number
		rows, queryErr := l.db.Read().QueryContext(ctx, selectEntry+` WHERE entry_number > $1 AND entry_number <= $2 ORDER BY entry_number LIMIT $3`,
			number, head.Entries, pace)
		if err = each(rows, queryErr, check); err == nil && number == last {
			number++ // the tail is missing
			err = errBroken
		}
	}
	if err == nil && !bytes.Equal(before, head.Hash) {
		err = errBroken
	}
	if err == nil && latest > head.Entries { // put in behind the latest
		number++
		err = errBroken
	}
	if errors.Is(err, errBroken) {
		head.Broken, err = number, nil
	}
	return head, err
}

func each(rows *sql.Rows, err error, visit func(Entry) error) error {
	if err != nil {
		return err
	}
	for err == nil && rows.Next() {
		var e Entry
		var created int64
		var fields string
		if err = rows.Scan(&e.Number, &created, &e.Actor, &e.Role, &e.Method, &e.Resource, &fields, &e.RequestID, &e.TraceID, &e.Hash); err != nil {
			break
		}
		if json.Unmarshal([]byte(fields), &e.Fields) != nil {
			e.Fields = nil // not as they were written: the hash says so
		}
		e.Time = sqldb.Time(created)
		err = visit(e)
	}
	return errors.Join(err, rows.Err(), rows.Close())
}
