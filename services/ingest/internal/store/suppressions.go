package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

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

// Looked is how long after a change every process has looked at the list, and what it
// captured by the list of before is stored.
const Looked = 10 * time.Second

// told is when this process first told the leads of an entry, as it is since a revision.
type told struct {
	revision int64
	at       time.Time
}

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

// tellSuppressed says of leads what the list says of them now.
func (s *Store) tellSuppressed(ctx context.Context, leads []string) error {
	for chunk := range slices.Chunk(leads, 200) {
		c := &Capture{Received: s.now()}
		for _, id := range chunk {
			l, err := s.Lead(ctx, id)
			if errors.Is(err, ErrNotFound) {
				continue // gone
			}
			if err != nil {
				return err
			}
			c.Subjects = append(c.Subjects, &Subject{
				Lead: l.ID, Effective: c.Received, Source: lead.FromSuppression, told: l.Identities,
			})
		}
		if len(c.Subjects) == 0 {
			continue
		}
		if err := s.Capture(ctx, c); err != nil && !IsRefusal(err) {
			return err
		}
	}
	return nil
}

// ToTellSuppressed returns what says that entries came or went whose leads are to be told.
func (s *Store) ToTellSuppressed() <-chan struct{} { return s.toTellListed }

func (s *Store) wakeTelling() {
	select {
	case s.toTellListed <- struct{}{}:
	default:
	}
}

// changedEntry is an entry whose leads are to be told.
type changedEntry struct {
	id              string
	state, revision int64
	hash            suppression.Hash
	last            bool // all processes have looked: this is the last time
}

// TellSuppressed tells the leads that are there of the entries that came or went: at once,
// and when every process has looked. It looks at every identity there is.
func (s *Store) TellSuppressed(ctx context.Context) error {
	if s.key == nil {
		return nil
	}
	s.telling.Lock()
	defer s.telling.Unlock()
	due, began, err := s.entriesToTell(ctx)
	if err != nil || len(due) == 0 {
		return err
	}
	if err := s.LoadSuppressions(ctx); err != nil {
		return err
	}
	of := make(map[suppression.Hash]bool, len(due))
	for _, e := range due {
		of[e.hash] = true
	}
	var leads []string
	err = s.eachIdentity(ctx, func(id identity.Identity, l string) error {
		concerned := slices.ContainsFunc(suppression.Subjects(id), func(subject identity.Identity) bool { return of[s.key.Of(subject)] })
		if concerned {
			leads = append(leads, l)
		}
		if len(leads) < 200 {
			return nil
		}
		err := s.tellSuppressed(ctx, leads)
		leads = leads[:0]
		return err
	})
	if err != nil {
		return err
	}
	if err := s.tellSuppressed(ctx, leads); err != nil {
		return err
	}
	return s.endTelling(ctx, due, began)
}

// entriesToTell returns the entries that changed whose leads nobody told here, or all have
// looked since. What this process knows of others is forgotten.
func (s *Store) entriesToTell(ctx context.Context) (due []changedEntry, now time.Time, err error) {
	now = s.now()
	result, err := s.db.Read().QueryContext(ctx, `SELECT id, state, revision, hash FROM suppressions WHERE state <> 0`) //nolint:sqlclosecheck // each closes it
	if err != nil {
		return nil, now, err
	}
	known := s.told
	s.told = map[string]told{}
	err = each(result, func() error {
		var e changedEntry
		var hash []byte
		if err := result.Scan(&e.id, &e.state, &e.revision, &hash); err != nil {
			return err
		}
		e.hash = suppression.Hash(hash)
		t, ok := known[e.id]
		ok = ok && t.revision == e.revision
		if ok {
			s.told[e.id] = t
		}
		if e.last = ok && now.Sub(t.at) >= Looked; e.last || !ok {
			due = append(due, e)
		}
		return nil
	})
	return due, now, err
}

// endTelling notes that leads were told. An entry that changed again meanwhile waits for the
// next time.
func (s *Store) endTelling(ctx context.Context, due []changedEntry, began time.Time) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		gone := int64(0)
		for _, e := range due {
			if !e.last {
				s.told[e.id] = told{e.revision, began}
				continue
			}
			n, err := int64(0), error(nil)
			if e.state == toRemove {
				n, err = tx.Affected(`DELETE FROM suppressions WHERE id = $1 AND state = 2 AND revision = $2`, e.id, e.revision)
			} else {
				_, err = tx.Exec(`UPDATE suppressions SET state = 0 WHERE id = $1 AND state = 1 AND revision = $2`, e.id, e.revision)
			}
			if err != nil {
				return fmt.Errorf("store: entry of the suppression list: %w", err)
			}
			gone += n
		}
		if gone == 0 {
			return nil
		}
		_, err := tx.Exec(`UPDATE privacy_head SET suppressions = suppressions + 1`)
		return err
	})
}

// eachIdentity goes over all identities, in pages.
func (s *Store) eachIdentity(ctx context.Context, look func(identity.Identity, string) error) error {
	type row struct {
		identity.Identity
		lead string
	}
	for last := (identity.Identity{}); ; {
		result, err := s.db.Read().QueryContext(ctx, `SELECT kind, value, lead_id FROM identities WHERE (kind, value) > ($1, $2) ORDER BY kind, value LIMIT 2000`, //nolint:sqlclosecheck // each closes it
			int64(last.Kind), last.Value)
		if err != nil {
			return err
		}
		var page []row
		err = each(result, func() error {
			var r row
			err := result.Scan(&r.Kind, &r.Value, &r.lead)
			page = append(page, r)
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		for _, r := range page {
			if err := look(r.Identity, r.lead); err != nil {
				return err
			}
		}
		last = page[len(page)-1].Identity
	}
}

// Standing is what we ourselves say of a lead.
type Standing struct {
	lead.Attribute
	// Source says which part of us says it, e.g. [lead.FromSuppression].
	Source string
	// At is since when it holds, and ID identifies the saying. Without a time it holds
	// since now, and is said only if it is not so already.
	At time.Time
	ID string
}

// says adds what the list says of a subject to what else is said of it.
func (s *Subject) says() []Standing {
	if s.listed == nil {
		return s.Standing
	}
	return append(s.Standing[:len(s.Standing):len(s.Standing)], *s.listed)
}

// place returns where it stands in time. What holds since now comes after what was said
// before, also if that was said by a clock that is ahead of ours.
func (st *Standing) place(received time.Time, before lead.Place) lead.Place {
	if st.At.IsZero() {
		return lead.Place{At: max(received.UnixMicro(), before.At+1), Source: st.Source, ID: uuid.Must(uuid.NewV7()).String()}
	}
	return lead.Place{At: st.At.UnixMicro(), Source: st.Source, ID: st.ID}
}
