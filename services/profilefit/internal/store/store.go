// Package store keeps what profilefit derives: the checkpoint of each lead under each
// model revision, and the models. All of it can be dropped; the qualifier brings it
// back.
//
// A call reads its checkpoints with one statement and writes them in one transaction.
// Nothing is locked in between: a row counts its writes, and a write that finds
// another count than was read fails as a whole with ErrMoved, for the caller to start
// again from what is stored now.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrMoved says that somebody else wrote one of the checkpoints since it was read.
var ErrMoved = errors.New("a checkpoint was written since it was read")

// ErrOtherModel says that a revision is registered with another content.
var ErrOtherModel = errors.New("the revision is registered with another model")

// Key names a checkpoint.
type Key struct {
	// LeadID without `leads/`.
	LeadID string
	// Revision of the model.
	Revision string
}

// Checkpoint is what is known of a lead under a model revision. Bytes are not changed
// once they are in a Checkpoint.
type Checkpoint struct {
	// Writes counts how often it was written; 0: never. Only Save changes it.
	Writes int64
	// FactsVersion it reflects.
	FactsVersion int32
	// AsOf is the instant of the result.
	AsOf time.Time
	// Settled is the instant from which on the result does not change by itself; zero if
	// there are no facts. Its column is `latest`, as it usually is the latest fact.
	Settled time.Time
	// Facts are the encoded facts.
	Facts []byte
	// Result is the encoded result.
	Result []byte
}

// Change is a checkpoint to write.
type Change struct {
	Key
	// Checkpoint as it shall be; Writes as it was read.
	Checkpoint
	// VersionOnly: facts and result are those that were read.
	VersionOnly bool
}

// Store is the database of profilefit.
type Store struct {
	db   *sqldb.DB
	most int // rows of a statement: a power of four
}

// New returns the store in a migrated database.
func New(db *sqldb.DB) *Store {
	s := &Store{db: db, most: 256}
	if db.Dialect() == sqldb.SQLite {
		// A statement costs nothing to send, and its driver looks for each parameter
		// among all others.
		s.most = 64
	}
	return s
}

const columns = `f.lead_id, f.revision, f.writes, f.facts_version, f.as_of, f.latest, f.facts, f.result`

// Load returns the checkpoints that are stored of those asked for.
func (s *Store) Load(ctx context.Context, keys []Key) (map[Key]Checkpoint, error) {
	found := make(map[Key]Checkpoint, len(keys))
	for len(keys) > 0 {
		n := min(len(keys), s.most)
		// A few shapes of the statement serve every number of keys: the last key fills up.
		rows := shape(n)
		args := make([]any, 0, 2*rows)
		for i := range rows {
			key := keys[min(i, n-1)]
			args = append(args, key.LeadID, key.Revision)
		}
		err := s.each(ctx, `SELECT `+columns+` FROM (VALUES `+sqldb.Values(rows, 2)+`) AS k
			JOIN fits f ON f.lead_id = k.column1 AND f.revision = k.column2`, args,
			func(key Key, c Checkpoint) { found[key] = c })
		if err != nil {
			return nil, err
		}
		keys = keys[n:]
	}
	return found, nil
}

// Lead returns all checkpoints of a lead, by revision.
func (s *Store) Lead(ctx context.Context, leadID string) (map[string]Checkpoint, error) {
	found := map[string]Checkpoint{}
	err := s.each(ctx, `SELECT `+columns+` FROM fits f WHERE f.lead_id = $1`, []any{leadID},
		func(key Key, c Checkpoint) { found[key.Revision] = c })
	return found, err
}

func (s *Store) each(ctx context.Context, query string, args []any, found func(Key, Checkpoint)) error {
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var key Key
		var c Checkpoint
		var asOf, settled int64
		if err := rows.Scan(&key.LeadID, &key.Revision, &c.Writes, &c.FactsVersion, &asOf, &settled, &c.Facts, &c.Result); err != nil {
			return fmt.Errorf("read checkpoints: %w", err)
		}
		c.AsOf, c.Settled = sqldb.Time(asOf), sqldb.Time(settled)
		found(key, c)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("read checkpoints: %w", err)
	}
	return nil
}

// Save writes checkpoints in one transaction: all of them, or none and ErrMoved. A key
// may be in changes once.
func (s *Store) Save(ctx context.Context, changes []Change) error {
	if len(changes) == 0 {
		return nil
	}
	// In one order, so that two calls never wait for each other.
	sorted := slices.Clone(changes)
	slices.SortFunc(sorted, func(a, b Change) int {
		if c := strings.Compare(a.LeadID, b.LeadID); c != 0 {
			return c
		}
		return strings.Compare(a.Revision, b.Revision)
	})
	var whole, versions []Change
	for _, c := range sorted {
		if c.VersionOnly {
			versions = append(versions, c)
		} else {
			whole = append(whole, c)
		}
	}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := s.write(tx, whole, 8, insert, wholeArgs); err != nil {
			return err
		}
		return s.write(tx, versions, 5, update, versionArgs)
	})
	if err != nil && !errors.Is(err, ErrMoved) {
		return fmt.Errorf("write checkpoints: %w", err)
	}
	return err
}

// write writes changes with as few statements as their shapes allow.
func (s *Store) write(tx *sqldb.Tx, changes []Change, cols int, query func(rows int) string, args func([]any, *Change) []any) error {
	for len(changes) > 0 {
		n := floorShape(min(len(changes), s.most))
		bound := make([]any, 0, n*cols)
		for i := range changes[:n] {
			bound = args(bound, &changes[i])
		}
		written, err := tx.Affected(query(n), bound...)
		if err != nil {
			return err
		}
		if written != int64(n) {
			return ErrMoved
		}
		changes = changes[n:]
	}
	return nil
}

func insert(rows int) string {
	return `INSERT INTO fits (lead_id, revision, writes, facts_version, as_of, latest, facts, result) VALUES ` + sqldb.Values(rows, 8) + `
		ON CONFLICT (lead_id, revision) DO UPDATE SET writes = excluded.writes, facts_version = excluded.facts_version,
			as_of = excluded.as_of, latest = excluded.latest, facts = excluded.facts, result = excluded.result
		WHERE fits.writes = excluded.writes - 1`
}

func wholeArgs(args []any, c *Change) []any {
	return append(args, c.LeadID, c.Revision, c.Writes+1, c.FactsVersion, sqldb.Micros(c.AsOf), sqldb.Micros(c.Settled), blob(c.Facts), blob(c.Result))
}

func update(rows int) string {
	values := make([]string, rows)
	for i := range values {
		n := i * 5
		values[i] = fmt.Sprintf(`($%d, $%d, CAST($%d AS BIGINT), CAST($%d AS BIGINT), CAST($%d AS BIGINT))`, n+1, n+2, n+3, n+4, n+5)
	}
	return `UPDATE fits SET writes = fits.writes + 1, facts_version = k.column4, as_of = k.column5
		FROM (VALUES ` + strings.Join(values, ",") + `) AS k
		WHERE fits.lead_id = k.column1 AND fits.revision = k.column2 AND fits.writes = k.column3`
}

func versionArgs(args []any, c *Change) []any {
	return append(args, c.LeadID, c.Revision, c.Writes, c.FactsVersion, sqldb.Micros(c.AsOf))
}

// blob keeps no bytes apart from NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// PutModel stores a model under its revision. Storing it again changes nothing;
// another content is ErrOtherModel.
func (s *Store) PutModel(ctx context.Context, revision string, model []byte) error {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`INSERT INTO models (revision, model) VALUES ($1, $2) ON CONFLICT (revision) DO NOTHING`, revision, blob(model)); err != nil {
			return err
		}
		var stored []byte
		if err := tx.QueryRow(`SELECT model FROM models WHERE revision = $1`, revision).Scan(&stored); err != nil {
			return err
		}
		if string(stored) != string(model) {
			return ErrOtherModel
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrOtherModel) {
		return fmt.Errorf("write model: %w", err)
	}
	return err
}

// Model returns the model of a revision, and whether it is stored.
func (s *Store) Model(ctx context.Context, revision string) ([]byte, bool, error) {
	var model []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT model FROM models WHERE revision = $1`, revision).Scan(&model)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read model: %w", err)
	}
	return model, true, nil
}

// shape returns the smallest power of four that is at least n: a handful of texts is
// all that is ever prepared.
func shape(n int) int {
	rows := 1
	for rows < n {
		rows *= 4
	}
	return rows
}

// floorShape returns the largest power of four that is at most n.
func floorShape(n int) int {
	rows := 1
	for rows*4 <= n {
		rows *= 4
	}
	return rows
}
