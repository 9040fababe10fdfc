package profilefit_test

import (
	"fmt"
	"testing"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/profilefit"
)

const leads = 256

func benchmark(b *testing.B, attributes bool) {
	for store, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(store, func(b *testing.B) {
			db := dbtest.Migrated(b, url(b), "profilefit", sqldb.Normal, profilefit.Migrations)
			r := newRig(b, db, nil)
			r.register("r1", software())
			version := int32(0)
			for b.Loop() {
				version++
				calls := make([]*profilefitv1.FitAssessment, leads)
				for i := range calls {
					fact := &typev1.Fact{Id: fmt.Sprint("a", version), EffectiveTime: hour(0), Activity: &typev1.ActivityFact{Type: "page.viewed"}}
					if attributes {
						fact = attribute(version, int(version), "employees", fmt.Sprint(100*(version%4)))
						if version > 8 { // a lead has a few attributes, not thousands
							fact.Id, fact.EffectiveTime = "f8", hour(8)
						}
					}
					calls[i] = &profilefitv1.FitAssessment{
						Lead: fmt.Sprintf("leads/%036d", i), Revision: "r1", FromVersion: version - 1, ToVersion: version,
						Facts: []*typev1.Fact{fact}, AsOfTime: hour(10000),
					}
				}
				for _, result := range r.assess(calls...) {
					if result.GetState() != ok {
						b.Fatal(result)
					}
				}
			}
			b.ReportMetric(float64(b.N)*leads/b.Elapsed().Seconds(), "leads/s")
		})
	}
}
