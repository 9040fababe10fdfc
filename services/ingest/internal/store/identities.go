package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var identityTable = table{
	name:    "identities",
	columns: "kind bigint, value text, lead_id text, source text, effective_at bigint, received_at bigint, home bigint, shared bigint, mailbox text, uncompared bigint",
	suffix:  "ON CONFLICT DO NOTHING",
}

// value is a row of identities.
type value struct {
	lead   string // whom it leads to; empty: nobody
	home   bool   // the lead is its own, for ever
	shared bool   // too many persons claim it
	// version is the identity version of that lead.
	version int64
}

// readValues returns those of the values that are known.
func readValues(tx *sqldb.Tx, ids []identity.Identity) (map[identity.Identity]value, error) {
	from, args := valueKeys(ids).from(tx.Dialect())
	result, err := tx.Query(`SELECT i.kind, i.value, i.lead_id, i.home, i.shared, COALESCE(l.identity_version, 0) FROM `+from+`
		CROSS JOIN identities i LEFT JOIN leads l ON l.id = i.lead_id WHERE i.kind = k.a AND i.value = k.b`, args...)
	if err != nil {
		return nil, err
	}
	known := make(map[identity.Identity]value, len(ids))
	err = each(result, func() error {
		var id identity.Identity
		var v value
		if err := result.Scan(&id.Kind, &id.Value, &v.lead, &v.home, &v.shared, &v.version); err != nil {
			return err
		}
		known[id] = v
		return nil
	})
	return known, err
}

func valueKeys(ids []identity.Identity) keys {
	kinds, values := make([]int64, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		kinds[i], values[i] = int64(id.Kind), id.Value
	}
	return keysOf(kinds, values)
}

// Lookup returns the id of the lead that an identity leads to, or [ErrNotFound]: nobody
// has it, or too many.
func (s *Store) Lookup(ctx context.Context, id identity.Identity) (lead string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT lead_id FROM identities WHERE kind = $1 AND value = $2`, int64(id.Kind), id.Value).Scan(&lead)
	if errors.Is(err, sql.ErrNoRows) || err == nil && lead == "" {
		return "", ErrNotFound
	}
	return lead, err
}

// each calls scan for each row and closes the rows.
func each(result *sql.Rows, scan func() error) error {
	defer result.Close()
	for result.Next() {
		if err := scan(); err != nil {
			return err
		}
	}
	return result.Err()
}

// every reads all rows of a query, if it has any.
func every[T any](result *sql.Rows, err error, scan func(func(...any) error) (T, error)) (list []T, _ error) {
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		one, err := scan(result.Scan)
		list = append(list, one)
		return err
	})
	return list, err
}
