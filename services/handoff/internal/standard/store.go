package standard

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrNotFound says that there is no such standard or version.
var ErrNotFound = errors.New("standard: not found")

// Standard is a row of a standard.
type Standard struct {
	// ID, e.g. `default`.
	ID string
	// DisplayName is the name for people.
	DisplayName string
	// ActiveVersion is the id of the version that decides; empty if none does.
	ActiveVersion string
	// CreateTime is when its first version was created, UpdateTime when the active
	// version last changed.
	CreateTime, UpdateTime time.Time
}

// Version is a row of a version.
type Version struct {
	// StandardID and ID name it.
	StandardID, ID string
	// Spec is the content; nil in lists.
	Spec *handoffv1.StandardSpec
	// CreateTime and Creator say when it was stored and by whom.
	CreateTime time.Time
	Creator    string
	// PublishTime and Publisher say when it was first published and by whom; zero
	// until then.
	PublishTime time.Time
	Publisher   string
	// Active: it is the version that decides.
	Active bool
	// Marketing and Sales are the sides' sign-offs; zero until they signed.
	Marketing, Sales SignOff
}

// store reads and writes the rows. Its functions that change something run in the
// transaction of their caller.
type store struct{ db *sqldb.DB }

const standardColumns = `SELECT standard_id, display_name, active_version, create_time, update_time FROM standards`

// versionColumns joins the sign-offs and the first publication of each version.
const versionColumns = `
	SELECT v.standard_id, v.version_id, v.create_time, v.creator, s.active_version,
	       COALESCE(p.create_time, 0), COALESCE(p.actor, ''),
	       COALESCE(ms.create_time, 0), COALESCE(ms.actor, ''), COALESCE(ms.comment, ''),
	       COALESCE(ss.create_time, 0), COALESCE(ss.actor, ''), COALESCE(ss.comment, ''), %s
	FROM standard_versions v
	JOIN standards s ON s.standard_id = v.standard_id
	LEFT JOIN standard_log ms ON ms.standard_id = v.standard_id AND ms.version_id = v.version_id
		AND ms.kind = 'signed_off' AND ms.side = 'marketing'
	LEFT JOIN standard_log ss ON ss.standard_id = v.standard_id AND ss.version_id = v.version_id
		AND ss.kind = 'signed_off' AND ss.side = 'sales'
	LEFT JOIN standard_log p ON p.standard_id = v.standard_id AND p.sequence = (
		SELECT MIN(sequence) FROM standard_log
		WHERE standard_id = v.standard_id AND version_id = v.version_id AND kind = 'published')`

type scanner interface{ Scan(into ...any) error }

func scanStandard(row scanner) (Standard, error) {
	var (
		s                Standard
		created, updated int64
	)
	err := row.Scan(&s.ID, &s.DisplayName, &s.ActiveVersion, &created, &updated)
	s.CreateTime, s.UpdateTime = sqldb.Time(created), sqldb.Time(updated)
	return s, found(err)
}

func scanVersion(row scanner) (Version, error) {
	var (
		v                  Version
		active             string
		created, published int64
		marketing, sales   int64
		content            []byte
	)
	err := row.Scan(&v.StandardID, &v.ID, &created, &v.Creator, &active, &published, &v.Publisher,
		&marketing, &v.Marketing.Actor, &v.Marketing.Comment, &sales, &v.Sales.Actor, &v.Sales.Comment, &content)
	if err != nil {
		return Version{}, found(err)
	}
	v.CreateTime, v.PublishTime, v.Active = sqldb.Time(created), sqldb.Time(published), active == v.ID
	v.Marketing.CreateTime, v.Sales.CreateTime = sqldb.Time(marketing), sqldb.Time(sales)
	if len(content) > 0 {
		v.Spec = &handoffv1.StandardSpec{}
		if err := protojson.Unmarshal(content, v.Spec); err != nil {
			return Version{}, fmt.Errorf("standards/%s/versions/%s: stored content: %w", v.StandardID, v.ID, err)
		}
	}
	return v, nil
}

func found(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// querier is a transaction or the pool of readers.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (store) get(ctx context.Context, q querier, id string) (Standard, error) {
	return scanStandard(q.QueryRowContext(ctx, standardColumns+` WHERE standard_id = $1`, id))
}

func (store) version(ctx context.Context, q querier, id, version string) (Version, error) {
	return scanVersion(q.QueryRowContext(ctx,
		fmt.Sprintf(versionColumns, "v.content")+` WHERE v.standard_id = $1 AND v.version_id = $2`, id, version))
}

// list is a page of standards by id, after the given one.
func (s store) list(ctx context.Context, after string, limit int) ([]Standard, error) {
	return collect(ctx, s.db.Read(), scanStandard,
		standardColumns+` WHERE standard_id > $1 ORDER BY standard_id LIMIT $2`, after, limit)
}

// active are the standards that decide, by id.
func (store) active(ctx context.Context, q querier) ([]Standard, error) {
	return collect(ctx, q, scanStandard, standardColumns+` WHERE active_version <> '' ORDER BY standard_id`)
}

// versions is a page of versions without content, latest first, of those before the
// given one.
func (s store) versions(ctx context.Context, id string, micros int64, version string, limit int) ([]Version, error) {
	return collect(ctx, s.db.Read(), scanVersion, fmt.Sprintf(versionColumns, "NULL")+`
		WHERE v.standard_id = $1 AND (v.create_time < $2 OR (v.create_time = $2 AND v.version_id < $3))
		ORDER BY v.create_time DESC, v.version_id DESC LIMIT $4`,
		id, micros, version, limit)
}

func collect[T any](ctx context.Context, q querier, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		one, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, rows.Err()
}

// insert stores a version and, with its first, the standard. What is stored
// already stays as it is.
func (s store) insert(tx *sqldb.Tx, c *Compiled, displayName, creator string, now time.Time) (Version, error) {
	audit.About(tx.Context(), "standards/"+c.ID+"/versions/"+c.content.id())
	at := sqldb.Micros(now)
	if _, err := tx.Exec(`
		INSERT INTO standards (standard_id, display_name, active_version, create_time, update_time)
		VALUES ($1, $2, '', $3, $3) ON CONFLICT (standard_id) DO NOTHING`,
		c.ID, displayName, at); err != nil {
		return Version{}, err
	}
	stored, err := tx.Affected(`
		INSERT INTO standard_versions (standard_id, version_id, content, content_hash, create_time, creator)
		VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (standard_id, version_id) DO NOTHING`,
		c.ID, c.content.id(), c.content.json, c.content.hash[:], at, creator)
	if err != nil {
		return Version{}, err
	}
	if stored > 0 {
		if _, err := s.record(tx, c.ID, Entry{Kind: Created, Version: c.content.id(), Actor: creator, CreateTime: now}); err != nil {
			return Version{}, err
		}
	}
	var hash []byte
	err = tx.QueryRow(`SELECT content_hash FROM standard_versions WHERE standard_id = $1 AND version_id = $2`,
		c.ID, c.content.id()).Scan(&hash)
	switch {
	case err != nil:
		return Version{}, err
	case !bytes.Equal(hash, c.content.hash[:]):
		return Version{}, fmt.Errorf("%s: another content has the same name", c.Version)
	}
	return s.version(tx.Context(), tx, c.ID, c.content.id())
}

// activate makes the version of the entry the one that decides (none if it is empty),
// and logs the entry. Nothing happens if it is already.
func (s store) activate(tx *sqldb.Tx, id, displayName string, e Entry) error {
	changed, err := tx.Affected(`
		UPDATE standards SET active_version = $2, display_name = $3, update_time = $4
		WHERE standard_id = $1 AND active_version <> $2`, id, e.Version, displayName, sqldb.Micros(e.CreateTime))
	if err != nil || changed == 0 {
		return err
	}
	_, err = s.record(tx, id, e)
	return err
}
