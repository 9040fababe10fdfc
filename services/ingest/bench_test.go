package ingest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// BenchmarkBatchRecord is the rate of activities acknowledged over gRPC, in batches of
// 100 from four callers. Compare with BenchmarkRaw of the store.
func BenchmarkBatchRecord(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			h := newHouse(b, migrated(b, url(b)), nil)
			properties := []byte(`{"path":"/pricing","referrer":"https://www.example.com/search?q=lead+scoring","seconds":37.5,"text":"` + strings.Repeat("lorem ipsum ", 35) + `"}`)
			ctx := h.as(typev1.Role_ROLE_INGEST)
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			var all sync.WaitGroup
			for caller := range 4 {
				all.Go(func() {
					r := rand.New(rand.NewPCG(uint64(caller), 1))
					zipf := rand.NewZipf(r, 1.1, 1, 19_999)
					for n := 0; left.Add(-1) >= 0; n++ {
						req := &ingestv1.BatchRecordActivitiesRequest{}
						for i := range 100 {
							req.Activities = append(req.Activities, &ingestv1.ActivityRecord{
								Identity: email(fmt.Sprintf("lead%d@x.example", zipf.Uint64())),
								Activity: &ingestv1.Activity{Id: fmt.Sprintf("%d-%d-%d", caller, n, i), Type: "page.viewed", Source: "web", PropertiesJson: properties},
							})
						}
						if _, err := h.BatchRecordActivities(ctx, req); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			all.Wait()
			b.ReportMetric(float64(b.N*100)/b.Elapsed().Seconds(), "activities/s")
		})
	}
}
