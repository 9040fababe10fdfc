package store_test

import (
	"fmt"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/decision"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// BenchmarkDecide decides leads in batches of 256: each for the first time, and
// again with another score and the same verdict.
func BenchmarkDecide(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		for _, again := range []bool{false, true} {
			b.Run(fmt.Sprintf("%s/again=%v", name, again), func(b *testing.B) {
				db := dbtest.Migrated(b, url(b), "handoff", sqldb.Full, migrations.FS)
				o := newOffice(db)
				const size = 256
				version := int32(1)
				batch := func(first int) []*store.Lead {
					leads := make([]*store.Lead, size)
					for i := range leads {
						verdict := decision.Nurture
						if i%10 == 0 {
							verdict = decision.Qualified
						}
						leads[i] = o.scored(fmt.Sprintf("01900000-0000-7000-8000-%012d", first+i), verdict, func(l *store.Lead) {
							l.FactsVersion = version
							for r := range 12 { // as many lines as a real standard gives
								l.Assessments[0].Fit.Contributions = append(l.Assessments[0].Fit.Contributions, &typev1.Contribution{
									Rule: fmt.Sprintf("criterion_%d", r), Group: "company", Kind: typev1.Contribution_KIND_GIVEN,
									Points: 5, Description: "Works in an industry that we sell to",
								})
							}
						})
					}
					return leads
				}
				decide := func(first int) {
					if _, err := o.Decide(b.Context(), batch(first)); err != nil {
						b.Fatal(err)
					}
				}
				if again {
					decide(0)
				}
				start := time.Now()
				b.ResetTimer()
				n := 0
				for b.Loop() {
					n++
					if again {
						version++
						decide(0)
					} else {
						decide(n * size)
					}
				}
				b.ReportMetric(float64(n*size)/time.Since(start).Seconds(), "leads/s")
			})
		}
	}
}
