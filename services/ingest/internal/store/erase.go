package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/internal/redact"
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

// identifiersOf finds in a text any identifier of the persons that leads are, however it is
// spelled; nil: they have none.
func (s *Store) identifiersOf(ctx context.Context, leads []string) (*regexp.Regexp, error) {
	from, args := keysOf(leads).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT DISTINCT i.value FROM `+from+` CROSS JOIN leads l CROSS JOIN leads m CROSS JOIN identities i `+ //nolint:sqlclosecheck // each closes it
		`WHERE l.id = k.a AND m.canonical_id = l.canonical_id AND i.lead_id = m.id AND i.shared = 0`, args...)
	if err != nil {
		return nil, err
	}
	var values []string
	err = each(result, func() error {
		var value string
		err := result.Scan(&value)
		for _, written := range []string{value, url.QueryEscape(value), strings.Trim(string(canonical.Text(value)), `"`)} {
			values = append(values, regexp.QuoteMeta(written))
		}
		return err
	})
	if err != nil || len(values) == 0 {
		return nil, err
	}
	// Between what is no letter or digit: an id such as 7 is not in 17.
	return regexp.Compile(`(?i)(^|[^\pL\pN])(` + strings.Join(values, "|") + `)([^\pL\pN]|$)`)
}

// eraseRejected deletes the rejected events that name the persons, page by page.
func (s *Store) eraseRejected(ctx context.Context, said *regexp.Regexp) (gone int64, err error) {
	if said == nil {
		return 0, nil
	}
	for after := ""; ; {
		result, err := s.db.Read().QueryContext(ctx, `SELECT id, event_id, message, payload FROM rejected_events WHERE id > $1 ORDER BY id LIMIT 200`, after) //nolint:sqlclosecheck // each closes it
		if err != nil {
			return gone, err
		}
		var found []string
		read := 0
		err = each(result, func() error {
			var event, message, payload string
			err := result.Scan(&after, &event, &message, &payload)
			if read++; said.MatchString(event) || said.MatchString(message) || said.MatchString(payload) {
				found = append(found, after)
			}
			return err
		})
		if err != nil || read == 0 {
			return gone, err
		}
		if len(found) == 0 {
			continue
		}
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			from, args := keysOf(found).from(tx.Dialect())
			_, err := tx.Exec(`DELETE FROM rejected_events WHERE id IN (SELECT k.a FROM `+from+`)`, args...)
			return err
		})
		if err != nil {
			return gone, err
		}
		gone += int64(len(found))
	}
}

// ErrFileRuns: a file that names somebody who is to be forgotten is being imported.
var ErrFileRuns = errors.New("store: a file that names the person is being imported")

// overlap is how much of a piece of a file is looked at again with the next one: more than
// an identifier has.
const overlap = 4 * identity.MaxChars

// eraseFiles throws away the files that wait to be imported and name the persons, and the
// rows that were rejected of others. Errors: [ErrFileRuns].
func (s *Store) eraseFiles(ctx context.Context, said *regexp.Regexp, gone map[string]int64) error {
	if said == nil {
		return nil
	}
	type place struct {
		id     string
		number int64
	}
	named := map[string]bool{}
	var tail []byte
	var before place
	for at := (place{number: -1}); ; {
		var piece []byte
		err := s.db.Read().QueryRowContext(ctx, `SELECT import_id, number, piece FROM import_pieces
			WHERE (import_id, number) > ($1, $2) ORDER BY import_id, number LIMIT 1`, at.id, at.number).Scan(&at.id, &at.number, &piece)
		if errors.Is(err, sql.ErrNoRows) {
			break
		}
		if err != nil {
			return err
		}
		if at.id != before.id {
			tail = nil
		}
		named[at.id] = named[at.id] || said.Match(slices.Concat(tail, piece))
		tail, before = piece[max(0, len(piece)-overlap):], at
	}
	rejects, err := s.rejectsNaming(ctx, said)
	if err != nil {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for id, is := range named {
			if !is {
				continue
			}
			state := ingestv1.Import_STATE_UNSPECIFIED
			err := tx.QueryRow(`SELECT state FROM imports WHERE id = $1`+tx.Dialect().ForUpdate(), id).Scan(&state)
			switch {
			case errors.Is(err, sql.ErrNoRows):
			case err != nil:
				return err
			case state == ingestv1.Import_STATE_UPLOADED, state == ingestv1.Import_STATE_TRIED, state == ingestv1.Import_STATE_UNSPECIFIED:
				if err := dropImport(tx, id); err != nil {
					return err
				}
				gone["imports"]++
			case state == ingestv1.Import_STATE_RUNNING, state == ingestv1.Import_STATE_TRYING:
				return ErrFileRuns
			default: // it was given up: its rows are of no use any more
				if _, err := tx.Exec(`DELETE FROM import_pieces WHERE import_id = $1`, id); err != nil {
					return err
				}
			}
		}
		if err := eraseSamples(tx, said); err != nil {
			return err
		}
		for _, r := range rejects {
			if _, err := tx.Exec(`UPDATE import_rejects SET cells = $1 WHERE import_id = $2 AND line = $3`, []byte("[]"), r.id, r.line); err != nil {
				return err
			}
		}
		gone["import_rejects"] = int64(len(rejects))
		return nil
	})
}

// samples are where somebody who sets something up keeps a piece of what was sent.
var samples = []struct {
	table, column string
	reduce        func([]byte) ([]byte, error)
}{
	{"imports", "about", redact.Message(func(i *ingestv1.Import) {
		for _, c := range i.GetColumns() {
			c.Samples = nil
		}
	})},
	{"sources", "content", redact.Message(func(s *ingestv1.Source) {
		if s.GetWebhook() != nil {
			s.Webhook.Sample = ""
		}
	})},
}

// eraseSamples takes the samples out of what is known of files and webhooks, where they
// name the persons.
func eraseSamples(tx *sqldb.Tx, said *regexp.Regexp) error {
	for _, sample := range samples { // names are ours
		result, err := tx.Query(`SELECT id, ` + sample.column + ` FROM ` + sample.table) //nolint:sqlclosecheck // each closes it
		if err != nil {
			return err
		}
		changed := map[string][]byte{}
		err = each(result, func() error {
			var id string
			var content []byte
			if err := result.Scan(&id, &content); err != nil || !said.Match(content) {
				return err
			}
			changed[id], err = sample.reduce(content)
			return err
		})
		for id, content := range changed {
			if err == nil {
				_, err = tx.Exec(`UPDATE `+sample.table+` SET `+sample.column+` = $1 WHERE id = $2`, content, id)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// rejectedRow names a row that was rejected.
type rejectedRow struct {
	id   string
	line int64
}

// rejectsNaming returns the rejected rows that name the persons.
func (s *Store) rejectsNaming(ctx context.Context, said *regexp.Regexp) (found []rejectedRow, err error) {
	for at := (rejectedRow{line: -1}); ; {
		result, err := s.db.Read().QueryContext(ctx, `SELECT import_id, line, reason, cells FROM import_rejects
			WHERE (import_id, line) > ($1, $2) ORDER BY import_id, line LIMIT 1000`, at.id, at.line)
		if err != nil {
			return nil, err
		}
		read := 0
		err = each(result, func() error {
			var reason string
			var cells []byte
			err := result.Scan(&at.id, &at.line, &reason, &cells)
			if read++; said.Match(cells) || said.MatchString(reason) {
				found = append(found, at)
			}
			return err
		})
		if err != nil || read == 0 {
			return found, err
		}
	}
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
	tables := []string{"journal", "requests", "rejected_events", "identity_claims", "imports", "import_pieces", "import_rejects", "sources"}
	for _, p := range personal {
		tables = append(tables, p.table)
	}
	slices.Sort(tables)
	return s.db.Scrub(ctx, slices.Compact(tables)...)
}
