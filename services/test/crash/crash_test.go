// Package crash kills the real binary under load and then asks whether anything
// that was acknowledged is missing, doubled or wrong. The ledger of what was
// acknowledged lives outside the system; what the scores must be says an oracle
// that shares no code with it.
package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/test/oracle"
	"github.com/assay-hq/assay/services/test/process"
)

var (
	kills = flag.Int("kills", 8, "how often the process is killed")
	seed  = flag.Uint64("seed", 0, "seed of the load and of the moments of the kills; 0: from the clock")
)

func TestMain(m *testing.M) { dbtest.Main(m) }

func TestNothingAcknowledgedIsLostDoubledOrWrong(t *testing.T) {
	t.Run("sqlite", func(t *testing.T) {
		campaign(t, process.New(t, []string{"--data-dir=" + dbtest.Folder(t)}))
	})
	t.Run("postgres", func(t *testing.T) {
		database, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Durable: true})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		assay := process.New(t, []string{"--data-dir=" + dbtest.Folder(t), "--db=" + database})
		process.Migrate(t, database)
		campaign(t, assay)
	})
}

const (
	leads   = 60
	senders = 4
)

func campaign(t *testing.T, assay *process.Assay) {
	if *seed == 0 {
		*seed = uint64(time.Now().UnixNano())
	}
	t.Logf("repeat with -seed %d", *seed)
	random := rand.New(rand.NewPCG(*seed, 1))

	assay.Start(t)
	assay.Publish(t, "standard.yaml")
	assay.Run(t, "standard", "retire", "default")
	ledger, chores := newLedger(random), &chores{}
	ledger.writeKey = newWriteKey(t, assay)

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var load sync.WaitGroup
	for sender := range senders {
		load.Go(func() { ledger.send(ctx, assay, rand.New(rand.NewPCG(*seed, uint64(sender)+2))) })
	}
	var slowest time.Duration
	for kill := range *kills {
		time.Sleep(200*time.Millisecond + time.Duration(random.IntN(800))*time.Millisecond)
		chores.begin(t, assay, kill, random)
		assay.Kill()
		slowest = max(slowest, assay.Start(t))
		if kill%5 == 4 {
			t.Logf("%d kills, %d activities acknowledged", kill+1, ledger.acknowledged.Load())
		}
	}
	cancel()
	load.Wait()
	if slowest > 5*time.Second {
		t.Errorf("back in service after %v, want less than 5 s", slowest)
	}
	t.Logf("back in service after at most %v", slowest)

	ledger.check(t, assay)
	chores.check(t, assay)
}

// ledger is what the load sent and what was acknowledged.
type ledger struct {
	acknowledged atomic.Int64
	leads        []*entry
	writeKey     string // of the tracking clients among the senders
}

type entry struct {
	sync.Mutex
	profile oracle.Lead
	door    door
	email   string
	name    string                     // leads/…, once it was looked up
	sent    map[string]oracle.Activity // every one that was ever sent
	acked   map[string]bool
	retry   []map[string]any // sent and neither acknowledged nor refused: sent again
	unnamed bool             // that it is the one with the email was not acknowledged
}

func newLedger(random *rand.Rand) *ledger {
	l := &ledger{}
	for i := range leads {
		profile := oracle.Lead{Employees: []int{0, 50, 200, 5000}[random.IntN(4)], Industry: []string{"", "Software", "Retail"}[random.IntN(3)]}
		l.leads = append(l.leads, &entry{
			profile: profile, email: fmt.Sprintf("lead-%d@crash.example", i), door: door(i) % doors,
			sent: map[string]oracle.Activity{}, acked: map[string]bool{},
		})
	}
	return l
}

// send captures for random leads until the context ends. An answer that never
// came leaves open whether the activity was stored: it is sent again, by its id.
func (l *ledger) send(ctx context.Context, assay *process.Assay, random *rand.Rand) {
	for ctx.Err() == nil {
		e := l.leads[random.IntN(len(l.leads))]
		e.Lock()
		var activities []map[string]any
		n := 1 + random.IntN(5)
		if e.door == batch && random.IntN(3) == 0 {
			n += 40 // so many at once crowd, and wait in the journal
		}
		for range n {
			activities = append(activities, e.draw(random))
		}
		activities = append(activities, e.retry...)
		e.retry = nil
		l.capture(ctx, assay, e, activities)
		e.Unlock()
	}
}

func (e *entry) attributes() map[string]any {
	attributes := map[string]any{}
	if e.profile.Employees > 0 {
		attributes["employees"] = e.profile.Employees
	}
	if e.profile.Industry != "" {
		attributes["industry"] = e.profile.Industry
	}
	return attributes
}

func (l *ledger) capture(ctx context.Context, assay *process.Assay, e *entry, activities []map[string]any) {
	if e.door != rest {
		l.tell(ctx, assay, e, activities)
		return
	}
	var answer struct {
		ActivityResults []struct{ State, ID string }
	}
	err := assay.Call(ctx, http.MethodPost, "/v1/leads:capture", map[string]any{
		"lead":       map[string]any{"identities": []any{e.identity()}, "attributes": e.attributes()},
		"activities": activities,
	}, &answer)
	if err != nil {
		e.retry = activities
		return
	}
	for _, result := range answer.ActivityResults {
		if result.State == "STATE_STORED" || result.State == "STATE_DUPLICATE" {
			e.acked[result.ID] = true
			l.acknowledged.Add(1)
		}
	}
}

func (e *entry) identity() map[string]any {
	return map[string]any{"kind": "KIND_EMAIL", "value": e.email}
}

// lookUp finds the lead by its address.
func (e *entry) lookUp(assay *process.Assay) error {
	var found struct{ Lead struct{ Name string } }
	err := assay.Call(context.Background(), http.MethodPost, "/v1/leads:lookup", map[string]any{"identity": e.identity()}, &found)
	e.name = found.Lead.Name
	return err
}

// settled returns how often each activity is stored, once all that were acknowledged are:
// what a process that was killed left in its journal is stored by the next one.
func (l *ledger) settled(t *testing.T, assay *process.Assay, e *entry) (stored map[string]int) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(50 * time.Millisecond) { // polls another process
		err, missing := e.lookUp(assay), false
		if err == nil {
			stored = l.timeline(t, assay, e)
			for id := range e.acked {
				missing = missing || stored[id] == 0
			}
			if !missing {
				return stored
			}
		}
		if time.Now().After(deadline) {
			if err != nil {
				t.Fatalf("%s: %v", e.email, err)
			}
			return stored
		}
	}
}

// draw makes up an activity of the last twelve days.
func (e *entry) draw(random *rand.Rand) map[string]any {
	types := []string{"page.viewed", "page.viewed", "page.viewed", "content.downloaded", "event.attended", "email.unsubscribed", "unknown.kind"}
	a := oracle.Activity{
		ID:   fmt.Sprintf("%016x", random.Uint64()),
		Type: types[random.IntN(len(types))],
		Path: []string{"/", "/pricing"}[random.IntN(2)],
		Time: time.Now().Add(-time.Duration(random.IntN(12*24)) * time.Hour).Truncate(time.Microsecond),
	}
	e.sent[a.ID] = a
	activity := map[string]any{"id": a.ID, "type": a.Type, "occurredTime": a.Time.UTC().Format(time.RFC3339Nano), "source": "load"}
	if a.Type == "page.viewed" {
		activity["properties"] = map[string]any{"path": a.Path}
	}
	return activity
}

func (l *ledger) check(t *testing.T, assay *process.Assay) {
	t.Helper()
	ctx := context.Background()
	for _, e := range l.leads {
		// What was in flight at the last kill is settled by sending it again.
		if len(e.retry) > 0 || e.unnamed {
			retry := e.retry
			e.retry = nil
			l.capture(ctx, assay, e, retry)
		}
		if len(e.acked) == 0 {
			continue
		}
		stored := l.settled(t, assay, e)
		for id := range e.acked {
			if stored[id] != 1 {
				t.Errorf("%s: the acknowledged activity %s is stored %d times", e.name, id, stored[id])
			}
		}
		for id := range stored {
			if _, ok := e.sent[id]; !ok {
				t.Errorf("%s: nobody sent the activity %s", e.name, id)
			}
		}
		l.compare(t, assay, e)
	}
	handoffs(t, assay)
	t.Logf("%d activities of %d leads acknowledged", l.acknowledged.Load(), len(l.leads))
	if l.acknowledged.Load() < int64(*kills)*20 {
		t.Errorf("too little load to prove anything: %d activities", l.acknowledged.Load())
	}
}

func (l *ledger) timeline(t *testing.T, assay *process.Assay, e *entry) map[string]int {
	t.Helper()
	stored := map[string]int{}
	for token := ""; ; {
		var page struct {
			Activities    []struct{ ID, Source string }
			NextPageToken string
		}
		path := fmt.Sprintf("/v1/%s/activities?pageSize=1000&pageToken=%s", e.name, url.QueryEscape(token))
		if err := assay.Call(context.Background(), http.MethodGet, path, nil, &page); err != nil {
			t.Fatal(err)
		}
		for _, a := range page.Activities {
			if a.Source == "load" {
				stored[a.ID]++
			}
		}
		if token = page.NextPageToken; token == "" {
			return stored
		}
	}
}

// compare waits until the lead's facts are decided and holds the decision against
// the oracle's.
func (l *ledger) compare(t *testing.T, assay *process.Assay, e *entry) {
	t.Helper()
	var lead struct{ FactsVersion int }
	var got struct {
		FactsVersion              int
		AsOfTime                  time.Time
		Verdict                   string
		FitScore, EngagementScore *float64
	}
	for deadline := time.Now().Add(60 * time.Second); ; {
		if err := assay.Call(context.Background(), http.MethodGet, "/v1/"+e.name, nil, &lead); err != nil {
			t.Fatal(err)
		}
		err := assay.Call(context.Background(), http.MethodGet, "/v1/"+e.name+"/qualification", nil, &got)
		if refusal := (*process.Refusal)(nil); err != nil && (!errors.As(err, &refusal) || refusal.Status != http.StatusNotFound) {
			t.Fatal(err)
		}
		if err == nil && got.FactsVersion == lead.FactsVersion {
			break
		}
		if time.Now().After(deadline) {
			t.Errorf("%s: facts version %d, decided only %d", e.name, lead.FactsVersion, got.FactsVersion)
			return
		}
		time.Sleep(20 * time.Millisecond) // polls another process: there is no signal to wait for
	}
	var known []oracle.Activity
	for id := range e.acked {
		known = append(known, e.sent[id])
	}
	fit, engagement := oracle.Fit(e.profile), oracle.Engagement(known, got.AsOfTime)
	if got.FitScore == nil || hundredths(*got.FitScore) != fit {
		t.Errorf("%s: fit %v, want %d hundredths", e.name, got.FitScore, fit)
	}
	if got.EngagementScore == nil || hundredths(*got.EngagementScore) != engagement {
		t.Errorf("%s: engagement %v at %v, want %d hundredths of %d activities", e.name, *got.EngagementScore, got.AsOfTime, engagement, len(known))
	}
	if want := oracle.Qualified(fit, engagement); want != (got.Verdict == "VERDICT_QUALIFIED") {
		t.Errorf("%s: verdict %s with fit %d and engagement %d hundredths", e.name, got.Verdict, fit, engagement)
	}
}

func hundredths(points float64) int { return int(math.Round(points * 100)) }

func handoffs(t *testing.T, assay *process.Assay) {
	t.Helper()
	count := map[string]int{}
	for token := ""; ; {
		var page struct {
			Handoffs []struct {
				Lead, Track string
				Cycle       int
			}
			NextPageToken string
		}
		if err := assay.Call(context.Background(), http.MethodGet, "/v1/handoffs?pageSize=1000&pageToken="+url.QueryEscape(token), nil, &page); err != nil {
			t.Fatal(err)
		}
		for _, h := range page.Handoffs {
			count[fmt.Sprint(h.Lead, h.Track, h.Cycle)]++
		}
		if token = page.NextPageToken; token == "" {
			break
		}
	}
	if len(count) == 0 {
		t.Error("no handoff at all: the load proves nothing")
	}
	for cycle, n := range count {
		if n > 1 {
			t.Errorf("%s was handed off %d times", cycle, n)
		}
	}
}
