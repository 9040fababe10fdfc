package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// loads are the ways in which a tracking client sends, as a well-known event gateway was
// measured on PostgreSQL and the same two cores, load included. It neither finds duplicates
// nor resolves identities nor scores; CPU is of the whole machine for an event.
var loads = []struct {
	name, path     string
	connections, n int
	aim            string
}{
	{"track, one each", "/v1/track", 64, 1, "> 4,450/s, < 110 µs"},
	{"track, one each", "/v1/track", 512, 1, "> 17,700/s, < 84 µs"},
	{"batches of 100", "/v1/batch", 8, batch, "> 55,800/s, < 33 µs"},
}

// events measures the Segment door: what is acknowledged while everything is scored, how
// long the scores lag behind, and what an event takes on the disk. Beside it stands a naive
// server, which decodes an event and stores it in a transaction of its own.
func (b *bench) events(ctx context.Context, t *target) error {
	naive, err := b.naive(ctx, t)
	if err != nil {
		return err
	}
	s, err := b.whole(ctx, t)
	if err != nil {
		return err
	}
	defer s.stop()
	key, err := s.writeKey(ctx)
	if err != nil {
		return err
	}
	if err := s.fill(ctx, crowd); err != nil {
		return err
	}
	if err := s.decided(ctx); err != nil {
		return err
	}
	for _, l := range loads {
		if err := b.load(ctx, t, s, key, l.name, l.path, l.connections, l.n, l.aim, naive[l.connections]); err != nil {
			return fmt.Errorf("%s: %w", l.name, err)
		}
	}
	return nil
}

func (b *bench) load(ctx context.Context, t *target, s *system, key, name, path string, connections, n int, aim string, naive float64) error {
	sizeBefore, err := s.diskSize(ctx)
	if err != nil {
		return err
	}
	storedBefore, err := s.metric(ctx, "assay_ingest_activities_total")
	if err != nil {
		return err
	}
	var rate float64
	var took latencies
	busyBefore := machineTime()
	err = b.profile(fmt.Sprintf("%s-events-%d-%d", t.name, connections, n), func() (err error) {
		rate, took, err = post(ctx, s.http, path, key, connections, n, b.seconds(6))
		return err
	})
	if err != nil {
		return err
	}
	acknowledged := float64(len(took) * n)
	busy := machineTime() - busyBefore
	drain := time.Now()
	if err := s.decided(ctx); err != nil {
		return err
	}
	lag, whole := time.Since(drain), machineTime()-busyBefore
	storedAfter, err := s.metric(ctx, "assay_ingest_activities_total")
	if err != nil {
		return err
	}
	sizeAfter, err := s.diskSize(ctx)
	if err != nil {
		return err
	}
	stored := storedAfter - storedBefore
	load := fmt.Sprintf("%d connections", connections)
	b.add(figure{
		store: t.name, what: "10 Segment, " + name, load: load, value: perSecond(rate, "events"),
		processor: time.Duration(float64(busy) / acknowledged), baseline: perSecond(naive, "events"), beside: "naive server", aim: aim,
		note: fmt.Sprintf("%.0f acknowledged, %.0f stored; decided %s after the load, with %s of CPU an event in all",
			acknowledged, stored, lag.Round(10*time.Millisecond), time.Duration(float64(whole)/acknowledged).Round(100*time.Nanosecond)),
	})
	b.add(figure{store: t.name, what: "10 Segment, " + name + ", p50", load: load, value: lasting(took.quantile(.5))})
	b.add(figure{store: t.name, what: "10 Segment, " + name + ", p99", load: load, value: lasting(took.quantile(.99))})
	b.add(figure{store: t.name, what: "10 Segment, " + name + ", on disk", load: load, value: quantity{(sizeAfter - sizeBefore) / stored, "B"}, aim: "< 1,230 B"})
	return nil
}

// post lets connections send for some time.
func post(ctx context.Context, addr, path, key string, connections, n int, d time.Duration) (rate float64, took latencies, err error) {
	authorization := "Basic " + base64.StdEncoding.EncodeToString([]byte(key+":"))
	wires, crowds, times := make([]*wire, connections), make([]*visitors, connections), make([]latencies, connections)
	phase := "events" + strconv.Itoa(connections) + "-" + strconv.Itoa(n)
	for i := range wires {
		if wires[i], err = dial(ctx, addr, path, authorization); err != nil {
			return 0, nil, err
		}
		defer wires[i].close()
		crowds[i] = newVisitors(phase, i)
	}
	bodies := make([][]byte, connections)
	rate, err = closedLoop(ctx, connections, d, func(_ context.Context, i int) (int, error) {
		bodies[i] = crowds[i].appendMessages(bodies[i][:0], n)
		begin := time.Now()
		err := wires[i].post(bodies[i])
		times[i] = append(times[i], time.Since(begin))
		return n, err
	})
	for _, t := range times {
		took = append(took, t...)
	}
	return rate, took, err
}

// appendMessages appends what a tracking client sends: one message, or a batch.
func (v *visitors) appendMessages(to []byte, n int) []byte {
	if n == 1 {
		return v.next().appendMessage(to)
	}
	to = append(to, `{"batch":[`...)
	for i := range n {
		if i > 0 {
			to = append(to, ',')
		}
		to = v.next().appendMessage(to)
	}
	to = append(to, `],"sentAt":"`...)
	to = time.Now().UTC().AppendFormat(to, time.RFC3339Nano)
	return append(to, `"}`...)
}

// events by the kind of activity that they become.
var names = map[string]string{
	"page.viewed": "Page Viewed", "email.opened": "Email Opened", "email.clicked": "Email Link Clicked", "content.downloaded": "Content Downloaded",
	"video.watched": "Video Playback Completed", "event.attended": "Event Attended", "email.replied": "Email Replied", "form.submitted": "Form Submitted",
}

// appendMessage appends an activity as a `track` message.
func (a act) appendMessage(to []byte) []byte {
	to = append(to, `{"type":"track","event":"`...)
	to = append(to, names[a.kind]...)
	to = append(to, `","userId":"user-`...)
	to = strconv.AppendInt(to, int64(a.lead), 10)
	to = append(to, `","messageId":"`...)
	to = append(to, a.id...)
	to = append(to, `","timestamp":"`...)
	to = a.at.UTC().AppendFormat(to, time.RFC3339Nano)
	to = append(to, `","properties":`...)
	to = append(to, a.properties...)
	return append(to, `,"context":{"library":{"name":"analytics-node","version":"3.1.0"}}}`...)
}

// writeKey makes a source that may send as much as it can.
func (s *system) writeKey(ctx context.Context) (string, error) {
	ctx = withKey(ctx)
	_, err := ingestv1.NewSourceServiceClient(s.grpc).CreateSource(ctx, &ingestv1.CreateSourceRequest{SourceId: "bench", Source: &ingestv1.Source{
		Kind: ingestv1.Source_KIND_SERVER, Limits: &ingestv1.SourceLimits{EventsPerSecond: 1e6, Burst: 5e6},
	}})
	if err != nil {
		return "", err
	}
	key, err := handoffv1.NewAccessServiceClient(s.grpc).CreateApiKey(ctx, &handoffv1.CreateApiKeyRequest{ApiKey: &handoffv1.ApiKey{
		Actor: "bench", Role: typev1.Role_ROLE_INGEST, Source: "sources/bench",
	}})
	return key.GetSecret(), err
}

// diskSize is what all services have on the disk.
func (s *system) diskSize(ctx context.Context) (sum float64, err error) {
	for _, service := range []string{"ingest", "profilefit", "behavior", "handoff"} {
		n, err := size(ctx, s.url, service)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// machineTime is what all processes of the machine have used of the processors.
func machineTime() time.Duration {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return processorTime()
	}
	line, _, _ := strings.Cut(string(stat), "\n")
	var ticks int64
	for i, field := range strings.Fields(line)[1:] {
		if n, err := strconv.ParseInt(field, 10, 64); err == nil && i != 3 && i != 4 && i < 8 { // idle, iowait; guests are counted
			ticks += n
		}
	}
	return time.Duration(ticks) * time.Second / 100
}

// naive measures a server that stores each event in a transaction of its own, and each
// batch in one: the rates by the number of connections.
func (b *bench) naive(ctx context.Context, t *target) (map[int]float64, error) {
	url, err := t.url()
	if err != nil {
		return nil, err
	}
	db, err := sqldb.Open(ctx, sqldb.Config{URL: url, Service: "ingest"})
	if err != nil {
		return nil, err
	}
	defer db.Close()
	if err := db.Migrate(ctx, ingest.Migrations); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	made := 0
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		made++
		v := newVisitors("naive", made)
		mu.Unlock()
		n, err := decode(r)
		if err == nil {
			writer := &writer{db: db, leads: crowdNames(), visitors: v}
			_, err = writer.write(r.Context(), n)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Length", "2")
		_, _ = w.Write([]byte("{}"))
	})
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(l) }() // until it is closed
	defer server.Close()
	rates := map[int]float64{}
	for _, load := range loads {
		rate, _, err := post(ctx, l.Addr().String(), "/", "key", load.connections, load.n, b.seconds(3))
		if err != nil {
			return nil, err
		}
		rates[load.connections] = rate
	}
	return rates, nil
}

var crowdNames = sync.OnceValue(func() []string {
	leads := make([]string, crowd)
	for i := range leads {
		leads[i] = fmt.Sprintf("lead-%d", i)
	}
	return leads
})

// decode reads the events of a request and returns how many they are.
func decode(r *http.Request) (int, error) {
	var body struct {
		Batch []map[string]any `json:"batch"`
		Event string           `json:"event"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return 0, err
	}
	return max(1, len(body.Batch)), nil
}
