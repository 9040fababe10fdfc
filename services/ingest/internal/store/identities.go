package store

import (
	"context"
	"database/sql"
	"errors"
	"sync"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var identityTable = table{
	name:    "identities",
	columns: "kind bigint, value text, lead_id text, source text, effective_at bigint, received_at bigint",
	suffix:  "ON CONFLICT DO NOTHING",
}

// identityCache remembers which lead has an identity. A row of identities is never
// pointed to another lead, and only committed ones get here, so that an entry can
// be missing but not wrong; should a lead be gone, the capture that finds out drops
// the entry and looks again.
//
// There are two generations: when the young one is full it becomes the old one,
// and what is used there comes back.
type identityCache struct {
	mu         sync.Mutex
	young, old map[identity.Identity]string
}

// generation bounds the cache to about 20 MB.
const generation = 1 << 16

func newIdentityCache() *identityCache {
	return &identityCache{young: map[identity.Identity]string{}}
}

func (c *identityCache) get(id identity.Identity) (string, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	lead, ok := c.young[id]
	if !ok {
		if lead, ok = c.old[id]; ok {
			c.put(id, lead)
		}
	}
	return lead, ok
}

func (c *identityCache) add(known map[identity.Identity]string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, lead := range known {
		c.put(id, lead)
	}
}

func (c *identityCache) put(id identity.Identity, lead string) {
	if len(c.young) >= generation {
		c.old, c.young = c.young, make(map[identity.Identity]string, generation/4)
	}
	c.young[id] = lead
}

func (c *identityCache) drop(id identity.Identity) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, id)
	delete(c.old, id)
}

func (c *identityCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = map[identity.Identity]string{}, nil
}

// readIdentities returns the leads of those identities that are known.
func readIdentities(tx *sqldb.Tx, ids []identity.Identity) (map[identity.Identity]string, error) {
	kinds, values := make([]int64, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		kinds[i], values[i] = int64(id.Kind), id.Value
	}
	from, args := keysOf(kinds, values).from(tx.Dialect())
	result, err := tx.Query(`SELECT i.kind, i.value, i.lead_id FROM `+from+`
		CROSS JOIN identities i WHERE i.kind = k.a AND i.value = k.b`, args...)
	if err != nil {
		return nil, err
	}
	known := make(map[identity.Identity]string, len(ids))
	err = each(result, func() error {
		var id identity.Identity
		var lead string
		if err := result.Scan(&id.Kind, &id.Value, &lead); err != nil {
			return err
		}
		known[id] = lead
		return nil
	})
	return known, err
}

// Lookup returns the id of the lead with an identity, or [ErrNotFound].
func (s *Store) Lookup(ctx context.Context, id identity.Identity) (lead string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT lead_id FROM identities WHERE kind = $1 AND value = $2`, int64(id.Kind), id.Value).Scan(&lead)
	if errors.Is(err, sql.ErrNoRows) {
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
