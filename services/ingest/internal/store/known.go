package store

import (
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
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
	if err := c.readIdentities(subjects); err != nil {
		return err
	}
	if err := c.lockLeads(subjects); err != nil {
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
		var r reply
		if err := result.Scan(&id, &r.digest, &r.reply); err != nil {
			return err
		}
		c.replies[id] = r
		return nil
	})
}

func (c *commit) readIdentities(subjects []*Subject) error {
	var ask []identity.Identity
	asked := map[identity.Identity]struct{}{}
	for _, s := range subjects {
		for _, id := range s.Identities {
			if _, again := asked[id]; again {
				continue
			}
			asked[id] = struct{}{}
			if known, ok := c.store.known.get(id); ok {
				c.identities[id], c.cached[id] = known, struct{}{}
			} else {
				ask = append(ask, id)
			}
		}
	}
	if ask == nil {
		return nil
	}
	known, err := readIdentities(c.tx, ask)
	if err != nil {
		return err
	}
	for id, l := range known {
		c.identities[id] = l
	}
	c.store.known.add(known) // nothing of this transaction is in it
	return nil
}

// lockLeads locks the persons' leads in the order of their ids and reads where they
// stand. (A merge must lock both persons' rows; a capture that waited for it then
// reads here the lead's person of before. It must look again; there is no merge yet.)
func (c *commit) lockLeads(subjects []*Subject) error {
	var ids []string
	seen := map[string]struct{}{}
	for _, s := range subjects {
		id := c.leadOf(s)
		if _, again := seen[id]; id != "" && !again {
			seen[id] = struct{}{}
			ids = append(ids, id)
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT l.id, `+pendingColumns+` FROM `+from+`
		CROSS JOIN leads l CROSS JOIN pending p WHERE l.id = k.a AND p.lead_id = l.canonical_id
		ORDER BY p.lead_id`+lock(c.tx.Dialect()), args...)
	if err != nil {
		return err
	}
	err = each(result, func() error {
		var id string
		row, err := scanPending(result.Scan, &id)
		if err != nil {
			return err
		}
		c.person[id] = row.Lead
		if c.leads[row.Lead] == nil {
			c.leads[row.Lead] = &working{row: row, base: row.Version}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// What the cache said of a lead that is gone is not true any more.
	for id := range c.cached {
		if c.person[c.identities[id]] == "" && contains(seen, c.identities[id]) {
			c.store.known.drop(id)
			err = ErrRaced
		}
	}
	return err
}

func contains(set map[string]struct{}, key string) bool {
	_, ok := set[key]
	return ok
}

// leadOf returns the lead that a subject is about: the one it names, or else the one
// its identities find; empty if none.
func (c *commit) leadOf(s *Subject) string {
	if s.Lead != "" {
		return s.Lead
	}
	return c.find(s)
}

// find returns the lead with the strongest of the subject's identities that are
// known, of equally strong ones the first; empty if none is.
func (c *commit) find(s *Subject) (found string) {
	strongest := identity.AnonymousID + 1
	for _, id := range s.Identities {
		if l, ok := c.identities[id]; ok && id.Kind < strongest {
			found, strongest = l, id.Kind
		}
	}
	return found
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
	if s.Dated || len(s.Attributes) > 0 || s.LeadSource != nil || s.ETag != "" || s.Replace || s.saysAccount() || len(s.Standing) > 0 {
		return true
	}
	for _, id := range s.Identities {
		if _, known := c.identities[id]; !known {
			return true
		}
	}
	return false
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
