package handoff

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/link"
	"github.com/assay-hq/assay/services/internal/seal"
)

// Delivery says what deliveries need of the installation.
type Delivery struct {
	// SecretsKey seals the secrets of destinations and signs links: the base64 of 32 bytes,
	// the same for every process that runs handoff. Default: that of SecretsFolder.
	SecretsKey string
	// SecretsFolder keeps the key of an installation on one machine, in a file that is
	// made if there is none; empty: without SecretsKey no destination can be added.
	SecretsFolder string
	// AllowNetworks are networks that may be called beside the public internet, as
	// `10.20.0.0/16`, also by plain http and at any port.
	AllowNetworks []string
	// PublicURL is where people reach the gateway, without a slash at its end; empty:
	// messages have no links.
	PublicURL string
}

// Check says what is wrong with it, in the words of the flags.
func (d Delivery) Check() error {
	if _, err := delivery.ParseNetworks(d.AllowNetworks); err != nil {
		return fmt.Errorf("--allow-networks %w", err)
	}
	if u, err := url.Parse(d.PublicURL); d.PublicURL != "" && (err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "") {
		return errors.New("--public-url: expected where people reach the gateway, e.g. https://assay.example.com")
	}
	if d.SecretsKey != "" {
		if _, err := seal.Parse(d.SecretsKey); err != nil {
			return fmt.Errorf("ASSAY_SECRETS_KEY: %w", err)
		}
	}
	return nil
}

// deliveries are the parts that carry events to destinations.
type deliveries struct {
	guard   *delivery.Guard
	sealer  *seal.Sealer
	links   *link.Signer
	packets *delivery.Packets
	sender  *delivery.Sender
	crms    *crms
	client  *http.Client
}

// stop ends the sending, and closes what was kept open for it.
func (d *deliveries) stop() {
	d.crms.poller.Stop()
	d.sender.Stop()
	d.client.CloseIdleConnections()
}

func (s *Service) deliveries(d Deps) (*deliveries, error) {
	networks, err := delivery.ParseNetworks(d.Delivery.AllowNetworks)
	if err != nil {
		return nil, err
	}
	sealer, err := seal.Load(d.Delivery.SecretsKey, d.Delivery.SecretsFolder)
	if err != nil {
		return nil, fmt.Errorf("the key of secrets: %w", err)
	}
	out := &deliveries{guard: delivery.NewGuard(networks), sealer: sealer, packets: &delivery.Packets{Store: s.store, Ingest: s.ingest, Standards: s.standards}}
	if sealer != nil {
		out.links = link.NewSigner(sealer.Key("links"))
	}
	out.client = out.guard.Client()
	out.crms = newCRMs(s.store, sealer, out.client, d.Telemetry, d.Now)
	out.sender, err = delivery.NewSender(delivery.Deps{
		Store: s.store,
		Transports: map[delivery.Kind]delivery.Transport{
			delivery.Webhook: &delivery.WebhookTransport{Client: out.client, Source: source(d.Delivery.PublicURL)},
			delivery.Slack:   &delivery.SlackTransport{Client: out.client, BaseURL: d.Delivery.PublicURL, Links: out.links},
			delivery.Tryton:  out.crms.transport,
		},
		Assembler: out.packets,
		Sealer:    sealer,
		Tracer:    d.Telemetry.Tracer,
		Meter:     d.Telemetry.Meter,
		Log:       d.Telemetry.Log,
		Now:       d.Now,
	})
	return out, err
}

// source is the `ce-source` of an installation.
func source(publicURL string) string {
	if publicURL == "" {
		return "/assay"
	}
	return publicURL
}

// packetTimeout bounds the making of a packet that somebody asks for.
const packetTimeout = 5 * time.Second

func (s *handoffServer) GetHandoffPacket(ctx context.Context, in *handoffv1.GetHandoffPacketRequest) (*handoffv1.HandoffPacket, error) {
	ctx, cancel := context.WithTimeout(ctx, packetTimeout)
	defer cancel()
	handoff := packetOf(in.GetName())
	p, err := s.packets.Current(ctx, handoff)
	return p, handoffError(handoff, err)
}

// packetOf is the handoff that a packet belongs to.
func packetOf(name string) string { return name[:len(name)-len("/packet")] }
