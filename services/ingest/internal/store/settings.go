package store

import (
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// readSettings returns by which settings values are resolved.
func readSettings(tx *sqldb.Tx) (s identity.Settings, err error) {
	var value []byte
	err = tx.QueryRow(`SELECT value FROM identity_settings WHERE id = 'settings'`).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &s)
	}
	return s, err
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
