package store_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

// The workload of the benchmarks: batches of activities of about 600 bytes, of 20,000
// leads drawn by Zipf's law.
const (
	benchLeads = 20_000
	benchBatch = 100
)

type workload struct {
	zipf       *rand.Zipf
	properties []byte
	n          int
	seed       uint64
}

func newWorkload(seed uint64) *workload {
	r := rand.New(rand.NewPCG(seed, 1))
	return &workload{
		zipf: rand.NewZipf(r, 1.1, 1, benchLeads-1), seed: seed,
		properties: []byte(`{"path":"/pricing","referrer":"https://www.example.com/search?q=lead+scoring","seconds":37.5,"text":"` + strings.Repeat("lorem ipsum ", 35) + `"}`),
	}
}

func (w *workload) next() (who string, a activity.Activity) {
	w.n++
	a, v := activity.New(&ingestv1.Activity{Id: fmt.Sprintf("%d-%d", w.seed, w.n), Type: "page.viewed", Source: "web", PropertiesJson: w.properties}, 0,
		activity.Circumstances{Window: effective.Window{Now: start}, Default: start})
	if v != nil {
		panic(v)
	}
	return fmt.Sprintf("lead%d@x.example", w.zipf.Uint64()), a
}

// subjects returns a batch as the handler groups it.
func (w *workload) subjects(n int) (list []*store.Subject) {
	byLead := map[string]*store.Subject{}
	for range n {
		who, a := w.next()
		s := byLead[who]
		if s == nil {
			s = &store.Subject{Identities: []identity.Identity{email(who)}, OnlyActivities: true, Effective: start, Source: "web"}
			byLead[who] = s
			list = append(list, s)
		}
		s.Activities = append(s.Activities, a)
	}
	return list
}

func benchStores(b *testing.B, run func(b *testing.B, db *sqldb.DB)) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": dbtest.SQLite, "postgres": dbtest.Postgres} {
		b.Run(name, func(b *testing.B) {
			db := dbtest.Migrated(b, url(b), "ingest", sqldb.Full, migrations.FS)
			run(b, db)
		})
	}
}

// know makes all leads known, as in a store that has run for a while. It returns
// their ids.
func know(b *testing.B, db *sqldb.DB) map[string]string {
	s := store.Open(db, func() time.Time { return start })
	defer s.Close()
	ids := map[string]string{}
	for first := 0; first < benchLeads; first += 1000 {
		var list []*store.Subject
		for i := range 1000 {
			list = append(list, &store.Subject{Identities: []identity.Identity{email(fmt.Sprintf("lead%d@x.example", first+i))}, Effective: start, Source: "web"})
		}
		if err := s.Capture(context.Background(), &store.Capture{Received: start, Subjects: list}); err != nil {
			b.Fatal(err)
		}
		for _, l := range list {
			ids[l.Identities[0].Value] = l.Result.Lead
		}
	}
	return ids
}

// BenchmarkRaw is the store's own rate for the same rows: activities and upserts of
// pending leads, written without a question asked.
func BenchmarkRaw(b *testing.B) {
	benchStores(b, func(b *testing.B, db *sqldb.DB) {
		w := newWorkload(1)
		leads := know(b, db)
		cpu := cpuTime()
		for b.Loop() {
			err := db.Write(b.Context(), func(tx *sqldb.Tx) error {
				var args, queue []any
				seen := map[string]bool{}
				for range benchBatch {
					who, a := w.next()
					id := leads[who]
					args = append(args, a.Source, a.ID, id, int64(1), a.Type, a.Occurred.UnixMicro(), a.Occurred.UnixMicro(), int64(0), a.Campaign, a.Properties, a.Digest[:])
					seen[id] = true
				}
				ids := make([]string, 0, len(seen))
				for id := range seen {
					ids = append(ids, id)
				}
				slices.Sort(ids)
				for _, id := range ids {
					queue = append(queue, id, int64(1), int64(0), int64(1), int64(1), int64(1), int64(1), "", "1700000000000000 1000 1 600 l 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", int64(0), int64(0), int64(0), int64(0), int64(0), "")
				}
				if err := rawInsert(tx, "activities (source, id, lead_id, facts_version, type, occurred_at, received_at, clamped, campaign, properties, digest)", 11, args, ""); err != nil {
					return err
				}
				return rawInsert(tx, "pending (lead_id, facts_version, decided_version, updated_at, latest_effective, state, queued_at, serving, newer, claimed_version, as_of, attempts, fence, lease_until, last_error)", 15, queue,
					" ON CONFLICT (lead_id) DO UPDATE SET facts_version = pending.facts_version + 1, updated_at = excluded.updated_at, newer = excluded.newer")
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		report(b, cpu, b.N*benchBatch)
	})
}

// cpuTime is the processor time of this process: unlike the rate it says something
// on a machine that has other work, too. PostgreSQL's own is not in it.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func report(b *testing.B, cpu time.Duration, activities int) {
	b.ReportMetric(float64(activities)/b.Elapsed().Seconds(), "activities/s")
	b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(activities), "cpu-µs/activity")
}

func rawInsert(tx *sqldb.Tx, into string, cols int, args []any, suffix string) error {
	for len(args) > 0 {
		n := 1
		for n*2 <= len(args)/cols && n < 64 {
			n *= 2
		}
		if _, err := tx.Exec("INSERT INTO "+into+" VALUES "+sqldb.Values(n, cols)+suffix, args[:n*cols]...); err != nil {
			return err
		}
		args = args[n*cols:]
	}
	return nil
}

// BenchmarkCapture is the rate of acknowledged activities.
func BenchmarkCapture(b *testing.B) {
	for _, callers := range []int{1, 4} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			benchStores(b, func(b *testing.B, db *sqldb.DB) { benchCapture(b, db, callers, benchBatch) })
		})
	}
}

// BenchmarkCaptureSingle is the rate of activities acknowledged one by one.
func BenchmarkCaptureSingle(b *testing.B) {
	benchStores(b, func(b *testing.B, db *sqldb.DB) { benchCapture(b, db, 64, 1) })
}

func benchCapture(b *testing.B, db *sqldb.DB, callers, batch int) {
	know(b, db)
	s := store.Open(db, time.Now)
	defer s.Close()
	var left atomic.Int64
	left.Store(int64(b.N))
	cpu := cpuTime()
	b.ResetTimer()
	var all sync.WaitGroup
	for caller := range callers {
		all.Go(func() {
			w := newWorkload(uint64(caller + 1))
			for left.Add(-1) >= 0 {
				if err := s.Capture(context.Background(), &store.Capture{Received: time.Now(), Subjects: w.subjects(batch)}); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	report(b, cpu, b.N*batch)
}
