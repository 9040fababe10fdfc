package store

import (
	"context"
	"errors"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/pending"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Most of the time a history only grows, and scorers are sent what is new. Sometimes it
// becomes another one: people turn out to be one person or two, an import is undone, an
// activity never happened. Then it is rewritten: what is kept beside the history, because
// it follows from it, is made anew, and whoever claims the person next is sent all of it.
//
// What follows from a history: the current attributes and their places, the facts of the
// account and of the lead source, the time of the earliest fact. A history that is as
// before gives all of it as before.

// rewriting changes the histories of leads' persons in one transaction and rewrites
// them. The persons are locked when change runs, and are those that the leads have
// then. Pending, what comes of it is historical or not; see [Capture.Historical].
func (s *Store) rewriting(ctx context.Context, leads []string, historical bool, change func(c *commit) error) error {
	return s.changing(ctx, leads, historical, func(c *commit) error {
		if err := change(c); err != nil {
			return err
		}
		for person := range c.leads {
			c.rewrite(person)
		}
		return nil
	})
}

// changing is [Store.rewriting] where change says which persons to rewrite.
func (s *Store) changing(ctx context.Context, leads []string, historical bool, change func(c *commit) error) error {
	err := ErrRaced
	for range maxRaces {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			c := newCommit(s, tx)
			c.now, c.historical = s.now(), historical
			subjects := make([]*Subject, len(leads))
			for i, id := range leads {
				subjects[i] = &Subject{Lead: id}
			}
			if err := c.lockLeads(subjects); err != nil {
				return err
			}
			if err := change(c); err != nil {
				return err
			}
			return c.write()
		})
		if !errors.Is(err, ErrRaced) {
			break
		}
	}
	if err == nil {
		s.bell.Ring()
	}
	return err
}

// rewrite says that the history of a person, whose row this transaction has locked
// ([commit.lockLeads]), is another than before. [commit.write] does the rest: it reads
// the facts of whoever `leads.canonical_id` then says are the person.
//
// A merge calls it for the one that stays, an un-merge for both. The next version is
// above that of every fact and of every row of the person's members, so that versions
// grow for each lead however often it is merged.
func (c *commit) rewrite(person string) { c.leads[person].rewritten = true }

// refold makes anew what follows from the histories that were rewritten. It comes after
// the facts of this transaction are written.
func (c *commit) refold() error {
	var persons []string
	for person, w := range c.leads {
		if w.rewritten {
			persons = append(persons, person)
		}
	}
	if len(persons) == 0 {
		return nil
	}
	slices.Sort(persons)
	if err := c.writeNew(persons); err != nil {
		return err
	}
	if err := c.readLeadRows(persons); err != nil {
		return err
	}
	from, args := keysOf(persons).from(c.tx.Dialect())
	if _, err := c.tx.Exec(`DELETE FROM attributes WHERE source IN ('`+lead.FromAccount+`', '`+lead.FromDomain+`', '`+lead.FromLead+`') AND lead_id IN (
		SELECT m.id FROM `+from+` CROSS JOIN leads m WHERE m.canonical_id = k.a)`, args...); err != nil {
		return err
	}
	// A lead that is somebody else's has no account of its own.
	if _, err := c.tx.Exec(`DELETE FROM account_leads WHERE lead_id IN (
		SELECT m.id FROM `+from+` CROSS JOIN leads m WHERE m.canonical_id = k.a AND m.id <> k.a)`, args...); err != nil {
		return err
	}
	for _, person := range persons {
		w := c.leads[person]
		w.known.profile, w.changed = lead.NewProfile(), true
		w.moved, w.sourced = true, true
		w.row.Earliest, w.row.EarliestVersion, w.row.Latest = 0, 0, 0
		w.earliest, w.latest = 0, 0
		historical := c.historical
		if w.captures.Accepted != 0 {
			historical = w.captures.Historical
		}
		w.captures.Add(pending.Captures{Accepted: c.now.UnixMicro(), Historical: historical})
	}
	if err := c.foldAttributes(persons); err != nil {
		return err
	}
	return c.foldActivities(persons)
}

// writeNew writes the rows of leads that this transaction makes or changes and rewrites
// at once, so that they are found where all others are.
func (c *commit) writeNew(persons []string) error {
	fresh := leadTable.rows()
	for _, person := range persons {
		if w := c.leads[person]; w.known != nil && (w.base == 0 || w.changed) {
			c.addLead(fresh, w.known)
		}
	}
	_, err := fresh.write(c.tx)
	return err
}

// foldAttributes folds the attributes of persons.
func (c *commit) foldAttributes(persons []string) error {
	from, args := keysOf(persons).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT k.a, f.facts_version, f.key, f.effective_at, f.source, f.id, f.value FROM `+from+`
		CROSS JOIN leads m CROSS JOIN attributes f WHERE m.canonical_id = k.a AND f.lead_id = m.id`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var person string
		var version int64
		var f attributeFact
		if err := result.Scan(&person, &version, &f.key, &f.at.At, &f.at.Source, &f.at.ID, &f.value); err != nil {
			return err
		}
		w := c.leads[person]
		w.base = max(w.base, version)
		w.known.profile.Fold(f.key, f.value, f.at)
		w.latest = max(w.latest, f.at.At)
		if !canonical.IsNull(f.value) {
			w.span(f.at.At)
		}
		return nil
	})
}

// foldActivities takes in the versions and times of the activities of persons.
func (c *commit) foldActivities(persons []string) error {
	from, args := keysOf(persons).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT k.a, COALESCE(max(p.facts_version), 0), COALESCE(max(f.facts_version), 0),
			COALESCE(min(CASE WHEN f.mark = 0 THEN f.occurred_at END), 0), COALESCE(max(CASE WHEN f.mark = 0 THEN f.occurred_at END), 0)
		FROM `+from+` CROSS JOIN leads m LEFT JOIN pending p ON p.lead_id = m.id LEFT JOIN activities f ON f.lead_id = m.id
		WHERE m.canonical_id = k.a GROUP BY k.a`, args...)
	if err != nil {
		return err
	}
	return each(result, func() error {
		var person string
		var own, version, first, last int64
		if err := result.Scan(&person, &own, &version, &first, &last); err != nil {
			return err
		}
		w := c.leads[person]
		w.base = max(w.base, own, version)
		if first != 0 { // what does not count does not make a lead known
			w.span(first)
			w.span(last)
		}
		return nil
	})
}

// markRewritten notes since which version the histories are others, and which are empty.
func (c *commit) markRewritten() error {
	var persons []string
	var versions, emptied []int64
	for person, w := range c.leads {
		if w.rewritten {
			persons, versions = append(persons, person), append(versions, w.row.Version)
			emptied = append(emptied, flag(w.emptied)*w.row.Version)
		}
	}
	if persons == nil {
		return nil
	}
	from, args := keysOf(persons, versions, emptied).from(c.tx.Dialect())
	_, err := c.tx.Exec(`UPDATE leads SET rewritten_version = k.b, emptied_version = k.c FROM `+from+` WHERE leads.id = k.a`, args...)
	return err
}
