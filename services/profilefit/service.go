// Package profilefit answers how close a lead is to the ideal customer profile.
//
//	service.go      what the service needs, and its start
//	assess.go       AssessFit: leads in batches, from one facts version to the next
//	checkpoint.go   one lead, from what is stored to what is answered
//	models.go       RegisterFitModel, and the compiled models
//	read.go         GetFit, PreviewFit
//	message.go      facts and results between protos and the core
//	spec.go         models from protos to the core
//	internal/fit    the core: what a fit is, as a pure function
//	internal/store  the tables
//
// The service calls nobody, and all it stores is derived: without its database the
// qualifier registers the models and sends the facts again, and every fit comes back
// bit for bit.
package profilefit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"time"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"go.opentelemetry.io/otel/metric"
	"google.golang.org/grpc"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
	"github.com/assay-hq/assay/services/profilefit/migrations"
)

// Migrations are the steps of the schema.
var Migrations fs.FS = migrations.FS

// Deps is what the service needs.
type Deps struct {
	// DB is the service's own database, migrated.
	DB *sqldb.DB
	// Telemetry of the service. Default: silent.
	Telemetry *telemetry.Telemetry
	// Now is the clock, for previews alone. Default: the system's.
	Now func() time.Time
}

// Service implements assay.profilefit.v1.ProfileFitService.
type Service struct {
	profilefitv1.UnimplementedProfileFitServiceServer
	store       *store.Store
	models      *models
	now         func() time.Time
	telemetry   *telemetry.Telemetry
	assessments metric.Int64Counter
	faults      metric.Int64Counter
}

// New returns the service.
func New(d Deps) (*Service, error) {
	if d.DB == nil {
		return nil, errors.New("profilefit: Deps.DB is missing")
	}
	if d.Telemetry == nil {
		d.Telemetry = telemetry.New("profilefit", nil)
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	assessments, err := d.Telemetry.Meter.Int64Counter("assay.profilefit.assessments",
		metric.WithDescription("Assessments of leads, by how the checkpoint answered."))
	if err != nil {
		return nil, fmt.Errorf("profilefit: %w", err)
	}
	faults, err := d.Telemetry.Meter.Int64Counter("assay.profilefit.faults",
		metric.WithDescription("Conditions without an answer for another reason than a missing value, by reason."))
	if err != nil {
		return nil, fmt.Errorf("profilefit: %w", err)
	}
	s := store.New(d.DB)
	return &Service{
		store: s, models: newModels(s), now: d.Now, telemetry: d.Telemetry, assessments: assessments, faults: faults,
	}, nil
}

// Register offers the service on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	profilefitv1.RegisterProfileFitServiceServer(r, s)
	profilefitv1.RegisterPrivacyServiceServer(r, &privacy{store: s.store})
}

// Start does nothing: the service only answers.
func (s *Service) Start(context.Context) error { return nil }

// Stop does nothing.
func (s *Service) Stop() {}
