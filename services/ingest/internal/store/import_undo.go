package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/traffic"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// What an import said is found again by its source and the times at which its steps were
// received. Undone, the activities are withdrawn, for what was said to have happened stays
// on record; the attributes, and the values that only it named, are as if they had never
// been said. Of a lead that it made and of which nobody else said anything, nothing stays
// but its id.

// step is one time at which an import said something of a lead.
type importStep struct {
	received         int64
	created, sourced bool
	before           sourced
}

// UndoLeads takes back what an import of a source did to the next n of its leads, in one
// transaction, and reports whether there are more.
func (s *Store) UndoLeads(ctx context.Context, w *ImportWork, source, actor string, n int) (more bool, err error) {
	leads, err := s.importedLeads(ctx, w.ID, n)
	if err != nil || len(leads) == 0 {
		return false, err
	}
	if err := s.unlinkLeads(ctx, w, source, leads); err != nil {
		return false, err
	}
	var next Import
	err = s.changing(ctx, leads, true, func(c *commit) error {
		if err := s.proceed(c.tx, w); err != nil {
			return err
		}
		next = *w.Import
		correction, err := c.undoCorrection(w.ID, actor)
		if err != nil {
			return err
		}
		for _, lead := range leads {
			if err := c.undoLead(&next, correction, lead, source); err != nil {
				return err
			}
		}
		return saveImport(c.tx, &next)
	})
	if err == nil {
		*w.Import = next
	}
	return err == nil, err
}

func (s *Store) importedLeads(ctx context.Context, id string, n int) (leads []string, err error) {
	rows, err := s.db.Read().QueryContext(ctx, //nolint:sqlclosecheck // each closes them
		`SELECT DISTINCT lead_id FROM import_leads WHERE import_id = $1 AND created < 2 ORDER BY lead_id LIMIT $2`, id, n)
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		var lead string
		err := rows.Scan(&lead)
		leads = append(leads, lead)
		return err
	})
	return leads, err
}

// undoCorrection makes the correction that withdraws the activities of an import, once.
// Its id is the import's.
func (c *commit) undoCorrection(id, actor string) (string, error) {
	_, err := c.tx.Exec(`INSERT INTO corrections (id, created_at, actor, kind, reason, selection, state)
		VALUES ($1, $2, $3, $4, $5, NULL, $6) ON CONFLICT (id) DO NOTHING`,
		id, c.now.Truncate(time.Microsecond).UnixMicro(), actor, int64(traffic.Undone), "undo of imports/"+id, int64(CorrectionDone))
	return id, err
}

// undoLead takes back what an import said of one lead.
func (c *commit) undoLead(i *Import, correction, id, source string) error {
	steps, err := c.importSteps(i.ID, id)
	if err != nil {
		return err
	}
	person := c.person[id]
	if person == "" { // it was erased since
		return c.forgetSteps(i.ID, id)
	}
	said, args := saidBy(id, source, steps)
	created := false
	for _, step := range steps {
		if created = created || step.created; step.sourced {
			if err := c.unsource(person, source, step.before); err != nil {
				return err
			}
		}
	}
	found, err := c.activitiesOf(id, said, args)
	if err != nil {
		return err
	}
	if err := c.forgetSteps(i.ID, id); err != nil {
		return err
	}
	i.Undone.Withdrawn += int64(len(found))
	c.rewrite(person)
	before, since, err := c.saidByOthers(said, args, steps[len(steps)-1].received)
	if err != nil {
		return err
	}
	alone, err := c.alone(id)
	switch {
	case err != nil:
		return err
	case created && !before && !since && alone:
		i.Undone.Removed++
		return c.emptyLead(i.ID, id)
	case since:
		// Others may have used the values that it named first: they stay.
		i.Undone.Kept++
	default:
		i.Undone.Restored++
	}
	if err := c.noteCorrected(correction, found); err != nil {
		return err
	}
	if _, err := c.tx.Exec(`DELETE FROM attributes WHERE lead_id = $1`+said, args...); err != nil {
		return err
	}
	return c.mark(found)
}

// alone reports whether a lead is a person by itself.
func (c *commit) alone(id string) (alone bool, err error) {
	err = c.tx.QueryRow(`SELECT NOT EXISTS (SELECT 1 FROM leads l CROSS JOIN leads m
		WHERE l.id = $1 AND m.canonical_id = l.canonical_id AND m.id <> l.id)`, id).Scan(&alone)
	return alone, err
}

func (c *commit) importSteps(id, lead string) (steps []importStep, err error) {
	rows, err := c.tx.Query(`SELECT received_at, created, sourced, lead_source, lead_source_at, lead_source_by FROM import_leads
		WHERE import_id = $1 AND lead_id = $2 ORDER BY received_at DESC`, id, lead)
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		var s importStep
		var created, sourced int64
		err := rows.Scan(&s.received, &created, &sourced, &s.before.source, &s.before.at, &s.before.by)
		s.created, s.sourced = created != 0, sourced != 0
		steps = append(steps, s)
		return err
	})
	return steps, err
}

func (c *commit) forgetSteps(id, lead string) error {
	_, err := c.tx.Exec(`DELETE FROM import_leads WHERE import_id = $1 AND lead_id = $2`, id, lead)
	return err
}

func (c *commit) activitiesOf(lead, said string, args []any) (found []correctable, err error) {
	rows, err := c.tx.Query(`SELECT source, id FROM activities WHERE lead_id = $1`+said, args...)
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		a := correctable{lead: lead}
		err := rows.Scan(&a.source, &a.id)
		found = append(found, a)
		return err
	})
	return found, err
}

// unsource gives a person the lead source back that it had before, if it is still the one
// that was said then.
func (c *commit) unsource(person, source string, before sourced) error {
	w := c.leads[person]
	if w.known == nil {
		if err := c.readLeadRows([]string{person}); err != nil {
			return err
		}
	}
	if strings.HasPrefix(w.known.sourceBy, source+" ") {
		w.known.leadSource, w.known.sourceAt, w.known.sourceBy = before.source, before.at, before.by
		w.changed = true
	}
	return nil
}

// saidBy is a condition, with its arguments, that holds for what the steps of an import of
// a source said of a lead, which is $1.
func saidBy(id, source string, steps []importStep) (said string, args []any) {
	args = []any{id, source}
	for _, step := range steps {
		args = append(args, step.received)
	}
	return ` AND source = $2 AND received_at IN (` + sqldb.List(3, len(steps)) + `)`, args
}

// saidByOthers reports whether anybody else than who is said by arguments said anything of
// a lead, before an instant or since; what follows from what was said aside, be it that a
// verdict moved the lead.
func (c *commit) saidByOthers(said string, args []any, first int64) (before, since bool, err error) {
	at := `$` + strconv.Itoa(len(args)+1)
	others := ` AND NOT (true` + said + `)`
	anything := func(when string) string {
		homes := `(SELECT h.kind, h.value FROM identities h WHERE h.lead_id = $1 AND h.home = 1)`
		return `EXISTS (SELECT 1 FROM attributes WHERE lead_id = $1 AND source NOT IN ('` + lead.FromAccount + `', '` + lead.FromDomain + `', '` + lead.FromLead + `')` + others + when + `)
			OR EXISTS (SELECT 1 FROM activities WHERE lead_id = $1 AND NOT (` + moves + `)` + others + when + `)
			OR EXISTS (SELECT 1 FROM identities WHERE lead_id = $1 AND home = 1` + others + when + `)
			OR EXISTS (SELECT 1 FROM identity_claims WHERE (by_kind, by_value) IN ` + homes + others + when + `)
			OR EXISTS (SELECT 1 FROM identity_claims WHERE (kind, value) IN ` + homes + others + when + `)`
	}
	err = c.tx.QueryRow(`SELECT `+anything(` AND received_at < `+at)+`, `+anything(` AND received_at >= `+at),
		append(slices.Clone(args), first)...).Scan(&before, &since)
	if err != nil || since {
		return before, since, err
	}
	// What handoff tells comes after what it decided.
	since, err = c.movedByPerson(args[0].(string))
	return before, since, err
}

// moves are the activities that tell how a lead moved in its lifecycle.
const moves = `source = 'assay:handoff' AND type LIKE 'lifecycle.%'`

// movedByPerson reports whether anything but a verdict ever moved a lead.
func (c *commit) movedByPerson(id string) (moved bool, err error) {
	rows, err := c.tx.Query(`SELECT properties FROM activities WHERE lead_id = $1 AND `+moves, id) //nolint:sqlclosecheck // each closes them
	if err != nil {
		return false, err
	}
	err = each(rows, func() error {
		var properties []byte
		if err := rows.Scan(&properties); err != nil {
			return err
		}
		var move struct{ Cause string }
		if json.Unmarshal(properties, &move) != nil || move.Cause != "verdict" {
			moved = true
		}
		return nil
	})
	return moved, err
}

// unlinkLeads takes back what an import said of who is who, of leads of which nobody said
// anything since: persons that only it joined are apart again.
func (s *Store) unlinkLeads(ctx context.Context, w *ImportWork, source string, leads []string) error {
	var links []link
	err := s.again(ctx, func(tx *sqldb.Tx) error {
		if err := s.hold(tx, w); err != nil {
			return err
		}
		c := newCommit(s, tx)
		c.now, c.historical, links = s.now(), true, nil
		for _, id := range leads {
			gone, err := c.unlink(w.ID, id, source)
			if err != nil {
				return err
			}
			links = append(links, gone...)
		}
		if len(links) == 0 {
			return nil
		}
		for _, l := range links {
			c.seeded[l.value], c.seeded[l.by] = true, true
		}
		var err error
		if c.settings, err = readSettings(tx); err != nil {
			return err
		}
		if c.region, err = readRegion(tx, slices.Collect(maps.Keys(c.seeded))); err != nil {
			return err
		}
		if err := c.lockLeads(nil); err != nil {
			return err
		}
		if err := c.look(); err != nil {
			return err
		}
		return c.write()
	})
	for _, l := range links {
		s.claims.Drop(l)
	}
	return err
}

// unlink removes the claims that only an import made for a lead, and the values that then
// nobody claims.
func (c *commit) unlink(importID, id, source string) (links []link, err error) {
	steps, err := c.importSteps(importID, id)
	if err != nil {
		return nil, err
	}
	said, args := saidBy(id, source, steps)
	if _, since, err := c.saidByOthers(said, args, steps[len(steps)-1].received); err != nil || since {
		return nil, err
	}
	rows, err := c.tx.Query(`DELETE FROM identity_claims WHERE (by_kind, by_value) IN (SELECT h.kind, h.value FROM identities h WHERE h.lead_id = $1 AND h.home = 1)`+
		said+` RETURNING kind, value, by_kind, by_value`, args...)
	if err != nil {
		return nil, err
	}
	err = each(rows, func() error {
		var l link
		err := rows.Scan(&l.value.Kind, &l.value.Value, &l.by.Kind, &l.by.Value)
		links = append(links, l)
		return err
	})
	if err != nil {
		return nil, err
	}
	for _, l := range links {
		if _, err := c.tx.Exec(`DELETE FROM identities WHERE kind = $1 AND value = $2 AND home = 0
			AND NOT EXISTS (SELECT 1 FROM identity_claims c WHERE c.kind = $1 AND c.value = $2)
			AND NOT EXISTS (SELECT 1 FROM identity_claims c WHERE c.by_kind = $1 AND c.by_value = $2)`, int64(l.value.Kind), l.value.Value); err != nil {
			return nil, err
		}
	}
	return links, c.forgetCaches(len(links) > 0)
}

// forgetCaches lets all processes forget what they remember of who is who.
func (c *commit) forgetCaches(need bool) error {
	if !need {
		return nil
	}
	_, err := c.tx.Exec(`UPDATE privacy_head SET erasures = erasures + 1`)
	return err
}

// emptied is the identity version of a lead of which an undone import left nothing: whoever
// remembers that it is somebody's looks again.
const emptied = -1

// emptyLead removes all that is known of a lead. Its row stays until it was decided for
// the last time, so that its scores go too.
func (c *commit) emptyLead(id, lead string) error {
	rows, err := c.tx.Query(`DELETE FROM identities WHERE lead_id = $1 RETURNING kind, value`, lead)
	if err != nil {
		return err
	}
	err = each(rows, func() error {
		var id identity.Identity
		err := rows.Scan(&id.Kind, &id.Value)
		c.store.homes.Drop(id)
		return err
	})
	if err != nil {
		return err
	}
	if err := c.forgetCaches(true); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM attributes WHERE lead_id = $1`, `DELETE FROM activities WHERE lead_id = $1`,
		`DELETE FROM account_leads WHERE lead_id = $1`,
		`UPDATE leads SET identity_version = -1 WHERE id = $1`,
	} {
		if _, err := c.tx.Exec(statement, lead); err != nil {
			return err
		}
	}
	w := c.leads[lead]
	if w.known == nil {
		if err := c.readLeadRows([]string{lead}); err != nil {
			return err
		}
	}
	w.known.leadSource, w.known.sourceAt, w.known.sourceBy = nil, 0, ""
	w.changed, w.emptied = true, true
	w.row.IdentityVersion++ // who waits for the lock sees this, and not yet the lead's
	if id == "" {           // it is known to be of an import
		return nil
	}
	_, err = c.tx.Exec(`INSERT INTO import_leads (import_id, lead_id, received_at, created, sourced, lead_source, lead_source_at, lead_source_by)
		VALUES ($1, $2, 0, 2, 0, NULL, 0, '')`, id, lead)
	return err
}

// sayAgain restores what an undone import withdrew and a file says once more: activities
// that this capture brings and that are known.
func (c *commit) sayAgain(capture *Capture) error {
	var sources, ids []string
	for _, sub := range capture.Subjects {
		for i := range sub.Result.Activities {
			if a := &sub.Activities[i]; sub.Result.Err == nil && sub.Result.Activities[i].State == Duplicate {
				sources, ids = append(sources, a.Source), append(ids, a.ID)
			}
		}
	}
	if ids == nil {
		return nil
	}
	from, args := keysOf(sources, ids).from(c.tx.Dialect())
	rows, err := c.tx.Query(`SELECT r.source, r.id, r.correction_id, f.lead_id FROM `+from+` CROSS JOIN corrected_activities r
		CROSS JOIN imports i CROSS JOIN activities f
		WHERE r.source = k.a AND r.id = k.b AND i.id = r.correction_id AND f.source = r.source AND f.id = r.id`, args...)
	if err != nil {
		return err
	}
	var found []correctable
	var corrections []string
	err = each(rows, func() error {
		var a correctable
		var correction string
		err := rows.Scan(&a.source, &a.id, &correction, &a.lead)
		found, corrections = append(found, a), append(corrections, correction)
		return err
	})
	if err != nil || found == nil {
		return err
	}
	said := map[string]bool{}
	for i, a := range found {
		if _, err := c.tx.Exec(`DELETE FROM corrected_activities WHERE source = $1 AND id = $2 AND correction_id = $3`, a.source, a.id, corrections[i]); err != nil {
			return err
		}
		if _, err := c.tx.Exec(`UPDATE activities SET received_at = $3 WHERE source = $1 AND id = $2`, a.source, a.id, capture.Received.UnixMicro()); err != nil {
			return err
		}
		said[a.lead] = true
	}
	for _, sub := range capture.Subjects {
		if said[sub.Result.Lead] {
			sub.Result.Changed = true
		}
	}
	return c.mark(found)
}

// removeLeads removes leads that are empty, and of which nothing is said elsewhere.
func removeLeads(tx *sqldb.Tx, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	from, args := keysOf(ids).from(tx.Dialect())
	for _, of := range []string{"attributes WHERE lead_id", "pending WHERE lead_id", "import_leads WHERE created = 2 AND lead_id", "leads WHERE id"} {
		if _, err := tx.Exec(`DELETE FROM `+of+` IN (SELECT k.a FROM `+from+`)`, args...); err != nil {
			return err
		}
	}
	return nil
}

// RemoveEmptied sees to leads that an undone import left empty and that are still there.
// Of some, handoff has told since how they had moved: they are emptied again. Others were
// decided and are somebody's history there: nothing is left to be seen of them here. Those
// of which something was said since are left alone from now on.
func (s *Store) RemoveEmptied(ctx context.Context) error {
	rows, err := s.db.Read().QueryContext(ctx, //nolint:sqlclosecheck // each closes them
		`SELECT i.lead_id FROM import_leads i JOIN leads l ON l.id = i.lead_id JOIN pending p ON p.lead_id = i.lead_id
		WHERE i.created = 2 AND p.state = 0 AND p.decided_version >= p.facts_version LIMIT 1000`)
	if err != nil {
		return err
	}
	var leads []string
	err = each(rows, func() error {
		var id string
		err := rows.Scan(&id)
		leads = append(leads, id)
		return err
	})
	for chunk := range slices.Chunk(leads, 50) {
		if err == nil {
			err = s.changing(ctx, chunk, true, func(c *commit) error { return c.emptyAgain(chunk) })
		}
	}
	return err
}

// emptyAgain removes the leads that are empty still, and empties those of which nothing
// was said but how they had moved.
func (c *commit) emptyAgain(leads []string) error {
	var empty []string
	for _, id := range leads {
		var emptied bool
		err := c.tx.QueryRow(`SELECT l.emptied_version = p.facts_version FROM leads l CROSS JOIN pending p WHERE l.id = $1 AND p.lead_id = l.id`, id).Scan(&emptied)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			continue
		case err != nil:
			return err
		case emptied:
			empty = append(empty, id)
			continue
		}
		_, since, err := c.saidByOthers(` AND source = $2`, []any{id, ""}, 0)
		if err != nil {
			return err
		}
		if alone, err := c.alone(id); err != nil {
			return err
		} else if !since && alone {
			c.rewrite(id)
			if err := c.emptyLead("", id); err != nil {
				return err
			}
			continue
		}
		if _, err := c.tx.Exec(`DELETE FROM import_leads WHERE created = 2 AND lead_id = $1`, id); err != nil {
			return err
		}
	}
	for _, id := range empty {
		delete(c.leads, id)
	}
	return removeLeads(c.tx, empty)
}
