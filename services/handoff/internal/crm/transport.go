package crm

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// EventTypes are those that a CRM needs: it gets a handoff when it is made, and its owner
// when that changes. Of the others it makes nothing.
var EventTypes = []string{event.HandoffCreated, event.HandoffAssigned}

// Transport delivers handoffs to CRMs of one kind.
type Transport struct {
	// Sender keeps where they are.
	Sender *Sender
	// Connect returns the connector of a destination. Its errors say what the settings
	// lack.
	Connect func(d *delivery.Destination) (Connector, error)
	// Owner returns the CRM's id of who has a handoff, both by their names, as it is now;
	// empty: nobody whom the CRM knows.
	Owner func(ctx context.Context, destination, handoff string) (string, error)

	mu         sync.Mutex
	connectors map[string]connected
}

type connected struct {
	settings  string
	connector Connector
}

var _ delivery.Transport = (*Transport)(nil)

// body is what is kept of a delivery.
type body struct {
	// Record is nil for an event of which a CRM makes nothing.
	Record *Record `json:"record,omitempty"`
}

// Render makes the record of the handoff. Whom it belongs to is looked up when it is sent:
// events may be delivered in any order.
func (t *Transport) Render(d *delivery.Delivery) ([]byte, error) {
	var b body
	if d.Event.Handoff != "" && slices.Contains(EventTypes, d.Event.Type) {
		r := RecordOf(d.Event.Lead, d.Event.Handoff, d.Packet)
		b.Record = &r
	}
	return json.Marshal(b)
}

// Deliver looks for the handoff in the CRM, and makes it if it is not there.
func (t *Transport) Deliver(ctx context.Context, d *delivery.Delivery) delivery.Result {
	var b body
	if err := json.Unmarshal(d.Body, &b); err != nil {
		return delivery.Result{Outcome: delivery.Rejected, Reason: "what is to be sent cannot be read"}
	}
	if b.Record == nil && !d.Sample {
		return delivery.Result{Outcome: delivery.Delivered}
	}
	connector, err := t.Connector(d.Destination)
	if err != nil {
		return delivery.Result{Outcome: delivery.Failed, Reason: err.Error()}
	}
	if d.Sample { // signs in and looks
		_, _, err := connector.Find(ctx, Key("00000000-0000-0000-0000-000000000000"))
		return result("", err)
	}
	if b.Record.Owner, err = t.Owner(ctx, d.Destination.Name, d.Event.Handoff); err != nil {
		return result("", err)
	}
	id, err := t.Sender.Send(ctx, connector, store.DestinationID(d.Destination.Name), store.LeadID(d.Event.Lead),
		store.HandoffID(d.Event.Handoff), *b.Record)
	return result(id, err)
}

// result is an error of a connector in the words of delivery.
func result(id string, err error) delivery.Result {
	var failed *Error
	switch {
	case err == nil:
		return delivery.Result{Outcome: delivery.Delivered, RemoteID: id}
	case !errors.As(err, &failed):
		return delivery.Result{Outcome: delivery.Failed, Reason: "the store is away"}
	case failed.Effect == Unknown:
		return delivery.Result{Outcome: delivery.Unknown, Reason: failed.Reason}
	case failed.RetryAfter > 0:
		return delivery.Result{Outcome: delivery.Throttled, Reason: failed.Reason, After: failed.RetryAfter}
	}
	// What a CRM refuses it may take once somebody changed a setting there: a wrong
	// password must not cost the leads of the hours until it is right.
	return delivery.Result{Outcome: delivery.Failed, Reason: failed.Reason}
}

// Connector returns the connector of a destination. It is kept for as long as the settings
// stay: it holds a sign-in.
func (t *Transport) Connector(d *delivery.Destination) (Connector, error) {
	settings := strings.Join(append([]string{d.URL, d.Settings["database"], d.Settings["username"], d.Settings["company_id"]}, d.Secrets...), "\x00")
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.connectors[d.Name]; ok && kept.settings == settings {
		return kept.connector, nil
	}
	c, err := t.Connect(d)
	if err != nil {
		return nil, err
	}
	if t.connectors == nil {
		t.connectors = map[string]connected{}
	}
	t.connectors[d.Name] = connected{settings, c}
	return c, nil
}
