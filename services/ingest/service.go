// Package ingest keeps the facts: who leads are, what they are and what they do,
// each with its time and source; and the queue of leads whose facts changed.
//
// Where to look:
//
//	lead.go, capture.go, activity.go   IngestService, by resource
//	batch.go, journal.go               many captures, and what waits while too many come
//	identity.go                        IdentityService: merges, links, proposals, settings
//	import.go, import_*.go             ImportService: files, and the worker that takes them in
//	pending.go                         PendingService: the queue
//	source.go                          SourceService: where facts come from
//	internal/{lead,activity,identity}  what may be said, and in which form it is kept
//	correction.go, consent.go          what counts as if it had never happened
//	internal/traffic                   bots, tests and scanners of mails, by rules
//	internal/pending                   a lead's place in the queue, as a state machine
//	internal/store                     SQL, and the one transaction of a capture
package ingest

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"google.golang.org/grpc"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/fresh"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Migrations are the steps of the schema.
var Migrations fs.FS = migrations.FS

// Deps are what the service needs.
type Deps struct {
	// DB is the service's own database, migrated before [Service.Start]. Its commits
	// must be durable ([sqldb.Full]): they are acknowledged to senders.
	DB *sqldb.DB
	// Telemetry of the service.
	Telemetry *telemetry.Telemetry
	// Now is the clock.
	Now func() time.Time
	// Sealer keeps the secrets that webhooks are verified with, and gives the keys of hashes
	// of identifiers; nil: none can be kept, and nobody suppressed.
	Sealer *seal.Sealer
}

// Service is the running service.
type Service struct {
	store   *store.Store
	now     func() time.Time
	metrics *metrics
	// addressKey is of the hashes of addresses that permissions were said from; nil: there
	// is none.
	addressKey []byte
	log        *telemetry.Telemetry
	sealer     *seal.Sealer
	// sources are what captures are permitted by.
	sources *fresh.Cache[store.Source]

	rethink chan struct{} // the identity settings changed

	stop   context.CancelFunc
	chores sync.WaitGroup
	files  importWorker
	later  journalWorker
}

// New returns the service. It touches the database only when started or called.
func New(d Deps) (*Service, error) {
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Telemetry == nil {
		d.Telemetry = telemetry.New("ingest", nil)
	}
	s := &Service{rethink: make(chan struct{}, 1), store: store.Open(d.DB, d.Now), now: d.Now, log: d.Telemetry, sealer: d.Sealer, stop: func() {}}
	s.sources = fresh.New(sourceLife, maxSources, d.Now, s.store.Source)
	if d.Sealer != nil {
		s.store.UseKey(d.Sealer.Key("suppressions"))
		s.addressKey = d.Sealer.Key("addresses")
	}
	var err error
	if s.metrics, err = newMetrics(d.Telemetry.Meter, s.store, d.Now); err != nil {
		s.store.Close()
		return nil, err
	}
	return s, nil
}

// Register adds the APIs to a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	ingestv1.RegisterIngestServiceServer(r, &ingestAPI{Service: s})
	ingestv1.RegisterIdentityServiceServer(r, &identityAPI{Service: s})
	ingestv1.RegisterAccountServiceServer(r, &accountAPI{Service: s})
	ingestv1.RegisterImportServiceServer(r, &importAPI{Service: s})
	ingestv1.RegisterPendingServiceServer(r, &pendingAPI{Service: s})
	ingestv1.RegisterSuppressionServiceServer(r, &suppressionAPI{Service: s})
	ingestv1.RegisterPermissionServiceServer(r, &permissionAPI{Service: s})
	ingestv1.RegisterRejectedEventServiceServer(r, &rejectedEventAPI{Service: s})
	ingestv1.RegisterSourceServiceServer(r, &sourceAPI{Service: s})
	ingestv1.RegisterCorrectionServiceServer(r, &correctionAPI{Service: s})
	ingestv1.RegisterPrivacyServiceServer(r, &privacyAPI{Service: s})
}

// How long replies of calls with a request id are kept, and how often old ones go.
const (
	keepReplies = 24 * time.Hour
	pruneEvery  = 10 * time.Minute
)

// Start makes the queue ready and begins to forget old replies. It returns at once;
// the chores end with [Service.Stop] or with ctx.
func (s *Service) Start(ctx context.Context) error {
	if err := s.store.VoidLeases(ctx); err != nil {
		return err
	}
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.store.VoidImportLeases(ctx); err != nil {
		return err
	}
	s.files.ingestAPI = &ingestAPI{Service: s}
	s.files.start(ctx)
	s.later.ingestAPI = s.files.ingestAPI
	s.later.start(ctx)
	ctx, s.stop = context.WithCancel(ctx)
	s.chores.Go(func() {
		ticker := time.NewTicker(pruneEvery)
		defer ticker.Stop()
		for {
			if err := s.store.Prune(ctx, s.now().Add(-keepReplies)); err != nil && ctx.Err() == nil {
				s.log.Log.WarnContext(ctx, "old replies could not be removed", "error", err)
			}
			if err := s.forgetRejected(ctx); err != nil && ctx.Err() == nil {
				s.log.Log.WarnContext(ctx, "old rejected events could not be removed", "error", err)
			}
			if err := s.store.RemoveEmptied(ctx); err != nil && ctx.Err() == nil {
				s.log.Log.WarnContext(ctx, "leads of undone imports could not be removed", "error", err)
			}
			if err := s.store.PruneImports(ctx); err != nil && ctx.Err() == nil {
				s.log.Log.WarnContext(ctx, "old imports could not be removed", "error", err)
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	})
	s.chores.Go(func() { s.lookAgain(ctx) })
	s.chores.Go(func() { s.tellLeads(ctx) })
	s.chores.Go(func() { s.rethinkAll(ctx) })
	s.chores.Go(func() { s.compareAddresses(ctx) })
	s.chores.Go(func() { s.keepSuppressions(ctx) })
	s.chores.Go(func() { s.correct(ctx) })
	return nil
}

// tellEvery is how often accounts are looked at that another process may have left
// with leads to tell.
const tellEvery = 5 * time.Second

// tellLeads tells leads what is new of their accounts.
func (s *Service) tellLeads(ctx context.Context) {
	ticker := time.NewTicker(tellEvery)
	defer ticker.Stop()
	for {
		if err := s.tellAll(ctx); err != nil && ctx.Err() == nil {
			s.log.Log.WarnContext(ctx, "leads could not be told what is new of their account", "error", err)
		}
		select {
		case <-s.store.ToTell():
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// tellAll tells the leads of all accounts that have any to tell. What is wrong with one
// does not stop the others.
func (s *Service) tellAll(ctx context.Context) (failed error) {
	for after := ""; ; {
		ids, err := s.store.AccountsToTell(ctx, after)
		if err != nil || len(ids) == 0 {
			return errors.Join(failed, err)
		}
		for _, id := range ids {
			for more := true; more && err == nil; {
				more, err = s.store.TellLeads(ctx, id)
			}
			failed = errors.Join(failed, err)
			if ctx.Err() != nil {
				return failed
			}
			after, err = id, nil
		}
	}
}

// Stop ends the chores, commits what was submitted and ends all waiting. Stop the
// server first. The database stays open.
func (s *Service) Stop() {
	s.stop()
	s.files.Stop()
	s.later.Stop()
	s.chores.Wait()
	s.metrics.close()
	s.store.Close()
}
