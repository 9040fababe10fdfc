package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Where leads and handoffs are in CRMs. No CRM has a transaction that spans ours, so
// what is on its way is written before a call, and where it arrived after it.

// ErrBusy: somebody else talks to the CRM about the lead.
var ErrBusy = errors.New("the lead is on its way to the CRM already")

// RemoteHandoff is where a handoff is in a CRM.
type RemoteHandoff struct {
	// Destination, Handoff and Lead by their ids.
	Destination, Handoff, Lead string
	// Contact is the CRM's id of the person, Opportunity that of the record made for the
	// handoff; empty: not there, as far as is known.
	Contact, Opportunity string
	// Sent is since when a call that would make it has had no answer; zero: there is none.
	Sent time.Time
	// Seen is the last state that was taken from the CRM, or refused, in its own word.
	Seen string
	// Refused is why it was refused; empty: it was taken.
	Refused string

	fence int64
}

// ClaimRemote leases a lead's place in a CRM until now + lease, so that calls about one
// lead are made one after the other, and returns where its handoff is. ErrBusy while
// another lease holds.
func (s *Store) ClaimRemote(ctx context.Context, destination, lead, handoff string, lease time.Duration) (*RemoteHandoff, error) {
	r := &RemoteHandoff{Destination: destination, Handoff: handoff, Lead: lead}
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		err := tx.QueryRow(`INSERT INTO remote_leads (destination_id, lead_id, lease_until, fence) VALUES ($1, $2, $3, 1)
			ON CONFLICT (destination_id, lead_id) DO UPDATE SET lease_until = excluded.lease_until, fence = remote_leads.fence + 1
			WHERE remote_leads.lease_until <= $4 RETURNING contact_id, fence`,
			destination, lead, sqldb.Micros(now.Add(lease)), sqldb.Micros(now)).Scan(&r.Contact, &r.fence)
		if errors.Is(err, sql.ErrNoRows) {
			return ErrBusy
		}
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`INSERT INTO remote_handoffs (destination_id, handoff_id, lead_id, update_time) VALUES ($1, $2, $3, $4)
			ON CONFLICT (destination_id, handoff_id) DO NOTHING`, destination, handoff, lead, sqldb.Micros(now)); err != nil {
			return err
		}
		var sent int64
		err = tx.QueryRow(`SELECT opportunity_id, sent_time, seen_state, refused FROM remote_handoffs
			WHERE destination_id = $1 AND handoff_id = $2`, destination, handoff).Scan(&r.Opportunity, &sent, &r.Seen, &r.Refused)
		r.Sent = sqldb.Time(sent)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// SendRemote writes that a call is on its way that would make the handoff in the CRM.
// false: the lease ended, and the call must not be made.
func (s *Store) SendRemote(ctx context.Context, r *RemoteHandoff) (held bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := s.now()
		if held, err = holdsRemote(tx, r, now); err != nil || !held {
			return err
		}
		_, err := tx.Exec(`UPDATE remote_handoffs SET sent_time = $1, update_time = $1 WHERE destination_id = $2 AND handoff_id = $3`,
			sqldb.Micros(now), r.Destination, r.Handoff)
		r.Sent = now
		return err
	})
	return held, err
}

// holdsRemote says whether the lease still holds.
func holdsRemote(tx *sqldb.Tx, r *RemoteHandoff, now time.Time) (bool, error) {
	var until, fence int64
	err := tx.QueryRow(`SELECT lease_until, fence FROM remote_leads WHERE destination_id = $1 AND lead_id = $2`+tx.Dialect().ForUpdate(),
		r.Destination, r.Lead).Scan(&until, &fence)
	return fence == r.fence && until > sqldb.Micros(now), err
}

// EndRemote stores where the lead and the handoff are, by what r says now, and ends the
// lease. unanswered: the call that is on its way has had no answer. What is known already
// is never forgotten: who comes late does no harm.
func (s *Store) EndRemote(ctx context.Context, r *RemoteHandoff, unanswered bool) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		sent := int64(0)
		if unanswered {
			sent = sqldb.Micros(r.Sent)
		}
		_, err := tx.Exec(`UPDATE remote_leads SET lease_until = CASE WHEN fence = $1 THEN 0 ELSE lease_until END,
			contact_id = CASE WHEN contact_id = '' THEN $2 ELSE contact_id END WHERE destination_id = $3 AND lead_id = $4`,
			r.fence, r.Contact, r.Destination, r.Lead)
		if err != nil {
			return err
		}
		_, err = tx.Exec(`UPDATE remote_handoffs SET sent_time = $1, update_time = $2,
			opportunity_id = CASE WHEN opportunity_id = '' THEN $3 ELSE opportunity_id END
			WHERE destination_id = $4 AND handoff_id = $5`,
			sent, sqldb.Micros(s.now()), r.Opportunity, r.Destination, r.Handoff)
		if err != nil {
			return err
		}
		return beginPolls(tx, s.now(), r.Destination)
	})
}

// voidRemoteLeases ends the leases of whoever is gone, see [duework.Queue.VoidLeases].
func voidRemoteLeases(tx *sqldb.Tx) error {
	if tx.Dialect() != sqldb.SQLite {
		return nil
	}
	_, err := tx.Exec(`UPDATE remote_leads SET lease_until = 0, fence = fence + 1 WHERE lease_until > 0`)
	return err
}

const selectRemote = `SELECT r.destination_id, r.handoff_id, r.lead_id, COALESCE(l.contact_id, ''), r.opportunity_id, r.sent_time,
	r.seen_state, r.refused FROM remote_handoffs r
	LEFT JOIN remote_leads l ON l.destination_id = r.destination_id AND l.lead_id = r.lead_id`

func scanRemote(row interface{ Scan(...any) error }) (*RemoteHandoff, error) {
	var r RemoteHandoff
	var sent int64
	err := row.Scan(&r.Destination, &r.Handoff, &r.Lead, &r.Contact, &r.Opportunity, &sent, &r.Seen, &r.Refused)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	r.Sent = sqldb.Time(sent)
	return &r, err
}

// Remote returns where a handoff is in a CRM. ErrNotFound if it was never sent there.
func (s *Store) Remote(ctx context.Context, destination, handoff string) (*RemoteHandoff, error) {
	return scanRemote(s.db.Read().QueryRowContext(ctx, selectRemote+` WHERE r.destination_id = $1 AND r.handoff_id = $2`, destination, handoff))
}

// RemoteOpportunity returns the handoff for which a CRM's record was made. ErrNotFound
// if it is none of ours.
func (s *Store) RemoteOpportunity(ctx context.Context, destination, opportunity string) (*RemoteHandoff, error) {
	return scanRemote(s.db.Read().QueryRowContext(ctx, selectRemote+` WHERE r.destination_id = $1 AND r.opportunity_id = $2`,
		destination, opportunity))
}

// RemoteOwner returns the CRM's id of who has a handoff now; empty: nobody, or nobody whom
// the CRM knows.
func (s *Store) RemoteOwner(ctx context.Context, destination, handoff string) (string, error) {
	var id string
	err := s.db.Read().QueryRowContext(ctx, `SELECT u.remote_id FROM handoffs h
		JOIN user_remote_ids u ON u.user_id = h.owner AND u.system = $1 WHERE h.handoff_id = $2`, destination, handoff).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// SeeRemote stores the state in which the record of a handoff was seen and why that was
// refused, empty if it was taken. It makes the row where the record was found by its key
// and nothing is known of it, e.g. after a restore.
func (s *Store) SeeRemote(ctx context.Context, r RemoteHandoff) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO remote_handoffs (destination_id, handoff_id, lead_id, opportunity_id, seen_state, refused, update_time)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (destination_id, handoff_id) DO UPDATE SET seen_state = excluded.seen_state, refused = excluded.refused,
			sent_time = 0, update_time = excluded.update_time,
			opportunity_id = CASE WHEN remote_handoffs.opportunity_id = '' THEN excluded.opportunity_id ELSE remote_handoffs.opportunity_id END`,
			r.Destination, r.Handoff, r.Lead, r.Opportunity, r.Seen, r.Refused, sqldb.Micros(s.now()))
		return err
	})
}

// SentTo says whether a destination was ever to hear of a handoff.
func (s *Store) SentTo(ctx context.Context, destination, handoff string) (bool, error) {
	var sent bool
	err := s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM deliveries WHERE handoff_id = $1 AND destination_id = $2)
		OR EXISTS (SELECT 1 FROM remote_handoffs WHERE handoff_id = $1 AND destination_id = $2)`, handoff, destination).Scan(&sent)
	return sent, err
}
