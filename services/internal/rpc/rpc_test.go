package rpc_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ingest is a service that does what the test says.
type ingest struct {
	ingestv1.UnimplementedIngestServiceServer
	getLead func(ctx context.Context) error
}

func (s ingest) GetLead(ctx context.Context, _ *ingestv1.GetLeadRequest) (*ingestv1.Lead, error) {
	return &ingestv1.Lead{}, s.getLead(ctx)
}

func (s ingest) CaptureLead(ctx context.Context, _ *ingestv1.CaptureLeadRequest) (*ingestv1.CaptureLeadResponse, error) {
	return &ingestv1.CaptureLeadResponse{}, nil
}

func (s ingest) BatchRecordActivities(ctx context.Context, _ *ingestv1.BatchRecordActivitiesRequest) (*ingestv1.BatchRecordActivitiesResponse, error) {
	return &ingestv1.BatchRecordActivitiesResponse{}, nil
}

// keys are API keys by secret.
type keys map[string]caller.Caller

func (k keys) Verify(_ context.Context, secret string) (caller.Caller, time.Time, error) {
	if secret == "broken" {
		return caller.Caller{}, time.Time{}, errors.New("secret of the store")
	}
	if c, ok := k[secret]; ok {
		return c, time.Time{}, nil
	}
	return caller.Caller{}, time.Time{}, rpc.ErrUnknownKey
}

var (
	ana   = caller.Caller{Actor: "ana@crm", Role: typev1.Role_ROLE_SALES}
	form  = caller.Caller{Actor: "form", Role: typev1.Role_ROLE_INGEST}
	forge = caller.Caller{Actor: "forged", Role: typev1.Role_ROLE_SERVICE}
	known = keys{"ana": ana, "form": form, "forge": forge}
)

// world is one server and the network to it.
type world struct {
	signer  *caller.Signer
	memory  *rpc.Memory
	log     *syncBuffer
	spans   *tracetest.InMemoryExporter
	process *telemetry.Process
	server  *rpc.Server
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string { b.mu.Lock(); defer b.mu.Unlock(); return b.b.String() }

func newWorld(t *testing.T, k rpc.KeyVerifier, getLead func(ctx context.Context) error) *world {
	t.Helper()
	w := &world{signer: caller.NewRandomSigner(), memory: rpc.NewMemory(), log: &syncBuffer{}, spans: tracetest.NewInMemoryExporter()}
	var err error
	if w.process, err = telemetry.Start(t.Context(), telemetry.Options{Log: w.log, SpanExporter: w.spans}); err != nil {
		t.Fatal(err)
	}
	w.server = rpc.NewServer(rpc.ServerOptions{Telemetry: telemetry.New("ingest", w.process), Signer: w.signer, Keys: k})
	ingestv1.RegisterIngestServiceServer(w.server, ingest{getLead: getLead})
	listener := w.memory.Listen("ingest")
	served := make(chan error)
	go func() { served <- w.server.Serve(listener) }()
	t.Cleanup(func() {
		w.server.Stop()
		<-served
		_ = w.process.Stop(context.Background())
	})
	return w
}

func (w *world) dial(t *testing.T, o rpc.ClientOptions) *grpc.ClientConn {
	t.Helper()
	o.Memory = w.memory
	conn, err := rpc.Dial("ingest", o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

func (w *world) internal(t *testing.T) ingestv1.IngestServiceClient {
	return ingestv1.NewIngestServiceClient(w.dial(t, rpc.ClientOptions{
		Service: "handoff", Signer: w.signer, Telemetry: telemetry.New("handoff", w.process),
	}))
}

func nothing(context.Context) error { return nil }

var lead = &ingestv1.GetLeadRequest{Name: "leads/01977c0f-0000-7000-8000-000000000000"}

func TestWhoMayCall(t *testing.T) {
	var seen caller.Caller
	w := newWorld(t, known, func(ctx context.Context) error { seen, _ = caller.From(ctx); return nil })
	other := caller.NewRandomSigner()
	for name, c := range map[string]struct {
		o    rpc.ClientOptions
		ctx  context.Context
		code codes.Code
		want caller.Caller
	}{
		"nobody":                         {rpc.ClientOptions{}, t.Context(), codes.Unauthenticated, caller.Caller{}},
		"a key":                          {rpc.ClientOptions{APIKey: "ana"}, t.Context(), codes.OK, ana},
		"a key of another role":          {rpc.ClientOptions{APIKey: "form"}, t.Context(), codes.PermissionDenied, caller.Caller{}},
		"an unknown key":                 {rpc.ClientOptions{APIKey: "guess"}, t.Context(), codes.Unauthenticated, caller.Caller{}},
		"a key with a service's role":    {rpc.ClientOptions{APIKey: "forge"}, t.Context(), codes.PermissionDenied, caller.Caller{}},
		"a key and a broken store":       {rpc.ClientOptions{APIKey: "broken"}, t.Context(), codes.Internal, caller.Caller{}},
		"a very long key":                {rpc.ClientOptions{APIKey: strings.Repeat("a", 1000)}, t.Context(), codes.Unauthenticated, caller.Caller{}},
		"a service for somebody":         {rpc.ClientOptions{Signer: w.signer, Service: "gateway"}, caller.With(t.Context(), ana), codes.OK, ana},
		"a service for itself":           {rpc.ClientOptions{Signer: w.signer, Service: "handoff"}, t.Context(), codes.OK, caller.System("handoff")},
		"a token of another secret":      {rpc.ClientOptions{Signer: other, Service: "handoff"}, t.Context(), codes.Unauthenticated, caller.Caller{}},
		"a token that is too old":        {rpc.ClientOptions{Signer: w.signer, Now: func() time.Time { return time.Now().Add(-time.Hour) }}, t.Context(), codes.Unauthenticated, caller.Caller{}},
		"a bad token beside a valid key": {rpc.ClientOptions{APIKey: "ana"}, metadata.AppendToOutgoingContext(t.Context(), caller.TokenHeader, "x"), codes.Unauthenticated, caller.Caller{}},
	} {
		t.Run(name, func(t *testing.T) {
			seen = caller.Caller{}
			_, err := ingestv1.NewIngestServiceClient(w.dial(t, c.o)).GetLead(c.ctx, lead)
			if status.Code(err) != c.code || seen != c.want {
				t.Errorf("%v as %v; want %v as %v", err, seen, c.code, c.want)
			}
			if strings.Contains(fmt.Sprint(err), "secret of the store") {
				t.Error("the caller sees the cause")
			}
		})
	}
}

func TestWithoutVerifierOnlyInternalTokensCount(t *testing.T) {
	w := newWorld(t, nil, nothing)
	_, err := ingestv1.NewIngestServiceClient(w.dial(t, rpc.ClientOptions{APIKey: "ana"})).GetLead(t.Context(), lead)
	if apierr.Reason(err) != "UNAUTHENTICATED" {
		t.Error(err)
	}
	if _, err := w.internal(t).GetLead(t.Context(), lead); err != nil {
		t.Error(err)
	}
}

func TestHealthAndReflectionAreOpen(t *testing.T) {
	w := newWorld(t, known, nothing)
	conn := w.dial(t, rpc.ClientOptions{})
	answer, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", answer, err)
	}
	if n := len(w.spans.GetSpans()); n != 0 {
		t.Errorf("a probe left %d spans", n)
	}
}

func TestErrorsReachTheCallerWithoutTheirCause(t *testing.T) {
	for name, c := range map[string]struct {
		do     func(ctx context.Context) error
		code   codes.Code
		reason string
	}{
		"of the API":    {func(context.Context) error { return apierr.NotFound("leads/1") }, codes.NotFound, "NOT_FOUND"},
		"unknown":       {func(context.Context) error { return errors.New("secret") }, codes.Internal, "INTERNAL"},
		"panic":         {func(context.Context) error { panic("secret") }, codes.Internal, "INTERNAL"},
		"store is away": {func(context.Context) error { return fmt.Errorf("secret: %w", net.ErrClosed) }, codes.Unavailable, "UNAVAILABLE"},
		"deadline":      {func(context.Context) error { return context.DeadlineExceeded }, codes.DeadlineExceeded, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, nil, c.do)
			_, err := w.internal(t).GetLead(rpc.WithRequestID(t.Context(), "req-7"), lead)
			if status.Code(err) != c.code || apierr.Reason(err) != c.reason || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v; want %v %s", err, c.code, c.reason)
			}
			if c.code != codes.Internal {
				return
			}
			var line map[string]any
			if err := json.Unmarshal([]byte(w.log.String()), &line); err != nil {
				t.Fatalf("%v in %q", err, w.log.String())
			}
			if !strings.Contains(fmt.Sprint(line["error"]), "secret") || line["request_id"] != "req-7" || line["level"] != "ERROR" ||
				line["method"] != "/assay.ingest.v1.IngestService/GetLead" || line["actor"] != "system:handoff" || line["trace_id"] == nil {
				t.Errorf("log line %v", line)
			}
			if (name == "panic") != (line["stack"] != nil) {
				t.Errorf("stack: %v", line["stack"])
			}
		})
	}
}

func TestEveryCallHasADeadline(t *testing.T) {
	var left time.Duration
	w := newWorld(t, nil, func(ctx context.Context) error {
		end, _ := ctx.Deadline()
		left = time.Until(end)
		return nil
	})
	if _, err := w.internal(t).GetLead(context.Background(), lead); err != nil {
		t.Fatal(err)
	}
	if left < 25*time.Second || left > 30*time.Second {
		t.Errorf("%v are left", left)
	}
}

func TestOneTraceAcrossServices(t *testing.T) {
	w := newWorld(t, nil, nothing)
	if _, err := w.internal(t).GetLead(t.Context(), lead); err != nil {
		t.Fatal(err)
	}
	w.server.GracefulStop() // the server's span ends after the answer
	spans := w.spans.GetSpans()
	if len(spans) != 2 || spans[0].SpanContext.TraceID() != spans[1].SpanContext.TraceID() ||
		spans[0].Resource.Equal(spans[1].Resource) {
		t.Errorf("want one trace with a span of handoff and one of ingest: %v", spans)
	}
}

func TestViolationsNameTheFieldAsInJSON(t *testing.T) {
	w := newWorld(t, nil, nothing)
	client := w.internal(t)
	_, err := client.GetLead(t.Context(), &ingestv1.GetLeadRequest{Name: "ana@example.com"})
	want := []apierr.Violation{{Field: "name", Expected: "a name such as `leads/{lead}`"}}
	if diff := cmp.Diff(want, apierr.Violations(err)); diff != "" {
		t.Error(err, diff)
	}
	if strings.Contains(err.Error(), "ana@") {
		t.Error("the value is quoted")
	}
	_, err = client.ListLeads(t.Context(), &ingestv1.ListLeadsRequest{PageSize: -1, Filter: strings.Repeat("x", 2001)})
	want = []apierr.Violation{
		{Field: "pageSize", Expected: "a number of at least 0"},
		{Field: "filter", Expected: "at most 2000 characters"},
	}
	if diff := cmp.Diff(want, apierr.Violations(err)); diff != "" {
		t.Error(err, diff)
	}
}

func TestTextsHoldNoNUL(t *testing.T) {
	client := newWorld(t, known, nothing)
	api := ingestv1.NewIngestServiceClient(client.dial(t, rpc.ClientOptions{APIKey: "form"}))
	_, err := api.CaptureLead(t.Context(), &ingestv1.CaptureLeadRequest{
		Lead: &ingestv1.Lead{
			Etag:       "a\x00",
			Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_USER_ID, Value: "u"}, {Kind: ingestv1.Identity_KIND_USER_ID, Value: "\x00"}},
			LeadSource: &ingestv1.LeadSource{Channel: "web\x00"},
		},
		Activities: []*ingestv1.Activity{{Campaign: "\x00"}}, // checked one by one
	})
	got := apierr.Violations(err)
	slices.SortFunc(got, func(a, b apierr.Violation) int { return strings.Compare(a.Field, b.Field) })
	want := []apierr.Violation{
		{Field: "lead.etag", Expected: "no NUL characters"},
		{Field: "lead.identities[1].value", Expected: "no NUL characters"},
		{Field: "lead.leadSource.channel", Expected: "no NUL characters"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(err, diff)
	}
}

func TestEnumsNameTheirValues(t *testing.T) {
	got, err := rpc.Violations("", &ingestv1.Identity{Value: "x"})
	want := []apierr.Violation{{Field: "kind", Expected: "one of KIND_USER_ID, KIND_EMAIL, KIND_CRM_ID, KIND_ANONYMOUS_ID"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(err, diff)
	}
}

// bytesCodec sends bytes as they are, also such that are no message.
type bytesCodec struct{}

func (bytesCodec) Name() string                  { return "proto" }
func (bytesCodec) Marshal(v any) ([]byte, error) { return v.([]byte), nil }
func (bytesCodec) Unmarshal([]byte, any) error   { return nil }

func TestMessagesThatCannotBeDecodedAreTheCallersFault(t *testing.T) {
	conn := newWorld(t, known, nothing).dial(t, rpc.ClientOptions{APIKey: "form"})
	for name, message := range map[string]string{
		"cut off":   "\x0a\x7f\x01",
		"garbage":   "\xff\xff\xff",
		"not UTF-8": "\x1a\x02\xff\xfe",
	} {
		err := conn.Invoke(t.Context(), ingestv1.IngestService_CaptureLead_FullMethodName, []byte(message), nil, grpc.ForceCodec(bytesCodec{}))
		if status.Code(err) != codes.InvalidArgument || apierr.Reason(err) != "MALFORMED_BODY" || !strings.Contains(err.Error(), "CaptureLeadRequest") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestViolationsOfNestedFields(t *testing.T) {
	model := &typev1.EngagementModel{
		CountWindowDays: []int32{7, 0},
		Groups: []*typev1.EngagementGroup{{Id: "web", Rules: []*typev1.EngagementRule{
			{Id: "Big", Activities: []string{"page.viewed", "Page Viewed"}},
		}}},
		Memories: []*typev1.Memory{{Id: "inquiry"}},
	}
	got, err := rpc.Violations("standard", model)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(got, func(a, b apierr.Violation) int { return strings.Compare(a.Field, b.Field) })
	want := []apierr.Violation{
		{Field: "standard.countWindowDays[1]", Expected: "a number from 1 to 3650"},
		{Field: "standard.groups[0].rules[0].activities[1]", Expected: "dotted lower-case words such as `form.submitted`, a last part `*` for all below it, or `*`"},
		{Field: "standard.groups[0].rules[0].id", Expected: "a name of at most 63 lower-case letters, digits and `_` that begins with a letter"},
		{Field: "standard.memories[0].activities", Expected: "at least 1 items"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSizesOfRequests(t *testing.T) {
	w := newWorld(t, known, nothing)
	client := ingestv1.NewIngestServiceClient(w.dial(t, rpc.ClientOptions{APIKey: "form"}))
	big := func(n int) *ingestv1.CaptureLeadRequest {
		return &ingestv1.CaptureLeadRequest{Lead: &ingestv1.Lead{Name: strings.Repeat("x", n)}}
	}
	if _, err := client.CaptureLead(t.Context(), big(1<<20)); apierr.Reason(err) != "TOO_LARGE" {
		t.Errorf("more than 1 MiB: %v", err)
	}
	_, err := client.BatchRecordActivities(t.Context(), &ingestv1.BatchRecordActivitiesRequest{RequestId: strings.Repeat("x", 2<<20)})
	if apierr.Reason(err) != "INVALID_FIELD" { // it got as far as validation
		t.Errorf("a batch of 2 MiB: %v", err)
	}
	_, err = client.BatchRecordActivities(t.Context(), &ingestv1.BatchRecordActivitiesRequest{RequestId: strings.Repeat("x", 4<<20)})
	if apierr.Reason(err) != "TOO_LARGE" {
		t.Errorf("a batch of more than 4 MiB: %v", err)
	}
}

// One server may stand before both the public and the services of its process.
func TestServicesMaySendMoreOnASharedServer(t *testing.T) {
	signer, memory := caller.NewRandomSigner(), rpc.NewMemory()
	server := rpc.NewServer(rpc.ServerOptions{
		Signer: signer, Keys: known, Services: map[string]*telemetry.Telemetry{"ingest": telemetry.New("ingest", nil)},
	})
	ingestv1.RegisterIngestServiceServer(server, ingest{getLead: nothing})
	listener := memory.Listen("ingest")
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	defer func() { server.Stop(); <-served }()
	for name, c := range map[string]struct {
		o    rpc.ClientOptions
		want string
	}{
		"a service":  {rpc.ClientOptions{Memory: memory, Signer: signer, Service: "handoff"}, "INVALID_FIELD"}, // it got as far as validation
		"the public": {rpc.ClientOptions{Memory: memory, APIKey: "form"}, "TOO_LARGE"},
	} {
		conn, err := rpc.Dial("ingest", c.o)
		if err != nil {
			t.Fatal(err)
		}
		_, err = ingestv1.NewIngestServiceClient(conn).BatchRecordActivities(t.Context(),
			&ingestv1.BatchRecordActivitiesRequest{RequestId: strings.Repeat("x", 6<<20)})
		if apierr.Reason(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
		conn.Close()
	}
}

func TestShutdownIsBounded(t *testing.T) {
	entered := make(chan struct{})
	w := newWorld(t, nil, func(ctx context.Context) error {
		close(entered)
		<-ctx.Done()
		return ctx.Err()
	})
	client := w.internal(t)
	failed := make(chan error, 1)
	go func() { _, err := client.GetLead(t.Context(), lead); failed <- err }()
	<-entered
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	w.server.Shutdown(ctx)
	if err := <-failed; status.Code(err) != codes.Unavailable && status.Code(err) != codes.Canceled {
		t.Error(err)
	}
}

func BenchmarkCall(b *testing.B) {
	signer, memory := caller.NewRandomSigner(), rpc.NewMemory()
	server := rpc.NewServer(rpc.ServerOptions{Signer: signer})
	ingestv1.RegisterIngestServiceServer(server, ingest{getLead: nothing})
	go server.Serve(memory.Listen("ingest")) // stopped below
	defer server.Stop()
	conn, err := rpc.Dial("ingest", rpc.ClientOptions{Memory: memory, Signer: signer, Service: "handoff"})
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Close()
	client := ingestv1.NewIngestServiceClient(conn)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.GetLead(b.Context(), lead); err != nil {
			b.Fatal(err)
		}
	}
}
