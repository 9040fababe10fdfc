package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Looked is how long after a change every process has looked at the list, and what it
// captured by the list of before is stored.
const Looked = 10 * time.Second

// told is when this process first told the leads of an entry, as it is since a revision.
type told struct {
	revision int64
	at       time.Time
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
			var n int64
			var err error
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
