// Package handoff decides which leads sales should call, can say why, and keeps
// what sales does with them.
//
//		ingest ◀──claim, complete──┐         ┌── assess ──▶ profilefit
//		  ▲                        │         │
//		  │                    qualifier ────┴── apply ───▶ behavior
//		  │                        │
//		  │                     decision ─▶ lifecycle ─▶ store ─▶ handoffs
//		  │                                                │
//		  └──────────── moves, and what sales says ◀───── outbox
//
//	  - internal/standard: the standards, compiled; which versions decide.
//	  - internal/decision: rules and evidence in, verdict out (pure).
//	  - internal/lifecycle: where a lead may go, and by whom (pure).
//	  - internal/routing: who gets a handoff (pure).
//	  - internal/sla: the time in which sales answers (pure).
//	  - internal/hours: working hours as people give them (pure).
//	  - internal/report: what became of handoffs, counted (pure).
//	  - internal/event: the catalogue of what destinations are told (pure).
//	  - internal/store: what was decided, in one transaction with what follows.
//	  - internal/people: users and teams.
//	  - internal/access: who calls, by an API key or a token.
//	  - internal/qualifier: the loop from a changed lead to its decision.
//	  - internal/rescore: all leads again, after a publish or to preview one.
//	  - internal/review: leads whose time has come, to review or to release.
//	  - internal/dispatch: what waits for an owner, given out as soon as there is one.
//	  - internal/clockwork: what falls due while the time to answer runs.
//	  - internal/outbox: tells ingest of moves and of what sales said.
//	  - internal/delivery: carries events to destinations, each once in effect.
//	  - internal/crm: brings handoffs to CRMs, and back what became of them.
//	  - internal/link: one-click links in messages.
//	  - internal/seal: secrets, unreadable at rest.
package handoff

import (
	"context"
	"fmt"
	"io/fs"
	"time"

	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access"
	"github.com/assay-hq/assay/services/handoff/internal/access/issuer"
	"github.com/assay-hq/assay/services/handoff/internal/clockwork"
	"github.com/assay-hq/assay/services/handoff/internal/dispatch"
	"github.com/assay-hq/assay/services/handoff/internal/erasure"
	"github.com/assay-hq/assay/services/handoff/internal/outbox"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/rescore"
	"github.com/assay-hq/assay/services/handoff/internal/review"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Migrations are the steps of the schema.
var Migrations fs.FS = migrations.FS

// Deps are what the service needs.
type Deps struct {
	// DB is handoff's database, migrated.
	DB *sqldb.DB
	// Telemetry of the service.
	Telemetry *telemetry.Telemetry
	// Now is the clock.
	Now func() time.Time
	// Ingest, ProfileFit and Behavior are connections to the other services.
	Ingest, ProfileFit, Behavior grpc.ClientConnInterface
	// Tokens says whose tokens are taken beside API keys. The zero value takes none.
	Tokens Tokens
	// Delivery says what deliveries need of the installation.
	Delivery Delivery
	// Settle is how long an erasure gives what is under way to end. Default 30 s.
	Settle time.Duration
}

// Tokens says whose tokens are taken, and for which audience.
type Tokens = issuer.Config

// Service is handoff.
type Service struct {
	standards *standard.Registry
	people    *people.Store
	door      *access.Door
	audit     *audit.Log
	store     *store.Store
	qualifier *qualifier.Qualifier
	ingest    ingestv1.IngestServiceClient
	privacy   *privacyServer
	sources   ingestv1.SourceServiceClient
	accounts  ingestv1.AccountServiceClient
	now       func() time.Time
	rescore   *rescore.Worker
	review    *review.Worker
	clocks    *clockwork.Worker
	dispatch  *dispatch.Worker
	outbox    *outbox.Sender
	delivery  *deliveries
	erasure   *erasure.Worker
	gauges    metric.Registration
}

// New composes the service; nothing runs yet.
func New(d Deps) (*Service, error) {
	s := &Service{standards: standard.NewRegistry(d.DB, d.Now), people: people.New(d.DB, d.Now), audit: audit.Keep(d.DB, d.Now)}
	s.door = &access.Door{Keys: access.NewKeys(d.DB, d.Now), People: s.people, Log: d.Telemetry.Log, Now: d.Now}
	if d.Tokens != (Tokens{}) {
		s.door.Issuer = issuer.New(d.Tokens, nil, d.Now)
	}
	s.ingest, s.sources, s.now = ingestv1.NewIngestServiceClient(d.Ingest), ingestv1.NewSourceServiceClient(d.Ingest), d.Now
	s.accounts = ingestv1.NewAccountServiceClient(d.Ingest)
	s.standards.Models = modelCheck{
		fit:      profilefitv1.NewProfileFitServiceClient(d.ProfileFit),
		behavior: behaviorv1.NewBehaviorScoringServiceClient(d.Behavior),
	}.check
	s.store = store.New(d.DB, d.Now, s.standards.ActiveIn)
	s.store.Agree(s.standards)
	s.privacy = s.privacyServer(d.Ingest)
	s.standards.OnChange(s.beginRescore)
	s.outbox = outbox.New(s.store, s.ingest, d.Telemetry.Log)
	pending := ingestv1.NewPendingServiceClient(d.Ingest)
	fits, engagements := profilefitv1.NewPrivacyServiceClient(d.ProfileFit), behaviorv1.NewPrivacyServiceClient(d.Behavior)
	var err error
	s.qualifier, err = qualifier.New(qualifier.Deps{
		Pending:   pending,
		Fit:       profilefitv1.NewProfileFitServiceClient(d.ProfileFit),
		Behavior:  behaviorv1.NewBehaviorScoringServiceClient(d.Behavior),
		Scored:    erasure.NewScorers(fits, engagements),
		Standards: s.standards,
		Store:     s.store,
		Tracer:    d.Telemetry.Tracer,
		Meter:     d.Telemetry.Meter,
		Log:       d.Telemetry.Log,
		Now:       d.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("handoff: %w", err)
	}
	s.people.Changed = s.store.Available
	s.erasure = erasure.New(erasure.Deps{
		Store: s.store, Settle: d.Settle, Log: d.Telemetry.Log, Now: d.Now,
		Keepers: erasure.Keepers(s.store, ingestv1.NewPrivacyServiceClient(d.Ingest), fits, engagements),
	})
	s.dispatch = dispatch.New(s.store, d.Telemetry.Log)
	if s.delivery, err = s.deliveries(d); err != nil {
		return nil, fmt.Errorf("handoff: %w", err)
	}
	if s.clocks, err = clockwork.New(s.store, d.Telemetry.Meter, d.Telemetry.Log, d.Now); err != nil {
		return nil, fmt.Errorf("handoff: %w", err)
	}
	s.review = review.New(review.Deps{Store: s.store, Pending: pending, Qualifier: s.qualifier, Log: d.Telemetry.Log, Now: d.Now})
	s.rescore, err = rescore.New(rescore.Deps{
		Store: s.store, Pending: pending, Qualifier: s.qualifier, Standards: s.standards,
		Meter: d.Telemetry.Meter, Log: d.Telemetry.Log, Now: d.Now,
	})
	if err != nil {
		return nil, fmt.Errorf("handoff: %w", err)
	}
	if s.gauges, err = registerGauges(d.Telemetry.Meter, s.store); err != nil {
		return nil, fmt.Errorf("handoff: %w", err)
	}
	return s, nil
}

// beginRescore begins to score all leads again, in the transaction in which somebody
// changes which standards decide. The first standard of an installation has nobody to
// score.
func (s *Service) beginRescore(tx *sqldb.Tx, changed string) error {
	who, ok := caller.From(tx.Context())
	if !ok {
		return nil
	}
	_, err := s.store.Begin(tx, store.Order{Kind: handoffv1.Operation_KIND_RESCORE, Standard: changed, Actor: who.Actor})
	return err
}

// Register offers the service's APIs.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	handoffs := &handoffServer{
		store: s.store, standards: s.standards, qualifier: s.qualifier, ingest: s.ingest, accounts: s.accounts, packets: s.delivery.packets, now: s.now,
	}
	handoffv1.RegisterHandoffServiceServer(r, handoffs)
	handoffv1.RegisterStandardServiceServer(r, &standardServer{standards: s.standards})
	handoffv1.RegisterDictionaryServiceServer(r, &dictionaryServer{standards: s.standards})
	handoffv1.RegisterOperationServiceServer(r, &operationServer{store: s.store, standards: s.standards})
	handoffv1.RegisterHeldLeadServiceServer(r, &heldLeadServer{store: s.store})
	handoffv1.RegisterApprovalServiceServer(r, &approvalServer{store: s.store, standards: s.standards, ingest: s.ingest, now: s.now})
	handoffv1.RegisterReportServiceServer(r, &reportServer{store: s.store})
	handoffv1.RegisterAccessServiceServer(r, &accessServer{keys: s.door.Keys, door: s.door, sources: s.sources, now: s.now})
	handoffv1.RegisterUserServiceServer(r, &userServer{people: s.people, handOn: handoffs.ReassignOwner})
	handoffv1.RegisterDestinationServiceServer(r, &destinationServer{
		store: s.store, sealer: s.delivery.sealer, guard: s.delivery.guard, now: s.now,
	})
	handoffv1.RegisterCallbackServiceServer(r, &callbackServer{
		store: s.store, links: s.delivery.links, reasons: s.refusals, people: s.people, now: s.now,
		inbox: inbox{reports: reports{s.store, s.now}, sealer: s.delivery.sealer},
	})
	handoffv1.RegisterPrivacyServiceServer(r, s.privacy)
	handoffv1.RegisterAuditServiceServer(r, &auditServer{log: s.audit})
	handoffv1.RegisterTeamServiceServer(r, &teamServer{people: s.people, store: s.store})
}

// Bootstrap prepares a new installation: it publishes the given standard if there is
// none, and sees to it that there is an admin key. adminKey is the secret it shall
// have, or empty; then secret is that of the key that was made, to be shown once, or
// empty if there are keys already.
func (s *Service) Bootstrap(ctx context.Context, standardYAML []byte, adminKey string) (secret string, err error) {
	if err := s.standards.Bootstrap(ctx, "default.yaml", standardYAML); err != nil {
		return "", fmt.Errorf("default standard: %w", err)
	}
	secret, _, err = s.door.Keys.EnsureAdminKey(ctx, adminKey)
	return secret, err
}

// Start begins to qualify leads. The other services need not be up yet.
func (s *Service) Start(ctx context.Context) error {
	if err := s.store.VoidLeases(ctx); err != nil {
		return fmt.Errorf("handoff: outbox: %w", err)
	}
	s.outbox.Start(ctx)
	s.qualifier.Start(ctx)
	s.review.Start(ctx)
	s.clocks.Start(ctx)
	s.dispatch.Start(ctx)
	s.rescore.Start(ctx)
	s.erasure.Start(ctx)
	s.delivery.sender.Start(ctx)
	s.delivery.crms.poller.Start(ctx)
	return nil
}

// Stop ends the work: passes that run are finished, no new ones begin.
func (s *Service) Stop() {
	s.delivery.stop()
	s.erasure.Stop()
	s.rescore.Stop()
	s.dispatch.Stop()
	s.clocks.Stop()
	s.review.Stop()
	s.qualifier.Stop()
	s.outbox.Stop()
	if s.door.Issuer != nil {
		s.door.Issuer.Close()
	}
	_ = s.gauges.Unregister()
}
