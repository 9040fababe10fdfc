package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// readSettings returns by which settings values are resolved: those of this transaction.
func readSettings(tx *sqldb.Tx) (s identity.Settings, err error) {
	_, s, err = scanSettings(tx.QueryRow(`SELECT version, value FROM identity_settings WHERE id = 'settings'`).Scan)
	return s, err
}

func scanSettings(scan func(...any) error) (version int64, s identity.Settings, err error) {
	var value []byte
	err = scan(&version, &value)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, s, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &s)
	}
	return version, s, err
}

// IdentitySettings returns the settings and their etag.
func (s *Store) IdentitySettings(ctx context.Context) (identity.Settings, string, error) {
	version, settings, err := scanSettings(s.db.Read().QueryRowContext(ctx, `SELECT version, value FROM identity_settings WHERE id = 'settings'`).Scan)
	return settings, strconv.FormatInt(version, 10), err
}

// LoadIdentitySettings reads the settings into memory, for what is blocked is looked up
// there.
func (s *Store) LoadIdentitySettings(ctx context.Context) error {
	settings, _, err := s.IdentitySettings(ctx)
	if err == nil {
		s.settings.Store(&settings)
	}
	return err
}

// SetIdentitySettings replaces the settings, if the etag matches or is empty. What is
// known is resolved by them once [Store.Reresolve] has gone through it. Errors:
// [ErrETagMismatch].
func (s *Store) SetIdentitySettings(ctx context.Context, settings identity.Settings, etag string) error {
	value, err := json.Marshal(settings)
	if err != nil {
		return err
	}
	err = s.again(ctx, func(tx *sqldb.Tx) error {
		version, _, err := scanSettings(tx.QueryRow(`SELECT version, value FROM identity_settings WHERE id = 'settings'`).Scan)
		if err != nil {
			return err
		}
		if etag != "" && etag != strconv.FormatInt(version, 10) {
			return ErrETagMismatch
		}
		n, err := tx.Affected(`INSERT INTO identity_settings (id, version, value, resolved, at_kind, at_value) VALUES ('settings', $1, $2, 0, 0, '')
			ON CONFLICT (id) DO UPDATE SET version = excluded.version, value = excluded.value, at_kind = 0, at_value = ''
			WHERE identity_settings.version = $3`, version+1, value, version)
		if err == nil && n != 1 {
			err = ErrRaced
		}
		return err
	})
	if err == nil {
		s.settings.Store(&settings)
	}
	return err
}

// reresolved is how many values one transaction resolves again.
const reresolved = 20

// Reresolve resolves again, after the settings changed, the next values that anybody
// claims; more says that there are others. Several processes may do so at once.
func (s *Store) Reresolve(ctx context.Context) (more bool, err error) {
	var version, resolved int64
	var last identity.Identity
	err = s.db.Read().QueryRowContext(ctx, `SELECT version, resolved, at_kind, at_value FROM identity_settings WHERE id = 'settings'`).
		Scan(&version, &resolved, &last.Kind, &last.Value)
	if errors.Is(err, sql.ErrNoRows) || err == nil && version == resolved {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var values []identity.Identity
	result, err := s.db.Read().QueryContext(ctx, `SELECT DISTINCT kind, value FROM identity_claims WHERE (kind, value) > ($1, $2)
		ORDER BY kind, value LIMIT $3`, int64(last.Kind), last.Value, reresolved) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return false, err
	}
	err = each(result, func() error {
		var id identity.Identity
		err := result.Scan(&id.Kind, &id.Value)
		values = append(values, id)
		return err
	})
	if err != nil {
		return false, err
	}
	_, err = s.rethinkValues(ctx, func(*sqldb.Tx) ([]identity.Identity, error) { return values, nil }, func(c *commit) error {
		if len(values) == 0 {
			_, err := c.tx.Exec(`UPDATE identity_settings SET resolved = version WHERE id = 'settings' AND version = $1`, version)
			return err
		}
		end := values[len(values)-1]
		_, err := c.tx.Exec(`UPDATE identity_settings SET at_kind = $1, at_value = $2 WHERE id = 'settings' AND version = $3`, int64(end.Kind), end.Value, version)
		return err
	})
	return len(values) > 0, err
}

// block drops identities that say nothing of who somebody is; of whom none is left is
// refused.
func (s *Store) block(c *Capture) {
	settings := s.settings.Load()
	for _, subject := range c.Subjects {
		if len(subject.Identities) == 0 {
			continue
		}
		subject.Identities, subject.Previous = settings.Allowed(subject.Identities), settings.Allowed(subject.Previous)
		subject.blocked = len(subject.Identities) == 0
	}
}
