package store

import (
	"context"
	"time"

	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var crmPolls = duework.Table{Name: "crm_polls", Key: []string{"destination_id"}}

// Poll is a CRM whose changes are to be read, under a lease.
type Poll struct {
	// Destination by its id.
	Destination string
	// Since, Newest and After are the place up to which they are read.
	Since, Newest time.Time
	After         string

	lease duework.Lease
}

// WaitForPolls returns when it is time to look for CRMs to read, see
// [Store.WaitForTellings].
func (s *Store) WaitForPolls(ctx context.Context, found bool) error { return s.polls.Wait(ctx, found) }

// BeginPolls has the changes of CRMs read from now on, where that was not so before.
func (s *Store) BeginPolls(ctx context.Context, destinations ...string) error {
	if len(destinations) == 0 {
		return nil
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error { return beginPolls(tx, s.now(), destinations...) })
}

// beginPolls does it in a transaction. One that is there is read already, unless it was
// given up, and who is about to drop it did not find the destination.
func beginPolls(tx *sqldb.Tx, now time.Time, destinations ...string) error {
	var columns []any
	for _, d := range destinations {
		columns = append(columns, d, sqldb.Micros(now))
	}
	return insert(tx, `INSERT INTO crm_polls (destination_id, due_time) VALUES `, 2, ` ON CONFLICT (destination_id)
		DO UPDATE SET state = 0, attempts = 0 WHERE crm_polls.state <> 0`, columns)
}

// ClaimPoll leases the CRM whose turn it is, nil if none.
func (s *Store) ClaimPoll(ctx context.Context, lease time.Duration) (*Poll, error) {
	leases, err := s.claimDue(ctx, s.crmPolls, crmPolls.Name, lease, 1)
	if err != nil || len(leases) == 0 {
		return nil, err
	}
	p := &Poll{Destination: leases[0].Key[0], lease: leases[0]}
	var since, newest int64
	err = s.db.Read().QueryRowContext(ctx, `SELECT since_time, newest_time, after_id FROM crm_polls WHERE destination_id = $1`,
		p.Destination).Scan(&since, &newest, &p.After)
	p.Since, p.Newest = sqldb.Time(since), sqldb.Time(newest)
	return p, err
}

// EndPoll stores the place up to which the changes are read and ends the lease: it is the
// CRM's turn again at a time. false: the lease had ended, and nothing was stored.
func (s *Store) EndPoll(ctx context.Context, p *Poll, again time.Time) (held bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if held, err = s.crmPolls.Postpone(tx, p.lease, again); err != nil || !held {
			return err
		}
		_, err := tx.Exec(`UPDATE crm_polls SET since_time = $1, newest_time = $2, after_id = $3 WHERE destination_id = $4`,
			sqldb.Micros(p.Since), sqldb.Micros(p.Newest), p.After, p.Destination)
		return err
	})
	return held, err
}

// DropPoll ends the reading of a CRM's changes, e.g. because the destination is gone. The
// place is forgotten: a destination of the same id begins anew.
func (s *Store) DropPoll(ctx context.Context, p *Poll) error {
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := s.crmPolls.Complete(tx, p.lease)
		return err
	})
}
