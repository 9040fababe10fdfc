package store

import (
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
)

// A transaction stores facts with the persons as they were, and then sees who is who by
// all that is known now. Persons that become others have another history: it is
// rewritten, and whoever works on the old one is fenced.

// makeHome makes the lead of a value that has none: of a new person, or of the one that
// the value leads to.
func (c *commit) makeHome(of identity.Identity) (id string, w *working, created bool) {
	id = lead.NewID()
	if person := c.person[c.values[of].lead]; person != "" {
		w = c.leads[person]
		w.several, c.person[id] = true, person
		c.members[id] = &leadRow{id: id, person: person, createdAt: c.now.UnixMicro(), revision: 1, profile: lead.NewProfile(), changed: true, made: true}
	} else {
		w, created = c.create(id), true
	}
	c.homes[of], c.made[of] = id, id
	return id, w, created
}

// unmakeHome takes back what makeHome did, for a subject that is refused.
func (c *commit) unmakeHome(of identity.Identity) {
	id := c.made[of]
	delete(c.made, of)
	delete(c.homes, of)
	delete(c.leads, id)
	delete(c.members, id)
	delete(c.person, id)
}

// resolve sees who is who after this transaction, where that may have changed.
func (c *commit) resolve() error {
	if c.region == nil {
		return nil
	}
	known := c.region.known()
	for id, lead := range c.made {
		if c.seeded[id] {
			known.Homes = append(known.Homes, identity.Home{Lead: lead, Value: id, CreatedAt: c.now.UnixMicro()})
		}
	}
	for _, l := range c.news {
		if _, near := c.region.values[l.by]; near {
			c.seeded[l.value] = true
		}
		if k := c.claims[l]; c.seeded[l.value] && !k.severed {
			known.Claims = append(known.Claims, identity.Claim{Value: l.value, By: l.by, Trusted: k.trusted})
		}
	}
	c.partition = identity.Resolve(known, c.settings)
	return c.repartition(known.Homes)
}

// writeMembers writes the rows of leads that are not the person's own and changed, and
// notes that the persons of new ones have a lead more.
func (c *commit) writeMembers() error {
	rows := leadTable.rows()
	for _, id := range slices.Sorted(maps.Keys(c.members)) {
		m := c.members[id]
		if !m.changed {
			continue
		}
		c.addLead(rows, m)
		if m.changed = false; m.made {
			c.leads[m.person].grown, c.leads[m.person].touched = true, true
		}
	}
	_, err := rows.write(c.tx)
	return err
}

// repartition makes the persons what the partition says they are.
func (c *commit) repartition(homes []identity.Home) error {
	before := map[string]int{} // how many leads each person has here
	for _, h := range homes {
		before[c.person[h.Lead]]++
	}
	latest := int64(0)
	for person := range before {
		latest = max(latest, c.leads[person].row.IdentityVersion)
	}
	after := map[string]*working{}
	for _, person := range c.partition.Persons() {
		members := c.partition.Members(person)
		if c.same(person, members, before) {
			continue
		}
		w := c.leads[person]
		if w == nil {
			w = &working{row: pending.Row{Lead: person}}
		}
		after[person] = w
	}
	if len(after) == 0 {
		return nil
	}
	// What a person brings along is counted before anything is moved.
	bases, fences := map[string]int64{}, map[string]int64{}
	for person, w := range after {
		bases[person], fences[person] = w.base, w.row.Fence
		for _, m := range c.partition.Members(person) {
			old := c.leads[c.person[m]]
			bases[person], fences[person] = max(bases[person], old.base), max(fences[person], old.row.Fence)
		}
	}
	rows := leadTable.rows()
	for person := range before {
		old := c.leads[person]
		if _, changed := after[c.partition.Person(person)]; changed && old.known != nil && (old.changed || old.base == 0) {
			c.addLead(rows, old.known)
			old.changed = false
		}
	}
	if _, err := rows.write(c.tx); err != nil {
		return err
	}
	for _, person := range slices.Sorted(maps.Keys(after)) {
		w := after[person]
		w.base, w.row.Fence = bases[person], fences[person]
		w.row.IdentityVersion = latest + 1
		w.row.Void(c.now)
		w.rewritten, w.grown, w.touched = true, false, true
	}
	for person := range before {
		if into := c.partition.Person(person); into != person {
			after[into].absorb(c.leads[person])
			delete(c.leads, person)
			c.gone = append(c.gone, person)
		}
	}
	maps.Copy(c.leads, after)
	return c.point(after)
}

// same reports whether a person has the same leads and name as before.
func (c *commit) same(person string, members []string, before map[string]int) bool {
	for _, m := range members {
		if c.person[m] != person {
			return false
		}
	}
	return before[person] == len(members)
}

// point writes whose the leads are that became somebody else's, and lets persons be
// forgotten that are none any more.
func (c *commit) point(after map[string]*working) error {
	var ids, persons []string
	var versions []int64
	for person, w := range after {
		for _, m := range c.partition.Members(person) {
			ids, persons, versions = append(ids, m), append(persons, person), append(versions, w.row.IdentityVersion)
			c.person[m] = person
		}
	}
	from, args := keysOf(ids, persons, versions).from(c.tx.Dialect())
	if _, err := c.tx.Exec(`UPDATE leads SET canonical_id = k.b, identity_version = k.c FROM `+from+` WHERE leads.id = k.a`, args...); err != nil {
		return err
	}
	if len(c.gone) == 0 {
		return nil
	}
	from, args = keysOf(c.gone).from(c.tx.Dialect())
	_, err := c.tx.Exec(`DELETE FROM pending WHERE lead_id IN (SELECT k.a FROM `+from+`)`, args...)
	return err
}

// absorb takes in what this transaction, and those before, left to do for a person that
// is none any more.
func (w *working) absorb(old *working) {
	w.row.Absorb(old.row)
	w.captures.Add(old.captures)
	w.captures.Add(old.repeated)
	w.latest = max(w.latest, old.latest)
	w.late = append(w.late, old.late...)
}

// grow notes that persons have a lead more, which changes nothing else of them.
func (c *commit) grow() error {
	for _, person := range slices.Sorted(maps.Keys(c.leads)) {
		w := c.leads[person]
		if !w.grown {
			continue
		}
		w.row.IdentityVersion++
		if _, err := c.tx.Exec(`UPDATE leads SET identity_version = $1 WHERE canonical_id = $2`, w.row.IdentityVersion, person); err != nil {
			return err
		}
	}
	return nil
}

// writeValues writes whom values lead to.
func (c *commit) writeValues() error {
	fresh := identityTable.rows()
	for id, n := range c.named {
		v := value{lead: c.homes[id], home: c.homes[id] != ""}
		switch {
		case c.partition != nil && c.seeded[id]:
			v.shared = c.partition.Shared(id)
			if !v.home {
				v.lead = c.partition.Owner(id)
			}
		case !v.home:
			v.lead = c.homes[c.claimant[id]]
		}
		mailbox, uncompared := compares(id, n.familiar)
		fresh.add(int64(id.Kind), id.Value, v.lead, n.source, n.effective, n.received, flag(v.home), flag(v.shared), mailbox, flag(uncompared))
	}
	written, err := fresh.write(c.tx)
	if err == nil && written != int64(fresh.len()) {
		err = ErrRaced
	}
	if err != nil || c.partition == nil {
		return err
	}
	for id, old := range c.region.values {
		v := value{lead: c.partition.Owner(id), home: old.home, shared: c.partition.Shared(id)}
		if made := c.made[id]; made != "" {
			v.lead, v.home = made, true
		}
		if v.lead == old.lead && v.home == old.home && v.shared == old.shared {
			continue
		}
		written, err := c.tx.Affected(`UPDATE identities SET lead_id = $1, home = $2, shared = $3 WHERE kind = $4 AND value = $5 AND home = $6`,
			v.lead, flag(v.home), flag(v.shared), int64(id.Kind), id.Value, flag(old.home))
		if err != nil {
			return err
		}
		if written != 1 {
			return ErrRaced
		}
	}
	return nil
}
