package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// PermissionState is what a person said. The numbers are stored.
type PermissionState int64

// The states.
const (
	// PermissionPending: given, and not confirmed yet.
	PermissionPending PermissionState = iota + 1
	// PermissionGranted: given.
	PermissionGranted
	// PermissionWithdrawn: taken back.
	PermissionWithdrawn
)

// String is the state as an attribute says it.
func (s PermissionState) String() string {
	return [...]string{"", "pending", "granted", "withdrawn"}[s]
}

// Permission is a record of the ledger: what a person said of a channel and a purpose.
type Permission struct {
	// ID of the record; of two that hold since the same instant the greater counts.
	ID string
	// Lead that it was said of.
	Lead string
	// Channel and Purpose, in snake_case.
	Channel, Purpose string
	State            PermissionState
	// Basis, Source and TextVersion say on which ground, where, and of which text.
	Basis, Source, TextVersion string
	// AddressHash is a keyed hash of where it was said from; nil: not known.
	AddressHash []byte
	// Effective is since when it holds, Received when it was recorded.
	Effective, Received time.Time
	// Actor who recorded it.
	Actor string
	// TokenHash is of what confirms it; nil: nothing does.
	TokenHash []byte
	// Confirms is the id of the record that this one confirms; empty: of none.
	Confirms string
}

// Key is the attribute that says it.
func (p *Permission) Key() string { return lead.PermissionPrefix + p.Channel + "_" + p.Purpose }

const permissionColumns = `r.id, r.lead_id, r.channel, r.purpose, r.state, r.basis, r.source, r.text_version, r.address_hash,
	r.effective_at, r.received_at, r.actor, r.token_hash, r.confirms`

func scanPermission(scan func(...any) error) (p Permission, err error) {
	var effective, received int64
	err = scan(&p.ID, &p.Lead, &p.Channel, &p.Purpose, &p.State, &p.Basis, &p.Source, &p.TextVersion, &p.AddressHash,
		&effective, &received, &p.Actor, &p.TokenHash, &p.Confirms)
	p.Effective, p.Received = sqldb.Time(effective), sqldb.Time(received)
	return p, err
}

// RecordPermission adds a record to the ledger, and says it of the lead, in one
// transaction. Errors: [ErrNotFound].
func (s *Store) RecordPermission(ctx context.Context, p Permission) error {
	subject := &Subject{
		Lead: p.Lead, Effective: p.Effective, Source: lead.FromPermission,
		Standing: []Standing{{
			Attribute: lead.Attribute{Key: p.Key(), Value: canonical.Text(p.State.String())},
			Source:    lead.FromPermission, At: p.Effective, ID: p.ID,
		}},
	}
	return s.Capture(ctx, &Capture{Received: p.Received, Subjects: []*Subject{subject}, Also: func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO permissions (id, lead_id, channel, purpose, state, basis, source, text_version, address_hash,
			effective_at, received_at, actor, token_hash, confirms) VALUES `+sqldb.Values(1, 14),
			p.ID, p.Lead, p.Channel, p.Purpose, int64(p.State), p.Basis, p.Source, p.TextVersion, p.AddressHash,
			p.Effective.UnixMicro(), p.Received.UnixMicro(), p.Actor, p.TokenHash, p.Confirms)
		return err
	}})
}

// Permissions returns all records of a lead's person, in the order in which they hold: of
// a channel and a purpose the last one counts. Errors: [ErrNotFound].
func (s *Store) Permissions(ctx context.Context, id string) ([]Permission, error) {
	person, err := s.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+permissionColumns+` FROM leads m CROSS JOIN permissions r
		WHERE m.canonical_id = $1 AND r.lead_id = m.id ORDER BY r.effective_at, r.id`, person)
	return every(result, err, scanPermission)
}

// PermissionPage returns records of a lead's person, the latest recorded first: those
// beyond a place, a time and an id, or the first for nil. Errors: [ErrNotFound].
func (s *Store) PermissionPage(ctx context.Context, id string, after []any, limit int) ([]Permission, error) {
	person, err := s.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	where, args := "", []any{person, limit}
	if after != nil {
		where, args = ` AND (r.received_at, r.id) < ($3, $4)`, append(args, after...)
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+permissionColumns+` FROM leads m CROSS JOIN permissions r
		WHERE m.canonical_id = $1 AND r.lead_id = m.id`+where+` ORDER BY r.received_at DESC, r.id DESC LIMIT $2`, args...)
	return every(result, err, scanPermission)
}

// PermissionByToken returns the record that a token confirms, or [ErrNotFound].
func (s *Store) PermissionByToken(ctx context.Context, hash []byte) (Permission, error) {
	p, err := scanPermission(s.db.Read().QueryRowContext(ctx, `SELECT `+permissionColumns+` FROM permissions r WHERE r.token_hash = $1`, hash).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return p, err
}
