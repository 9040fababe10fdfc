package store

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// maxJournaled is how many captures the journal of a process holds. What comes while it
	// is full is stored before it is acknowledged.
	maxJournaled = 1 << 17
	// journalEvery is how often a part of it is stored while captures crowd, and it is less
	// than half full.
	journalEvery = 500 * time.Millisecond
	// catchUpEvery is how often it is looked whether the journal is through.
	catchUpEvery = 20 * time.Millisecond
	// orphaned is after how long a process stores what another one acknowledged that does
	// not say any more that it is alive: it ended.
	orphaned = 10 * time.Second
	// longGone is after how long it is forgotten that there was a process.
	longGone = time.Hour
)

// Circumstances are what is known of a call besides what it says.
type Circumstances struct {
	// Received is when it came in.
	Received time.Time
	// Browser says that it came with a public key, Trusted that a service of ours sent it.
	Browser, Trusted bool
	// Trace is the trace context of the call, or empty.
	Trace string
}

// Entry is one call in the journal: its captures are acknowledged and not stored yet.
type Entry struct {
	Circumstances
	// Seq is its place.
	Seq int64
	// Captures is how many it brings.
	Captures int
	// Content is the call: what the service makes captures of.
	Content []byte

	own bool // of this process
}

// journal is written at the end and read at the beginning: what it takes is a row for each
// call, whatever the call says of how many leads.
type journal struct {
	process   string
	committer *sqldb.Committer[*Entry]
	waker     *duework.Waker
	turns     pending.Turns
	size      atomic.Int64 // captures of this process in it
}

func newJournal(db *sqldb.DB) *journal {
	j := &journal{process: uuid.NewString(), waker: duework.NewWaker(5*time.Millisecond, 250*time.Millisecond)}
	j.committer = sqldb.NewCommitter(db, "journal", j.append, sqldb.MaxBytes(4<<20, func(e *Entry) int { return len(e.Content) }))
	return j
}

var journalTable = table{
	name:    "journal",
	columns: "process text, received_at bigint, captures bigint, browser bigint, trusted bigint, trace text, content bytea",
}

func (j *journal) append(tx *sqldb.Tx, entries []*Entry) []error {
	to := journalTable.rows()
	for _, e := range entries {
		to.add(j.process, e.Received.UnixMicro(), int64(e.Captures), flag(e.Browser), flag(e.Trusted), e.Trace, e.Content)
	}
	if _, err := to.write(tx); err != nil {
		return sqldb.All(len(entries), err)
	}
	return nil
}

// MayDefer says whether captures should be acknowledged as soon as they are in the journal:
// they crowd, and it has room.
func (s *Store) MayDefer() bool {
	return s.crowd.Crowded(time.Now()) && s.journal.size.Load() < maxJournaled
}

// Defer keeps a call in the journal and returns after the durable commit.
func (s *Store) Defer(ctx context.Context, e *Entry) error {
	s.crowd.Enter(e.Captures)
	defer func() { s.crowd.Leave(e.Captures, time.Now()) }()
	s.journal.size.Add(int64(e.Captures))
	if err := s.journal.committer.Submit(ctx, e); err != nil {
		s.journal.size.Add(int64(-e.Captures))
		return err
	}
	s.journal.waker.Wake()
	return nil
}

// WaitForDeferred returns when it is time to look for calls in the journal.
func (s *Store) WaitForDeferred(ctx context.Context, found bool) error {
	return s.journal.waker.Wait(ctx, found)
}

// ShowAlive says to other processes that this one stores what is in its journal.
func (s *Store) ShowAlive(ctx context.Context) error {
	if s.db.Dialect() == sqldb.SQLite {
		return nil // there is no other process
	}
	now := s.now()
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM journal_processes WHERE seen_at < $1`, now.Add(-longGone).UnixMicro()); err != nil {
			return err
		}
		_, err := tx.Exec(`INSERT INTO journal_processes (process, seen_at) VALUES ($1, $2)
			ON CONFLICT (process) DO UPDATE SET seen_at = excluded.seen_at`, s.journal.process, now.UnixMicro())
		return err
	})
}

// Deferred returns the oldest calls in the journal: some thousand captures; while others
// crowd, fewer and only once in a while.
func (s *Store) Deferred(ctx context.Context) (list []Entry, err error) {
	now, most := time.Now(), 4000
	if s.journal.size.Load() < maxJournaled/2 {
		if !s.journal.turns.Take(&s.crowd, now, journalEvery) {
			return nil, nil
		}
		if s.crowd.Crowded(now) {
			most = 1000
		}
	}
	before := s.now().Add(-orphaned).UnixMicro()
	if s.db.Dialect() == sqldb.SQLite {
		before = s.now().AddDate(100, 0, 0).UnixMicro() // there is no other process
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT seq, process, received_at, captures, browser, trusted, trace, content FROM journal
		WHERE process = $1 OR received_at < $2 AND NOT EXISTS (SELECT 1 FROM journal_processes p WHERE p.process = journal.process AND p.seen_at >= $2)
		ORDER BY seq LIMIT 256`, s.journal.process, before) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	captures := 0
	err = each(result, func() error {
		var e Entry
		var process string
		var received, browser, trusted int64
		if err := result.Scan(&e.Seq, &process, &received, &e.Captures, &browser, &trusted, &e.Trace, &e.Content); err != nil {
			return err
		}
		if captures += e.Captures; captures > most && len(list) > 0 {
			return nil
		}
		e.Received, e.Browser, e.Trusted, e.own = time.UnixMicro(received), browser == 1, trusted == 1, process == s.journal.process
		list = append(list, e)
		return nil
	})
	return list, err
}

// catchUp waits until all that is in the journal now is stored.
func (s *Store) catchUp(ctx context.Context) error {
	var last int64
	if err := s.db.Read().QueryRowContext(ctx, `SELECT COALESCE(max(seq), 0) FROM journal`).Scan(&last); err != nil {
		return err
	}
	ticker := time.NewTicker(catchUpEvery)
	defer ticker.Stop()
	for {
		var left bool
		err := s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM journal WHERE seq <= $1)`, last).Scan(&left)
		if err != nil || !left {
			return err
		}
		s.journal.waker.Wake()
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// errTaken says that another process has stored a call of the journal.
var errTaken = errors.New("store: it is not in the journal any more")

// StoreDeferred stores what a call of the journal brings, nil if nothing, and takes the call
// out of the journal in the same transaction. It returns false if another process did so.
// Refusals are in the results of the subjects.
func (s *Store) StoreDeferred(ctx context.Context, e *Entry, c *Capture) (stored bool, err error) {
	leave := func(tx *sqldb.Tx) error {
		n, err := tx.Affected(`DELETE FROM journal WHERE seq = $1`, e.Seq)
		if err == nil && n == 0 {
			err = errTaken
		}
		return err
	}
	refused := c == nil
	if !refused {
		c.Also = leave
		err = s.submit(ctx, c)
		refused = IsRefusal(err) // of its only subject: nothing was written
	}
	if refused {
		err = s.db.Write(ctx, leave)
	}
	if err != nil && !errors.Is(err, errTaken) {
		return false, err
	}
	if e.own {
		s.journal.size.Add(int64(-e.Captures))
	}
	return err == nil, nil
}
