package store

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"slices"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// An import is a file whose rows become captures, a few in each transaction together
// with how far the import is: whoever goes on after a crash, goes on from there. Facts
// tell by their source and time of receipt which import they are from.

var importWork = duework.Table{Name: "import_work", Key: []string{"import_id"}}

// How long things are kept.
const (
	// KeepUploads is how long a file waits to be run.
	KeepUploads = 7 * 24 * time.Hour
	// KeepRejects is how long rejected rows are kept after the end.
	KeepRejects = 30 * 24 * time.Hour
	// KeepUndo is how long an import can be undone after its end.
	KeepUndo = 90 * 24 * time.Hour

	keepUnfinished = time.Hour // a file that did not come in as a whole
)

// ErrWrongState: the import is in a state that does not allow it; it is returned with
// the import.
var ErrWrongState = errors.New("store: the import is in another state")

// Import is a file of leads or activities.
type Import struct {
	ID                 string
	CreatedAt, EndedAt time.Time // EndedAt is zero until it ended
	State              ingestv1.Import_State
	// About is what was said and found of the file, an encoded message.
	About []byte
	// Total rows of the file, and Done those that the work is through with.
	Total, Done int64
	// Counts of what became of the rows.
	Counts ImportCounts
	// Undone is what undoing it did.
	Undone UndoCounts
	// Error says why it failed.
	Error string
}

// ImportCounts are what became of rows.
type ImportCounts struct{ Created, Updated, Unchanged, Rejected int64 }

// UndoCounts are what undoing did.
type UndoCounts struct{ Removed, Restored, Kept, Withdrawn int64 }

// Rejected is a row that was rejected.
type Rejected struct {
	Line   int64
	Reason string
	// Cells are a JSON list of texts.
	Cells []byte
}

// BeginImport begins to take a file.
func (s *Store) BeginImport(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO imports (id, created_at, state, about) VALUES ($1, $2, 0, $3)`, id, s.now().UnixMicro(), []byte{})
		return err
	})
}

// AddPiece adds a piece to a file that comes in; pieces are numbered from 0.
func (s *Store) AddPiece(ctx context.Context, id string, number int, piece []byte) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO import_pieces (import_id, number, piece) VALUES ($1, $2, $3)`, id, number, piece)
		return err
	})
}

// DropImport forgets a file that did not come in as a whole.
func (s *Store) DropImport(ctx context.Context, id string) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return dropImport(tx, id) })
}

func dropImport(tx *sqldb.Tx, id string) error {
	for _, table := range []string{"import_pieces", "import_rejects", "import_leads", "import_work"} {
		if _, err := tx.Exec(`DELETE FROM `+table+` WHERE import_id = $1`, id); err != nil {
			return err
		}
	}
	_, err := tx.Exec(`DELETE FROM imports WHERE id = $1`, id)
	return err
}

// SetImport says what a file is: when it came in, and whenever that is changed before it
// runs. What a try found is forgotten. ErrWrongState if it is too late.
func (s *Store) SetImport(ctx context.Context, id string, about []byte, total int64) (*Import, error) {
	return s.changeImport(ctx, id, func(tx *sqldb.Tx, i *Import) error {
		switch i.State {
		case ingestv1.Import_STATE_UNSPECIFIED, ingestv1.Import_STATE_UPLOADED, ingestv1.Import_STATE_TRIED:
		default:
			return ErrWrongState
		}
		if err := forgetRejects(tx, id); err != nil {
			return err
		}
		i.State, i.About, i.Total, i.Done, i.Counts = ingestv1.Import_STATE_UPLOADED, about, total, 0, ImportCounts{}
		return nil
	})
}

func forgetRejects(tx *sqldb.Tx, id string) error {
	_, err := tx.Exec(`DELETE FROM import_rejects WHERE import_id = $1`, id)
	return err
}

// changeImport changes an import in one transaction; change may return ErrWrongState.
func (s *Store) changeImport(ctx context.Context, id string, change func(tx *sqldb.Tx, i *Import) error) (i *Import, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if i, err = scanImport(tx.QueryRow(selectImport+` WHERE id = $1`+tx.Dialect().ForUpdate(), id).Scan); err != nil {
			return err
		}
		if err := change(tx, i); err != nil {
			return err
		}
		return saveImport(tx, i)
	})
	return i, err
}

const selectImport = `SELECT id, created_at, ended_at, state, about, total, done, created, updated, unchanged, rejected,
	removed, restored, kept, withdrawn, error FROM imports`

func scanImport(scan func(...any) error) (*Import, error) {
	i := &Import{}
	var created, ended int64
	err := scan(&i.ID, &created, &ended, &i.State, &i.About, &i.Total, &i.Done, &i.Counts.Created, &i.Counts.Updated, &i.Counts.Unchanged, &i.Counts.Rejected,
		&i.Undone.Removed, &i.Undone.Restored, &i.Undone.Kept, &i.Undone.Withdrawn, &i.Error)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	i.CreatedAt, i.EndedAt = sqldb.Time(created), sqldb.Time(ended)
	return i, err
}

func saveImport(tx *sqldb.Tx, i *Import) error {
	_, err := tx.Exec(`UPDATE imports SET ended_at = $2, state = $3, about = $4, total = $5, done = $6, created = $7, updated = $8,
		unchanged = $9, rejected = $10, removed = $11, restored = $12, kept = $13, withdrawn = $14, error = $15 WHERE id = $1`,
		i.ID, sqldb.Micros(i.EndedAt), int64(i.State), i.About, i.Total, i.Done, i.Counts.Created, i.Counts.Updated,
		i.Counts.Unchanged, i.Counts.Rejected, i.Undone.Removed, i.Undone.Restored, i.Undone.Kept, i.Undone.Withdrawn, i.Error)
	return err
}

// Import returns an import whose file came in, or ErrNotFound.
func (s *Store) Import(ctx context.Context, id string) (*Import, error) {
	return scanImport(s.db.Read().QueryRowContext(ctx, selectImport+` WHERE id = $1 AND state <> 0`, id).Scan)
}

// Imports returns imports, latest first: those beyond a place, a time and an id,
// or the first for nil.
func (s *Store) Imports(ctx context.Context, after []any, limit int) ([]*Import, error) {
	query, args := selectImport+` WHERE state <> 0 ORDER BY created_at DESC, id DESC LIMIT $1`, []any{limit}
	if after != nil {
		query = selectImport + ` WHERE state <> 0 AND (created_at, id) < ($2, $3) ORDER BY created_at DESC, id DESC LIMIT $1`
		args = append(args, after...)
	}
	rows, err := s.db.Read().QueryContext(ctx, query, args...) //nolint:sqlclosecheck // each closes them
	return every(rows, err, scanImport)
}

// Undecided returns how many leads of an import wait for their decision.
func (s *Store) Undecided(ctx context.Context, id string) (n int64, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT count(DISTINCT p.lead_id) FROM pending p
		JOIN leads m ON m.canonical_id = p.lead_id JOIN import_leads i ON i.lead_id = m.id
		WHERE p.state IN (1, 2) AND i.import_id = $1`, id).Scan(&n)
	return n, err
}

// ImportFile reads the file of an import. What is removed meanwhile ends it.
func (s *Store) ImportFile(ctx context.Context, id string) io.Reader {
	return &importFile{ctx: ctx, store: s, id: id}
}

type importFile struct {
	ctx    context.Context //nolint:containedctx // of the one who reads
	store  *Store
	id     string
	number int
	piece  []byte
}

// Read implements [io.Reader].
func (f *importFile) Read(p []byte) (int, error) {
	for len(f.piece) == 0 {
		err := f.store.db.Read().QueryRowContext(f.ctx, `SELECT piece FROM import_pieces WHERE import_id = $1 AND number = $2`,
			f.id, f.number).Scan(&f.piece)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return 0, io.EOF
		case err != nil:
			return 0, err
		}
		f.number++
	}
	n := copy(p, f.piece)
	f.piece = f.piece[n:]
	return n, nil
}

// StartImport begins to try, run or undo an import that is in one of the states;
// otherwise it returns ErrWrongState with the import.
func (s *Store) StartImport(ctx context.Context, id string, to ingestv1.Import_State, from ...ingestv1.Import_State) (*Import, error) {
	i, err := s.changeImport(ctx, id, func(tx *sqldb.Tx, i *Import) error {
		if !slices.Contains(from, i.State) {
			return ErrWrongState
		}
		i.State, i.EndedAt, i.Error = to, time.Time{}, ""
		if to != ingestv1.Import_STATE_UNDOING {
			i.Done, i.Counts = 0, ImportCounts{}
			if err := forgetRejects(tx, id); err != nil {
				return err
			}
		}
		return s.imports.Schedule(tx, s.now(), id)
	})
	s.importing.Wake()
	return i, err
}

// CancelImport stops an import that was not run, or that runs; what it did stays.
func (s *Store) CancelImport(ctx context.Context, id string) (*Import, error) {
	return s.changeImport(ctx, id, func(tx *sqldb.Tx, i *Import) error {
		switch i.State {
		case ingestv1.Import_STATE_UPLOADED, ingestv1.Import_STATE_TRYING, ingestv1.Import_STATE_TRIED, ingestv1.Import_STATE_RUNNING:
		default:
			return ErrWrongState
		}
		return s.endImport(tx, i, ingestv1.Import_STATE_CANCELLED)
	})
}

// endImport ends the work on an import, and forgets its file if it will not run again.
func (s *Store) endImport(tx *sqldb.Tx, i *Import, state ingestv1.Import_State) error {
	i.State, i.EndedAt = state, s.now()
	if _, err := tx.Exec(`DELETE FROM import_work WHERE import_id = $1`, i.ID); err != nil {
		return err
	}
	if state == ingestv1.Import_STATE_TRIED {
		return nil
	}
	_, err := tx.Exec(`DELETE FROM import_pieces WHERE import_id = $1`, i.ID)
	return err
}

// Rejects returns rows that were rejected after a line, in their order.
func (s *Store) Rejects(ctx context.Context, id string, after int64, limit int) (list []Rejected, err error) {
	rows, err := s.db.Read().QueryContext(ctx,
		`SELECT line, reason, cells FROM import_rejects WHERE import_id = $1 AND line > $2 ORDER BY line LIMIT $3`, id, after, limit)
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		var r Rejected
		err := rows.Scan(&r.Line, &r.Reason, &r.Cells)
		list = append(list, r)
		return err
	})
	return list, err
}

// PruneImports forgets what is kept for a while only.
func (s *Store) PruneImports(ctx context.Context) error {
	now := s.now()
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ago := func(d time.Duration) int64 { return now.Add(-d).UnixMicro() }
		rows, err := tx.Query( //nolint:sqlclosecheck // each closes them
			`SELECT id FROM imports WHERE state = 0 AND created_at < $1 OR state IN ($2, $3) AND created_at < $4 LIMIT 100`,
			ago(keepUnfinished), int64(ingestv1.Import_STATE_UPLOADED), int64(ingestv1.Import_STATE_TRIED), ago(KeepUploads))
		if err != nil {
			return err
		}
		var ids []string
		err = each(rows, func() error {
			var id string
			err := rows.Scan(&id)
			ids = append(ids, id)
			return err
		})
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := dropImport(tx, id); err != nil {
				return err
			}
		}
		for table, age := range map[string]time.Duration{"import_rejects": KeepRejects, "import_leads": KeepUndo} {
			_, err := tx.Exec(`DELETE FROM `+table+` WHERE import_id IN (SELECT id FROM imports WHERE ended_at > 0 AND ended_at < $1)`, ago(age))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
