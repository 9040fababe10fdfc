package behavior_test

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// BenchmarkApplyFacts is a call for 256 leads with four new activities each, from
// request to stored scores. Their histories grow as it runs.
func BenchmarkApplyFacts(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			s := newService(b, dbtest.Migrated(b, url(b), "behavior", sqldb.Normal, behavior.Migrations), nil)
			register(b, s)
			const leads, each = 256, 4
			types := []string{"page.viewed", "content.downloaded", "form.submitted", "page.viewed"}
			version, at := int32(0), monday
			b.ReportAllocs()
			for b.Loop() {
				at = at.Add(6 * time.Hour)
				calls := make([]*behaviorv1.FactsApplication, leads)
				for i := range calls {
					facts := make([]*typev1.Fact, each)
					for j := range facts {
						facts[j] = activity(fmt.Sprintf("01890a5d-ac96-774b-bcce-%08x%04x", version, j), types[j], at.Add(time.Duration(j)), `{"kind":"ebook","path":"/pricing","title":"Pricing and plans"}`)
					}
					calls[i] = call(version, version+1, facts...)
					calls[i].AsOfTime = timestamppb.New(at.Add(time.Hour))
					calls[i].Lead = fmt.Sprintf("leads/01890a5d-ac96-774b-bcce-%012x", i)
				}
				version++
				if r := apply(b, s, calls...)[leads-1]; r.GetState() != ok {
					b.Fatal(r)
				}
			}
			seconds := b.Elapsed().Seconds()
			b.ReportMetric(float64(b.N)*leads/seconds, "leads/s")
			b.ReportMetric(float64(b.N)*leads*each/seconds, "activities/s")
		})
	}
}
