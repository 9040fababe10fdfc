package store

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrNoLink: the person has no such link, or it was taken back.
var ErrNoLink = errors.New("store: no such link")

// IdentityLink is what links two values, or two leads that somebody merged.
type IdentityLink struct {
	ID string
	// Value is claimed by By; of a merge both are zero.
	Value, By identity.Identity
	// Lead has By, or was merged with Other; Other has Value. Empty: nobody.
	Lead, Other string
	// OtherHome says that Other has facts that arrived with Value.
	OtherHome bool
	// Shared says that Value links nobody; Joined that both are one person.
	Shared, Joined bool
	// Source is who said so: a source, or whoever merged; Reason is of a merge.
	Source, Reason string
	CreatedAt      time.Time
	// SeveredAt is when it was taken back, zero: it holds; by whom and why.
	SeveredAt                time.Time
	SeveredBy, SeveredReason string
}

// rethink changes, in a transaction of its own, what is known of who is who. Everything
// that is connected with some leads is read and locked when change runs.
func (s *Store) rethink(ctx context.Context, leads []string, change func(c *commit) error) (c *commit, err error) {
	return s.rethinkValues(ctx, func(tx *sqldb.Tx) ([]identity.Identity, error) {
		from, args := keysOf(leads).from(tx.Dialect())
		result, err := tx.Query(`SELECT i.kind, i.value FROM `+from+` CROSS JOIN identities i WHERE i.lead_id = k.a AND i.home = 1`, args...)
		if err != nil {
			return nil, err
		}
		var values []identity.Identity
		err = each(result, func() error {
			var id identity.Identity
			err := result.Scan(&id.Kind, &id.Value)
			values = append(values, id)
			return err
		})
		return values, err
	}, change)
}

func (s *Store) rethinkValues(ctx context.Context, seeds func(tx *sqldb.Tx) ([]identity.Identity, error), change func(c *commit) error) (c *commit, err error) {
	err = s.again(ctx, func(tx *sqldb.Tx) error {
		c = newCommit(s, tx)
		c.now = s.now()
		values, err := seeds(tx)
		if err != nil {
			return err
		}
		if err := c.readAround(values); err != nil {
			return err
		}
		if err := c.lockLeads(nil); err != nil {
			return err
		}
		if err := c.look(); err != nil {
			return err
		}
		if err := change(c); err != nil {
			return err
		}
		return c.write()
	})
	if err == nil {
		s.bell.Ring()
	}
	return c, err
}

// reconsider resolves values again from which claims or leads were taken without it: what
// too many claimed may be somebody's now.
func (s *Store) reconsider(ctx context.Context, values []identity.Identity) error {
	for some := range slices.Chunk(values, reresolved) {
		_, err := s.rethinkValues(ctx, func(*sqldb.Tx) ([]identity.Identity, error) { return some, nil }, func(*commit) error { return nil })
		if err != nil {
			return err
		}
	}
	return nil
}

// Merge makes two leads one person, and returns the id of the link. Leads that somebody
// merged before stay merged by that link. Errors: [ErrNotFound].
func (s *Store) Merge(ctx context.Context, a, b, actor, reason string) (id string, err error) {
	return s.MergeOnce(ctx, Once{}, a, b, actor, reason)
}

// MergeOnce is [Store.Merge] of a call that may be repeated: it returns the link that the
// call made first, also if somebody has taken that back since. Errors: those of Merge, and
// [ErrRequestIDReused].
func (s *Store) MergeOnce(ctx context.Context, call Once, a, b, actor, reason string) (id string, err error) {
	if b < a {
		a, b = b, a
	}
	_, err = s.rethink(ctx, []string{a, b}, func(c *commit) error {
		known, err := c.done(call)
		if id = string(known); err != nil || id != "" {
			return err
		}
		if c.person[a] == "" || c.person[b] == "" {
			return ErrNotFound
		}
		for known, m := range c.region.merges {
			if m.A == a && m.B == b {
				id = known
				return c.note(call, c.now, id)
			}
		}
		id = uuid.Must(uuid.NewV7()).String()
		c.region.merges[id] = identity.Merge{A: a, B: b}
		_, err = c.tx.Exec(`INSERT INTO lead_merges (id, lead_a, lead_b, actor, reason, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, a, b, actor, reason, c.now.UnixMicro())
		if err != nil {
			return err
		}
		return c.note(call, c.now, id)
	})
	if err == nil && s.suppressed.Load().Len() > 0 {
		// What the list said last was said of one of them.
		err = s.tellSuppressed(ctx, []string{a})
	}
	return id, err
}

// Sever takes back a link of a lead's person, and returns the persons that its leads are
// then. The link does not come back by itself. Errors: [ErrNotFound], [ErrNoLink].
func (s *Store) Sever(ctx context.Context, id, linkID, actor, reason string) (persons []string, err error) {
	person, err := s.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	links, err := s.Links(ctx, person)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(links, func(l IdentityLink) bool { return l.ID == linkID && l.SeveredAt.IsZero() })
	if at < 0 {
		return nil, ErrNoLink
	}
	l := links[at]
	c, err := s.rethink(ctx, []string{person}, func(c *commit) error {
		if l.Value == (identity.Identity{}) {
			delete(c.region.merges, l.ID)
			return c.severed(`UPDATE lead_merges SET severed_at = $1, severed_by = $2, severed_reason = $3 WHERE severed_at = 0 AND id = $4`,
				actor, reason, l.ID)
		}
		delete(c.region.claims, link{l.Value, l.By})
		return c.severed(`UPDATE identity_claims SET severed_at = $1, severed_by = $2, severed_reason = $3
			WHERE severed_at = 0 AND kind = $4 AND value = $5 AND by_kind = $6 AND by_value = $7`,
			actor, reason, int64(l.Value.Kind), l.Value.Value, int64(l.By.Kind), l.By.Value)
	})
	if err != nil {
		return nil, err
	}
	now := map[string]bool{}
	for m, before := range c.before {
		if before == person {
			now[c.person[m]] = true
		}
	}
	persons = slices.Sorted(maps.Keys(now))
	if s.suppressed.Load().Len() > 0 {
		// Each is told anew what the list says of it.
		err = s.tellSuppressed(ctx, persons)
	}
	return persons, err
}

// severed takes a link back by a statement.
func (c *commit) severed(statement, actor, reason string, of ...any) error {
	c.before = maps.Clone(c.person)
	n, err := c.tx.Affected(statement, append([]any{c.now.UnixMicro(), actor, reason}, of...)...)
	if err == nil && n != 1 {
		err = ErrNoLink // somebody was faster
	}
	return err
}

// Links returns what links the leads and values of a lead's person, those taken back
// included, oldest first.
func (s *Store) Links(ctx context.Context, id string) (list []IdentityLink, err error) {
	person, err := s.Person(ctx, id)
	if err != nil {
		return nil, err
	}
	const columns = `c.id, c.kind, c.value, c.by_kind, c.by_value, c.source, c.received_at, c.severed_at, c.severed_by, c.severed_reason`
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+columns+`, v.lead_id, v.home, v.shared, b.lead_id, COALESCE(vl.canonical_id, ''), COALESCE(bl.canonical_id, '')
		FROM (SELECT `+columns+` FROM leads m CROSS JOIN identities i CROSS JOIN identity_claims c
				WHERE m.canonical_id = $1 AND i.lead_id = m.id AND c.kind = i.kind AND c.value = i.value
			UNION SELECT `+columns+` FROM leads m CROSS JOIN identities i CROSS JOIN identity_claims c
				WHERE m.canonical_id = $1 AND i.lead_id = m.id AND c.by_kind = i.kind AND c.by_value = i.value) AS c
		JOIN identities v ON v.kind = c.kind AND v.value = c.value JOIN identities b ON b.kind = c.by_kind AND b.value = c.by_value
		LEFT JOIN leads vl ON vl.id = v.lead_id LEFT JOIN leads bl ON bl.id = b.lead_id`, person)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var l IdentityLink
		var created, severed int64
		var one, other string
		err := result.Scan(&l.ID, &l.Value.Kind, &l.Value.Value, &l.By.Kind, &l.By.Value, &l.Source, &created, &severed, &l.SeveredBy, &l.SeveredReason,
			&l.Other, &l.OtherHome, &l.Shared, &l.Lead, &other, &one)
		l.CreatedAt, l.SeveredAt, l.Joined = sqldb.Time(created), sqldb.Time(severed), one != "" && one == other
		list = append(list, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	result, err = s.db.Read().QueryContext(ctx, `SELECT DISTINCT x.id, x.lead_a, x.lead_b, x.actor, x.reason, x.created_at, x.severed_at, x.severed_by, x.severed_reason,
			a.canonical_id, b.canonical_id
		FROM leads m CROSS JOIN lead_merges x JOIN leads a ON a.id = x.lead_a JOIN leads b ON b.id = x.lead_b
		WHERE m.canonical_id = $1 AND (x.lead_a = m.id OR x.lead_b = m.id)`, person)
	if err != nil {
		return nil, err
	}
	err = each(result, func() error {
		var l IdentityLink
		var created, severed int64
		var one, other string
		err := result.Scan(&l.ID, &l.Lead, &l.Other, &l.Source, &l.Reason, &created, &severed, &l.SeveredBy, &l.SeveredReason, &one, &other)
		l.CreatedAt, l.SeveredAt, l.Joined, l.OtherHome = sqldb.Time(created), sqldb.Time(severed), one == other, true
		list = append(list, l)
		return err
	})
	slices.SortFunc(list, func(a, b IdentityLink) int {
		if order := a.CreatedAt.Compare(b.CreatedAt); order != 0 {
			return order
		}
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return list, err
}
