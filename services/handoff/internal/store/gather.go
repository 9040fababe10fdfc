package store

import (
	"database/sql"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

// gather notes of which leads rows are read: those that are decided, and those that are the
// same person.
func (b *batch) gather(leads []*Lead) {
	b.leads, b.persons = b.ids, nil
	for _, i := range b.admitted {
		l := leads[i]
		for _, id := range l.Members {
			if b.persons == nil {
				b.persons, b.leads = map[string]string{}, append([]string{}, b.ids...)
			}
			b.persons[id], b.leads = l.ID, append(b.leads, id)
		}
	}
}

// person is the lead that stands for another, or for itself.
func (b *batch) person(lead string) string {
	if p := b.persons[lead]; p != "" {
		return p
	}
	return lead
}

// readTracks reads where the persons stand. Where that is not settled yet, as nothing was
// stored of a merge (see [Store.Foresee]), it is the row that would say so.
func (b *batch) readTracks() error {
	b.tracks, b.known = map[key]track{}, map[string][]string{}
	b.verdicts, b.said = map[key]verdict{}, map[string][]string{}
	return selectIn(b.querier, selectTrack+` WHERE dormant = 0 AND lead_id IN (`, b.leads, func(rows *sql.Rows) error {
		t, err := scanTrack(rows)
		t.person = b.person(t.lead)
		k := key{t.person, t.name}
		before, twice := b.tracks[k]
		if twice && before.candidate().Compare(t.candidate()) < 0 {
			return err
		}
		b.tracks[k] = t
		if !twice {
			b.known[t.person] = append(b.known[t.person], t.name)
		}
		return err
	})
}

// candidate is the row as the lifecycle compares it, as far as it says so itself.
func (t *track) candidate() *lifecycle.Candidate {
	c := &lifecycle.Candidate{Standing: t.standing, Lead: t.lead, Own: t.lead == t.person}
	if t.handoff != "" && t.standing.Stage.Worked() {
		c.HandedOff = never
	}
	return c
}
