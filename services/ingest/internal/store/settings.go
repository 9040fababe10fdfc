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
