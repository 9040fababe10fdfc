package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Source is a source as it is stored.
type Source struct {
	ID string
	// Revision is raised by every change, from 1.
	Revision             int64
	CreatedAt, UpdatedAt time.Time
	// Said is what people said of it: no name, times, etag or secret.
	Said *ingestv1.Source
	// Secret is what its webhook is verified with, sealed; nil: there is none.
	Secret []byte
}

// ErrSourceExists says that a source has the id already.
var ErrSourceExists = errors.New("store: source exists")

const sourceColumns = `SELECT id, revision, created_at, updated_at, content, secret FROM sources`

func scanSource(scan func(...any) error) (s Source, err error) {
	var created, updated int64
	var content []byte
	if err = scan(&s.ID, &s.Revision, &created, &updated, &content, &s.Secret); err != nil {
		return s, err
	}
	s.CreatedAt, s.UpdatedAt, s.Said = sqldb.Time(created), sqldb.Time(updated), &ingestv1.Source{}
	if err := proto.Unmarshal(content, s.Said); err != nil {
		return s, fmt.Errorf("store: source: %w", err)
	}
	return s, nil
}

// Source returns a source, or [ErrNotFound].
func (s *Store) Source(ctx context.Context, id string) (Source, error) {
	found, err := scanSource(s.db.Read().QueryRowContext(ctx, sourceColumns+` WHERE id = $1`, id).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return found, err
}

// Sources returns a page of sources in the order of their ids: those beyond one, or the
// first for none.
func (s *Store) Sources(ctx context.Context, after string, limit int) ([]Source, error) {
	result, err := s.db.Read().QueryContext(ctx, sourceColumns+` WHERE id > $1 ORDER BY id LIMIT $2`, after, limit) //nolint:sqlclosecheck // each closes it
	return every(result, err, scanSource)
}

// CreateSource stores a new source, whose revision and times it sets, or returns
// [ErrSourceExists].
func (s *Store) CreateSource(ctx context.Context, n Source) (Source, error) {
	content, err := proto.Marshal(n.Said)
	if err != nil {
		return Source{}, err
	}
	n.Revision, n.CreatedAt = 1, sqldb.Time(s.now().UnixMicro())
	n.UpdatedAt = n.CreatedAt
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		written, err := tx.Affected(`INSERT INTO sources (id, revision, created_at, updated_at, content, secret)
			VALUES ($1, $2, $3, $3, $4, $5) ON CONFLICT DO NOTHING`, n.ID, n.Revision, n.CreatedAt.UnixMicro(), content, n.Secret)
		if err == nil && written == 0 {
			err = ErrSourceExists
		}
		return err
	})
	return n, err
}

// UpdateSource lets change change what is said of a source and its secret, under its lock,
// and returns it. An error of change changes nothing and is returned. [ErrNotFound]: there
// is no such source.
func (s *Store) UpdateSource(ctx context.Context, id string, change func(*Source) error) (Source, error) {
	var found Source
	err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if found, err = scanSource(tx.QueryRow(sourceColumns+` WHERE id = $1`+tx.Dialect().ForUpdate(), id).Scan); err != nil {
			return err
		}
		if err = change(&found); err != nil {
			return err
		}
		content, err := proto.Marshal(found.Said)
		if err != nil {
			return err
		}
		found.Revision, found.UpdatedAt = found.Revision+1, sqldb.Time(s.now().UnixMicro())
		_, err = tx.Exec(`UPDATE sources SET revision = $2, updated_at = $3, content = $4, secret = $5 WHERE id = $1`,
			id, found.Revision, found.UpdatedAt.UnixMicro(), content, found.Secret)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return found, err
}
