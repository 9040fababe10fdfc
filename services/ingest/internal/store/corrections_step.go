package store

import (
	"context"
	"errors"
	"slices"

	"github.com/assay-hq/assay/services/ingest/internal/traffic"
)

// How many activities a step looks at, and how many it corrects at most.
const (
	stepLooks    = 2000
	stepCorrects = 500
)

// errStepped: another process took the step.
var errStepped = errors.New("store: another process took the step")

// correctable is an activity that a step is about.
type correctable struct {
	activityKey
	lead string
}

// StepCorrection takes the next step of a correction, and returns how it stands then.
// selected says which activities its selection has; lead is the one it is about, or empty.
func (s *Store) StepCorrection(ctx context.Context, c Correction, selected *traffic.Selection, lead string) (Correction, error) {
	var found []correctable
	var to activityKey
	var last bool
	var err error
	if c.State == CorrectionRevoking || c.Selection == nil {
		found, to, last, err = s.listed(ctx, &c)
	} else {
		found, to, last, err = s.selected(ctx, &c, selected, lead)
	}
	if err != nil {
		return c, err
	}
	err = s.changing(ctx, leadsOf(found), false, func(m *commit) error {
		return m.stepCorrection(&c, found, to, last)
	})
	if err != nil && !errors.Is(err, errStepped) {
		return c, err
	}
	return s.Correction(ctx, c.ID)
}

func leadsOf(list []correctable) (leads []string) {
	for _, a := range list {
		leads = append(leads, a.lead)
	}
	slices.Sort(leads)
	return slices.Compact(leads)
}

// listed returns the next of the activities that a correction names, or has corrected.
func (s *Store) listed(ctx context.Context, c *Correction) (found []correctable, to activityKey, last bool, err error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT r.source, r.id, COALESCE(f.lead_id, ''), COALESCE(f.type, '') FROM corrected_activities r
		LEFT JOIN activities f ON f.source = r.source AND f.id = r.id
		WHERE r.correction_id = $1 AND (r.source, r.id) > ($2, $3) ORDER BY r.source, r.id LIMIT $4`, c.ID, c.at.source, c.at.id, stepCorrects)
	if err != nil {
		return nil, to, false, err
	}
	n := 0
	err = each(result, func() error {
		var a correctable
		var kind string
		err := result.Scan(&a.source, &a.id, &a.lead, &kind)
		n++
		to = a.activityKey
		if a.lead != "" && Correctable(a.source, kind) {
			found = append(found, a)
		}
		return err
	})
	return found, to, n < stepCorrects, err
}

// selected returns the next of the activities that are among a selection and were there
// when it was made.
func (s *Store) selected(ctx context.Context, c *Correction, of *traffic.Selection, lead string) (found []correctable, to activityKey, last bool, err error) {
	where, args := "", []any{c.at.source, c.at.id, c.CreatedAt.UnixMicro(), stepLooks}
	if of.Source != "" {
		args = append(args, of.Source)
		where += ` AND f.source = $5`
	}
	if lead != "" {
		args = append(args, lead)
		where += ` AND f.lead_id IN (SELECT m.id FROM leads m WHERE m.canonical_id = (SELECT canonical_id FROM leads WHERE id = $` + string(rune('0'+len(args))) + `))`
	}
	properties := `NULL`
	if of.Asks() {
		properties = `f.properties`
	}
	result, err := s.db.Read().QueryContext(ctx, `SELECT f.source, f.id, f.lead_id, f.type, f.campaign, f.occurred_at, `+properties+` FROM activities f
		WHERE (f.source, f.id) > ($1, $2) AND f.received_at <= $3`+where+` ORDER BY f.source, f.id LIMIT $4`, args...)
	if err != nil {
		return nil, to, false, err
	}
	n, full := 0, false
	err = each(result, func() error {
		var a correctable
		var is traffic.Activity
		var at int64
		if err := result.Scan(&a.source, &a.id, &a.lead, &is.Type, &is.Campaign, &at, &is.Properties); err != nil || full {
			return err
		}
		n++
		to, is.Source = a.activityKey, a.source
		if Correctable(a.source, is.Type) && of.Has(&is, at) {
			found = append(found, a)
			full = len(found) == stepCorrects
		}
		return nil
	})
	return found, to, n < stepLooks && !full, err
}

// stepCorrection brings a correction to activities whose leads are locked, and notes how
// far it came.
func (c *commit) stepCorrection(of *Correction, found []correctable, to activityKey, last bool) error {
	state := of.State
	if last {
		state++                  // running is done, revoking is revoked
		to = activityKey{"", ""} // the id of an activity may be of a person, and is of no use now
	}
	stepped, err := c.tx.Affected(`UPDATE corrections SET state = $2, at_source = $3, at_id = $4 WHERE id = $1 AND state = $5 AND at_source = $6 AND at_id = $7`,
		of.ID, int64(state), to.source, to.id, int64(of.State), of.at.source, of.at.id)
	if err != nil {
		return err
	}
	if stepped == 0 {
		return errStepped
	}
	if of.State == CorrectionRunning {
		if err := c.noteCorrected(of.ID, found); err != nil {
			return err
		}
	}
	return c.mark(found)
}

// noteCorrected adds activities to those that a correction is about.
func (c *commit) noteCorrected(id string, found []correctable) error {
	if len(found) == 0 {
		return nil
	}
	to := correctedTable.rows()
	to.table = &table{
		name: correctedTable.name, columns: correctedTable.columns,
		suffix: "ON CONFLICT (source, id, correction_id) DO UPDATE SET lead_id = excluded.lead_id",
	}
	for _, a := range found {
		to.add(a.source, a.id, id, a.lead)
	}
	if _, err := to.write(c.tx); err != nil {
		return err
	}
	_, err := c.tx.Exec(`UPDATE corrections SET
		corrected = (SELECT count(*) FROM corrected_activities WHERE correction_id = $1 AND lead_id <> ''),
		leads = (SELECT count(DISTINCT lead_id) FROM corrected_activities WHERE correction_id = $1 AND lead_id <> '') WHERE id = $1`, id)
	return err
}

// mark says of activities what people say of them last. Where that changes whether and why
// one counts, its person is rewritten.
func (c *commit) mark(found []correctable) error {
	if len(found) == 0 {
		return nil
	}
	sources, ids := make([]string, len(found)), make([]string, len(found))
	for i, a := range found {
		sources[i], ids[i] = a.source, a.id
	}
	from, args := keysOf(sources, ids).from(c.tx.Dialect())
	result, err := c.tx.Query(`SELECT f.source, f.id, f.lead_id, f.mark, COALESCE((SELECT n.kind FROM corrected_activities r CROSS JOIN corrections n
			WHERE r.source = f.source AND r.id = f.id AND n.id = r.correction_id AND n.state IN (1, 2) ORDER BY n.created_at DESC, n.id DESC LIMIT 1), 0)
		FROM `+from+` CROSS JOIN activities f WHERE f.source = k.a AND f.id = k.b`, args...)
	if err != nil {
		return err
	}
	changed := markTable()
	err = each(result, func() error {
		var a correctable
		var before traffic.Mark
		var said traffic.Kind
		if err := result.Scan(&a.source, &a.id, &a.lead, &before, &said); err != nil {
			return err
		}
		now := before.Say(said)
		if now == before {
			return nil
		}
		changed.add(a.activityKey, now)
		if person := c.person[a.lead]; person != "" && now.Kind() != before.Kind() {
			c.rewrite(person)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return changed.write(c.tx)
}

// CorrectLate brings corrections to activities that they list and that have arrived since.
// It looks at those after a key and returns the key for the next time, zero when it came
// to the end.
func (s *Store) CorrectLate(ctx context.Context, after ActivityKey) (next ActivityKey, err error) {
	result, err := s.db.Read().QueryContext(ctx, `SELECT r.source, r.id, r.correction_id, COALESCE(f.lead_id, ''), COALESCE(f.type, '') FROM corrected_activities r
		LEFT JOIN activities f ON f.source = r.source AND f.id = r.id
		WHERE r.lead_id = '' AND (r.source, r.id) > ($1, $2) ORDER BY r.source, r.id LIMIT $3`, after.Source, after.ID, stepCorrects)
	if err != nil {
		return next, err
	}
	n := 0
	found := map[string][]correctable{}
	err = each(result, func() error {
		var a correctable
		var id, kind string
		err := result.Scan(&a.source, &a.id, &id, &a.lead, &kind)
		n++
		next = ActivityKey{Source: a.source, ID: a.id}
		if a.lead != "" && Correctable(a.source, kind) {
			found[id] = append(found[id], a)
		}
		return err
	})
	if err != nil {
		return next, err
	}
	if n < stepCorrects {
		next = ActivityKey{}
	}
	for id, list := range found {
		err := s.changing(ctx, leadsOf(list), false, func(c *commit) error {
			if err := c.noteCorrected(id, list); err != nil {
				return err
			}
			return c.mark(list)
		})
		if err != nil {
			return next, err
		}
	}
	return next, nil
}
