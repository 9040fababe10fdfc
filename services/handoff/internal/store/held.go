package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// A publish can qualify thousands of leads at once. Each gets a release time, one
// after another at the rate of its track, and is decided again at that time. Its row
// is written and removed with the decision that begins and ends the holding.

// DefaultReleasesPerHour is the rate at which held leads of a track are released
// unless somebody sets another.
const DefaultReleasesPerHour = 60

var heldLeads = duework.Table{Name: "held_leads", Key: []string{"lead_id", "track"}}

// heldLead is a lead to hold in a track, by a version.
type heldLead struct {
	key
	version string
}

// readHeld reads which of the leads are held.
func (b *batch) readHeld() error {
	b.held = map[string][]string{}
	return selectIn(b.querier, `SELECT lead_id, track FROM held_leads WHERE lead_id IN (`, b.ids, func(rows *sql.Rows) error {
		var k key
		err := rows.Scan(&k.lead, &k.of)
		t, known := b.tracks[k]
		if !known {
			t.lead, t.person, t.name = k.lead, k.lead, k.of
		}
		t.held = true
		b.tracks[k] = t
		b.held[k.lead] = append(b.held[k.lead], k.of)
		return err
	})
}

// hold holds a lead or holds it no more.
func (b *batch) hold(before *track, f *followed) {
	row := heldLead{key{f.person, f.name}, f.leading.Version}
	switch {
	case f.held && !before.held:
		b.toHold = append(b.toHold, row)
	case before.held && !f.held:
		b.toDrop = append(b.toDrop, row)
	}
}

// dropHeld holds a lead no more in tracks that no standard speaks of any longer.
func (b *batch) dropHeld(lead string, tracks map[string][]*Assessment) {
	for _, track := range b.held[lead] {
		if tracks[track] == nil {
			b.toDrop = append(b.toDrop, heldLead{key: key{lead, track}})
		}
	}
}

// writeHeld writes who is held and who is not any more.
func (b *batch) writeHeld(s *Store) error {
	for _, row := range b.toDrop {
		if _, err := b.tx.Exec(`DELETE FROM held_leads WHERE lead_id = $1 AND track = $2`, row.lead, row.of); err != nil {
			return err
		}
	}
	waiting := map[string]int{}
	for _, row := range b.toHold {
		waiting[row.of]++
	}
	var tracks []string
	for t := range waiting {
		tracks = append(tracks, t)
	}
	slices.Sort(tracks) // one order of locking
	times := map[string]*slots{}
	for _, t := range tracks {
		var err error
		if times[t], err = takeSlots(b.tx, t, waiting[t], b.moment); err != nil {
			return err
		}
	}
	var columns []any
	for _, row := range b.toHold {
		columns = append(columns, row.lead, row.of, row.version, sqldb.Micros(b.moment), sqldb.Micros(times[row.of].next()))
	}
	return insert(b.tx, `INSERT INTO held_leads (lead_id, track, version, create_time, due_time) VALUES `, 5,
		s.held.OnConflict()+`, version = excluded.version`, columns)
}

// slots are release times of a track, one after another.
type slots struct {
	at       time.Time
	interval time.Duration
}

func (s *slots) next() time.Time {
	s.at = s.at.Add(s.interval)
	return s.at
}

// interval between two releases, in whole microseconds as the store counts them.
func interval(perHour int) time.Duration {
	return time.Duration(time.Hour.Microseconds()/int64(perHour)) * time.Microsecond
}

// takeSlots takes the next n release times of a track, in one statement so that two
// transactions never take the same.
func takeSlots(tx *sqldb.Tx, track string, n int, moment time.Time) (*slots, error) {
	now := sqldb.Micros(moment)
	var last int64
	var perHour int
	err := tx.QueryRow(`INSERT INTO release_rates (track, per_hour, last_time) VALUES ($1, $2, $3)
		ON CONFLICT (track) DO UPDATE SET last_time = $4 * (3600000000 / release_rates.per_hour) +
			CASE WHEN release_rates.last_time > $5 THEN release_rates.last_time ELSE $5 END
		RETURNING last_time, per_hour`,
		track, DefaultReleasesPerHour, sqldb.Micros(moment.Add(time.Duration(n)*interval(DefaultReleasesPerHour))),
		int64(n), now).Scan(&last, &perHour)
	if err != nil {
		return nil, err
	}
	step := interval(perHour)
	return &slots{sqldb.Time(last).Add(-time.Duration(n) * step), step}, nil
}

// Held is a held lead whose release time came, under a lease.
type Held struct {
	// Lead without `leads/`, and the track it is held in.
	Lead, Track string

	lease duework.Lease
}

// ClaimHeld leases at most limit held leads whose release time came.
func (s *Store) ClaimHeld(ctx context.Context, lease time.Duration, limit int) ([]Held, error) {
	leases, err := s.claimDue(ctx, s.held, heldLeads.Name, lease, limit)
	held := make([]Held, len(leases))
	for i, l := range leases {
		held[i] = Held{Lead: l.Key[0], Track: l.Key[1], lease: l}
	}
	return held, err
}

// claimDue leases what is due in a queue. A look costs no writer.
func (s *Store) claimDue(ctx context.Context, q *duework.Queue, table string, lease time.Duration, limit int) (leases []duework.Lease, err error) {
	var due bool
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM `+table+` WHERE state = 0 AND due_time <= $1 AND lease_until <= $1)`,
		sqldb.Micros(s.now())).Scan(&due)
	if err != nil || !due {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		leases, err = q.Claim(tx, s.now(), lease, limit)
		return err
	})
	return leases, err
}

// WaitForDue returns when it is time to look for leads that are due, see
// [Store.WaitForTellings].
func (s *Store) WaitForDue(ctx context.Context, found bool) error { return s.due.Wait(ctx, found) }

// EndHeld ends the leases on held leads, each as end says: when to try it again, zero
// if it is done, and why it failed, empty if it did not. One that was decided has no row
// any more, or one that was written anew, and stays as it is.
func (s *Store) EndHeld(ctx context.Context, held []Held, end func(Held) (again time.Time, failed string)) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		for _, h := range held {
			again, failed := end(h)
			if err := endDue(tx, s.held, h.lease, again, failed); err != nil {
				return err
			}
		}
		return nil
	})
}

func endDue(tx *sqldb.Tx, q *duework.Queue, l duework.Lease, again time.Time, failed string) (err error) {
	switch {
	case failed != "":
		_, err = q.Fail(tx, l, failed, again)
	case !again.IsZero():
		_, err = q.Postpone(tx, l, again)
	default:
		_, err = q.Complete(tx, l)
	}
	return err
}

// HeldLeads lists held leads, those released first; of a track, or of all.
func (s *Store) HeldLeads(ctx context.Context, track string, place []any, limit int) ([]*handoffv1.HeldLead, error) {
	var w where
	if track != "" {
		w.terms([]Term{{Column: TrackColumn, Value: track}})
	}
	w.from("due_time, lead_id, track", ">", place)
	var held []*handoffv1.HeldLead
	rows, err := s.db.Read().QueryContext(ctx, `SELECT lead_id, track, version, create_time, due_time, last_error FROM held_leads`+
		w.String()+` ORDER BY due_time, lead_id, track LIMIT `+w.arg(limit), w.args...)
	err = scanAll(rows, err, func(rows *sql.Rows) error {
		var (
			h            handoffv1.HeldLead
			created, due int64
		)
		err := rows.Scan(&h.Lead, &h.Track, &h.StandardVersion, &created, &due, &h.Error)
		h.Lead = LeadName(h.GetLead())
		h.CreateTime, h.ReleaseTime = timestamppb.New(sqldb.Time(created)), timestamppb.New(sqldb.Time(due))
		held = append(held, &h)
		return err
	})
	return held, err
}

// HeldPlace is the place of a held lead in the list.
func HeldPlace(h *handoffv1.HeldLead) []any {
	return []any{sqldb.Micros(h.GetReleaseTime().AsTime()), LeadID(h.GetLead()), h.GetTrack()}
}

// Release makes held leads due now: those named, in all their tracks, or with none
// named all of a track. It returns how many.
func (s *Store) Release(ctx context.Context, leads []string, track string) (released int, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		released = 0
		now := sqldb.Micros(s.now())
		const release = `UPDATE held_leads SET due_time = $1, state = 0, attempts = 0, lease_until = 0, fence = fence + 1 WHERE `
		if len(leads) == 0 {
			n, err := tx.Affected(release+`track = $2`, now, track)
			released = int(n)
			return err
		}
		for _, lead := range slices.Compact(slices.Sorted(slices.Values(leads))) {
			n, err := tx.Affected(release+`lead_id = $2 AND ($3 = '' OR track = $3)`, now, lead, track)
			if err != nil {
				return err
			}
			released += int(n)
		}
		return nil
	})
	s.due.Wake()
	return released, err
}

// ReleaseRate is how many leads of a track are released in an hour.
func (s *Store) ReleaseRate(ctx context.Context, track string) (perHour int, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT per_hour FROM release_rates WHERE track = $1`, track).Scan(&perHour)
	if errors.Is(err, sql.ErrNoRows) {
		return DefaultReleasesPerHour, nil
	}
	return perHour, err
}

// SetReleaseRate sets the rate of a track and gives its held leads new release times,
// in the order they had.
func (s *Store) SetReleaseRate(ctx context.Context, track string, perHour int) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := sqldb.Micros(s.now())
		if _, err := tx.Exec(`INSERT INTO release_rates (track, per_hour, last_time) VALUES ($1, $2, $3)
			ON CONFLICT (track) DO UPDATE SET per_hour = excluded.per_hour, last_time = excluded.last_time`,
			track, perHour, now); err != nil {
			return err
		}
		step := interval(perHour).Microseconds()
		// Who is due already stays so.
		n, err := tx.Affected(`UPDATE held_leads SET due_time = $1 + $2 * place.n
			FROM (SELECT lead_id AS lead, row_number() OVER (ORDER BY due_time, lead_id) AS n
				FROM held_leads WHERE track = $3 AND due_time > $1) AS place
			WHERE held_leads.track = $3 AND held_leads.lead_id = place.lead`, now, step, track)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE release_rates SET last_time = $1 WHERE track = $2`, now+n*step, track)
		return err
	})
}

// Waiting is how much waits for its time, for metrics.
type Waiting struct {
	// Held leads.
	Held int64
	// Due leads: their review or release time has come.
	Due int64
	// Quarantined reviews and releases failed too often.
	Quarantined int64
	// Operations have not ended.
	Operations int64
}

// Waiting counts what waits for its time.
func (s *Store) Waiting(ctx context.Context) (w Waiting, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT (SELECT count(*) FROM held_leads),
		(SELECT count(*) FROM held_leads WHERE state = 0 AND due_time <= $1) + (SELECT count(*) FROM reviews WHERE state = 0 AND due_time <= $1),
		(SELECT count(*) FROM held_leads WHERE state = 1) + (SELECT count(*) FROM reviews WHERE state = 1),
		(SELECT count(*) FROM operations WHERE state = 0)`, sqldb.Micros(s.now())).Scan(&w.Held, &w.Due, &w.Quarantined, &w.Operations)
	return w, err
}
