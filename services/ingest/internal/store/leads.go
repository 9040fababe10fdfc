package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/terms"
)

// Lead is a person as known now.
type Lead struct {
	// ID is that of the person's lead.
	ID                   string
	CreatedAt, UpdatedAt time.Time
	Version              int64
	ETag                 string
	// Attributes are the current values of its own, as a JSON object.
	Attributes []byte
	// Account is the id of the account it belongs to; empty: to none.
	Account string
	// LeadSource is JSON, or nil.
	LeadSource []byte
	// Identities of all members, strongest first.
	Identities []identity.Identity
	// Members are the ids of all leads of the person, its own included, oldest first.
	Members []string
}

const leadColumns = `l.id, l.created_at, l.revision, l.attributes, l.lead_source, p.facts_version, p.updated_at`

func scanLead(scan func(...any) error) (Lead, error) {
	var l Lead
	var created, updated, revision int64
	err := scan(&l.ID, &created, &revision, &l.Attributes, &l.LeadSource, &l.Version, &updated)
	l.CreatedAt, l.UpdatedAt = sqldb.Time(created), sqldb.Time(updated)
	l.ETag = lead.ETag(l.ID, l.Version, revision)
	if err != nil {
		return l, err
	}
	var name string
	l.Attributes, name, err = lead.Own(l.Attributes)
	if name != "" {
		l.Account, _ = account.ParseName("", name)
	}
	return l, err
}

// Lead returns the person of a lead, or [ErrNotFound].
func (s *Store) Lead(ctx context.Context, id string) (Lead, error) {
	row := s.db.Read().QueryRowContext(ctx, `SELECT `+leadColumns+` FROM leads m CROSS JOIN leads l CROSS JOIN pending p
		WHERE m.id = $1 AND l.id = m.canonical_id AND p.lead_id = l.id AND l.emptied_version < p.facts_version`, id)
	l, err := scanLead(row.Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Lead{}, ErrNotFound
	}
	if err != nil {
		return Lead{}, err
	}
	list := []Lead{l}
	err = s.addMembers(ctx, list)
	return list[0], err
}

// LeadQuery says which leads are listed, and in which order.
type LeadQuery struct {
	// ByUpdate orders by the time of the last change, else by that of creation.
	ByUpdate bool
	// Descending is latest first.
	Descending bool
	// Terms of create_time and update_time must all hold.
	Terms []terms.Term
}

// Leads returns a page of persons' leads: those beyond a place, the time that they are ordered
// by and an id, or the first for nil.
func (s *Store) Leads(ctx context.Context, q LeadQuery, after []any, limit int) ([]Lead, error) {
	columns := map[string]string{"create_time": "l.created_at", "update_time": "p.updated_at"}
	order, direction, beyond := columns["create_time"], "", ">"
	if q.ByUpdate {
		order = columns["update_time"]
	}
	if q.Descending {
		direction, beyond = " DESC", "<"
	}
	where, args := []string{"l.id = l.canonical_id", "p.lead_id = l.id", "l.emptied_version < p.facts_version"}, []any{}
	arg := func(v any) string {
		args = append(args, v)
		return "$" + strconv.Itoa(len(args))
	}
	for _, t := range q.Terms {
		where = append(where, columns[t.Field]+" "+string(t.Op)+" "+arg(micros(t.Time, t.Op)))
	}
	if after != nil {
		where = append(where, "("+order+", l.id) "+beyond+" ("+arg(after[0])+", "+arg(after[1])+")")
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT `+leadColumns+` FROM leads l JOIN pending p ON p.lead_id = l.id WHERE `+strings.Join(where, " AND ")+ //nolint:sqlclosecheck // each closes it
		` ORDER BY `+order+direction+`, l.id`+direction+` LIMIT `+arg(limit), args...)
	list, err := every(result, err, scanLead)
	if err != nil {
		return nil, err
	}
	return list, s.addMembers(ctx, list)
}

// micros returns a time to compare stored ones with. Between two microseconds, what
// is stored is below it or above it, never equal.
func micros(t time.Time, op terms.Op) int64 {
	µs := t.UnixMicro()
	if t.Nanosecond()%1000 == 0 {
		return µs
	}
	switch op {
	case terms.Less, terms.GreaterOrEqual:
		return µs + 1
	case terms.Equal:
		return math.MinInt64
	}
	return µs
}

// readMembers reads the members of persons, and of all of them the earliest lead source.
func (s *Store) readMembers(ctx context.Context, list []Lead) error {
	ids, at := make([]string, len(list)), make(map[string]int, len(list))
	for i, l := range list {
		ids[i], at[l.ID] = l.ID, i
	}
	from, args := keysOf(ids).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT k.a, m.id, m.lead_source, m.lead_source_at, m.lead_source_by FROM `+from+`
		CROSS JOIN leads m WHERE m.canonical_id = k.a ORDER BY m.created_at, m.id`, args...)
	if err != nil {
		return err
	}
	first := make([]touch, len(list))
	return each(result, func() error {
		var person, id string
		var t touch
		if err := result.Scan(&person, &id, &t.source, &t.at, &t.by); err != nil {
			return err
		}
		i := at[person]
		list[i].Members = append(list[i].Members, id)
		if t.before(first[i]) {
			first[i], list[i].LeadSource = t, t.source
		}
		return nil
	})
}

// addMembers reads members and identities of persons.
func (s *Store) addMembers(ctx context.Context, list []Lead) error {
	if len(list) == 0 {
		return nil
	}
	if err := s.readMembers(ctx, list); err != nil {
		return err
	}
	ids, at := make([]string, len(list)), make(map[string]int, len(list))
	for i, l := range list {
		ids[i], at[l.ID] = l.ID, i
	}
	from, args := keysOf(ids).from(s.db.Dialect())
	result, err := s.db.Read().QueryContext(ctx, `SELECT k.a, i.kind, i.value FROM `+from+` CROSS JOIN leads m CROSS JOIN identities i
		WHERE m.canonical_id = k.a AND i.lead_id = m.id ORDER BY i.kind, i.received_at, i.value`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var person string
		var id identity.Identity
		if err := result.Scan(&person, &id.Kind, &id.Value); err != nil {
			return err
		}
		l := &list[at[person]]
		l.Identities = append(l.Identities, id)
		return nil
	})
}
