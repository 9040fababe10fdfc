package intake_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// behind stands for ingest: it keeps what it was sent and answers as it is told.
type behind struct {
	ingestv1.UnimplementedIngestServiceServer
	ingestv1.UnimplementedAccountServiceServer
	ingestv1.UnimplementedRejectedEventServiceServer
	ingestv1.UnimplementedSourceServiceServer
	sources map[string]*ingestv1.Source

	mu       sync.Mutex
	fail     error
	gate     chan struct{} // if set, calls say that they run, and wait until open is closed
	open     chan struct{}
	captures []*ingestv1.CaptureLeadRequest
	calls    []int // how many captures each call brought
	callers  []caller.Caller
	accounts []*ingestv1.CaptureAccountRequest
	rejected []*ingestv1.RejectedEvent
	refuse   func(*ingestv1.CaptureLeadRequest) *ingestv1.BatchCaptureResult
}

func (b *behind) BatchCaptureLeads(ctx context.Context, in *ingestv1.BatchCaptureLeadsRequest) (*ingestv1.BatchCaptureLeadsResponse, error) {
	b.mu.Lock()
	gate, open := b.gate, b.open
	who, _ := caller.From(ctx)
	b.calls, b.callers = append(b.calls, len(in.GetRequests())), append(b.callers, who)
	b.mu.Unlock()
	if gate != nil {
		gate <- struct{}{}
		<-open
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return nil, b.fail
	}
	response := &ingestv1.BatchCaptureLeadsResponse{}
	for i, req := range in.GetRequests() {
		result := &ingestv1.BatchCaptureResult{Index: int32(i), Response: &ingestv1.CaptureLeadResponse{}}
		if b.refuse != nil {
			if why := b.refuse(req); why != nil {
				result = why
			}
		}
		b.captures = append(b.captures, req)
		response.Results = append(response.Results, result)
	}
	return response, nil
}

func (b *behind) CaptureAccount(_ context.Context, in *ingestv1.CaptureAccountRequest) (*ingestv1.CaptureAccountResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts = append(b.accounts, in)
	return &ingestv1.CaptureAccountResponse{}, b.fail
}

func (b *behind) RecordRejectedEvents(_ context.Context, in *ingestv1.RecordRejectedEventsRequest) (*ingestv1.RecordRejectedEventsResponse, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rejected = append(b.rejected, in.GetRejectedEvents()...)
	return &ingestv1.RecordRejectedEventsResponse{}, b.fail
}

// ResolveSource returns one of the sources of the tests.
func (b *behind) ResolveSource(_ context.Context, in *ingestv1.ResolveSourceRequest) (*ingestv1.ResolveSourceResponse, error) {
	s := b.sources[strings.TrimPrefix(in.GetName(), "sources/")]
	if s == nil {
		return nil, apierr.NotFound(in.GetName())
	}
	return &ingestv1.ResolveSourceResponse{Source: s}, nil
}

// keys are the sources of secrets.
type keys map[string]string

func (k keys) Verify(_ context.Context, secret string) (caller.Caller, time.Time, error) {
	source, ok := k[secret]
	if !ok {
		return caller.Caller{}, time.Time{}, rpc.ErrUnknownKey
	}
	return caller.Caller{Actor: "key of " + source, Role: typev1.Role_ROLE_INGEST, Source: source}, time.Time{}, nil
}

// house is the door before a fake ingest.
type house struct {
	*behind
	t    testing.TB
	door *intake.Door
}

func newHouse(t testing.TB) *house {
	t.Helper()
	b := &behind{sources: map[string]*ingestv1.Source{
		"shop": {Kind: ingestv1.Source_KIND_SERVER},
		"web":  {Kind: ingestv1.Source_KIND_BROWSER, AllowedOrigins: []string{"https://www.example.com", "https://*.example.org"}},
		"off":  {Kind: ingestv1.Source_KIND_SERVER, Disabled: true},
	}}
	signer := caller.NewRandomSigner()
	network := rpc.NewMemory()
	server := rpc.NewServer(rpc.ServerOptions{Signer: signer})
	ingestv1.RegisterIngestServiceServer(server, b)
	ingestv1.RegisterAccountServiceServer(server, b)
	ingestv1.RegisterRejectedEventServiceServer(server, b)
	ingestv1.RegisterSourceServiceServer(server, b)
	served := make(chan error, 1)
	listener := network.Listen("ingest")
	go func() { served <- server.Serve(listener) }()
	conn, err := rpc.Dial("ingest", rpc.ClientOptions{Signer: signer, Memory: network, Service: "gateway"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		server.Stop()
		<-served
	})
	h := &house{behind: b, t: t}
	clock := func() time.Time { return now }
	h.door = intake.New(&inlet.Inlet{
		Sender: inlet.NewSender(ingestv1.NewIngestServiceClient(conn)), Rejected: ingestv1.NewRejectedEventServiceClient(conn),
		Sources: sourcecache.New(conn, keys{"server-key": "shop", "browser-key": "web", "off-key": "off"}, clock),
		Address: remote.Proxies{}.Address, Now: clock,
		Refuse: func(w http.ResponseWriter, _ *http.Request, err error) {
			w.Header().Set("Problem", apierr.Reason(err))
			code := map[string]int{
				"MALFORMED_BODY": 400, "TOO_LARGE": 400, "UNAUTHENTICATED": 401, "WRONG_ORIGIN": 403, "SOURCE_DISABLED": 403, "METHOD_NOT_ALLOWED": 405,
				"OVERLOADED": 429, "UNAVAILABLE": 503,
			}[apierr.Reason(err)]
			if code == 0 {
				code = 500
			}
			http.Error(w, status.Convert(err).Message(), code)
		},
	}, ingestv1.NewAccountServiceClient(conn))
	return h
}

// send posts a body with headers in pairs.
func (h *house) send(path, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	return h.do(http.MethodPost, path, body, headers...)
}

func (h *house) do(method, path, body string, headers ...string) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequestWithContext(h.t.Context(), method, path, strings.NewReader(body))
	r.RemoteAddr = "203.0.113.7:4711"
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	if !intake.TakesMessages(r.URL.Path) && !intake.HasSettings(r.URL.Path) {
		h.t.Fatalf("%s is no path of the door", path)
	}
	w := httptest.NewRecorder()
	h.door.ServeHTTP(w, r)
	return w
}

func (h *house) want(w *httptest.ResponseRecorder, code int, rejected string) {
	h.t.Helper()
	if w.Code != code || w.Header().Get("X-Rejected") != rejected {
		h.t.Errorf("%d, %s rejected: %s; want %d, %s", w.Code, w.Header().Get("X-Rejected"), w.Body, code, rejected)
	}
}

// basic are the headers of the server's key.
var basic = []string{"Authorization", "Basic c2VydmVyLWtleTo="}

const track = `{"type":"track","userId":"u1","event":"Trial Started","messageId":"m1"}`

func TestKeysInEveryPlace(t *testing.T) {
	withKey := `{"writeKey":"server-key","userId":"u1","event":"Trial Started"}`
	masked := `{"writeKey":"server-key:***","userId":"u1","event":"Trial Started"}`
	for name, c := range map[string]struct {
		body    string
		headers []string
		code    int
	}{
		"Basic":                      {track, basic, 200},
		"Basic without a colon":      {track, []string{"Authorization", "Basic c2VydmVyLWtleQ=="}, 200},
		"Basic without padding":      {track, []string{"Authorization", "Basic c2VydmVyLWtleQ"}, 200},
		"in the body":                {withKey, nil, 200},
		"in the body, with a token":  {withKey, []string{"Authorization", "Bearer some-token"}, 200},
		"X-Write-Key":                {masked, []string{"X-Write-Key", "server-key:secret"}, 200},
		"X-Write-Key without secret": {masked, []string{"X-Write-Key", "server-key"}, 200},
		"Bearer":                     {track, []string{"Authorization", "Bearer server-key"}, 200},
		"none":                       {track, nil, 401},
		"a wrong one":                {track, []string{"Authorization", "Basic d3Jvbmc6"}, 401},
		"a wrong one in the body":    {`{"writeKey":"wrong"}`, nil, 401},
		"no base64":                  {track, []string{"Authorization", "Basic ???"}, 401},
		"of a source that is off":    {track, []string{"Authorization", "Basic b2ZmLWtleTo="}, 403},
		"masked only":                {masked, nil, 401},
		"a stranger's broken body":   {`{`, nil, 401},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.want(h.send("/v1/track", c.body, c.headers...), c.code, "")
			if stored := len(h.captures); (stored == 1) != (c.code == 200) {
				t.Errorf("%d captures", stored)
			}
		})
	}
}

func TestEveryPath(t *testing.T) {
	bodies := map[string]string{
		"identify": `{"userId":"u1","traits":{"email":"a@example.com"}}`, "track": track, "page": `{"anonymousId":"a1"}`,
		"screen": `{"anonymousId":"a1","name":"Home"}`, "group": `{"userId":"u1","groupId":"g1"}`, "alias": `{"userId":"u1","previousId":"a1"}`,
	}
	h := newHouse(t)
	for kind, body := range bodies {
		for _, path := range []string{"/v1/" + kind, "/v1/" + kind[:1]} {
			w := h.send(path, body, basic...)
			h.want(w, 200, "")
			if w.Body.String() != `{"success":true}` {
				t.Errorf("%s answers %s", path, w.Body)
			}
		}
		for _, path := range []string{"/api/s/" + kind, "/api/s/s2s/" + kind} {
			w := h.send(path, body, "X-Write-Key", "server-key:x")
			h.want(w, 200, "")
			if w.Body.String() != `{"ok":true}` {
				t.Errorf("%s answers %s", path, w.Body)
			}
		}
	}
	for _, path := range []string{"/v1/batch", "/v1/b"} {
		h.want(h.send(path, `{"batch":[`+track+`]}`, basic...), 200, "")
	}
	if len(h.captures) != 26 {
		t.Errorf("%d captures", len(h.captures))
	}
	h.want(h.do(http.MethodGet, "/v1/track", "", basic...), 405, "")
}

func TestTheContentTypeSaysNothing(t *testing.T) {
	h := newHouse(t)
	for _, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json;charset=UTF-8", "image/png"} {
		h.want(h.send("/v1/track", track, append([]string{"Content-Type", contentType}, basic...)...), 200, "")
		zipped := append([]string{"Content-Type", contentType, "Content-Encoding", "gzip"}, basic...)
		h.want(h.send("/v1/track", zip(track), zipped...), 200, "")
		h.want(h.send("/v1/track", zip(track), append([]string{"Content-Type", contentType}, basic...)...), 200, "")
	}
}

func zip(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// pad returns the body with so many bytes.
func pad(format string, size int) string {
	return fmt.Sprintf(format, strings.Repeat("x", size-len(format)+len("%s")))
}

func TestSizes(t *testing.T) {
	one := `{"userId":"u1","event":"A","properties":{"x":"%s"}}`
	many := `{"batch":[` + track + `],"x":"%s"}`
	inside := `{"batch":[` + track + `,{"type":"track","userId":"u1","event":"A","properties":{"x":"%s"}}]}`
	about := len(inside) - len(`{"type":"track","userId":"u1","event":"A","properties":{"x":"%s"}}`)
	for name, c := range map[string]struct {
		path, body string
		code       int
		rejected   string
	}{
		"a message of 32,767 bytes":             {"/v1/track", pad(one, 32_767), 200, ""},
		"a message of 32,768 bytes":             {"/v1/track", pad(one, 32_768), 200, ""},
		"a message of 32,769 bytes":             {"/v1/track", pad(one, 32_769), 400, ""},
		"the same, zipped":                      {"/v1/track", zip(pad(one, 32_769)), 400, ""},
		"a batch of 500 KiB less one":           {"/v1/batch", pad(many, 500<<10-1), 200, ""},
		"a batch of 500 KiB":                    {"/v1/batch", pad(many, 500<<10), 200, ""},
		"a batch of 500 KiB and one":            {"/v1/batch", pad(many, 500<<10+1), 400, ""},
		"a message of 32,768 bytes in a batch":  {"/v1/batch", pad(inside, about+32_768), 200, ""},
		"a message of 32,769 bytes in a batch":  {"/v1/batch", pad(inside, about+32_769), 200, "1"},
		"a bomb of 30 MiB":                      {"/v1/batch", zip(strings.Repeat("[", 30<<20)), 400, ""},
		"nothing":                               {"/v1/track", "", 400, ""},
		"half a gzip stream":                    {"/v1/track", zip(track)[:20], 400, ""},
		"no object":                             {"/v1/batch", "[]", 400, ""},
		"64 levels":                             {"/v1/track", `{"userId":"u1","event":"A","properties":{"x":` + strings.Repeat("[", 62) + strings.Repeat("]", 62) + `}}`, 200, ""},
		"65 levels":                             {"/v1/track", `{"userId":"u1","event":"A","properties":{"x":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}}`, 400, ""},
		"a key twice":                           {"/v1/track", `{"userId":"u1","userId":"u2","event":"A"}`, 400, ""},
		"a key twice, in properties of a batch": {"/v1/batch", `{"batch":[{"type":"track","event":"A","userId":"u","properties":{"a":1,"a":2}}]}`, 400, ""},
		"cut off":                               {"/v1/track", track[:30], 400, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			h.want(h.send(c.path, c.body, basic...), c.code, c.rejected)
			wantRejected := 0
			if c.code != 200 || c.rejected != "" {
				wantRejected = 1
			}
			if len(h.rejected) != wantRejected {
				t.Errorf("%d rejected events", len(h.rejected))
			}
			for _, e := range h.rejected {
				if e.GetSource() != "shop" || e.GetReason() == "" || len(e.GetPayload()) > 32<<10 || !e.GetReceivedTime().AsTime().Equal(now) {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

func TestOneMessageTooManyIsRejectedAlone(t *testing.T) {
	for n, rejected := range map[int]string{2500: "", 2501: "1", 2503: "3"} {
		h := newHouse(t)
		small := `{"type":"track","userId":"u","event":"A","messageId":"%05d"}`
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(small, i))
		}
		h.want(h.send("/v1/batch", `{"batch":[`+strings.Join(list, ",")+`]}`, basic...), 200, rejected)
		if len(h.captures) != 2500 || len(h.rejected) != n-2500 {
			t.Errorf("%d captures, %d rejected", len(h.captures), len(h.rejected))
		}
		for i, c := range h.captures {
			if c.GetActivities()[0].GetId() != fmt.Sprintf("%05d", i) {
				t.Fatalf("capture %d is %s", i, c.GetActivities()[0].GetId())
			}
		}
		for _, e := range h.rejected {
			if e.GetReason() != "TOO_LARGE" || !strings.HasPrefix(e.GetField(), "batch[250") {
				t.Errorf("%v", e)
			}
		}
		for _, size := range h.calls {
			if size > 1000 {
				t.Errorf("a call with %d captures", size)
			}
		}
	}
}

// A body could hold a hundred thousand things that are no messages: not each becomes a row.
func TestTheListOfWhatIsRejectedIsBounded(t *testing.T) {
	h := newHouse(t)
	h.want(h.send("/v1/batch", `{"batch":[`+strings.TrimSuffix(strings.Repeat("1,", 100_000), ",")+`]}`, basic...), 200, "100000")
	if last := h.rejected[len(h.rejected)-1]; len(h.rejected) != 1000 || !strings.HasSuffix(last.GetMessage(), "and 99000 more of this batch") {
		t.Errorf("%d: %v", len(h.rejected), last)
	}
}

func TestWhatMeansNothingIsRejectedAlone(t *testing.T) {
	h := newHouse(t)
	h.refuse = func(c *ingestv1.CaptureLeadRequest) *ingestv1.BatchCaptureResult {
		switch c.GetLead().GetIdentities()[0].GetValue() {
		case "bad-activity":
			return &ingestv1.BatchCaptureResult{Response: &ingestv1.CaptureLeadResponse{ActivityResults: []*ingestv1.ActivityResult{{
				State: ingestv1.ActivityResult_STATE_REJECTED, ErrorReason: "INVALID_FIELD", ErrorField: "requests[7].activities[0].properties.x", ErrorMessage: "expected at most 10,000 characters",
			}}}}
		case "suppressed":
			return &ingestv1.BatchCaptureResult{ErrorReason: "SUPPRESSED", ErrorField: "requests[8]", ErrorMessage: "expected nobody who is suppressed"}
		case "again":
			return &ingestv1.BatchCaptureResult{Response: &ingestv1.CaptureLeadResponse{ActivityResults: []*ingestv1.ActivityResult{{
				State: ingestv1.ActivityResult_STATE_CONFLICT, ErrorReason: "ID_CONFLICT",
			}}}}
		}
		return nil
	}
	h.want(h.send("/v1/batch", `{"batch":[
		{"type":"track","userId":"u","event":"A"},
		{"type":"track","userId":"u"},
		{"type":"track","event":"A"},
		{"type":"identify","userId":"u","traits":{"email":"nobody"}},
		{"type":"group","userId":"u"},
		{"type":"alias","userId":"u"},
		{"type":"delete","userId":"u"},
		{"type":"track","userId":"bad-activity","event":"A","messageId":"m7"},
		{"type":"track","userId":"suppressed","event":"A","messageId":"m8"},
		{"type":"track","userId":"again","event":"A"},
		"text"
	]}`, basic...), 200, "9")
	got := map[string]string{}
	for _, e := range h.rejected {
		got[e.GetField()] = e.GetReason()
		switch e.GetReason() {
		case "SUPPRESSED":
			if e.GetPayload() != "" || e.GetEventId() != "" {
				t.Error("something of who is suppressed is kept")
			}
		default:
			if e.GetPayload() == "" {
				t.Errorf("%s has no payload", e.GetField())
			}
		}
	}
	want := map[string]string{
		"batch[1].event": "INVALID_FIELD", "batch[2].userId": "INVALID_FIELD", "batch[3].traits.email": "INVALID_FIELD",
		"batch[4].groupId": "INVALID_FIELD", "batch[5].previousId": "INVALID_FIELD", "batch[6].type": "INVALID_FIELD",
		"batch[7].properties.x": "INVALID_FIELD", "batch[8]": "SUPPRESSED", "batch[10]": "INVALID_FIELD",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%v\nwant %v", got, want)
	}
	h.want(h.send("/v1/batch", `{}`, basic...), 200, "1")
}

func TestOrigins(t *testing.T) {
	h := newHouse(t)
	for origin, code := range map[string]int{
		"":                                200,
		"https://www.example.com":         200,
		"https://WWW.example.com":         200,
		"https://a.b.example.org":         200,
		"https://example.org":             403,
		"https://example.com":             403,
		"http://www.example.com":          403,
		"https://evil.com/.example.org":   403,
		"https://www.example.com.evil.io": 403,
		"null":                            403,
	} {
		w := h.send("/v1/t", strings.Replace(track, "{", `{"writeKey":"browser-key",`, 1), "Origin", origin)
		h.want(w, code, "")
		if got, want := w.Header().Get("Access-Control-Allow-Origin"), map[int]string{200: origin}[code]; got != want {
			t.Errorf("%q may read the answer: %q", origin, got)
		}
		if w.Header().Get("Vary") != "Origin" {
			t.Error("an answer that a cache would give to others")
		}
	}
}

func TestPreflight(t *testing.T) {
	known := "authorization,content-type,anonymousid,sentat,x-write-key,x-retry-count,x-ip-policy,x-enable-debug,traceparent"
	for asked, want := range map[string]string{
		"":                                      known,
		"authorization,content-type":            known,
		"content-type, Rsa-Retry-Attempt":       known + ",rsa-retry-attempt", // RudderStack, when it tries again
		"*,bad name," + strings.Repeat("x", 65): known,
	} {
		w := newHouse(t).do(http.MethodOptions, "/v1/t", "", "Origin", "https://any.example", "Access-Control-Request-Headers", asked)
		h := w.Header()
		if w.Code != 204 || h.Get("Access-Control-Allow-Origin") != "https://any.example" || h.Get("Access-Control-Allow-Methods") != "GET,POST,OPTIONS" ||
			h.Get("Access-Control-Allow-Headers") != want || h.Get("Access-Control-Max-Age") != "7200" {
			t.Errorf("%q: %d %v", asked, w.Code, h)
		}
	}
}

func TestTooFast(t *testing.T) {
	h := newHouse(t)
	h.sources["shop"].Limits = &ingestv1.SourceLimits{EventsPerSecond: 0.5, Burst: 2}
	h.want(h.send("/v1/track", track, basic...), 200, "")
	h.want(h.send("/v1/track", track, basic...), 200, "")
	w := h.send("/v1/track", track, basic...)
	h.want(w, 429, "")
	if w.Header().Get("Retry-After") != "2" || w.Header().Get("X-RateLimit-Reset") != "2" {
		t.Errorf("%v", w.Header())
	}
	if len(h.captures) != 2 {
		t.Errorf("%d captures", len(h.captures))
	}
}

func TestIngestIsAway(t *testing.T) {
	h := newHouse(t)
	h.fail = apierr.Unavailable("the store")
	for _, body := range []string{`{"batch":[` + track + `]}`, `{"batch":[{}]}`} {
		h.want(h.send("/v1/batch", body, basic...), 503, "")
	}
}

// A busy door brings to ingest together what arrives while a call runs.
func TestWhatArrivesTogetherGoesTogether(t *testing.T) {
	h := newHouse(t)
	h.gate, h.open = make(chan struct{}, 100), make(chan struct{})
	var done sync.WaitGroup
	const n = 50
	for i := range n {
		done.Go(func() {
			h.want(h.send("/v1/track", fmt.Sprintf(`{"userId":"u%d","event":"A"}`, i), basic...), 200, "")
		})
	}
	<-h.gate // two calls run at a time: these wait for the gate
	<-h.gate
	close(h.open)
	done.Wait()
	if len(h.captures) != n || len(h.calls) == n {
		t.Errorf("%d captures in %d calls", len(h.captures), len(h.calls))
	}
	for _, who := range h.callers {
		if who.Source != "shop" || who.Role != typev1.Role_ROLE_INGEST {
			t.Errorf("called by %v", who)
		}
	}
}

func TestSettingsNameTheKeyThatAsked(t *testing.T) {
	h := newHouse(t)
	for _, path := range []string{"/cdn/v1/projects/key-one/settings", "/v1/projects/key-one/settings"} {
		w := h.do(http.MethodGet, path, "", "Origin", "https://any.example")
		if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, `"apiKey":"key-one"`) || !strings.Contains(body, `"apiHost":"example.com/v1"`) {
			t.Errorf("%d %s", w.Code, body)
		}
	}
	for _, path := range []string{"/sourceConfig", "/sourceConfig/?p=npm&writeKey=server-key"} {
		w := h.do(http.MethodGet, path, "", basic...)
		if body := w.Body.String(); w.Code != 200 || !strings.Contains(body, `"writeKey":"server-key"`) || !strings.Contains(body, `"destinations":[]`) {
			t.Errorf("%d %s", w.Code, body)
		}
	}
	h.want(h.do(http.MethodGet, "/sourceConfig", ""), 401, "")
}

func TestTheConnectionStandsForTheVisitorOfABrowserOnly(t *testing.T) {
	h := newHouse(t)
	page := `{"anonymousId":"a1","writeKey":"%s"%s}`
	for name, c := range map[string]struct{ key, more, header, want string }{
		"browser":                 {"browser-key", "", "", `{"context":{"ip":"203.0.113.7","userAgent":"UA"}}`},
		"browser that says so":    {"browser-key", `,"context":{"ip":"198.51.100.1"}`, "", `{"context":{"ip":"198.51.100.1","userAgent":"UA"}}`},
		"browser that wants none": {"browser-key", `,"context":{"ip":"0.0.0.0"}`, "", `{"context":{"userAgent":"UA"}}`},
		"browser, by its header":  {"browser-key", "", "remove", `{"context":{"userAgent":"UA"}}`},
		"server":                  {"server-key", "", "", ""},
	} {
		h.captures = nil
		h.want(h.send("/v1/page", fmt.Sprintf(page, c.key, c.more), "User-Agent", "UA", "X-Ip-Policy", c.header), 200, "")
		if got := string(h.captures[0].GetActivities()[0].GetPropertiesJson()); got != c.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}
