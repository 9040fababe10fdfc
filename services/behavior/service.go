// Package behavior answers how interested a lead is: engagement models by revision,
// and for each lead and revision a score state and a ledger of what matched.
//
// Everything stored is derived. A call brings a lead from one facts version to the
// next (compare-and-set); whatever does not fit is answered with BASE_MISMATCH, and
// the caller sends the whole history again. Drop the database and every score comes
// back bit for bit.
//
// The scoring itself is internal/engagement: pure, without clock and database. What
// is here turns messages into its facts (convert.go), keeps its histories (store),
// and does many leads in one read and one transaction (apply.go).
package behavior

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"google.golang.org/grpc"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	"github.com/assay-hq/assay/services/behavior/internal/store"
	"github.com/assay-hq/assay/services/behavior/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// Migrations are the steps of the schema.
var Migrations fs.FS = migrations.FS

// Deps is what the service needs.
type Deps struct {
	// DB is the service's database, migrated.
	DB *sqldb.DB
	// Telemetry to report with.
	Telemetry *telemetry.Telemetry
	// Now is the clock for calls that name no instant. Default: time.Now.
	Now func() time.Time
}

// Service is the BehaviorScoringService. It is safe for concurrent use.
type Service struct {
	behaviorv1.UnimplementedBehaviorScoringServiceServer
	deps    Deps
	store   *store.Store
	models  models
	metrics metrics
}

// New makes the service. It touches nothing yet.
func New(d Deps) (*Service, error) {
	if d.DB == nil || d.Telemetry == nil {
		return nil, errors.New("behavior: a database and telemetry are required")
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	m, err := newMetrics(d.Telemetry.Meter)
	if err != nil {
		return nil, fmt.Errorf("behavior: metrics: %w", err)
	}
	kept := store.New(d.DB)
	return &Service{deps: d, store: kept, models: models{store: kept}, metrics: m}, nil
}

// Register adds the service to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	behaviorv1.RegisterBehaviorScoringServiceServer(r, s)
	behaviorv1.RegisterPrivacyServiceServer(r, &privacy{store: s.store})
}

// Start has nothing to start: the service works only while it is called.
func (s *Service) Start(context.Context) error { return nil }

// Stop has nothing to stop.
func (s *Service) Stop() {}
