package handoff

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"github.com/assay-hq/assay/services/handoff/internal/crm/tryton"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// pollEvery is how often a CRM is asked what became of handoffs, unless it says so.
const pollEvery = time.Minute

// crms bring handoffs to CRMs and ask them what became of those.
type crms struct {
	store     *store.Store
	sealer    *seal.Sealer
	now       func() time.Time
	transport *crm.Transport
	poller    *crm.Poller
}

// newCRMs composes them; nothing runs yet. client dials only what it may.
func newCRMs(s *store.Store, sealer *seal.Sealer, client *http.Client, t *telemetry.Telemetry, now func() time.Time) *crms {
	c := &crms{store: s, sealer: sealer, now: now}
	c.transport = &crm.Transport{
		Sender: crm.NewSender(s, now),
		Connect: func(d *delivery.Destination) (crm.Connector, error) {
			return connectTryton(d, client)
		},
		Owner: func(ctx context.Context, destination, handoff string) (string, error) {
			return s.RemoteOwner(ctx, store.DestinationID(destination), store.HandoffID(handoff))
		},
	}
	c.poller = crm.NewPoller(crm.PollerDeps{Store: s, Connect: c.connect, Log: t.Log, Now: now})
	return c
}

func connectTryton(d *delivery.Destination, client *http.Client) (crm.Connector, error) {
	if len(d.Secrets) == 0 || d.Settings["database"] == "" || d.Settings["username"] == "" {
		return nil, errors.New("the destination lacks the database, the user or the password of Tryton")
	}
	company, _ := strconv.ParseInt(d.Settings["company_id"], 10, 64)
	return tryton.New(tryton.Config{
		URL: d.URL, Database: d.Settings["database"], User: d.Settings["username"], Password: d.Secrets[0],
		Company: company, HTTP: client,
	})
}

// connect is the connector of a destination, and how often it is to be asked.
func (c *crms) connect(ctx context.Context, id string) (crm.Connector, time.Duration, error) {
	d, err := c.store.Destination(ctx, id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, 0, crm.ErrNoCRM
	case err != nil:
		return nil, pollEvery, err
	case d.GetKind() != handoffv1.Destination_KIND_TRYTON:
		return nil, 0, crm.ErrNoCRM
	}
	interval := pollEvery
	if seconds := d.GetTryton().GetPollSeconds(); seconds > 0 {
		interval = time.Duration(seconds) * time.Second
	}
	switch {
	case d.GetState() != handoffv1.Destination_STATE_ENABLED:
		return nil, interval, crm.ErrPaused
	case c.sealer == nil:
		return nil, interval, errors.New("there is no ASSAY_SECRETS_KEY to open its secrets with")
	}
	secrets, err := delivery.OpenSecrets(c.sealer, d.GetName(), d.Secrets)
	if err != nil {
		return nil, interval, err
	}
	connector, err := c.transport.Connector(delivery.DestinationOf(d.Destination, secrets, c.now()))
	return connector, interval, err
}
