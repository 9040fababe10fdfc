package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Every process keeps the suppression list in memory, so that a capture asks no table, and
// looks every few moments whether the list has changed. Leads that are there when an entry
// comes or goes are told: of an identity that is added at once, otherwise soon after. A
// process that has not looked yet goes by the list of before, also for what it captures just
// now; so an entry stays marked as changed until all have looked, and its leads are told once
// more then. Whoever is captured meanwhile hears of an entry that is gone with that capture.

// What callers can do something about.
var (
	// ErrSuppressed: the person is on the suppression list and is not captured.
	ErrSuppressed = errors.New("store: suppressed")
	// ErrNoKey: there is no key to make the hashes of the suppression list with.
	ErrNoKey = errors.New("store: no key")
	// ErrOtherKey: the suppression list was made with another key, or with one and there
	// is none: nobody on it would be found.
	ErrOtherKey = errors.New("the suppression list was made with another ASSAY_SECRETS_KEY: expected that one, or an empty list")
)

// States of an entry.
const (
	standing = iota // all that there is to do was done
	toTell          // leads that are there are to be told
	toRemove        // they are to be told that it is gone
)

// UseKey gives the key of the suppression list; without it nobody can be put on it. To be
// called before the store is used.
func (s *Store) UseKey(key suppression.Key) { s.key = key }

// LoadSuppressions reads the list into memory if it has changed since it was read, and
// forgets what erasures of other processes took. Errors: [ErrOtherKey].
func (s *Store) LoadSuppressions(ctx context.Context) error {
	s.loading.Lock()
	defer s.loading.Unlock()
	var version, erasures int64
	var check []byte
	err := s.db.Read().QueryRowContext(ctx, `SELECT suppressions, erasures, key_check FROM privacy_head`).Scan(&version, &erasures, &check)
	if err != nil {
		return err
	}
	if erasures != s.erasures {
		s.homes.Clear()
		s.claims.Clear()
		s.erasures = erasures
	}
	if version == s.listVersion {
		return nil
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+suppressionColumns+`, state, hash FROM suppressions`) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return err
	}
	entries, standing := map[suppression.Hash]suppression.Entry{}, int64(0)
	err = each(result, func() error {
		var e suppression.Entry
		var state int
		var hash []byte
		err := result.Scan(&e.ID, &e.Mode, &e.Reason, &e.CreatedAt, &e.Actor, &state, &hash)
		e.Removed = state == toRemove
		standing += flag(!e.Removed)
		entries[suppression.Hash(hash)] = e
		return err
	})
	if err != nil {
		return err
	}
	if want := s.key.Check(); standing > 0 && !bytes.Equal(check, want[:]) {
		return ErrOtherKey
	}
	s.suppressed.Store(suppression.NewList(s.key, entries))
	s.listVersion = version
	return nil
}

const suppressionColumns = `id, mode, reason, created_at, actor`

// NewSuppression is an entry to add.
type NewSuppression struct {
	// Of is whom it is of: an identity, or a domain under the kind [suppression.Domain].
	Of identity.Identity
	// Entry is what it does; ID and CreatedAt are given by the store.
	suppression.Entry
}

// AddSuppressions puts entries on the list, in place of those of the same identifiers, and
// returns them. Leads that are there are told before it returns, those of a domain soon
// after. Errors: [ErrNoKey].
func (s *Store) AddSuppressions(ctx context.Context, list []NewSuppression) ([]suppression.Entry, error) {
	if s.key == nil {
		return nil, ErrNoKey
	}
	added := make([]suppression.Entry, len(list))
	var ids []identity.Identity
	revisions := map[string]int64{} // of those whose leads are told here
	domains := false
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		ids, domains = nil, false
		clear(revisions)
		if err := s.changeList(tx); err != nil {
			return err
		}
		now := s.now().UnixMicro()
		for i, n := range list {
			e := n.Entry
			e.ID, e.CreatedAt = uuid.Must(uuid.NewV7()).String(), now
			hash, revision := s.key.Of(n.Of), int64(0)
			err := tx.QueryRow(`INSERT INTO suppressions (id, kind, hash, mode, reason, actor, created_at, state, revision)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1)
				ON CONFLICT (kind, hash) DO UPDATE SET mode = excluded.mode, reason = excluded.reason, actor = excluded.actor,
					created_at = excluded.created_at, state = excluded.state, revision = suppressions.revision + 1
				RETURNING id, revision`, e.ID, int64(n.Of.Kind), hash[:], int64(e.Mode), e.Reason, e.Actor, now, toTell).Scan(&e.ID, &revision)
			if err != nil {
				return err
			}
			added[i] = e
			if n.Of.Kind == suppression.Domain {
				domains = true
			} else {
				ids, revisions[e.ID] = append(ids, n.Of), revision
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if err := s.LoadSuppressions(ctx); err != nil {
		return nil, err
	}
	if domains {
		s.wakeTelling()
	}
	began := s.now()
	leads, err := s.leadsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := s.tellSuppressed(ctx, leads); err != nil {
		return nil, err
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	for id, revision := range revisions {
		s.told[id] = told{revision, began}
	}
	return added, nil
}

// changeList notes that the list changes, and with which key it is made.
func (s *Store) changeList(tx *sqldb.Tx) error {
	check := s.key.Check()
	n, err := tx.Affected(`UPDATE privacy_head SET suppressions = suppressions + 1, key_check = $1
		WHERE key_check = $1 OR key_check = $2 OR NOT EXISTS (SELECT 1 FROM suppressions)`, check[:], []byte{})
	if err == nil && n == 0 {
		err = ErrOtherKey
	}
	return err
}

// leadsOf returns the leads that have any of the identities.
func (s *Store) leadsOf(ctx context.Context, ids []identity.Identity) (leads []string, err error) {
	if len(ids) == 0 {
		return nil, nil
	}
	kinds, values := make([]int64, len(ids)), make([]string, len(ids))
	for i, id := range ids {
		kinds[i], values[i] = int64(id.Kind), id.Value
	}
	from, args := keysOf(kinds, values).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT DISTINCT i.lead_id FROM `+from+` CROSS JOIN identities i WHERE i.kind = k.a AND i.value = k.b`, args...) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var id string
		err := result.Scan(&id)
		leads = append(leads, id)
		return err
	})
	return leads, err
}

// RemoveSuppression takes an entry from the list, and returns it. Leads that are there are
// told soon after. Errors: [ErrNotFound].
func (s *Store) RemoveSuppression(ctx context.Context, id string) (e suppression.Entry, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		err := tx.QueryRow(`UPDATE suppressions SET state = $1, revision = revision + 1 WHERE id = $2 AND state <> $1
			RETURNING `+suppressionColumns, toRemove, id).Scan(&e.ID, &e.Mode, &e.Reason, &e.CreatedAt, &e.Actor)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE privacy_head SET suppressions = suppressions + 1`)
		return err
	})
	if err == nil {
		s.wakeTelling()
		err = s.LoadSuppressions(ctx)
	}
	return e, err
}

// Suppressions returns a page of the list, latest first: those beyond a place, a
// time and an id, or the first for nil.
func (s *Store) Suppressions(ctx context.Context, after []any, limit int) (list []suppression.Entry, err error) {
	where, args := "", []any{toRemove, limit}
	if after != nil {
		where, args = ` AND (created_at, id) < ($3, $4)`, append(args, after...)
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+suppressionColumns+` FROM suppressions WHERE state <> $1`+where+ //nolint:sqlclosecheck // each closes it
		` ORDER BY created_at DESC, id DESC LIMIT $2`, args...)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var e suppression.Entry
		err := result.Scan(&e.ID, &e.Mode, &e.Reason, &e.CreatedAt, &e.Actor)
		list = append(list, e)
		return err
	})
	return list, err
}

// Suppressed returns the entry that concerns somebody with the identities.
func (s *Store) Suppressed(ids []identity.Identity) (suppression.Entry, bool) {
	return s.suppressed.Load().Find(ids)
}

// suppress looks whom of a capture's subjects the list concerns: who is not captured is
// refused, of the others it is said. It may be repeated.
func (s *Store) suppress(c *Capture) {
	list := s.suppressed.Load()
	if c.judged == list {
		return
	}
	c.judged = list
	for _, subject := range c.Subjects {
		subject.suppressed, subject.listed = false, nil
		ids := subject.Identities
		switch {
		case subject.told != nil:
			ids = subject.told
		case len(subject.Previous) > 0:
			ids = slices.Concat(ids, subject.Previous)
		}
		e, ok, removed := list.Say(ids)
		switch {
		case subject.told != nil:
			subject.listed = suppressedAs(e.Reason)
		case ok && e.Mode == suppression.Capture:
			subject.suppressed = true
		case ok, removed:
			subject.listed = suppressedAs(e.Reason)
		}
	}
}

// suppressedAs says that a lead is suppressed, or not any more for no reason.
func suppressedAs(reason string) *Standing {
	value := []byte("null")
	if reason != "" {
		value = canonical.Text(reason)
	}
	return &Standing{Attribute: lead.Attribute{Key: lead.Suppressed, Value: value}, Source: lead.FromSuppression}
}
