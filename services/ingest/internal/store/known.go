package store

import (
	"maps"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// read reads, and locks, what the captures may touch: one query for each kind.
func (c *commit) read(items []*Capture) error {
	if err := c.readReplies(items); err != nil {
		return err
	}
	subjects := make([]*Subject, 0, len(items))
	for _, item := range items {
		item.Replayed = nil
		for _, s := range item.Subjects {
			s.Result = Result{}
		}
		if _, replayed := c.replies[item.RequestID]; !replayed || item.RequestID == "" {
			subjects = append(subjects, item.Subjects...)
		}
	}
	if err := c.readWho(subjects); err != nil {
		return err
	}
	if err := c.readRegion(subjects); err != nil {
		return err
	}
	if err := c.lockLeads(subjects); err != nil {
		return err
	}
	if err := c.look(); err != nil {
		return err
	}
	if err := c.readLeads(subjects); err != nil {
		return err
	}
	if err := c.readActivities(subjects); err != nil {
		return err
	}
	if err := c.readAccounts(subjects); err != nil {
		return err
	}
	c.now = c.store.now()
	return nil
}

func (c *commit) readReplies(items []*Capture) error {
	var ids []string
	for _, item := range items {
		if item.RequestID != "" {
			ids = append(ids, item.RequestID)
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT r.id, r.digest, r.reply FROM `+from+` CROSS JOIN requests r WHERE r.id = k.a`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var id string
		r := &reply{}
		if err := result.Scan(&id, &r.digest, &r.reply); err != nil {
			return err
		}
		c.replies[id] = r
		return nil
	})
}

// readRegion reads what may change with what the subjects say of who is who. Most say
// nothing new, or something that changes nothing that is known.
func (c *commit) readRegion(subjects []*Subject) error {
	if seeds := c.seeds(subjects); len(seeds) > 0 {
		return c.readAround(seeds)
	}
	return nil
}

// readAround reads what values have to do with.
func (c *commit) readAround(seeds []identity.Identity) (err error) {
	for _, id := range seeds {
		c.seeded[id] = true
	}
	if c.settings, err = readSettings(c.tx); err != nil {
		return err
	}
	c.region, err = readRegion(c.tx, seeds)
	return err
}

// look looks again, under the locks: what was read before is only true if nobody was
// faster.
func (c *commit) look() error {
	if c.tx.Dialect() == sqldb.SQLite {
		return nil // one writer
	}
	for _, v := range c.values {
		if person := c.person[v.lead]; person != "" && c.leads[person].row.IdentityVersion != v.version {
			return ErrRaced
		}
	}
	if c.region == nil {
		return nil
	}
	now, err := readRegion(c.tx, slices.Collect(maps.Keys(c.seeded)))
	if err == nil && !now.equal(c.region) {
		err = ErrRaced
	}
	return err
}

// lockLeads locks the persons' leads in the order of their ids and reads where they
// stand: those of the subjects, and those that may become others. Who waited for a
// lock may have read the lead's person of before: the identity version tells.
func (c *commit) lockLeads(subjects []*Subject) error {
	var ids []string
	seen := map[string]struct{}{}
	byName := map[string]bool{}
	add := func(id string) {
		if _, again := seen[id]; id != "" && !again {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	for _, s := range subjects {
		add(c.leadOf(s))
		if s.Lead != "" {
			byName[s.Lead] = true
		}
	}
	if c.region != nil {
		for _, id := range c.region.leads() {
			add(id)
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT l.id, l.identity_version, `+pendingColumns+` FROM `+from+`
		CROSS JOIN leads l CROSS JOIN pending p WHERE l.id = k.a AND p.lead_id = l.canonical_id
		ORDER BY p.lead_id`+lock(c.tx.Dialect()), args...)
	if err != nil {
		return err
	}
	raced := false
	err = each(result, func() error {
		var id string
		var version int64
		row, err := scanPending(result.Scan, &id, &version)
		if err != nil {
			return err
		}
		if version == emptied {
			if !byName[id] {
				return nil // nobody's any more, whoever remembers it
			}
			version = row.IdentityVersion
		}
		raced = raced || version != row.IdentityVersion
		c.person[id] = row.Lead
		if c.leads[row.Lead] == nil {
			c.leads[row.Lead] = &working{row: row, base: row.Version}
		}
		return nil
	})
	if err == nil && raced {
		err = ErrRaced
	}
	if err != nil {
		return err
	}
	return c.missing(ids)
}

// missing drops what the cache said of leads that are gone, and looks again if one
// became somebody else's meanwhile.
func (c *commit) missing(ids []string) error {
	ids = slices.DeleteFunc(ids, func(id string) bool { return c.person[id] != "" })
	if len(ids) == 0 {
		return nil
	}
	for id, home := range c.homes { // from the cache, or forgotten since it was read
		if slices.Contains(ids, home) {
			c.store.homes.Drop(id)
			c.store.claims.Clear()
			return ErrRaced
		}
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	var there bool
	err := c.tx.QueryRow(`SELECT EXISTS (SELECT 1 FROM `+from+` CROSS JOIN leads l WHERE l.id = k.a AND l.identity_version >= 0)`, args...).Scan(&there)
	if err == nil && there {
		err = ErrRaced
	}
	return err
}

// leadOf returns the lead that a subject's facts belong to: the one it names, or else
// the one of its strongest value; empty if that has none.
func (c *commit) leadOf(s *Subject) string {
	if s.Lead != "" || len(s.Identities) == 0 {
		return s.Lead
	}
	return c.homes[s.strongest()]
}

// readLeads reads the rows of leads of which more than activities is said. It comes
// after the locks, in a statement of its own, and so sees what others committed.
func (c *commit) readLeads(subjects []*Subject) error {
	var ids []string
	for _, s := range subjects {
		id := c.leadOf(s)
		if person := c.person[id]; person != "" && c.needsLead(s) && !slices.Contains(ids, person) {
			ids = append(ids, person)
		}
	}
	return c.readLeadRows(ids)
}

func (c *commit) needsLead(s *Subject) bool {
	if s.Dated || len(s.Attributes) > 0 || s.LeadSource != nil || s.ETag != "" || s.Replace || s.saysAccount() || len(s.Standing) > 0 || s.listed != nil {
		return true
	}
	return c.leadOf(s) == "" || slices.ContainsFunc(s.links(), func(l link) bool { return !c.knows(s, l) })
}

func (c *commit) readLeadRows(ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT l.id, l.canonical_id, l.created_at, l.revision, l.attributes, l.attribute_places, l.lead_source, l.lead_source_at, l.lead_source_by
		FROM `+from+` CROSS JOIN leads l WHERE l.id = k.a`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var l leadRow
		var values, places []byte
		err := result.Scan(&l.id, &l.person, &l.createdAt, &l.revision, &values, &places, &l.leadSource, &l.sourceAt, &l.sourceBy)
		if err != nil {
			return err
		}
		if l.profile, err = lead.ParseProfile(values, places); err != nil {
			return err
		}
		c.leads[l.id].known = &l
		return nil
	})
}

func (c *commit) readActivities(subjects []*Subject) error {
	var sources, ids []string
	for _, s := range subjects {
		for i := range s.Activities {
			if a := &s.Activities[i]; !a.Random {
				sources, ids = append(sources, a.Source), append(ids, a.ID)
			}
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(sources, ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT a.source, a.id, a.lead_id, a.digest FROM `+from+`
		CROSS JOIN activities a WHERE a.source = k.a AND a.id = k.b`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var key activityKey
		var s stored
		var digest []byte
		if err := result.Scan(&key.source, &key.id, &s.lead, &digest); err != nil {
			return err
		}
		copy(s.digest[:], digest)
		c.activities[key] = s
		return nil
	})
}

// member returns the row of a lead that is not the person's.
func (c *commit) member(id string) (*leadRow, error) {
	if m := c.members[id]; m != nil {
		return m, nil
	}
	m := &leadRow{id: id, profile: lead.NewProfile()}
	var values, places []byte
	err := c.tx.QueryRow(`SELECT l.canonical_id, l.created_at, l.revision, l.attributes, l.attribute_places, l.lead_source, l.lead_source_at, l.lead_source_by
		FROM leads l WHERE l.id = $1`, id).Scan(&m.person, &m.createdAt, &m.revision, &values, &places, &m.leadSource, &m.sourceAt, &m.sourceBy)
	if err != nil {
		return nil, err
	}
	m.profile, err = lead.ParseProfile(values, places)
	c.members[id] = m
	return m, err
}
