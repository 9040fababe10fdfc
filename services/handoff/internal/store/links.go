package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// FollowedLink is a link that somebody followed.
type FollowedLink struct {
	// Action it took, and who followed it when.
	Action, Actor string
	Time          time.Time
}

// Followed returns who followed a link; nil: nobody yet.
func (s *Store) Followed(ctx context.Context, hash string) (*FollowedLink, error) {
	var l FollowedLink
	var at int64
	err := s.db.Read().QueryRowContext(ctx, `SELECT action, actor, follow_time FROM followed_links WHERE link_hash = $1`, hash).
		Scan(&l.Action, &l.Actor, &at)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	l.Time = sqldb.Time(at)
	return &l, err
}

// Follow notes who followed a link. The first one stays.
func (s *Store) Follow(ctx context.Context, hash, handoff string, l FollowedLink) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO followed_links (link_hash, handoff_id, action, actor, follow_time) VALUES ($1,$2,$3,$4,$5)
			ON CONFLICT (link_hash) DO NOTHING`, hash, HandoffID(handoff), l.Action, l.Actor, sqldb.Micros(l.Time))
		return err
	})
}
