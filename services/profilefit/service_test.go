package profilefit_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/internal/lawtest"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit"
)

func TestMain(m *testing.M) {
	lawtest.Cases(1000)
	dbtest.Main(m)
}

const (
	ok          = typev1.CheckpointState_CHECKPOINT_STATE_OK
	stale       = typev1.CheckpointState_CHECKPOINT_STATE_STALE
	mismatch    = typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH
	notKnown    = typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION
	failedState = typev1.CheckpointState_CHECKPOINT_STATE_FAILED
)

var epoch = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func hour(n int) *timestamppb.Timestamp {
	return timestamppb.New(epoch.Add(time.Duration(n) * time.Hour))
}

// software is the model of these tests: 10 to 30 points for the size, 20 for the
// country, at most 40 together.
func software() *typev1.FitModel {
	return &typev1.FitModel{
		Groups: []*typev1.FitGroup{{
			Id: "company", Description: "Company", MaxPoints: proto.Float64(40),
			Criteria: []*typev1.Criterion{
				{Id: "size", Description: "Company size", Choices: []*typev1.Choice{
					{When: "lead.employees < 201", Points: 10, Description: "up to 200 employees"},
					{When: "lead.employees >= 201", Points: 30, Description: "more than 200 employees"},
				}},
				{Id: "country", Description: "Country we sell to", When: `lead.country in ["DE", "FR"]`, Points: 20},
			},
		}},
		Classes: []*typev1.ClassEdge{{Label: "A", AtLeast: 40}, {Label: "B", AtLeast: 20}},
	}
}

// attribute is a fact of a version, true from an hour.
func attribute(version int32, at int, key, value string) *typev1.Fact {
	return &typev1.Fact{
		Id: fmt.Sprintf("f%d", version), Source: "web", EffectiveTime: hour(at), FactsVersion: version,
		Attribute: &typev1.AttributeFact{Key: key, ValueJson: []byte(value)},
	}
}

// rig is a service on a database of its own.
type rig struct {
	*profilefit.Service
	t  testing.TB
	db *sqldb.DB
}

func each(t *testing.T, run func(t *testing.T, r rig)) {
	dbtest.EachMigrated(t, "profilefit", sqldb.Normal, profilefit.Migrations, func(t *testing.T, db *sqldb.DB) {
		run(t, newRig(t, db, nil))
	})
}

func newRig(t testing.TB, db *sqldb.DB, tele *telemetry.Telemetry) rig {
	t.Helper()
	s, err := profilefit.New(profilefit.Deps{DB: db, Telemetry: tele})
	if err != nil {
		t.Fatal(err)
	}
	return rig{Service: s, t: t, db: db}
}

func (r rig) register(revision string, model *typev1.FitModel) {
	r.t.Helper()
	if _, err := r.RegisterFitModel(r.t.Context(), &profilefitv1.RegisterFitModelRequest{Revision: revision, Model: model}); err != nil {
		r.t.Fatal(err)
	}
}

func (r rig) assess(assessments ...*profilefitv1.FitAssessment) []*profilefitv1.FitResult {
	r.t.Helper()
	response, err := r.AssessFit(r.t.Context(), &profilefitv1.AssessFitRequest{Assessments: assessments})
	if err != nil {
		r.t.Fatal(err)
	}
	return response.GetResults()
}

// dropDatabase loses everything that is stored, and the memory of it.
func (r rig) dropDatabase() rig {
	r.t.Helper()
	err := r.db.Write(r.t.Context(), func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`DELETE FROM fits`); err != nil {
			return err
		}
		_, err := tx.Exec(`DELETE FROM models`)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return newRig(r.t, r.db, nil)
}
