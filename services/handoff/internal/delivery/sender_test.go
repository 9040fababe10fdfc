package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/delivery"
	"github.com/assay-hq/assay/services/handoff/internal/event"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/seal"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// desk is a store with a sender, a clock that is moved by hand, and receivers.
type desk struct {
	*store.Store
	t       *testing.T
	db      *sqldb.DB
	sealer  *seal.Sealer
	ahead   atomic.Int64
	packets packets
	kinds   map[delivery.Kind]delivery.Transport
	sender  *delivery.Sender
}

// packets answers with one packet, or an error.
type packets struct {
	sync.Mutex
	err   error
	asked int
}

func (p *packets) Packet(context.Context, string) (*handoffv1.HandoffPacket, error) {
	p.Lock()
	defer p.Unlock()
	p.asked++
	return delivery.SamplePacket(), p.err
}

func (p *packets) Person(context.Context, string) (*handoffv1.HandoffPacket, error) {
	return &handoffv1.HandoffPacket{Identities: map[string]string{"email": "ada@initech.example"}}, nil
}

func (d *desk) now() time.Time { return time.Now().Add(time.Duration(d.ahead.Load())) }

// pass lets time pass.
func (d *desk) pass(by time.Duration) {
	d.ahead.Add(int64(by))
	d.WakeDeliveries()
}

func newDesk(t *testing.T) *desk {
	d := &desk{t: t}
	db := dbtest.Migrated(t, dbtest.SQLite(t), "handoff", sqldb.Full, migrations.FS)
	d.db = db
	d.Store = store.New(db, d.now, nil)
	d.sealer, _ = seal.New(make([]byte, 32))
	client := delivery.NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).Client()
	t.Cleanup(client.CloseIdleConnections)
	d.kinds = map[delivery.Kind]delivery.Transport{
		delivery.Webhook: &delivery.WebhookTransport{Client: client, Source: "https://assay.example"},
		delivery.Slack:   &delivery.SlackTransport{Client: client},
	}
	return d
}

func (d *desk) start() {
	d.t.Helper()
	sender, err := delivery.NewSender(delivery.Deps{
		Store: d.Store, Transports: d.kinds, Assembler: &d.packets, Sealer: d.sealer,
		Tracer: tracenoop.NewTracerProvider().Tracer(""), Meter: metricnoop.NewMeterProvider().Meter(""),
		Log: slog.New(slog.DiscardHandler), Now: d.now, Timeout: 500 * time.Millisecond,
	})
	if err != nil {
		d.t.Fatal(err)
	}
	sender.Start(d.t.Context())
	d.sender = sender
	d.t.Cleanup(sender.Stop)
}

// add adds a destination, and returns its secret.
func (d *desk) add(id, url string, change ...func(*handoffv1.Destination)) string {
	d.t.Helper()
	secrets, secret := delivery.Secrets{}.Rotate(d.now())
	to := &handoffv1.Destination{
		Name: store.DestinationName(id), Kind: handoffv1.Destination_KIND_WEBHOOK, Url: url, EventTypes: []string{"handoff.*", "lead.*"},
		MaxConcurrency: 8, Detail: handoffv1.Destination_DETAIL_LINK,
	}
	for _, c := range change {
		c(to)
	}
	if _, err := d.CreateDestination(d.t.Context(), &store.Destination{Destination: to, Secrets: secrets.Seal(d.sealer, to.GetName())}); err != nil {
		d.t.Fatal(err)
	}
	return secret
}

const handoff = "handoffs/01900000-0000-7000-8000-0000000000f1"

// tell writes events for everybody who takes them.
func (d *desk) tell(events ...store.Event) {
	d.t.Helper()
	err := d.db.Write(d.t.Context(), func(tx *sqldb.Tx) error { return d.Emit(tx, d.now(), events...) })
	if err != nil {
		d.t.Fatal(err)
	}
	d.WakeDeliveries()
}

// created is the event of a handoff.
func created() store.Event {
	return store.Event{
		Type: event.HandoffCreated, Handoff: handoff, Lead: "leads/01900000-0000-7000-8000-00000000000a", Track: "sales",
		Data: map[string]any{"handoff": handoff, "owner": "jane"},
	}
}

// received is a request as a receiver saw it.
type received struct {
	header http.Header
	body   []byte
}

// receiver answers each request by what answer says of how many came before, and hands
// out what it got.
func receiver(t *testing.T, answer func(n int, w http.ResponseWriter, r *http.Request)) (url string, got chan received) {
	t.Helper()
	got = make(chan received, 1000)
	var n atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- received{r.Header.Clone(), body}
		answer(int(n.Add(1))-1, w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func status(codes ...int) func(int, http.ResponseWriter, *http.Request) {
	return func(n int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(codes[min(n, len(codes)-1)]) }
}

func next(t *testing.T, from chan received) received {
	t.Helper()
	select {
	case r := <-from:
		return r
	case <-time.After(10 * time.Second):
		t.Fatal("nothing arrived")
		return received{}
	}
}

// only is the one delivery to a destination, once it is in a state.
func (d *desk) only(id string, in handoffv1.Delivery_State, attempts int32) *handoffv1.Delivery {
	d.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(2 * time.Millisecond) {
		list, err := d.Deliveries(d.t.Context(), []store.Term{{Column: store.DestinationColumn, Value: id}}, nil, 10)
		if err != nil {
			d.t.Fatal(err)
		}
		if len(list) == 1 && list[0].GetState() == in && list[0].GetAttemptCount() >= attempts {
			one, err := d.DeliveryByID(d.t.Context(), strings.TrimPrefix(list[0].GetName(), "deliveries/"))
			if err != nil {
				d.t.Fatal(err)
			}
			return one
		}
		if time.Now().After(deadline) {
			d.t.Fatalf("%s: %v, want one that is %s after %d attempts", id, list, in, attempts)
		}
	}
}

func TestAWebhookArrivesAsStandardWebhooksAndCloudEventsSay(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, status(http.StatusNoContent))
	secret := d.add("crm", url)
	d.start()
	d.tell(created())
	r := next(t, got)
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.Verify(r.body, r.header); err != nil {
		t.Error(err)
	}
	sent := d.only("crm", handoffv1.Delivery_STATE_DELIVERED, 1)
	for header, want := range map[string]string{
		"Webhook-Id": strings.TrimPrefix(sent.GetName(), "deliveries/"), "Ce-Id": strings.TrimPrefix(sent.GetName(), "deliveries/"),
		"Content-Type": "application/json", "Ce-Specversion": "1.0", "Ce-Type": "assay.handoff.created",
		"Ce-Source": "https://assay.example", "Ce-Subject": handoff,
	} {
		if got := r.header.Get(header); got != want {
			t.Errorf("%s is %q, want %q", header, got, want)
		}
	}
	var body struct {
		Type, Timestamp string
		Data            map[string]any
	}
	if err := json.Unmarshal(r.body, &body); err != nil || body.Type != "handoff.created" || body.Data["handoff"] != handoff || body.Data["packet"] != nil {
		t.Errorf("%s, %v", r.body, err)
	}
	if at, err := time.Parse(time.RFC3339Nano, body.Timestamp); err != nil || at.IsZero() || r.header.Get("Ce-Time") != body.Timestamp {
		t.Errorf("time %q and %q", body.Timestamp, r.header.Get("Ce-Time"))
	}
}

func TestHowMuchOfAPersonTravelsIsForTheDestinationToSay(t *testing.T) {
	d := newDesk(t)
	details := map[string]handoffv1.Destination_Detail{
		"link": handoffv1.Destination_DETAIL_LINK, "masked": handoffv1.Destination_DETAIL_MASKED, "full": handoffv1.Destination_DETAIL_FULL,
	}
	bodies := map[string]chan received{}
	for _, id := range slices.Sorted(maps.Keys(details)) {
		url, got := receiver(t, status(200))
		bodies[id] = got
		d.add(id, url, func(to *handoffv1.Destination) { to.Detail = details[id] })
	}
	d.start()
	d.tell(created())
	for id, want := range map[string]map[string]bool{
		"link":   {"ada@initech.example": false, "Sample": false, "VP Operations": false, "/pricing": false},
		"masked": {"ada@initech.example": false, "Sample": false, "VP Operations": true, "/pricing": true, `"A."`: true},
		"full":   {"ada@initech.example": true, "Sample": true, "VP Operations": true, "/pricing": true},
	} {
		body := string(next(t, bodies[id]).body)
		for word, there := range want {
			if strings.Contains(body, word) != there {
				t.Errorf("%s: %q there: %v, want %v\n%s", id, word, !there, there, body)
			}
		}
		if len(body) > delivery.MaxBody {
			t.Errorf("%s: %d bytes", id, len(body))
		}
	}
}

// Marketing goes on with a lead that came back: it has to know whom.
func TestMarketingIsToldOfThePerson(t *testing.T) {
	d := newDesk(t)
	full, got := receiver(t, status(200))
	thin, bare := receiver(t, status(200))
	d.add("full", full, func(to *handoffv1.Destination) { to.Detail = handoffv1.Destination_DETAIL_FULL })
	d.add("thin", thin)
	d.start()
	d.tell(store.Event{Type: event.LeadRecycled, Lead: "leads/01900000-0000-7000-8000-00000000000a", Track: "sales", Data: map[string]any{"reason": "no_budget"}})
	if body := string(next(t, got).body); !strings.Contains(body, "ada@initech.example") || !strings.Contains(body, "no_budget") {
		t.Errorf("%s", body)
	}
	if body := string(next(t, bare).body); strings.Contains(body, "ada@") {
		t.Errorf("%s", body)
	}
}

// What each answer leads to.
func TestAnswers(t *testing.T) {
	pending, delivered, dead := handoffv1.Delivery_STATE_PENDING, handoffv1.Delivery_STATE_DELIVERED, handoffv1.Delivery_STATE_DEAD
	throttled := func(code int, after string) func(int, http.ResponseWriter, *http.Request) {
		return func(_ int, w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", after)
			w.WriteHeader(code)
		}
	}
	for _, c := range []struct {
		name     string
		answer   func(int, http.ResponseWriter, *http.Request)
		state    handoffv1.Delivery_State
		attempts int32
		result   string
		error    string
		wait     time.Duration
	}{
		{"200", status(200), delivered, 1, "delivered", "", 0},
		{"204", status(204), delivered, 1, "delivered", "", 0},
		{"10 MB", func(_ int, w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10<<20)) }, delivered, 1, "delivered", "", 0},
		{"a status and then nothing", func(_ int, w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusOK)
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, delivered, 1, "delivered", "", 0},
		{"302", status(302), pending, 1, "failed", "it answered 302 Found; redirects are not followed", 5 * time.Second},
		{"400", status(400), pending, 1, "failed", "it answered 400 Bad Request", 5 * time.Second},
		{"500", status(500), pending, 1, "failed", "it answered 500 Internal Server Error", 5 * time.Second},
		{"429 without a time", status(429), pending, 1, "failed", "it answered 429 Too Many Requests", 5 * time.Second},
		{"429 for an hour", throttled(429, "3600"), pending, 0, "throttled", "it answered 429 Too Many Requests", time.Hour},
		{"503 for an hour", throttled(503, "3600"), pending, 0, "throttled", "it answered 503 Service Unavailable", time.Hour},
		{"503 for a year", throttled(503, "31536000"), pending, 0, "throttled", "it answered 503 Service Unavailable", 24 * time.Hour},
		{"410", status(410), dead, 1, "gone", "it answered 410 Gone", 0},
		{"nothing, ever", func(_ int, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, pending, 1, "unknown", "no answer in time", 5 * time.Second},
		{"the connection breaks", func(_ int, w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}, pending, 1, "unknown", "the connection broke off", 5 * time.Second},
		{"nonsense", func(_ int, w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_, _ = conn.Write([]byte("220 smtp.example ESMTP\r\n"))
			_ = conn.Close()
		}, pending, 1, "unknown", "the connection broke off", 5 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t)
			url, got := receiver(t, c.answer)
			d.add("crm", url)
			d.start()
			d.tell(created())
			next(t, got)
			var one *handoffv1.Delivery
			for deadline := time.Now().Add(10 * time.Second); one == nil || len(one.GetAttempts()) == 0 || one.GetState() == handoffv1.Delivery_STATE_SENDING; time.Sleep(time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("no attempt ended: %v", one)
				}
				list, err := d.Deliveries(t.Context(), nil, nil, 1)
				if err != nil {
					t.Fatal(err)
				}
				one, _ = d.DeliveryByID(t.Context(), strings.TrimPrefix(list[0].GetName(), "deliveries/"))
			}
			if one.GetState() != c.state || one.GetAttemptCount() != c.attempts || one.GetAttempts()[0].GetResult() != c.result || one.GetLastError() != c.error {
				t.Errorf("%v", one)
			}
			if wait := one.GetNextTime().AsTime().Sub(d.now()); c.state == pending && (wait < c.wait-3*time.Second || wait > c.wait+c.wait/10+time.Second) {
				t.Errorf("tried again in %s, want %s", wait, c.wait)
			}
			state := handoffv1.Destination_STATE_ENABLED
			if c.result == "gone" {
				state = handoffv1.Destination_STATE_FAILED
			}
			if on, err := d.Destination(t.Context(), "crm"); err != nil || on.GetState() != state {
				t.Errorf("%v, %v", on, err)
			}
		})
	}
}

func TestARetrySendsTheSameBytesUnderTheSameKey(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, func(n int, w http.ResponseWriter, r *http.Request) {
		switch n {
		case 0:
			<-r.Context().Done() // it has it, and does not say so
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		default:
			w.WriteHeader(http.StatusOK)
		}
	})
	secret := d.add("crm", url, func(to *handoffv1.Destination) { to.Detail = handoffv1.Destination_DETAIL_FULL })
	d.start()
	d.tell(created())
	first := next(t, got)
	d.only("crm", handoffv1.Delivery_STATE_PENDING, 1)
	d.pass(6 * time.Second)
	second := next(t, got)
	d.only("crm", handoffv1.Delivery_STATE_PENDING, 2)
	d.pass(6 * time.Minute)
	third := next(t, got)
	d.only("crm", handoffv1.Delivery_STATE_DELIVERED, 3)
	for _, again := range []received{second, third} {
		if string(again.body) != string(first.body) || again.header.Get("Webhook-Id") != first.header.Get("Webhook-Id") {
			t.Errorf("it sent something else:\n%s\n%s", first.body, again.body)
		}
		if again.header.Get("Webhook-Timestamp") == first.header.Get("Webhook-Timestamp") {
			t.Errorf("the time of an attempt is that of the first")
		}
		verifier, _ := standardwebhooks.NewWebhook(secret)
		if err := verifier.VerifyIgnoringTimestamp(again.body, again.header); err != nil {
			t.Error(err)
		}
	}
	if d.packets.asked != 1 {
		t.Errorf("the packet was assembled %d times", d.packets.asked)
	}
}

func TestAfterTheLastAttemptItIsADeadLetterAndTheDestinationFails(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, status(500))
	d.add("crm", url)
	d.start()
	d.tell(created())
	for attempt := 1; attempt <= delivery.MaxAttempts; attempt++ {
		next(t, got)
		if attempt < delivery.MaxAttempts {
			d.only("crm", handoffv1.Delivery_STATE_PENDING, int32(attempt))
			d.pass(30 * time.Hour)
		}
	}
	if one := d.only("crm", handoffv1.Delivery_STATE_DEAD, 10); len(one.GetAttempts()) != delivery.MaxAttempts {
		t.Errorf("%d attempts", len(one.GetAttempts()))
	}
	on, err := d.Destination(t.Context(), "crm")
	if err != nil || on.GetState() != handoffv1.Destination_STATE_FAILED {
		t.Errorf("%v, %v", on, err)
	}
}

func TestASlowOneDelaysNobodyElse(t *testing.T) {
	d := newDesk(t)
	release := make(chan struct{})
	slow, stuck := receiver(t, func(_ int, _ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	quick, got := receiver(t, status(200))
	d.add("slow", slow, func(to *handoffv1.Destination) { to.MaxConcurrency = 2 })
	d.add("quick", quick)
	d.add("nobody", "http://127.0.0.1:1/")
	d.start()
	const n = 40
	for range n {
		d.tell(store.Event{Type: event.LeadNurture, Track: "sales"})
	}
	next(t, stuck)
	for range n {
		next(t, got)
	}
	select {
	case <-stuck: // the second of its two senders
	case <-time.After(5 * time.Second):
		t.Error("the slow one has one sender only")
	}
	close(release)
}

func TestAChatGetsOneMessageASecond(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, func(n int, w http.ResponseWriter, _ *http.Request) {
		if n == 1 {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	d.add("chat", url, func(to *handoffv1.Destination) {
		to.Kind, to.Detail = handoffv1.Destination_KIND_SLACK, handoffv1.Destination_DETAIL_MASKED
	})
	d.start()
	for range 3 {
		d.tell(store.Event{Type: event.LeadNurture, Track: "sales"})
	}
	next(t, got)
	quiet := func(why string) {
		t.Helper()
		d.WakeDeliveries()
		select {
		case <-got:
			t.Errorf("a message %s", why)
		case <-time.After(50 * time.Millisecond):
		}
	}
	quiet("within the second")
	d.pass(1100 * time.Millisecond)
	next(t, got) // it is told to wait
	d.pass(10 * time.Second)
	quiet("while it asked to wait")
	d.pass(25 * time.Second)
	next(t, got)
}

func TestWhatCannotBeReadNowIsSentLater(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, status(200))
	d.add("crm", url, func(to *handoffv1.Destination) { to.Detail = handoffv1.Destination_DETAIL_FULL })
	d.packets.err = errors.New("ingest is away")
	d.start()
	d.tell(created())
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		d.packets.Lock()
		asked := d.packets.asked
		d.packets.Unlock()
		if asked > 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody asked")
		}
	}
	if one := d.only("crm", handoffv1.Delivery_STATE_PENDING, 0); one.GetAttemptCount() != 0 || one.GetLastError() == "" {
		t.Errorf("%v", one)
	}
	d.packets.Lock()
	d.packets.err = nil
	d.packets.Unlock()
	d.pass(4 * time.Second)
	next(t, got)
	d.only("crm", handoffv1.Delivery_STATE_DELIVERED, 1)
}

// finder is a CRM that has what it was sent, but says so only when asked.
type finder struct {
	mu      sync.Mutex
	made    map[string]int
	lookups int
}

func (f *finder) Render(*delivery.Delivery) ([]byte, error) { return []byte("record"), nil }

func (f *finder) Deliver(_ context.Context, d *delivery.Delivery) delivery.Result {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.made[d.Key]++
	return delivery.Result{Outcome: delivery.Unknown, Reason: "no answer in time"}
}

func (f *finder) Lookup(_ context.Context, d *delivery.Delivery) (delivery.Result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lookups++
	if f.lookups == 1 {
		return delivery.Result{Outcome: delivery.Failed, Reason: "it is away"}, false
	}
	return delivery.Result{Outcome: delivery.Delivered, RemoteID: "42"}, f.made[d.Key] > 0
}

func TestAfterAnUnknownOutcomeItLooksFirst(t *testing.T) {
	d := newDesk(t)
	crm := &finder{made: map[string]int{}}
	d.kinds[delivery.Tryton] = crm
	d.add("crm", "http://127.0.0.1:1/", func(to *handoffv1.Destination) { to.Kind = handoffv1.Destination_KIND_TRYTON })
	d.start()
	d.tell(created())
	d.only("crm", handoffv1.Delivery_STATE_PENDING, 1)
	d.pass(6 * time.Second) // the lookup fails, too
	d.only("crm", handoffv1.Delivery_STATE_PENDING, 2)
	d.pass(6 * time.Minute)
	one := d.only("crm", handoffv1.Delivery_STATE_DELIVERED, 3)
	crm.mu.Lock()
	defer crm.mu.Unlock()
	if one.GetRemoteId() != "42" || len(crm.made) != 1 || slices.Max(slices.Collect(maps.Values(crm.made))) != 1 || crm.lookups != 2 {
		t.Errorf("%v; made %v, %d lookups", one, crm.made, crm.lookups)
	}
}

func TestASampleNamesNobody(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, status(200))
	d.add("crm", url, func(to *handoffv1.Destination) { to.Detail = handoffv1.Destination_DETAIL_FULL })
	d.start()
	created, _ := event.Find(event.HandoffCreated)
	if _, err := d.Try(t.Context(), "crm", store.Event{Type: event.HandoffCreated, Data: created.Sample}, d.now()); err != nil {
		t.Fatal(err)
	}
	if body := string(next(t, got).body); !strings.Contains(body, "ada@initech.example") || d.packets.asked != 0 {
		t.Errorf("%s", body)
	}
}

func TestStoppingLeavesNothingHalfKnown(t *testing.T) {
	d := newDesk(t)
	url, got := receiver(t, func(_ int, w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) })
	d.add("crm", url)
	d.start()
	for range 30 {
		d.tell(store.Event{Type: event.LeadNurture, Track: "sales"})
	}
	next(t, got)
	d.sender.Stop()
	list, err := d.Deliveries(t.Context(), nil, nil, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range list {
		if one.GetState() == handoffv1.Delivery_STATE_SENDING {
			t.Errorf("%v", one)
		}
	}
}
