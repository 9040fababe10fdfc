// Package store keeps histories of leads under model revisions, and the models.
//
// A history at rest is one row of `checkpoints` and, once it has more than 64
// entries, rows of `ledger`. What is common touches one row: a call reads the rows of
// all its leads with one statement per revision and writes them in one transaction.
// The ledger is read only where a fact came late or a past instant is asked for.
//
// Writers race by compare-and-set on a row's generation: Save writes the rows that
// nobody else has written since they were read, and names the others.
package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Store is the database of the service.
type Store struct{ db *sqldb.DB }

// New returns the store over a migrated database.
func New(db *sqldb.DB) *Store { return &Store{db: db} }

// Key names a history: `leads/{lead}` and a model revision.
type Key struct{ Lead, Revision string }

// Row is a history at rest.
type Row struct {
	Key
	// Generation counts the writes of the row; 0: there is none yet.
	Generation int64
	// Version is the facts version that the history reflects.
	Version int32
	// Record is the history.
	Record engagement.Record
}

// Write is a row to save with what changed beside it.
type Write struct {
	// Row as it becomes, with the generation that was read.
	Row
	// Change holds the chunks that are new.
	Change engagement.Change
	// Restart drops the chunks there were.
	Restart bool
}

const columns = `lead, revision, generation, version, state, profile, tail, tailed, sealed`

// sizes of the blocks in which rows are read and written: few texts of statements,
// which stay prepared. No larger, because SQLite's driver looks for each placeholder
// among all of the statement.
var sizes = []int{32, 8, 4, 1}

// Rows reads the rows of keys; keys without a row are absent.
func (s *Store) Rows(ctx context.Context, keys []Key) (map[Key]Row, error) {
	leads := map[string][]string{}
	for _, k := range keys {
		leads[k.Revision] = append(leads[k.Revision], k.Lead)
	}
	found := make(map[Key]Row, len(keys))
	for revision, leads := range leads {
		for block := range slices.Chunk(leads, sizes[0]) {
			n := sizes[0]
			for _, size := range sizes {
				if size >= len(block) {
					n = size
				}
			}
			args := make([]any, 0, n+1)
			args = append(args, revision)
			for i := range n {
				args = append(args, block[min(i, len(block)-1)]) // filled up with the last
			}
			rows, err := s.rows(ctx, `SELECT `+columns+` FROM checkpoints WHERE revision = $1 AND lead IN (`+sqldb.List(2, n)+`)`, args...)
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				found[row.Key] = row
			}
		}
	}
	return found, nil
}

// LeadRows reads the rows of a lead, one for each revision, in order of revision.
func (s *Store) LeadRows(ctx context.Context, lead string) ([]Row, error) {
	return s.rows(ctx, `SELECT `+columns+` FROM checkpoints WHERE lead = $1 ORDER BY revision`, lead)
}

func (s *Store) rows(ctx context.Context, query string, args ...any) (found []Row, err error) {
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read checkpoints: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var r Row
		if err := rows.Scan(&r.Lead, &r.Revision, &r.Generation, &r.Version, &r.Record.State, &r.Record.Profile,
			&r.Record.Tail, &r.Record.Tailed, &r.Record.Sealed); err != nil {
			return nil, fmt.Errorf("read checkpoints: %w", err)
		}
		found = append(found, r)
	}
	return found, rows.Err()
}

// Chunks implements engagement.Load for a key.
func (s *Store) Chunks(ctx context.Context, k Key, before int64) (found []engagement.Chunk, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT seq, last_time, entries, state_after FROM ledger
		WHERE lead = $1 AND revision = $2 AND seq >= COALESCE((
			SELECT max(seq) FROM ledger
			WHERE lead = $1 AND revision = $2 AND last_time < $3 AND state_after IS NOT NULL), 1)
		ORDER BY seq`, k.Lead, k.Revision, before)
	if err != nil {
		return nil, fmt.Errorf("read ledger: %w", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c engagement.Chunk
		if err := rows.Scan(&c.Seq, &c.LastMicros, &c.Data, &c.After); err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// Save writes in one transaction, and returns the keys of rows that were not written
// because another writer was quicker.
func (s *Store) Save(ctx context.Context, writes []Write) (lost map[Key]bool, err error) {
	if len(writes) == 0 {
		return nil, nil
	}
	// In the order of keys, so that two transactions cannot hold each other up.
	writes = slices.Clone(writes)
	slices.SortFunc(writes, func(a, b Write) int {
		return cmp.Or(cmp.Compare(a.Lead, b.Lead), cmp.Compare(a.Revision, b.Revision))
	})
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		lost = map[Key]bool{}
		for _, w := range writes {
			lost[w.Key] = true
		}
		if err := inBlocks(writes, func(block []Write) error { return upsert(tx, block, lost) }); err != nil {
			return err
		}
		return saveLedger(tx, writes, lost)
	})
	if err != nil {
		return nil, fmt.Errorf("save checkpoints: %w", err)
	}
	return lost, nil
}

func inBlocks[T any](items []T, write func([]T) error) error {
	for _, size := range sizes {
		for len(items) >= size {
			if err := write(items[:size]); err != nil {
				return err
			}
			items = items[size:]
		}
	}
	return nil
}

// upsert writes rows and takes those that were written out of lost.
func upsert(tx *sqldb.Tx, block []Write, lost map[Key]bool) (err error) {
	args := make([]any, 0, len(block)*9)
	for i := range block {
		w := &block[i]
		args = append(args, w.Lead, w.Revision, w.Generation+1, w.Version, bytes(w.Record.State),
			bytes(w.Record.Profile), bytes(w.Record.Tail), w.Record.Tailed, w.Record.Sealed)
	}
	rows, err := tx.Query(`INSERT INTO checkpoints (`+columns+`) VALUES `+sqldb.Values(len(block), 9)+`
		ON CONFLICT (lead, revision) DO UPDATE SET generation = excluded.generation, version = excluded.version,
			state = excluded.state, profile = excluded.profile, tail = excluded.tail, tailed = excluded.tailed,
			sealed = excluded.sealed
		WHERE checkpoints.generation = excluded.generation - 1
		RETURNING lead, revision`, args...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var k Key
		if err := rows.Scan(&k.Lead, &k.Revision); err != nil {
			return err
		}
		delete(lost, k)
	}
	return rows.Err()
}

// bytes is never nil: a nil slice would be NULL.
func bytes(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

func saveLedger(tx *sqldb.Tx, writes []Write, lost map[Key]bool) error {
	type row struct {
		Key
		engagement.Chunk
	}
	var chunks []row
	for _, w := range writes {
		if lost[w.Key] {
			continue
		}
		if w.Restart && w.Generation > 0 {
			if _, err := tx.Exec(`DELETE FROM ledger WHERE lead = $1 AND revision = $2`, w.Lead, w.Revision); err != nil {
				return err
			}
		}
		for _, seq := range w.Change.Thinned {
			if _, err := tx.Exec(`UPDATE ledger SET state_after = NULL WHERE lead = $1 AND revision = $2 AND seq = $3`, w.Lead, w.Revision, seq); err != nil {
				return err
			}
		}
		for _, c := range w.Change.Sealed {
			chunks = append(chunks, row{w.Key, c})
		}
	}
	return inBlocks(chunks, func(block []row) error {
		args := make([]any, 0, len(block)*6)
		for _, c := range block {
			args = append(args, c.Lead, c.Revision, c.Seq, c.LastMicros, c.Data, c.After)
		}
		_, err := tx.Exec(`INSERT INTO ledger (lead, revision, seq, last_time, entries, state_after)
			VALUES `+sqldb.Values(len(block), 6)+`
			ON CONFLICT (lead, revision, seq) DO UPDATE SET last_time = excluded.last_time,
				entries = excluded.entries, state_after = excluded.state_after`, args...)
		return err
	})
}

// PutModel keeps the model of a revision. A revision that is there stays as it is.
func (s *Store) PutModel(ctx context.Context, revision string, model []byte, micros int64) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO models (revision, model, create_time) VALUES ($1, $2, $3)
			ON CONFLICT (revision) DO NOTHING`, revision, bytes(model), micros)
		return err
	})
}

// Model reads the model of a revision; nil if there is none.
func (s *Store) Model(ctx context.Context, revision string) ([]byte, error) {
	var model []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT model FROM models WHERE revision = $1`, revision).Scan(&model)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read model: %w", err)
	}
	return bytes(model), nil
}
