package cloudevent_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	cloudevents "github.com/cloudevents/sdk-go/v2"
	"github.com/cloudevents/sdk-go/v2/binding"
	cehttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/google/go-cmp/cmp"
	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/cloudevent"
	"github.com/assay-hq/assay/services/gateway/internal/inlet/inlettest"
	"github.com/assay-hq/assay/services/internal/apierr"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

type front struct {
	*inlettest.Ingest
	door *cloudevent.Door
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{Ingest: &inlettest.Ingest{Now: noon}}
	f.Source("app", "", &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, EventRules: []*ingestv1.EventRule{
		{Event: "com.acme.noise.*", Drop: true},
		{Event: "com.acme.trial", Type: "trial.started", Properties: map[string]string{"plan": "product", "internal": ""}},
	}})
	f.Source("mapped", "", &ingestv1.Source{Kind: ingestv1.Source_KIND_SERVER, Webhook: &ingestv1.WebhookConfig{
		Preset:  "cloudevents",
		Mapping: &ingestv1.WebhookMapping{Email: "body.data.contact.mail", When: `body.type != "ping"`},
	}})
	f.door = cloudevent.New(f.Inlet(refuse))
	return f
}

func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	code := runtime.HTTPStatusFromCode(status.Code(err))
	if e, ok := err.(*runtime.HTTPStatusError); ok { //nolint:errorlint // as it was made
		code, err = e.HTTPStatus, e.Err
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(apierr.Reason(err) + " " + status.Convert(err).Message()))
}

func (f *front) post(body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, cloudevent.Path, strings.NewReader(body))
	r.Header.Set("Authorization", "Bearer app-key")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.door.ServeHTTP(w, r)
	return w
}

// seen is what matters of a capture.
type seen struct{ Email, UserID, ID, Type, Occurred, Plan string }

func (f *front) seen() (all []seen) {
	for _, c := range f.Captures() {
		a := c.GetActivities()[0]
		s := seen{ID: a.GetId(), Type: a.GetType(), Plan: a.GetProperties().GetFields()["plan"].GetStringValue()}
		if a.GetOccurredTime() != nil {
			s.Occurred = a.GetOccurredTime().AsTime().Format(time.RFC3339)
		}
		for _, i := range c.GetLead().GetIdentities() {
			switch i.GetKind() {
			case ingestv1.Identity_KIND_EMAIL:
				s.Email = i.GetValue()
			case ingestv1.Identity_KIND_USER_ID:
				s.UserID = i.GetValue()
			}
		}
		all = append(all, s)
	}
	return all
}

// The SDK sends as its users do: the event is the same, whichever mode it comes in.
func TestTheSDKSends(t *testing.T) {
	f := newFront(t)
	server := httptest.NewServer(f.door)
	t.Cleanup(func() { server.Close(); http.DefaultClient.CloseIdleConnections() })
	made := func(id string) cloudevents.Event {
		e := cloudevents.NewEvent()
		e.SetID(id)
		e.SetSource("https://app.example/trials?a=b c")
		e.SetType("com.example.Trial-Started")
		e.SetSubject("u-1042 é \"quoted\"")
		e.SetTime(noon.Add(-time.Minute))
		if err := e.SetData(cloudevents.ApplicationJSON, map[string]any{"email": "ada@acme.example", "plan": "team"}); err != nil {
			t.Fatal(err)
		}
		return e
	}
	want := func(id string) seen {
		return seen{"ada@acme.example", "u-1042 é \"quoted\"", made(id).Source() + " " + id, "com.example.trial_started", "2026-01-05T11:59:00Z", "team"}
	}
	for name, encode := range map[string]func(*http.Request, cloudevents.Event) error{
		"binary": func(r *http.Request, e cloudevents.Event) error {
			return cehttp.WriteRequest(binding.WithForceBinary(t.Context()), binding.ToMessage(&e), r)
		},
		"structured": func(r *http.Request, e cloudevents.Event) error {
			return cehttp.WriteRequest(binding.WithForceStructured(t.Context()), binding.ToMessage(&e), r)
		},
		"batch": func(r *http.Request, e cloudevents.Event) error {
			made, err := cehttp.NewHTTPRequestFromEvents(r.Context(), server.URL, []cloudevents.Event{e})
			if err == nil {
				r.Header, r.Body = made.Header, made.Body
			}
			return err
		},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := encode(r, made(name)); err != nil {
			t.Fatal(err)
		}
		r.SetBasicAuth("app-key", "")
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if diff := cmp.Diff([]seen{want(name)}, f.seen()); diff != "" || resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %d %s", name, resp.StatusCode, diff)
		}
	}
	client, err := cloudevents.NewClientHTTP(cloudevents.WithTarget(server.URL), cehttp.WithHeader("Authorization", "Bearer app-key"))
	if err != nil {
		t.Fatal(err)
	}
	if result := client.Send(t.Context(), made("client")); !cloudevents.IsACK(result) {
		t.Errorf("the client hears %v", result)
	}
	if diff := cmp.Diff([]seen{want("client")}, f.seen()); diff != "" {
		t.Error(diff)
	}
}

const event = `"specversion": "1.0", "id": "1", "source": "/app", "subject": "u-1"`

func TestStructured(t *testing.T) {
	f := newFront(t)
	for name, c := range map[string]struct {
		body   string
		status int
		want   string // type of the activity, or a part of the refusal
	}{
		"as it is":             {`{` + event + `, "type": "page.viewed"}`, 200, "page.viewed"},
		"by a rule":            {`{` + event + `, "type": "com.acme.trial", "data": {"plan": "a"}}`, 200, "trial.started"},
		"in base64":            {`{` + event + `, "type": "x", "data_base64": "` + base64.StdEncoding.EncodeToString([]byte(`{"plan": "b"}`)) + `"}`, 200, "x"},
		"bytes":                {`{` + event + `, "type": "x", "datacontenttype": "image/png", "data_base64": "AAAA"}`, 200, "x"},
		"a key twice":          {`{` + event + `, "type": "x", "subject": "u-2"}`, 400, "twice"},
		"null":                 {`{` + event + `, "type": "x", "time": null, "data": {"email": "a@b.example"}}`, 200, "x"},
		"a rule leaves it out": {`{` + event + `, "type": "com.acme.noise.x"}`, 200, ""},
		"another version":      {`{` + strings.Replace(event, "1.0", "0.3", 1) + `, "type": "x"}`, 400, "specversion: expected 1.0"},
		"no type":              {`{` + event + `}`, 400, "type: expected a text"},
		"a type of signs":      {`{` + event + `, "type": "---"}`, 400, "type: expected a type with a letter"},
		"an empty id":          {`{"specversion": "1.0", "id": "", "source": "/app", "type": "x"}`, 400, "id: expected a text"},
		"no time":              {`{` + event + `, "type": "x", "time": "noon"}`, 400, "time: expected a time in RFC 3339"},
		"a name of signs":      {`{` + event + `, "type": "x", "my_name": "a"}`, 400, "small letters and digits"},
		"no base64":            {`{` + event + `, "type": "x", "data_base64": "?"}`, 400, "data_base64: expected base64"},
		"broken base64 JSON":   {`{` + event + `, "type": "x", "data_base64": "` + base64.StdEncoding.EncodeToString([]byte(`{`)) + `"}`, 400, "data: expected JSON"},
		"data twice":           {`{` + event + `, "type": "x", "data": 1, "data_base64": ""}`, 400, "data_base64: expected nothing beside"},
		"nobody":               {`{"specversion": "1.0", "id": "1", "source": "/app", "type": "x"}`, 400, "webhook.mapping.userId: expected a person"},
		"no object":            {`[]`, 400, "a JSON object"},
		"not JSON":             {`{`, 400, "a JSON object"},
	} {
		t.Run(name, func(t *testing.T) {
			w := f.post(c.body, "Content-Type", "application/cloudevents+json; charset=utf-8")
			got := f.seen()
			if w.Code != c.status || c.status == 400 && !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
			if stored := c.status == 200 && c.want != ""; stored != (len(got) == 1) || stored && got[0].Type != c.want {
				t.Errorf("stored %v", got)
			}
			if r := f.Rejected(); c.status == 400 && (len(r) != 1 || r[0].GetDoor() != "cloudevents" || r[0].GetPayload() == "") {
				t.Errorf("recorded %v", r)
			}
		})
	}
}

func TestBinary(t *testing.T) {
	f := newFront(t)
	headers := func(more ...string) []string {
		return append([]string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/app", "ce-type", "x"}, more...)
	}
	for name, c := range map[string]struct {
		body    string
		headers []string
		status  int
		want    seen
	}{
		"JSON":                {`{"email": "a@b.example", "plan": "p"}`, headers("Content-Type", "application/json"), 200, seen{Email: "a@b.example", ID: "/app 1", Type: "x", Plan: "p"}},
		"JSON without a type": {`{"email": "a@b.example"}`, headers(), 200, seen{Email: "a@b.example", ID: "/app 1", Type: "x"}},
		"+json":               {`{"email": "a@b.example"}`, headers("Content-Type", "application/vnd.x+json"), 200, seen{Email: "a@b.example", ID: "/app 1", Type: "x"}},
		"percent-encoded":     {``, headers("ce-subject", "Euro%20%E2%82%AC"), 200, seen{UserID: "Euro €", ID: "/app 1", Type: "x"}},
		"quoted":              {``, headers("ce-subject", `"a \"b\" c"`), 200, seen{UserID: `a "b" c`, ID: "/app 1", Type: "x"}},
		"text":                {`hello`, headers("ce-subject", "u", "Content-Type", "text/plain"), 200, seen{UserID: "u", ID: "/app 1", Type: "x"}},
		"bytes":               {"\x00\xff", headers("ce-subject", "u", "Content-Type", "image/png"), 200, seen{UserID: "u", ID: "/app 1", Type: "x"}},
		"broken percents":     {``, headers("ce-subject", "%zz"), 400, seen{}},
		"broken JSON":         {`{`, headers("ce-subject", "u", "Content-Type", "application/json"), 400, seen{}},
		"no id":               {``, []string{"ce-specversion", "1.0", "ce-source", "/app", "ce-type", "x"}, 400, seen{}},
		"in gzip":             {inlettest.Zip(`{"email": "a@b.example"}`, 1), headers("Content-Type", "application/json", "Content-Encoding", "gzip"), 200, seen{Email: "a@b.example", ID: "/app 1", Type: "x"}},
		"a gzip file as data": {inlettest.Zip("x", 1), headers("ce-subject", "u", "Content-Type", "application/gzip"), 200, seen{UserID: "u", ID: "/app 1", Type: "x"}},
		"a bomb":              {inlettest.Zip(strings.Repeat(" ", 1<<20), 30), headers("Content-Type", "application/json", "Content-Encoding", "gzip"), 413, seen{}},
		"brotli":              {`x`, headers("Content-Type", "application/json", "Content-Encoding", "br"), 415, seen{}},
		"XML":                 {`<event/>`, headers("Content-Type", "application/cloudevents+xml"), 415, seen{}},
		"no event at all":     {`{"a": 1}`, []string{"Content-Type", "application/json"}, 400, seen{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := f.post(c.body, c.headers...)
			got := f.seen()
			if w.Code != c.status || c.status == 200 && (len(got) != 1 || got[0] != c.want) || c.status != 200 && len(got) > 0 {
				t.Errorf("%d %s: %+v, want %d %+v", w.Code, w.Body, got, c.status, c.want)
			}
		})
	}
}

func TestBatch(t *testing.T) {
	f := newFront(t)
	f.Refuse("u-3", &ingestv1.BatchCaptureResult{ErrorReason: "INVALID_FIELD", ErrorField: "requests[1].activities[0].type", ErrorMessage: "expected a type"})
	one := func(id, subject, kind string) string {
		return `{"specversion": "1.0", "id": "` + id + `", "source": "/app", "type": "` + kind + `", "subject": "` + subject + `"}`
	}
	const batched = "application/cloudevents-batch+json"
	body := `[` + strings.Join([]string{one("1", "u-1", "a.b"), one("2", "", "a.b"), one("3", "u-3", "a.b"), one("4", "u-4", "com.acme.noise.y"), `7`}, ",") + `]`
	w := f.post(body, "Content-Type", batched)
	if w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"captured":1,"rejected":3,"skipped":1}` || w.Header().Get("X-Rejected") != "3" {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := f.seen(); len(got) != 1 || got[0].UserID != "u-1" {
		t.Errorf("stored %v", got)
	}
	var fields []string
	for _, r := range f.Rejected() {
		fields = append(fields, r.GetField())
	}
	if diff := cmp.Diff([]string{"events[1].subject", "events[4]", "events[2].activities[0].type"}, fields); diff != "" {
		t.Error(diff)
	}
	if w := f.post(`[]`, "Content-Type", batched); w.Code != 200 {
		t.Errorf("an empty batch: %d %s", w.Code, w.Body)
	}
	for body, want := range map[string]int{
		`{}`: 400, `null`: 400, `[`: 400, "[" + strings.Repeat("1,", 2500) + "1]": 413, strings.Repeat(" ", 4<<20+1): 413,
	} {
		if w := f.post(body, "Content-Type", batched); w.Code != want {
			t.Errorf("%.20s: %d %s, want %d", body, w.Code, w.Body, want)
		}
	}
}

func TestWhoMaySend(t *testing.T) {
	f := newFront(t)
	body := `{` + event + `, "type": "x"}`
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for authorization, want := range map[string]int{
		"Bearer app-key": 200, "bearer app-key": 200, basic("app-key:"): 200, basic("app-key"): 200,
		"": 401, "Bearer": 401, "Bearer other-key": 401, basic(":app-key"): 401, "Basic ?": 401, "Digest app-key": 401,
		"Bearer " + strings.Repeat("x", 600): 401,
	} {
		if w := f.post(body, "Content-Type", "application/cloudevents+json", "Authorization", authorization); w.Code != want {
			t.Errorf("%q: %d %s, want %d", authorization, w.Code, w.Body, want)
		}
	}
}

func TestASourceMapsItsEvents(t *testing.T) {
	f := newFront(t)
	send := func(kind string) *httptest.ResponseRecorder {
		return f.post(`{"specversion": "1.0", "id": "1", "source": "/crm", "type": "`+kind+`", "data": {"contact": {"mail": "ada@acme.example"}}}`,
			"Content-Type", "application/cloudevents+json", "Authorization", "Bearer mapped-key")
	}
	if w := send("form.sent"); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if got := f.seen(); len(got) != 1 || got[0].Email != "ada@acme.example" || got[0].ID != "/crm 1" {
		t.Errorf("%v", got)
	}
	if w := send("ping"); w.Code != 200 || strings.TrimSpace(w.Body.String()) != `{"captured":0,"rejected":0,"skipped":1}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

func TestHandshake(t *testing.T) {
	f := newFront(t)
	r := httptest.NewRequest(http.MethodOptions, cloudevent.Path, nil)
	r.Header.Set("WebHook-Request-Origin", "events.example")
	r.Header.Set("WebHook-Request-Rate", "120")
	w := httptest.NewRecorder()
	f.door.ServeHTTP(w, r)
	if h := w.Header(); w.Code != 200 || h.Get("WebHook-Allowed-Origin") != "events.example" || h.Get("WebHook-Allowed-Rate") != "*" || h.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("%d %v", w.Code, h)
	}
	w = httptest.NewRecorder()
	if f.door.ServeHTTP(w, httptest.NewRequest(http.MethodGet, cloudevent.Path, nil)); w.Code < 400 || w.Header().Get("Allow") == "" {
		t.Errorf("GET: %d %v", w.Code, w.Header())
	}
}

func TestTheSendersTraceIsLinked(t *testing.T) {
	f := newFront(t)
	spans := tracetest.NewInMemoryExporter()
	provider := trace.NewTracerProvider(trace.WithSyncer(spans))
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	r := httptest.NewRequest(http.MethodPost, cloudevent.Path, strings.NewReader("")).WithContext(ctx)
	for name, value := range map[string]string{
		"Authorization": "Bearer app-key", "ce-specversion": "1.0", "ce-id": "1", "ce-source": "/app", "ce-type": "x", "ce-subject": "u",
		"ce-traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
	} {
		r.Header.Set(name, value)
	}
	f.door.ServeHTTP(httptest.NewRecorder(), r)
	span.End()
	links := spans.GetSpans()[0].Links
	if len(links) != 1 || links[0].SpanContext.TraceID().String() != "4bf92f3577b34da6a3ce929d0e0e4736" {
		t.Errorf("%v", links)
	}
}

func TestIngestIsAway(t *testing.T) {
	f := newFront(t)
	f.Fail(apierr.Unavailable("ingest"))
	if w := f.post(`{`+event+`, "type": "x"}`, "Content-Type", "application/cloudevents+json"); w.Code != 503 {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// FuzzDecode holds that no request breaks the decoder, and that what it takes has what an
// event must have.
func FuzzDecode(f *testing.F) {
	f.Add("application/cloudevents+json", "", "", `{`+event+`, "type": "x", "data_base64": "e30="}`)
	f.Add("application/cloudevents-batch+json", "", "", `[{`+event+`, "type": "x"}, 1]`)
	f.Add("application/json; charset=\xff", "1", "%E2%82%AC", `{"a": 1}`)
	f.Add("", "\"\\\"", "%", "\xff")
	f.Fuzz(func(t *testing.T, media, id, subject, body string) {
		h := http.Header{"Content-Type": {media}, "Ce-Id": {id}, "Ce-Subject": {subject}, "Ce-Specversion": {"1.0"}, "Ce-Source": {"/"}, "Ce-Type": {"x"}}
		events, _, err := cloudevent.Decode(h, []byte(body))
		if err != nil && events != nil {
			t.Error("events and an error")
		}
		for _, e := range events {
			if (e.Wrong == nil) != (e.Document != nil) || e.Wrong == nil && (e.Type == "" || len(e.Key) < 3) {
				t.Errorf("%+v", e)
			}
		}
	})
}
