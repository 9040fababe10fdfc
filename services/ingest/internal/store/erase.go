package store

import (
	"context"
	"database/sql"
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// personal is where anything of a person can stand, with the column that says whose it is.
// What an erasure deletes from them goes by that column.
var personal = []struct{ table, lead string }{
	{"attributes", "lead_id"},
	{"activities", "lead_id"},
	{"permissions", "lead_id"},
	{"account_leads", "lead_id"},
	{"corrected_activities", "lead_id"},
	{"import_leads", "lead_id"},
	{"lead_merges", "lead_a"},
	{"lead_merges", "lead_b"},
	{"merge_proposals", "lead_a"},
	{"merge_proposals", "lead_b"},
	{"identities", "lead_id"},
	{"pending", "lead_id"},
	{"leads", "id"}, // last: what is found by it must be gone
}

// Erase deletes all that is kept of the persons that leads are, and returns how many rows
// went from each table, once what waits in the journal is stored. Leads that are gone are passed over: it may be repeated.
func (s *Store) Erase(ctx context.Context, leads []string) (map[string]int64, error) {
	if err := s.catchUp(ctx); err != nil {
		return nil, err
	}
	gone := map[string]int64{}
	said, err := s.identifiersOf(ctx, leads)
	if err != nil {
		return nil, err
	}
	// What was sent and is kept as it came is nobody's: as long as it is known by what the
	// persons can be recognised, it is looked for.
	if gone["rejected_events"], err = s.eraseRejected(ctx, said); err != nil {
		return nil, err
	}
	if err := s.eraseFiles(ctx, said, gone); err != nil {
		return nil, err
	}
	var e *eraser
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		e = &eraser{tx: tx, leads: leads, gone: map[string]int64{}}
		return e.erase()
	})
	if err != nil {
		return nil, err
	}
	s.homes.Clear()
	s.claims.Clear()
	maps.Copy(gone, e.gone)
	return gone, s.reconsider(ctx, e.claimed)
}

// eraser is one transaction of an erasure.
type eraser struct {
	tx    *sqldb.Tx
	leads []string // the given ones, and all others of their persons
	// claimed are the values that the persons claimed beside others.
	claimed []identity.Identity
	gone    map[string]int64
}

func (e *eraser) erase() error {
	if err := e.lock(); err != nil {
		return err
	}
	if err := e.replies(); err != nil {
		return err
	}
	if err := e.values(); err != nil {
		return err
	}
	for _, p := range personal {
		if err := e.delete(p.table, p.lead); err != nil {
			return err
		}
	}
	// Other processes forget what they remember of identities.
	_, err := e.tx.Exec(`UPDATE privacy_head SET erasures = erasures + 1`)
	return err
}

// lock adds the other leads of the persons, and locks the persons in the order in which
// everybody does.
func (e *eraser) lock() error {
	from, args := keysOf(e.leads).from(e.tx.Dialect())
	result, err := e.tx.Query(`SELECT p.lead_id FROM `+from+` CROSS JOIN leads l CROSS JOIN pending p
		WHERE l.id = k.a AND p.lead_id = l.canonical_id ORDER BY p.lead_id`+lock(e.tx.Dialect()), args...)
	if err != nil {
		return err
	}
	persons, err := texts(result)
	if err != nil || len(persons) == 0 {
		return err
	}
	from, args = keysOf(persons).from(e.tx.Dialect())
	if result, err = e.tx.Query(`SELECT m.id FROM `+from+` CROSS JOIN leads m WHERE m.canonical_id = k.a`, args...); err != nil {
		return err
	}
	members, err := texts(result)
	e.leads = slices.Compact(slices.Sorted(slices.Values(slices.Concat(e.leads, members))))
	return err
}

// texts reads rows of one text.
func texts(result *sql.Rows) (list []string, err error) {
	err = each(result, func() error {
		var text string
		err := result.Scan(&text)
		list = append(list, text)
		return err
	})
	return list, err
}

// replies deletes the replies kept of repeatable calls that name any of the leads.
func (e *eraser) replies() error {
	within := `instr(reply, $1) > 0`
	if e.tx.Dialect() == sqldb.PostgreSQL {
		within = `position($1 IN reply) > 0`
	}
	for _, id := range e.leads {
		n, err := e.tx.Affected(`DELETE FROM requests WHERE `+within, []byte(lead.Name(id)))
		if err != nil {
			return err
		}
		e.gone["requests"] += n
	}
	return nil
}

// values deletes what was seen together with any value of the persons, and values that
// nobody but they claimed.
func (e *eraser) values() error {
	var theirs []identity.Identity
	scan := func(to *[]identity.Identity, result *sql.Rows, err error) error {
		if err != nil {
			return err
		}
		return each(result, func() error {
			var id identity.Identity
			err := result.Scan(&id.Kind, &id.Value)
			*to = append(*to, id)
			return err
		})
	}
	from, args := keysOf(e.leads).from(e.tx.Dialect())
	result, err := e.tx.Query(`SELECT i.kind, i.value FROM `+from+` CROSS JOIN identities i WHERE i.lead_id = k.a`, args...) //nolint:sqlclosecheck // scan closes them
	if err := scan(&theirs, result, err); err != nil || len(theirs) == 0 {
		return err
	}
	from, args = valueKeys(theirs).from(e.tx.Dialect())
	result, err = e.tx.Query(`SELECT DISTINCT l.kind, l.value FROM `+from+` CROSS JOIN identity_claims l WHERE l.by_kind = k.a AND l.by_value = k.b`, args...) //nolint:sqlclosecheck // scan closes them
	if err := scan(&e.claimed, result, err); err != nil {
		return err
	}
	for _, columns := range []string{"kind, value", "by_kind, by_value"} {
		n, err := e.tx.Affected(`DELETE FROM identity_claims WHERE (`+columns+`) IN (SELECT k.a, k.b FROM `+from+`)`, args...)
		if err != nil {
			return err
		}
		e.gone["identity_claims"] += n
	}
	if len(e.claimed) == 0 {
		return nil
	}
	from, args = valueKeys(e.claimed).from(e.tx.Dialect())
	n, err := e.tx.Affected(`DELETE FROM identities WHERE home = 0 AND (kind, value) IN (SELECT k.a, k.b FROM `+from+`) AND NOT EXISTS (
		SELECT 1 FROM identity_claims l WHERE l.kind = identities.kind AND l.value = identities.value)`, args...)
	e.gone["identities"] += n
	return err
}

func (e *eraser) delete(table, column string) error {
	from, args := keysOf(e.leads).from(e.tx.Dialect())
	n, err := e.tx.Affected(`DELETE FROM `+table+` WHERE `+column+` IN (SELECT k.a FROM `+from+`)`, args...)
	e.gone[table] += n
	return err
}

// Scrub makes what was erased unreadable in the files of the database, see [sqldb.DB.Scrub].
func (s *Store) Scrub(ctx context.Context) error {
	tables := []string{"journal", "requests", "rejected_events", "identity_claims", "imports", "import_pieces", "import_rejects", "sources", "corrections"}
	for _, p := range personal {
		tables = append(tables, p.table)
	}
	slices.Sort(tables)
	return s.db.Scrub(ctx, slices.Compact(tables)...)
}
