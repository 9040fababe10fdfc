package store

import (
	"maps"
	"reflect"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// region is what is known of values that have to do with each other: everything that
// claims and merges connect with some values, but for what only a crowded value would
// connect.
type region struct {
	values map[identity.Identity]regionValue
	claims map[link]bool // trusted
	merges map[string]identity.Merge
}

// regionValue is a value as it is stored.
type regionValue struct {
	value
	createdAt int64 // of its own lead
	crowded   bool
}

// readRegion reads the region of values, hop by hop.
func readRegion(tx *sqldb.Tx, seeds []identity.Identity) (*region, error) {
	r := &region{values: map[identity.Identity]regionValue{}, claims: map[link]bool{}, merges: map[string]identity.Merge{}}
	seen := map[identity.Identity]struct{}{}
	for next := seeds; len(next) > 0; {
		var hop []identity.Identity
		for _, id := range next {
			if _, again := seen[id]; !again {
				seen[id] = struct{}{}
				hop = append(hop, id)
			}
		}
		next = nil
		if len(hop) == 0 {
			break
		}
		open, leads, err := r.readValues(tx, hop)
		if err != nil {
			return nil, err
		}
		reach := func(id identity.Identity) { next = append(next, id) }
		if err := r.readClaims(tx, open, reach); err != nil {
			return nil, err
		}
		if err := r.readMerges(tx, leads, reach); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// readValues reads values; it returns those whose claims are worth reading, and the
// leads that are somebody's own.
func (r *region) readValues(tx *sqldb.Tx, ids []identity.Identity) (open []identity.Identity, leads []string, err error) {
	from, args := valueKeys(ids).from(tx.Dialect())
	result, err := tx.Query(`SELECT i.kind, i.value, i.lead_id, i.home, i.shared, COALESCE(l.identity_version, 0), COALESCE(l.created_at, 0),
			(SELECT count(*) FROM (SELECT 1 FROM identity_claims c WHERE c.kind = i.kind AND c.value = i.value AND c.severed_at = 0 LIMIT 65) AS claims)
		FROM `+from+` CROSS JOIN identities i LEFT JOIN leads l ON l.id = i.lead_id WHERE i.kind = k.a AND i.value = k.b`, args...)
	if err != nil {
		return nil, nil, err
	}
	err = each(result, func() error {
		var id identity.Identity
		var v regionValue
		var claimants int
		if err := result.Scan(&id.Kind, &id.Value, &v.lead, &v.home, &v.shared, &v.version, &v.createdAt, &claimants); err != nil {
			return err
		}
		v.crowded = claimants > identity.MaxClaimants
		r.values[id] = v
		if !v.crowded {
			open = append(open, id)
		}
		if v.home {
			leads = append(leads, v.lead)
		}
		return nil
	})
	return open, leads, err
}

// readClaims reads the claims of and by values that hold.
func (r *region) readClaims(tx *sqldb.Tx, ids []identity.Identity, reach func(identity.Identity)) error {
	if len(ids) == 0 {
		return nil
	}
	from, args := valueKeys(ids).from(tx.Dialect())
	for _, where := range []string{`c.kind = k.a AND c.value = k.b`, `c.by_kind = k.a AND c.by_value = k.b`} {
		result, err := tx.Query(`SELECT c.kind, c.value, c.by_kind, c.by_value, c.trusted FROM `+from+`
			CROSS JOIN identity_claims c WHERE `+where+` AND c.severed_at = 0`, args...) //nolint:sqlclosecheck // each closes it
		if err != nil {
			return err
		}
		err = each(result, func() error {
			var l link
			var trusted bool
			err := result.Scan(&l.value.Kind, &l.value.Value, &l.by.Kind, &l.by.Value, &trusted)
			r.claims[l] = trusted
			reach(l.value)
			reach(l.by)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// readMerges reads the merges of leads that hold.
func (r *region) readMerges(tx *sqldb.Tx, leads []string, reach func(identity.Identity)) error {
	if len(leads) == 0 {
		return nil
	}
	from, args := keysOf(leads).from(tx.Dialect())
	for _, sides := range [][2]string{{"lead_a", "lead_b"}, {"lead_b", "lead_a"}} {
		result, err := tx.Query(`SELECT m.id, m.lead_a, m.lead_b, i.kind, i.value FROM `+from+` CROSS JOIN lead_merges m
			CROSS JOIN identities i WHERE m.`+sides[0]+` = k.a AND m.severed_at = 0 AND i.lead_id = m.`+sides[1]+` AND i.home = 1`, args...) //nolint:sqlclosecheck // each closes it
		if err != nil {
			return err
		}
		err = each(result, func() error {
			var id string
			var m identity.Merge
			var other identity.Identity
			err := result.Scan(&id, &m.A, &m.B, &other.Kind, &other.Value)
			r.merges[id] = m
			reach(other)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// leads returns the leads of a region.
func (r *region) leads() (list []string) {
	for _, v := range r.values {
		if v.home {
			list = append(list, v.lead)
		}
	}
	return list
}

func (r *region) equal(other *region) bool { return reflect.DeepEqual(r, other) }

// known is what the core resolves.
func (r *region) known() identity.Known {
	var k identity.Known
	for id, v := range r.values {
		if v.home {
			k.Homes = append(k.Homes, identity.Home{Lead: v.lead, Value: id, CreatedAt: v.createdAt})
		}
		if v.crowded {
			k.Crowded = append(k.Crowded, id)
		}
	}
	for l, trusted := range r.claims {
		k.Claims = append(k.Claims, identity.Claim{Value: l.value, By: l.by, Trusted: trusted})
	}
	k.Merges = slices.Collect(maps.Values(r.merges))
	return k
}
