package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// ErrExists: the id is taken.
var ErrExists = errors.New("the id is taken")

// Destination is where events are sent, with what it keeps secret.
type Destination struct {
	// Destination without its secrets.
	*handoffv1.Destination
	// Secrets are sealed.
	Secrets []byte
}

// DestinationName is the resource name of a destination.
func DestinationName(id string) string { return "destinations/" + id }

// DestinationID is the id in a destination's resource name.
func DestinationID(name string) string { return strings.TrimPrefix(name, "destinations/") }

const selectDestination = `SELECT destination_id, state, state_reason, event_types, tracks, body, secrets, revision, create_time, update_time
	FROM destinations`

func scanDestination(row interface{ Scan(...any) error }) (*Destination, error) {
	var (
		d                             Destination
		id, reason, types, tracks     string
		state, revision, made, change int64
		body                          []byte
	)
	err := row.Scan(&id, &state, &reason, &types, &tracks, &body, &d.Secrets, &revision, &made, &change)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, ErrNotFound
	case err != nil:
		return nil, err
	}
	d.Destination = &handoffv1.Destination{}
	if err := proto.Unmarshal(body, d.Destination); err != nil {
		return nil, err
	}
	d.Name, d.Etag = DestinationName(id), etag(revision)
	d.State, d.StateReason = handoffv1.Destination_State(state), reason
	d.EventTypes, d.Tracks = strings.Fields(types), strings.Fields(tracks)
	d.CreateTime, d.UpdateTime = timestamppb.New(sqldb.Time(made)), timestamppb.New(sqldb.Time(change))
	return &d, nil
}

// body is what the column keeps: what no other column has.
func (d *Destination) body() ([]byte, error) {
	return proto.Marshal(&handoffv1.Destination{
		DisplayName: d.GetDisplayName(), Kind: d.GetKind(), Url: d.GetUrl(), Detail: d.GetDetail(),
		Tryton: d.GetTryton(), MaxConcurrency: d.GetMaxConcurrency(),
	})
}

// Destination reads one. ErrNotFound if there is none.
func (s *Store) Destination(ctx context.Context, id string) (*Destination, error) {
	return scanDestination(s.db.Read().QueryRowContext(ctx, selectDestination+` WHERE destination_id = $1`, id))
}

// Destinations reads a page by their ids, after one.
func (s *Store) Destinations(ctx context.Context, after string, limit int) ([]*Destination, error) {
	var destinations []*Destination
	rows, err := s.db.Read().QueryContext(ctx, selectDestination+` WHERE destination_id > $1 ORDER BY destination_id LIMIT $2`, after, limit)
	return destinations, scanAll(rows, err, func(rows *sql.Rows) error {
		d, err := scanDestination(rows)
		destinations = append(destinations, d)
		return err
	})
}

// CreateDestination adds one, enabled. ErrExists if its id is taken.
func (s *Store) CreateDestination(ctx context.Context, d *Destination) (*Destination, error) {
	body, err := d.body()
	if err != nil {
		return nil, err
	}
	id, at := DestinationID(d.GetName()), sqldb.Micros(s.now())
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Affected(`INSERT INTO destinations (destination_id, state, state_reason, event_types, tracks, body, secrets, revision, create_time, update_time)
			VALUES ($1,$2,'',$3,$4,$5,$6,1,$7,$7) ON CONFLICT (destination_id) DO NOTHING`,
			id, int64(handoffv1.Destination_STATE_ENABLED), strings.Join(d.GetEventTypes(), " "), strings.Join(d.GetTracks(), " "),
			body, d.Secrets, at)
		if err == nil && n == 0 {
			return ErrExists
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.Destination(ctx, id)
}

// ChangeDestination changes one as change says, if the etag matches; empty: any. change
// may be called more than once. Errors: ErrNotFound, ErrEtag, and those of change.
func (s *Store) ChangeDestination(ctx context.Context, id, etag string, change func(*Destination) error) (*Destination, error) {
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		d, err := scanDestination(tx.QueryRow(selectDestination+` WHERE destination_id = $1`+tx.Dialect().ForUpdate(), id))
		switch {
		case err != nil:
			return err
		case etag != "" && etag != d.GetEtag():
			return ErrEtag
		}
		if err := change(d); err != nil {
			return err
		}
		body, err := d.body()
		if err != nil {
			return err
		}
		notBefore := `not_before`
		if d.GetState() == handoffv1.Destination_STATE_ENABLED {
			notBefore = `0` // who changes it wants to see what that does
		}
		_, err = tx.Exec(`UPDATE destinations SET state = $1, state_reason = $2, event_types = $3, tracks = $4, body = $5, secrets = $6,
			revision = revision + 1, update_time = $7, not_before = `+notBefore+` WHERE destination_id = $8`,
			int64(d.GetState()), d.GetStateReason(), strings.Join(d.GetEventTypes(), " "), strings.Join(d.GetTracks(), " "),
			body, d.Secrets, sqldb.Micros(s.now()), id)
		return err
	})
	if err != nil {
		return nil, err
	}
	s.sends.Wake()
	return s.Destination(ctx, id)
}

// DeleteDestination removes one, and ends what was not delivered to it. It returns how
// many that were. Errors: ErrNotFound, ErrEtag.
func (s *Store) DeleteDestination(ctx context.Context, id, wanted string) (cancelled int64, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		d, err := scanDestination(tx.QueryRow(selectDestination+` WHERE destination_id = $1`+tx.Dialect().ForUpdate(), id))
		switch {
		case err != nil:
			return err
		case wanted != "" && wanted != d.GetEtag():
			return ErrEtag
		}
		if _, err := tx.Exec(`DELETE FROM destinations WHERE destination_id = $1`, id); err != nil {
			return err
		}
		// The fence keeps who is sending one from telling of its end.
		cancelled, err = tx.Affected(`UPDATE deliveries SET state = $1, lease_until = 0, fence = fence + 1, last_error = 'the destination was removed'
			WHERE destination_id = $2 AND state = $3`, deliveryCancelled, id, deliveryWaiting)
		return err
	})
	return cancelled, err
}

// disable ends the sending to a destination that is gone, and tells the others.
func (s *Store) disable(tx *sqldb.Tx, id, reason string, moment time.Time) error {
	n, err := tx.Affected(`UPDATE destinations SET state = $1, state_reason = $2, update_time = $3, revision = revision + 1
		WHERE destination_id = $4 AND state = $5`,
		int64(handoffv1.Destination_STATE_FAILED), reason, sqldb.Micros(moment), id, int64(handoffv1.Destination_STATE_ENABLED))
	if err != nil || n == 0 {
		return err
	}
	return s.Emit(tx, moment, disabledEvent(id, reason))
}

func disabledEvent(id, reason string) Event {
	return Event{Type: event.DestinationDisabled, Data: map[string]any{"destination": DestinationName(id), "reason": reason}}
}
