package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.uber.org/goleak"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/gateway"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// behind stands for the services behind the edge: it keeps what it was asked and
// answers as it is told.
type behind struct {
	ingestv1.UnimplementedIngestServiceServer
	handoffv1.UnimplementedHandoffServiceServer
	handoffv1.UnimplementedAccessServiceServer

	mu      sync.Mutex
	fail    error
	capture *ingestv1.CaptureLeadRequest
	update  *ingestv1.UpdateLeadRequest
	accept  *handoffv1.AcceptHandoffRequest
	who     caller.Caller
	md      metadata.MD
	asked   int
	revoked bool
}

func (b *behind) note(ctx context.Context) error {
	b.who, _ = caller.From(ctx)
	b.md, _ = metadata.FromIncomingContext(ctx)
	return b.fail
}

func (b *behind) CaptureLead(ctx context.Context, in *ingestv1.CaptureLeadRequest) (*ingestv1.CaptureLeadResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.capture = in
	return &ingestv1.CaptureLeadResponse{Lead: lead, FactsVersion: 1}, b.note(ctx)
}

func (b *behind) GetLead(ctx context.Context, in *ingestv1.GetLeadRequest) (*ingestv1.Lead, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	attributes, _ := structpb.NewStruct(map[string]any{"job_title": "CTO"})
	return &ingestv1.Lead{Name: in.GetName(), Etag: "v7", Attributes: attributes}, b.note(ctx)
}

func (b *behind) UpdateLead(ctx context.Context, in *ingestv1.UpdateLeadRequest) (*ingestv1.Lead, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.update = in
	return in.GetLead(), b.note(ctx)
}

func (b *behind) ListLeads(ctx context.Context, _ *ingestv1.ListLeadsRequest) (*ingestv1.ListLeadsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &ingestv1.ListLeadsResponse{}, b.note(ctx)
}

func (b *behind) BatchRecordActivities(ctx context.Context, in *ingestv1.BatchRecordActivitiesRequest) (*ingestv1.BatchRecordActivitiesResponse, error) {
	return &ingestv1.BatchRecordActivitiesResponse{Stored: int32(len(in.GetActivities()))}, nil
}

func (b *behind) AcceptHandoff(ctx context.Context, in *handoffv1.AcceptHandoffRequest) (*handoffv1.Handoff, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accept = in
	return &handoffv1.Handoff{Name: in.GetName()}, b.note(ctx)
}

func (b *behind) VerifyApiKey(_ context.Context, in *handoffv1.VerifyApiKeyRequest) (*handoffv1.VerifyApiKeyResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	roles := map[string]typev1.Role{"admin-key": typev1.Role_ROLE_ADMIN, "sales-key": typev1.Role_ROLE_SALES}
	role, ok := roles[in.GetSecret()]
	if !ok || b.revoked {
		return nil, apierr.Unauthenticated()
	}
	return &handoffv1.VerifyApiKeyResponse{Actor: strings.TrimSuffix(in.GetSecret(), "-key"), Role: role}, nil
}

const (
	lead   = "leads/01937b1e-0000-7000-8000-000000000001"
	offer  = "handoffs/01937b1e-0000-7000-8000-000000000002"
	reqID  = "01937b1e-aaaa-4aaa-8aaa-000000000003"
	person = `"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "ana@example.com"}]}`
)

// front is an edge before the fake services.
type front struct {
	*behind
	url   string
	door  *grpc.ClientConn // with the key of sales
	spans *tracetest.InMemoryExporter
	clock *clock
	log   *logBook
}

// logBook keeps the lines of the log.
type logBook struct {
	mu    sync.Mutex
	lines []string
}

func (l *logBook) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, string(line))
	return len(line), nil
}

// refusals returns the lines of refused requests.
func (l *logBook) refusals() (lines []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.lines {
		if strings.Contains(line, `"msg":"refused"`) {
			lines = append(lines, line)
		}
	}
	return lines
}

type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }

func (c *clock) pass(d time.Duration) { c.mu.Lock(); defer c.mu.Unlock(); c.t = c.t.Add(d) }

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{behind: &behind{}, spans: tracetest.NewInMemoryExporter(), clock: &clock{t: time.Now()}, log: &logBook{}}
	process, err := telemetry.Start(t.Context(), telemetry.Options{Log: io.MultiWriter(t.Output(), f.log), SpanExporter: f.spans})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Stop(context.Background()) })
	signer, memory := caller.NewRandomSigner(), rpc.NewMemory()
	inner := rpc.NewServer(rpc.ServerOptions{Signer: signer})
	ingestv1.RegisterIngestServiceServer(inner, f.behind)
	handoffv1.RegisterHandoffServiceServer(inner, f.behind)
	handoffv1.RegisterAccessServiceServer(inner, f.behind)
	serve(t, inner, memory.Listen("services"))
	conn, err := rpc.Dial("services", rpc.ClientOptions{Memory: memory, Signer: signer, Service: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	conns := gateway.Conns{Ingest: conn, ProfileFit: conn, Behavior: conn, Handoff: conn}
	keys := gateway.Keys(conns, f.clock.now)
	s, err := gateway.New(gateway.Deps{Conns: conns, Keys: keys, Telemetry: telemetry.New("gateway", process)})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	t.Cleanup(func() { server.CloseClientConnections(); server.Close(); http.DefaultClient.CloseIdleConnections() })
	f.url = server.URL

	public := rpc.NewServer(rpc.ServerOptions{Signer: signer, Keys: keys, Unknown: s.Forward})
	serve(t, public, memory.Listen("public"))
	f.door, err = rpc.Dial("public", rpc.ClientOptions{Memory: memory, APIKey: "sales-key"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.door.Close() })
	return f
}

func serve(t *testing.T, s *rpc.Server, l net.Listener) {
	t.Helper()
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Serve(l) }()
	t.Cleanup(func() { s.Stop(); <-done })
}

// answer is an answer of REST.
type answer struct {
	status int
	header http.Header
	body   map[string]any
	text   string
}

func (f *front) call(t *testing.T, method, path, body string, headers ...string) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, f.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer admin-key")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

func (a answer) field(name string) string { return fmt.Sprint(a.body[name]) }

// violation returns the first field that the answer names, and what was expected.
func (a answer) violation() (field, expected string) {
	list, _ := a.body["fieldViolations"].([]any)
	if len(list) == 0 {
		return "", ""
	}
	v, _ := list[0].(map[string]any)
	return fmt.Sprint(v["field"]), fmt.Sprint(v["description"])
}

func TestRESTSpeaksProtoJSON(t *testing.T) {
	f := newFront(t)
	a := f.call(t, "POST", "/v1/leads:capture", `{`+person+`, "waitForDecision": true}`)
	if a.status != 200 || a.field("lead") != lead || a.field("outcome") != "OUTCOME_UNSPECIFIED" || a.field("decisionPending") != "false" {
		t.Errorf("answer %d %s: expected lowerCamelCase with default values", a.status, a.text)
	}
	if _, present := a.body["decision"]; present {
		t.Error("a message that is not set is present")
	}
	if !f.capture.GetWaitForDecision() || f.who != (caller.Caller{Actor: "admin", Role: typev1.Role_ROLE_ADMIN}) {
		t.Errorf("the service got %v from %v", f.capture, f.who)
	}
	if len(f.md.Get("authorization")) != 0 {
		t.Error("the API key reached a service")
	}
}

func TestMalformedBodiesNameTheField(t *testing.T) {
	f := newFront(t)
	for name, c := range map[string]struct{ method, path, body, field, expected string }{
		"syntax":         {"POST", "/v1/leads:capture", `{"lead": `, "", "well-formed JSON"},
		"trailing":       {"POST", "/v1/leads:capture", `{` + person + `} {}`, "", "nothing after the end"},
		"unknown field":  {"POST", "/v1/leads:capture", `{` + person + `, "colour": 1}`, "colour", "a known field"},
		"type":           {"POST", "/v1/leads:capture", `{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": 7}]}}`, "lead.identities[0].value", "a string"},
		"enum":           {"POST", "/v1/leads:capture", `{"lead": {"identities": [{"kind": "PHONE", "value": "7"}]}}`, "lead.identities[0].kind", "one of KIND_USER_ID"},
		"time":           {"POST", "/v1/leads:capture", `{` + person + `, "defaultTime": "soon"}`, "defaultTime", "RFC 3339"},
		"duplicate key":  {"POST", "/v1/leads:capture", `{"source": "a", "source": "b"}`, "source", "once"},
		"duplicate deep": {"POST", "/v1/leads:capture", `{"lead": {"attributes": {"a": 1, "a": 2}}}`, "lead.attributes.a", "once"},
		"depth bomb":     {"POST", "/v1/leads:capture", strings.Repeat(`[`, 100_000), "", "levels of nesting"},
		"UTF-8":          {"POST", "/v1/leads:capture", "{\"source\": \"\xff\"}", "", "valid UTF-8"},
		"part of it":     {"PATCH", "/v1/" + lead, `{"attributes": 7}`, "lead.attributes", "an object"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.call(t, c.method, c.path, c.body)
			field, expected := a.violation()
			if a.status != 400 || a.field("reason") != "MALFORMED_BODY" || field != c.field || !strings.Contains(expected, c.expected) {
				t.Errorf("%d %s: %q %q; want 400 MALFORMED_BODY: %q %q", a.status, a.field("reason"), field, expected, c.field, c.expected)
			}
		})
	}
}

func TestQueriesAreStrict(t *testing.T) {
	f := newFront(t)
	for query, want := range map[string]string{
		"?colour=red":             "colour",
		"?pageSize=many":          "pageSize",
		"?pageSize=1&page_size=2": "",
		"?pageSize=1&pageSize=2":  "pageSize",
		"?filter=%ff":             "filter",
		"?%ff=1":                  "query",
		"?orderBy=a;b":            "query",
	} {
		a := f.call(t, "GET", "/v1/leads"+query, "")
		if field, _ := a.violation(); a.status != 400 || field != want {
			t.Errorf("%s: %d %s, want 400 naming %q", query, a.status, a.text, want)
		}
	}
	a := f.call(t, "GET", "/v1/leads/%ff", "")
	if field, _ := a.violation(); a.status != 400 || field != "name" {
		t.Errorf("a name that is not UTF-8: %d %s", a.status, a.text)
	}
	if a := f.call(t, "GET", "/v1/leads?pageSize=5&orderBy=create_time", ""); a.status != 200 {
		t.Errorf("a good query: %d %s", a.status, a.text)
	}
}

func TestBodiesHaveLimits(t *testing.T) {
	f := newFront(t)
	long := func(n int) string { return `{"source": "` + strings.Repeat("x", n) + `"}` }
	for name, c := range map[string]struct {
		path, body string
		status     int
	}{
		"capture over 1 MiB": {"/v1/leads:capture", long(1 << 20), 413},
		"batch over 1 MiB":   {"/v1/activities:batchRecord", `{"activities": [` + strings.Repeat(`{},`, 500_000) + `{}]}`, 200},
		"batch over 4 MiB":   {"/v1/activities:batchRecord", long(4 << 20), 413},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.call(t, "POST", c.path, c.body)
			if a.status != c.status || c.status == 413 && a.field("reason") != "TOO_LARGE" {
				t.Errorf("%d %.200s, want %d", a.status, a.text, c.status)
			}
		})
	}
	if a := f.call(t, "POST", "/v1/leads:capture", "{}", "Content-Encoding", "gzip"); a.status != 415 {
		t.Errorf("encoded body: %d", a.status)
	}
}

func TestErrorsHaveOneShape(t *testing.T) {
	f := newFront(t)
	for name, c := range map[string]struct {
		err    error
		status int
		reason string
	}{
		"field":         {apierr.InvalidField("lead", "x"), 400, "INVALID_FIELD"},
		"not found":     {apierr.NotFound(lead), 404, "NOT_FOUND"},
		"etag":          {apierr.EtagMismatch(lead), 412, "ETAG_MISMATCH"},
		"state":         {apierr.WrongState(lead, "A", "B"), 409, "WRONG_STATE"},
		"request id":    {apierr.RequestIDReused(), 422, "REQUEST_ID_REUSED"},
		"page token":    {apierr.PageTokenMismatch(), 400, "PAGE_TOKEN_MISMATCH"},
		"denied":        {apierr.PermissionDenied(), 403, "PERMISSION_DENIED"},
		"away":          {apierr.Unavailable("the store"), 503, "UNAVAILABLE"},
		"too much":      {apierr.Overloaded("captures", time.Second), 429, "OVERLOADED"},
		"deadline":      {status.Error(codes.DeadlineExceeded, "late"), 504, "UNAVAILABLE"},
		"ours":          {apierr.Internal(fmt.Errorf("ana@example.com broke it")), 500, "INTERNAL"},
		"nobody's":      {fmt.Errorf("ana@example.com broke it"), 500, "INTERNAL"},
		"unimplemented": {status.Error(codes.Unimplemented, "not here"), 501, "INTERNAL"},
	} {
		t.Run(name, func(t *testing.T) {
			f.mu.Lock()
			f.fail = c.err
			f.mu.Unlock()
			a := f.call(t, "GET", "/v1/"+lead, "")
			if a.status != c.status || a.field("reason") != c.reason {
				t.Errorf("%d %s, want %d %s", a.status, a.field("reason"), c.status, c.reason)
			}
			checkShape(t, a)
			if strings.Contains(a.text, "ana@") {
				t.Errorf("the answer tells too much: %s", a.text)
			}
			if (c.status == 503 || c.status == 429) && a.header.Get("Retry-After") != "1" {
				t.Errorf("Retry-After %q", a.header.Get("Retry-After"))
			}
		})
	}
}

func checkShape(t *testing.T, a answer) {
	t.Helper()
	if got := a.header.Get("Content-Type"); got != "application/problem+json" {
		t.Errorf("content type %q", got)
	}
	for _, name := range []string{"type", "title", "status", "detail", "instance", "code", "message", "details", "reason", "requestId", "fieldViolations", "traceId"} {
		if v, ok := a.body[name]; !ok || v == nil || v == "" {
			t.Errorf("%s is missing in %s", name, a.text)
		}
	}
	if a.field("requestId") != a.header.Get("X-Request-Id") || a.field("status") != fmt.Sprint(a.status) {
		t.Errorf("the body and the head of the answer differ: %s", a.text)
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	f := newFront(t)
	for name, c := range map[string]struct {
		method, path string
		status       int
		allow        string
	}{
		"path":          {"GET", "/v1/prospects", 404, ""},
		"empty id":      {"GET", "/v1//qualification", 404, ""},
		"verb":          {"POST", "/v1/leads:steal", 404, ""},
		"root":          {"GET", "/", 404, ""},
		"internal":      {"POST", "/assay.ingest.v1.PendingService/ClaimPending", 404, ""},
		"method":        {"DELETE", "/v1/leads", 405, "GET"},
		"of a resource": {"PUT", "/v1/" + lead, 405, "GET, PATCH"},
		"of a verb":     {"GET", "/v1/leads:capture", 405, "POST"},
		"preflight":     {"OPTIONS", "/v1/leads:capture", 405, "POST"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.call(t, c.method, c.path, "", "Authorization", "")
			if a.status != c.status || a.header.Get("Allow") != c.allow || a.header.Get("Access-Control-Allow-Origin") != "" {
				t.Errorf("%d, Allow %q; want %d %q", a.status, a.header.Get("Allow"), c.status, c.allow)
			}
			checkShape(t, a)
			if want := map[int]string{404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}[c.status]; a.field("reason") != want {
				t.Errorf("reason %s, want %s", a.field("reason"), want)
			}
			if strings.Contains(a.text, "ResourceInfo") {
				t.Errorf("a path is no resource: %s", a.text)
			}
		})
	}
}

func TestNobodyGetsInWithoutAKey(t *testing.T) {
	f := newFront(t)
	for _, authorization := range []string{"", "Bearer", "Bearer wrong", "Basic admin-key", "admin-key", "Bearer " + strings.Repeat("x", 5000)} {
		a := f.call(t, "GET", "/v1/"+lead, "", "Authorization", authorization)
		if a.status != 401 || a.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%.20q: %d", authorization, a.status)
		}
		checkShape(t, a)
	}
	a := f.call(t, "GET", "/v1/"+lead, "", "Authorization", "", "Grpc-Metadata-Assay-Internal-Token", "x")
	if a.status != 401 {
		t.Errorf("a header became metadata: %d", a.status)
	}
	if a := f.call(t, "PATCH", "/v1/"+lead, "{}", "Authorization", "Bearer sales-key"); a.status != 403 {
		t.Errorf("sales may not change attributes: %d", a.status)
	}
}

// What the services answer is in their own log.
func TestWhatTheEdgeRefusesIsLoggedOnce(t *testing.T) {
	f := newFront(t)
	const capture = "/v1/leads:capture"
	for name, c := range map[string]struct {
		method, path, body string
		headers            []string
		fail               error
		want               string // method, route, status and reason; empty: no line
	}{
		"no key":        {"GET", "/v1/" + lead + "?filter=ana", "", []string{"Authorization", ""}, nil, "GET /v1/{name=leads/*} 401 UNAUTHENTICATED"},
		"too large":     {"POST", capture, strings.Repeat(" ", 1<<20+1), nil, nil, "POST /v1/leads:capture 413 TOO_LARGE"},
		"encoded":       {"POST", capture, "{}", []string{"Content-Encoding", "gzip"}, nil, "POST /v1/leads:capture 415 INVALID_FIELD"},
		"malformed":     {"POST", capture, "{", nil, nil, "POST /v1/leads:capture 400 MALFORMED_BODY"},
		"unknown path":  {"GET", "/v1/prospects/ana", "", nil, nil, "GET unmatched 404 NOT_FOUND"},
		"wrong method":  {"PUT", "/v1/" + lead, "", nil, nil, "PUT unmatched 405 METHOD_NOT_ALLOWED"},
		"no method":     {"ANA", "/v1/" + lead, "", nil, nil, "other unmatched 405 METHOD_NOT_ALLOWED"},
		"header":        {"POST", capture, "{}", []string{"If-Match", `"v1"`}, nil, "POST /v1/leads:capture 400 INVALID_FIELD"},
		"service away":  {"GET", "/v1/" + lead, "", nil, apierr.Unavailable("the store"), "GET /v1/{name=leads/*} 503 UNAVAILABLE"},
		"by a service":  {"GET", "/v1/" + lead, "", nil, apierr.NotFound(lead), ""},
		"not a refusal": {"GET", "/v1/" + lead, "", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f.mu.Lock()
			f.fail = c.fail
			f.mu.Unlock()
			before := len(f.log.refusals())
			a := f.call(t, c.method, c.path, c.body, c.headers...)
			lines := f.log.refusals()[before:]
			if c.want == "" {
				if len(lines) != 0 {
					t.Errorf("logged %s", lines)
				}
				return
			}
			if len(lines) != 1 {
				t.Fatalf("%d lines, want 1: %s", len(lines), lines)
			}
			var line struct {
				Method, Route, Reason string
				Status                int
				RequestID             string `json:"request_id"`
			}
			if err := json.Unmarshal([]byte(lines[0]), &line); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(line.Method, " ", line.Route, " ", line.Status, " ", line.Reason); got != c.want || line.RequestID != a.header.Get("X-Request-Id") {
				t.Errorf("%s %s, want %s", got, line.RequestID, c.want)
			}
			if strings.Contains(strings.ToLower(lines[0]), "ana") || strings.Contains(lines[0], lead) {
				t.Errorf("the line repeats the caller: %s", lines[0])
			}
		})
	}
}

func TestAKeyIsAskedForOnceInFiveSeconds(t *testing.T) {
	f := newFront(t)
	for range 5 {
		f.call(t, "GET", "/v1/"+lead, "")
	}
	if f.asked != 1 {
		t.Errorf("asked %d times", f.asked)
	}
	f.mu.Lock()
	f.revoked = true
	f.mu.Unlock()
	f.clock.pass(5*time.Second + time.Millisecond)
	if a := f.call(t, "GET", "/v1/"+lead, ""); a.status != 401 {
		t.Errorf("a revoked key still works after five seconds: %d", a.status)
	}
}

func TestHeadersStandForFields(t *testing.T) {
	f := newFront(t)
	a := f.call(t, "GET", "/v1/"+lead, "")
	if a.header.Get("ETag") != `"v7"` {
		t.Errorf("ETag %q", a.header.Get("ETag"))
	}
	a = f.call(t, "POST", "/v1/leads:capture", `{`+person+`}`, "Idempotency-Key", reqID, "X-Request-Id", "my-request.1")
	if f.capture.GetRequestId() != reqID {
		t.Errorf("Idempotency-Key became %q", f.capture.GetRequestId())
	}
	if a.header.Get("X-Request-Id") != "my-request.1" || f.md.Get("x-request-id")[0] != "my-request.1" {
		t.Errorf("X-Request-Id came back as %q and went on as %q", a.header.Get("X-Request-Id"), f.md.Get("x-request-id"))
	}
	f.call(t, "POST", "/v1/"+offer+":accept", `{}`, "If-Match", `"v1"`)
	if f.accept.GetEtag() != "v1" {
		t.Errorf("If-Match became %q", f.accept.GetEtag())
	}
	f.call(t, "PATCH", "/v1/"+lead, `{"attributes": {"a": 1}}`, "If-Match", `"v2"`)
	if f.update.GetLead().GetEtag() != "v2" || fmt.Sprint(f.update.GetUpdateMask().GetPaths()) != "[attributes.a]" {
		t.Errorf("If-Match and PATCH became %v", f.update)
	}
	f.call(t, "PATCH", "/v1/"+lead, `{"name": "`+lead+`", "etag": "v3", "attributes": {"a": 1}, "createTime": "2026-05-04T10:00:00Z"}`)
	if f.update.GetLead().GetEtag() != "v3" || fmt.Sprint(f.update.GetUpdateMask().GetPaths()) != "[attributes.a]" {
		t.Errorf("a whole resource sent back became %v", f.update)
	}
	for name, c := range map[string]struct{ path, header, value string }{
		"no UUID":       {"/v1/leads:capture", "Idempotency-Key", "again"},
		"no quotes":     {"/v1/" + offer + ":accept", "If-Match", "v1"},
		"weak":          {"/v1/" + offer + ":accept", "If-Match", `W/"v1"`},
		"takes no etag": {"/v1/leads:capture", "If-Match", `"v1"`},
	} {
		a := f.call(t, "POST", c.path, `{}`, c.header, c.value)
		if field, _ := a.violation(); a.status != 400 || field != c.header {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	a = f.call(t, "POST", "/v1/leads:capture", `{`+person+`, "requestId": "`+strings.Replace(reqID, "3", "4", 1)+`"}`, "Idempotency-Key", reqID)
	if a.status != 400 {
		t.Errorf("two request ids: %d", a.status)
	}
	a = f.call(t, "GET", "/v1/"+lead, "", "X-Request-Id", "two words")
	if got := a.header.Get("X-Request-Id"); got == "two words" || got == "" {
		t.Errorf("X-Request-Id %q", got)
	}
}

func TestSpansAreNamedByRouteAndTrustOnlyKnownCallers(t *testing.T) {
	f := newFront(t)
	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	known := f.call(t, "POST", "/v1/"+offer+":accept", `{}`, "Traceparent", parent)
	unknown := f.call(t, "POST", "/v1/"+offer+":accept", `{}`, "Traceparent", parent, "Authorization", "")
	if !strings.HasPrefix(known.header.Get("Traceresponse"), "00-0af7651916cd43dd8448eb211c80319c-") {
		t.Errorf("traceresponse %q", known.header.Get("Traceresponse"))
	}
	if strings.Contains(unknown.header.Get("Traceresponse"), "0af7651916cd43dd8448eb211c80319c") {
		t.Error("a stranger chose the trace")
	}
	var names []string
	for _, s := range f.spans.GetSpans() {
		names = append(names, s.Name)
		if s.Parent.IsRemote() != (s.SpanContext.TraceID().String() == "0af7651916cd43dd8448eb211c80319c") {
			t.Errorf("%s has the wrong parent", s.Name)
		}
	}
	if got := strings.Join(names, "; "); got != "POST /v1/{name=handoffs/*}:accept; POST /v1/{name=handoffs/*}:accept" {
		t.Errorf("spans %s", got)
	}
}

func TestThePublicDoorForwardsAnyMethod(t *testing.T) {
	f := newFront(t)
	got, err := ingestv1.NewIngestServiceClient(f.door).GetLead(t.Context(), &ingestv1.GetLeadRequest{Name: lead})
	if err != nil || got.GetAttributes().GetFields()["job_title"].GetStringValue() != "CTO" {
		t.Errorf("%v %v", got, err)
	}
	if f.who.Actor != "sales" {
		t.Errorf("forwarded as %v", f.who)
	}
	f.mu.Lock()
	f.fail = apierr.WrongState(offer, "A", "B")
	f.mu.Unlock()
	_, err = handoffv1.NewHandoffServiceClient(f.door).AcceptHandoff(t.Context(), &handoffv1.AcceptHandoffRequest{Name: offer})
	if status.Code(err) != codes.FailedPrecondition || apierr.Reason(err) != "WRONG_STATE" {
		t.Errorf("error %v", err)
	}
	_, err = ingestv1.NewIngestServiceClient(f.door).UpdateLead(t.Context(), &ingestv1.UpdateLeadRequest{})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("sales may not update: %v", err)
	}
	err = f.door.Invoke(t.Context(), "/assay.ingest.v1.IngestService/Steal", &ingestv1.GetLeadRequest{}, &ingestv1.Lead{})
	if code := status.Code(err); code != codes.Unimplemented && code != codes.PermissionDenied {
		t.Errorf("unknown method: %v", err)
	}
}

func TestTheAPIDescribesItself(t *testing.T) {
	f := newFront(t)
	a := f.call(t, "GET", "/openapi.json", "", "Authorization", "")
	if a.status != 200 || a.field("openapi") != "3.1.0" || !bytes.Contains([]byte(a.text), []byte(`"/v1/leads:capture"`)) {
		t.Errorf("%d %.100s", a.status, a.text)
	}
}

// FuzzREST holds that no body makes the edge fail, or answer in another shape.
func FuzzREST(f *testing.F) {
	f.Add("/v1/leads:capture", `{`+person+`}`)
	f.Add("/v1/activities:batchRecord", `{"activities": [{"lead": "x"}]}`)
	f.Add("/v1/"+lead+"/activities?pageSize=1", ``)
	f.Fuzz(func(t *testing.T, path, body string) {
		front := newFront(t)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, front.url, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		req.URL.Path = path
		req.Header.Set("Authorization", "Bearer admin-key")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return // what cannot be sent
		}
		defer func() { _ = resp.Body.Close() }()
		text, _ := io.ReadAll(resp.Body)
		if resp.StatusCode == http.StatusInternalServerError {
			t.Errorf("%s %q: 500 %s", path, body, text)
		}
		if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s %q: %d %s", path, body, resp.StatusCode, text)
		}
	})
}
