package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A person is one lead or, after a merge, several: its members. One of them stands for the
// person, and the rows of the others in `leads` point to it. In each track one row of the
// members says where the person stands, with the verdicts, handoffs and moves that belong
// to it; the rows of the others sleep. So a merge moves nothing, every handoff keeps its
// lead and its cycle, and when a merge is undone there is nothing to put back: who slept
// wakes as it was.

// members are the leads of a person.
type members struct {
	// person is the lead that stands for it.
	person string
	// ids are all its leads, that one first; only that one of most people.
	ids []string
}

// alone is a lead by itself.
func alone(lead string) members { return members{person: lead, ids: []string{lead}} }

// membersOf finds the person that a lead is, known here or not.
func membersOf(from querier, lead string) (members, error) {
	m := members{person: lead}
	rows, err := from.Query(`SELECT person_id FROM leads WHERE lead_id = $1 AND person_id <> ''`, lead)
	err = scanAll(rows, err, func(rows *sql.Rows) error { return rows.Scan(&m.person) })
	if err != nil {
		return m, err
	}
	m.ids = []string{m.person}
	rows, err = from.Query(`SELECT lead_id FROM leads WHERE person_id = $1 AND person_id <> '' ORDER BY lead_id`, m.person)
	return m, scanAll(rows, err, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		m.ids = append(m.ids, id)
		return err
	})
}

// membersOf finds the person that a lead is.
func (s *Store) membersOf(ctx context.Context, lead string) (members, error) {
	return membersOf(reader{ctx, s.db}, lead)
}

// lockPerson keeps everybody else from deciding or moving a person, and from making it
// another, until the transaction ends. ErrNotFound if nobody knows the lead.
func lockPerson(tx *sqldb.Tx, lead string) (members, error) {
	if err := lockLead(tx, lead); err != nil {
		return members{}, err
	}
	m, err := membersOf(tx, lead)
	for err == nil && len(m.ids) > 1 {
		if err = lockLeads(tx, slices.Clone(m.ids)); err != nil {
			break
		}
		var now members
		if now, err = membersOf(tx, lead); slices.Equal(now.ids, m.ids) {
			break
		}
		m = now
	}
	return m, err
}

// personsOf are the persons of those leads that another lead stands for.
func personsOf(from querier, leads []string) (map[string]string, error) {
	persons := map[string]string{}
	return persons, selectIn(from, `SELECT lead_id, person_id FROM leads WHERE person_id <> '' AND lead_id IN (`, distinct(leads), func(rows *sql.Rows) error {
		var lead, person string
		err := rows.Scan(&lead, &person)
		persons[lead] = person
		return err
	})
}

// apart says whether of the leads that were one person when something was made for a lead,
// some are somebody else by now.
func apart(persons map[string]string, lead string, madeFor []string) bool {
	person := func(name string) string {
		id := LeadID(name)
		if p := persons[id]; p != "" {
			return p
		}
		return id
	}
	return slices.ContainsFunc(madeFor, func(other string) bool { return person(other) != person(lead) })
}

// ofPersons has terms that ask for a lead ask for the person it is.
func (s *Store) ofPersons(ctx context.Context, terms []Term) ([]Term, error) {
	terms = slices.Clone(terms)
	for i, t := range terms {
		lead, named := t.Value.(string)
		if t.Column != LeadColumn || !named {
			continue
		}
		m, err := s.membersOf(ctx, lead)
		if err != nil {
			return nil, err
		}
		terms[i].Value = m.ids
	}
	return terms, nil
}
