package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Columns of the list of deliveries.
const (
	DestinationColumn Column = "destination_id"
	EventTypeColumn   Column = "event_type"
	HandoffColumn     Column = "handoff_id"
	// DeliveryStateColumn takes the number of a Delivery.State.
	DeliveryStateColumn Column = "delivery_state"
)

// DeliveryName is the resource name of a delivery.
func DeliveryName(id string) string { return "deliveries/" + id }

// ListedDelivery is a delivery with its place in the list.
type ListedDelivery struct {
	// Delivery without its attempts.
	*handoffv1.Delivery
	// Place of it: time and id.
	Place []any
}

const selectDelivery = `SELECT delivery_id, destination_id, event_type, lead_id, handoff_id, state, lease_until, attempts,
	due_time, event_time, deliver_time, remote_id, last_error FROM deliveries`

func (s *Store) scanDelivery(row interface{ Scan(...any) error }) (*ListedDelivery, error) {
	var (
		d                                     handoffv1.Delivery
		id, destination, lead, handoff        string
		state, lease, due, created, delivered int64
	)
	err := row.Scan(&id, &destination, &d.EventType, &lead, &handoff, &state, &lease, &d.AttemptCount,
		&due, &created, &delivered, &d.RemoteId, &d.LastError)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	d.Name, d.Destination, d.Handoff = DeliveryName(id), DestinationName(destination), HandoffName(handoff)
	if lead != "" {
		d.Lead = LeadName(lead)
	}
	d.CreateTime = timestamppb.New(sqldb.Time(created))
	switch state {
	case deliveryWaiting:
		d.State, d.NextTime = handoffv1.Delivery_STATE_PENDING, timestamppb.New(sqldb.Time(due))
		if sqldb.Time(lease).After(s.now()) {
			d.State, d.NextTime = handoffv1.Delivery_STATE_SENDING, nil
		}
	case deliveryDead:
		d.State = handoffv1.Delivery_STATE_DEAD
	case deliveryDone:
		d.State, d.DeliverTime = handoffv1.Delivery_STATE_DELIVERED, timestamppb.New(sqldb.Time(delivered))
	case deliveryCancelled:
		d.State = handoffv1.Delivery_STATE_CANCELLED
	}
	return &ListedDelivery{&d, []any{created, id}}, nil
}

// DeliveryByID reads one with its attempts, latest first. ErrNotFound if there is none.
func (s *Store) DeliveryByID(ctx context.Context, id string) (*handoffv1.Delivery, error) {
	d, err := s.scanDelivery(s.db.Read().QueryRowContext(ctx, selectDelivery+` WHERE delivery_id = $1`, id))
	if err != nil {
		return nil, err
	}
	rows, err := s.db.Read().QueryContext(ctx, `SELECT start_time, duration, http_status, result, error FROM delivery_attempts
		WHERE delivery_id = $1 ORDER BY fence DESC`, id)
	return d.Delivery, scanAll(rows, err, func(rows *sql.Rows) error {
		var a handoffv1.DeliveryAttempt
		var start, took int64
		err := rows.Scan(&start, &took, &a.HttpStatus, &a.Result, &a.Error)
		a.StartTime, a.DurationMs = timestamppb.New(sqldb.Time(start)), int32(took/1000)
		d.Attempts = append(d.Attempts, &a)
		return err
	})
}

// Deliveries reads a page, latest first, after a place: time and id; nil: from the start.
func (s *Store) Deliveries(ctx context.Context, filter []Term, place []any, limit int) ([]*ListedDelivery, error) {
	filter, err := s.ofPersons(ctx, filter)
	if err != nil {
		return nil, err
	}
	var w where
	for _, t := range filter {
		if t.Column != DeliveryStateColumn {
			w.terms([]Term{t})
			continue
		}
		switch number, _ := t.Value.(int64); handoffv1.Delivery_State(number) {
		case handoffv1.Delivery_STATE_PENDING:
			w.conditions = append(w.conditions, "state = 0 AND lease_until <= "+w.arg(sqldb.Micros(s.now())))
		case handoffv1.Delivery_STATE_SENDING:
			w.conditions = append(w.conditions, "state = 0 AND lease_until > "+w.arg(sqldb.Micros(s.now())))
		case handoffv1.Delivery_STATE_DEAD:
			w.conditions = append(w.conditions, "state = 1")
		case handoffv1.Delivery_STATE_DELIVERED:
			w.conditions = append(w.conditions, "state = 2")
		case handoffv1.Delivery_STATE_CANCELLED:
			w.conditions = append(w.conditions, "state = 3")
		}
	}
	w.from("event_time, delivery_id", "<", place)
	var deliveries []*ListedDelivery
	rows, err := s.db.Read().QueryContext(ctx,
		selectDelivery+w.String()+` ORDER BY event_time DESC, delivery_id DESC LIMIT `+w.arg(limit), w.args...)
	return deliveries, scanAll(rows, err, func(rows *sql.Rows) error {
		d, err := s.scanDelivery(rows)
		deliveries = append(deliveries, d)
		return err
	})
}

// deliver fills in where handoffs are sent and how far that is: the deliveries of their
// creation.
func (s *Store) deliver(from querier, handoffs map[string]*handoffv1.Handoff) error {
	return selectIn(from, selectDelivery+` WHERE event_type = '`+event.HandoffCreated+`' AND handoff_id IN (`, slices.Sorted(maps.Keys(handoffs)),
		func(rows *sql.Rows) error {
			d, err := s.scanDelivery(rows)
			if err != nil {
				return err
			}
			h := handoffs[HandoffID(d.GetHandoff())]
			h.Deliveries = append(h.Deliveries, &handoffv1.HandoffDelivery{
				Destination: d.GetDestination(), Delivery: d.GetName(), State: d.GetState().String()[len("STATE_"):], RemoteId: d.GetRemoteId(),
			})
			return nil
		})
}

// Try makes a delivery of a sample to a destination, due now.
func (s *Store) Try(ctx context.Context, destination string, e Event, at time.Time) (*handoffv1.Delivery, error) {
	id := newID()
	now := sqldb.Micros(s.now())
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		return insert(tx, insertDeliveries, deliveryColumns, ``, []any{
			id, destination, newID(), e.Type, sqldb.Micros(at), "", "", e.complete(tx), e.Traceparent, 1, now, now,
		})
	})
	if err != nil {
		return nil, err
	}
	s.sends.Wake()
	return s.DeliveryByID(ctx, id)
}

// replay sends again: with the same key and the same bytes, tried from the start. What was
// delivered may be there still: that is looked up first, where the kind can.
const replay = `UPDATE deliveries SET state = 0, due_time = $1, first_time = $1, attempts = 0, lease_until = 0, fence = fence + 1, last_error = '',
	deliver_time = 0, open_attempts = CASE WHEN state = 2 THEN 1 ELSE open_attempts END WHERE EXISTS (SELECT 1 FROM destinations WHERE destinations.destination_id = deliveries.destination_id) AND `

// ErrPending: it is on its way already.
var ErrPending = errors.New("the delivery is on its way already")

// Replay sends one delivery again that was delivered, or is a dead letter. Errors:
// ErrNotFound, also if its destination was removed; ErrPending.
func (s *Store) Replay(ctx context.Context, id string) error {
	d, err := s.DeliveryByID(ctx, id)
	if err != nil {
		return err
	}
	n, err := s.replay(ctx, `delivery_id = $2 AND state IN (1, 2)`, id)
	switch {
	case err != nil || n == 1:
		return err
	case d.GetState() == handoffv1.Delivery_STATE_PENDING || d.GetState() == handoffv1.Delivery_STATE_SENDING:
		return ErrPending
	}
	return ErrNotFound
}

// ReplayRange sends the deliveries of a destination again whose events happened from one
// time on, before another: dead letters, or also what was delivered. It returns how many.
func (s *Store) ReplayRange(ctx context.Context, destination string, from, to time.Time, delivered bool) (int64, error) {
	states := `state = 1`
	if delivered {
		states = `state IN (1, 2)`
	}
	return s.replay(ctx, `destination_id = $2 AND event_time >= $3 AND event_time < $4 AND `+states,
		destination, sqldb.Micros(from), sqldb.Micros(to))
}

func (s *Store) replay(ctx context.Context, which string, args ...any) (n int64, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err = tx.Affected(replay+which, append([]any{sqldb.Micros(s.now())}, args...)...)
		return err
	})
	if err == nil {
		s.sends.Wake()
	}
	return n, err
}
