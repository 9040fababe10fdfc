package store

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/redact"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

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
