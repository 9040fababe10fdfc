package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/duework"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// The states of a delivery's row: those of due work, and one more.
const (
	deliveryWaiting, deliveryDead, deliveryDone, deliveryCancelled = 0, 1, 2, 3
)

var deliveries = duework.Table{Name: "deliveries", Key: []string{"delivery_id"}, KeepDone: true}

// Delivery is an event on its way to a destination, in the hands of one sender.
type Delivery struct {
	// ID is the key that the receiver sees.
	ID string
	// Destination is the id of where it goes.
	Destination string
	// EventID, Type and Time of the event.
	EventID, Type string
	Time          time.Time
	// Lead and Handoff it is about, as resource names; empty: about none.
	Lead, Handoff string
	// Data of the event, one JSON object.
	Data []byte
	// Traceparent of what caused it.
	Traceparent string
	// Sample: somebody tries the destination out.
	Sample bool
	// First is since when it is tried.
	First time.Time
	// Body is what is sent; nil before the first attempt.
	Body []byte
	// Attempt counts this one too: 1 at first.
	Attempt int
	// Uncertain: one attempt before began, and nobody knows whether it arrived.
	Uncertain bool

	fence int64
}

// End is how an attempt ended.
type End struct {
	// State it leaves the delivery in.
	State EndState
	// Due is when the next attempt is made, with Later and Unsent.
	Due time.Time
	// Unknown: it may have arrived.
	Unknown bool
	// Free: the attempt does not count.
	Free bool
	// Error says why it did not arrive.
	Error string
	// HTTPStatus and RemoteID are what the receiver answered, if it did.
	HTTPStatus int
	RemoteID   string
	// Start and Duration of the attempt, and what it is called; with Unsent there was none.
	Start    time.Time
	Duration time.Duration
	Result   string
	// Pause is until when nothing is sent to the destination; zero: no pause.
	Pause time.Time
	// Disable says why nothing is to be sent to the destination any more; empty: go on.
	Disable string
	// Exhausted: it was the last attempt. If the destination took nothing since the
	// first one, it is disabled.
	Exhausted bool
}

// EndState is what an attempt leaves a delivery as.
type EndState int8

const (
	// Later: it is tried again.
	Later EndState = iota
	// Done: the destination has it.
	Done
	// Dead: it is not tried again by itself.
	Dead
	// Unsent: the attempt was not begun.
	Unsent
)

// WaitForDeliveries returns when it is time to look for deliveries that are due.
func (s *Store) WaitForDeliveries(ctx context.Context, found bool) error {
	return s.sends.Wait(ctx, found)
}

// WakeDeliveries ends a wait.
func (s *Store) WakeDeliveries() { s.sends.Wake() }

// DueDestinations are the enabled destinations for which something is due.
func (s *Store) DueDestinations(ctx context.Context) ([]*Destination, error) {
	var destinations []*Destination
	now := sqldb.Micros(s.now())
	rows, err := s.db.Read().QueryContext(ctx, selectDestination+` WHERE state = $1 AND not_before <= $2 AND EXISTS (
		SELECT 1 FROM deliveries WHERE deliveries.destination_id = destinations.destination_id
		AND deliveries.state = 0 AND due_time <= $2 AND lease_until <= $2) ORDER BY destination_id`,
		int64(handoffv1.Destination_STATE_ENABLED), now)
	return destinations, scanAll(rows, err, func(rows *sql.Rows) error {
		d, err := scanDestination(rows)
		destinations = append(destinations, d)
		return err
	})
}

// ClaimDeliveries leases at most limit deliveries of a destination that are due, those due
// longest first. With the lease each is marked as being sent: whoever finds the mark
// later does not know whether it arrived. A pace above 0 leaves the destination alone for
// so long afterwards.
func (s *Store) ClaimDeliveries(ctx context.Context, destination string, lease, pace time.Duration, limit int) ([]Delivery, error) {
	var claimed []Delivery
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		claimed = nil
		now := s.now()
		// The destination is locked, so that its pace and its end hold for all senders.
		var state, notBefore int64
		err := tx.QueryRow(`SELECT state, not_before FROM destinations WHERE destination_id = $1`+tx.Dialect().ForUpdate(), destination).
			Scan(&state, &notBefore)
		if errors.Is(err, sql.ErrNoRows) || err == nil && (state != int64(handoffv1.Destination_STATE_ENABLED) || sqldb.Time(notBefore).After(now)) {
			return nil
		} else if err != nil {
			return err
		}
		rows, err := tx.Query(s.claimDeliveries, sqldb.Micros(now), sqldb.Micros(now.Add(lease)), limit, destination)
		err = scanAll(rows, err, func(rows *sql.Rows) error {
			d := Delivery{Destination: destination}
			var at, first, sample, open int64
			var lead, handoff string
			err := rows.Scan(&d.ID, &d.EventID, &d.Type, &at, &lead, &handoff, &d.Data, &d.Traceparent, &sample, &first,
				&d.Body, &d.Attempt, &open, &d.fence)
			d.Time, d.First, d.Sample, d.Uncertain = sqldb.Time(at), sqldb.Time(first), sample == 1, open > 1
			d.Handoff = HandoffName(handoff)
			if lead != "" {
				d.Lead = LeadName(lead)
			}
			claimed = append(claimed, d)
			return err
		})
		slices.SortFunc(claimed, func(a, b Delivery) int { return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.ID, b.ID)) })
		if err != nil || len(claimed) == 0 || pace == 0 {
			return err
		}
		_, err = tx.Exec(`UPDATE destinations SET not_before = $1 WHERE destination_id = $2`, sqldb.Micros(now.Add(pace)), destination)
		return err
	})
	return claimed, err
}

// claimDeliveries is the statement of ClaimDeliveries. MATERIALIZED: PostgreSQL must not
// run the locking SELECT more than once.
func claimDeliveries(d sqldb.Dialect) string {
	return `WITH picked AS MATERIALIZED (SELECT delivery_id FROM deliveries
		WHERE destination_id = $4 AND state = 0 AND due_time <= $1 AND lease_until <= $1 ORDER BY due_time LIMIT $3` + d.ForUpdateSkipLocked() + `)
		UPDATE deliveries SET lease_until = $2, fence = fence + 1, attempts = attempts + 1, open_attempts = open_attempts + 1
		WHERE delivery_id IN (SELECT delivery_id FROM picked)
		RETURNING delivery_id, event_id, event_type, event_time, lead_id, handoff_id, data, traceparent, sample, first_time,
			body, attempts, open_attempts, fence`
}

// DeliveryLog writes down what senders learn: many at once share a transaction.
type DeliveryLog struct {
	committer *sqldb.Committer[*entry]
}

// entry is one thing to write down: a body, or an end.
type entry struct {
	delivery *Delivery
	body     []byte
	end      *End
	held     bool
}

// OpenDeliveryLog opens the log of a process. Close it.
func (s *Store) OpenDeliveryLog() *DeliveryLog {
	return &DeliveryLog{sqldb.NewCommitter(s.db, "deliveries", func(tx *sqldb.Tx, entries []*entry) []error {
		if err := s.writeDown(tx, entries); err != nil {
			return sqldb.All(len(entries), err)
		}
		return nil
	})}
}

// Close writes down what is on its way.
func (l *DeliveryLog) Close() { l.committer.Close() }

// Keep keeps what is sent, so that each attempt sends the same. held is false if the lease
// is over: somebody else has the delivery, or nobody any more.
func (l *DeliveryLog) Keep(ctx context.Context, d *Delivery, body []byte) (held bool, err error) {
	e := &entry{delivery: d, body: body}
	err = l.committer.Submit(ctx, e)
	return e.held, err
}

// End ends an attempt, and does what follows for the destination. held is as of Keep.
func (l *DeliveryLog) End(ctx context.Context, d *Delivery, end End) (held bool, err error) {
	e := &entry{delivery: d, end: &end}
	err = l.committer.Submit(ctx, e)
	return e.held, err
}

func (s *Store) writeDown(tx *sqldb.Tx, entries []*entry) error {
	var attempts []any
	var destinations []string
	effects := map[string]*effect{}
	for _, e := range entries {
		var n int64
		var err error
		if e.end == nil {
			n, err = tx.Affected(`UPDATE deliveries SET body = $1 WHERE delivery_id = $2 AND fence = $3 AND lease_until > 0`,
				e.body, e.delivery.ID, e.delivery.fence)
		} else {
			n, err = s.endDelivery(tx, e.delivery, e.end)
		}
		if err != nil {
			return err
		}
		if e.held = n == 1; !e.held || e.end == nil {
			continue
		}
		if e.end.State != Unsent {
			attempts = append(attempts, e.delivery.ID, e.delivery.fence, sqldb.Micros(e.end.Start), e.end.Duration.Microseconds(),
				e.end.HTTPStatus, e.end.Result, e.end.Error)
		}
		on := effects[e.delivery.Destination]
		if on == nil {
			on = &effect{}
			effects[e.delivery.Destination] = on
			destinations = append(destinations, e.delivery.Destination)
		}
		on.add(e.delivery, e.end)
	}
	if err := insert(tx, `INSERT INTO delivery_attempts (delivery_id, fence, start_time, duration, http_status, result, error) VALUES `,
		7, ``, attempts); err != nil {
		return err
	}
	for _, id := range destinations {
		if err := s.affect(tx, id, effects[id]); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) endDelivery(tx *sqldb.Tx, d *Delivery, e *End) (int64, error) {
	state, open, delivered := deliveryWaiting, `0`, int64(0)
	switch e.State {
	case Done:
		state, delivered = deliveryDone, sqldb.Micros(e.Start.Add(e.Duration))
	case Dead:
		state = deliveryDead
	case Unsent:
		open = `open_attempts - 1`
	case Later:
	}
	if e.Unknown {
		open = `open_attempts`
	}
	counted := `attempts`
	if e.Free || e.State == Unsent {
		counted = `attempts - 1`
	}
	due := d.First // of what is done, nobody asks
	if !e.Due.IsZero() {
		due = e.Due
	}
	return tx.Affected(`UPDATE deliveries SET state = $1, due_time = $2, lease_until = 0, last_error = $3, http_status = $4,
			remote_id = CASE WHEN $5 = '' THEN remote_id ELSE $5 END, deliver_time = $6, attempts = `+counted+`, open_attempts = `+open+`
		WHERE delivery_id = $7 AND fence = $8 AND lease_until > 0`,
		state, sqldb.Micros(due), e.Error, e.HTTPStatus, e.RemoteID, delivered, d.ID, d.fence)
}

// effect is what some ends mean for their destination.
type effect struct {
	success, pause time.Time
	disable        string
	// exhausted is since when those were tried that are tried no more; zero: none.
	exhausted time.Time
}

func (f *effect) add(d *Delivery, e *End) {
	if at := e.Start.Add(e.Duration); e.State == Done && at.After(f.success) {
		f.success = at
	}
	if e.Pause.After(f.pause) {
		f.pause = e.Pause
	}
	if e.Disable != "" {
		f.disable = e.Disable
	}
	if e.Exhausted && (f.exhausted.IsZero() || d.First.After(f.exhausted)) {
		f.exhausted = d.First
	}
}

// affect does to a destination what some ends mean for it.
func (s *Store) affect(tx *sqldb.Tx, id string, f *effect) error {
	moment := s.now()
	if !f.success.IsZero() || !f.pause.IsZero() {
		_, err := tx.Exec(`UPDATE destinations SET success_time = CASE WHEN $1 > success_time THEN $1 ELSE success_time END,
			not_before = CASE WHEN $2 > not_before THEN $2 ELSE not_before END WHERE destination_id = $3`,
			sqldb.Micros(f.success), sqldb.Micros(f.pause), id)
		if err != nil {
			return err
		}
	}
	if f.disable == "" && !f.exhausted.IsZero() {
		var success int64
		err := tx.QueryRow(`SELECT success_time FROM destinations WHERE destination_id = $1`, id).Scan(&success)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if err == nil && sqldb.Time(success).Before(f.exhausted) {
			f.disable = "it took nothing for the whole time of retries"
		}
	}
	if f.disable == "" {
		return nil
	}
	return s.disable(tx, id, f.disable, moment)
}

// Backlog is how much waits for a destination, for metrics.
type Backlog struct {
	// Destination is its id.
	Destination string
	// Due are those that are due, Dead those that are tried no more.
	Due, Dead int64
	// Oldest is since when the oldest is due; zero if none is.
	Oldest time.Time
}

// Backlogs are how much waits for each destination.
func (s *Store) Backlogs(ctx context.Context) ([]Backlog, error) {
	var backlogs []Backlog
	rows, err := s.db.Read().QueryContext(ctx, `SELECT destination_id,
			(SELECT count(*) FROM deliveries d WHERE d.destination_id = destinations.destination_id AND d.state = 0 AND d.due_time <= $1),
			(SELECT count(*) FROM deliveries d WHERE d.destination_id = destinations.destination_id AND d.state = 1),
			(SELECT min(d.due_time) FROM deliveries d WHERE d.destination_id = destinations.destination_id AND d.state = 0 AND d.due_time <= $1)
		FROM destinations`, sqldb.Micros(s.now()))
	return backlogs, scanAll(rows, err, func(rows *sql.Rows) error {
		var b Backlog
		var oldest sql.NullInt64
		err := rows.Scan(&b.Destination, &b.Due, &b.Dead, &oldest)
		b.Oldest = sqldb.Time(oldest.Int64)
		backlogs = append(backlogs, b)
		return err
	})
}
