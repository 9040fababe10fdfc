package hook_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/hook"
	"github.com/assay-hq/assay/services/gateway/internal/inlet/inlettest"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/internal/apierr"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// front is the door before a fake ingest.
type front struct {
	*inlettest.Ingest
	door   *hook.Door
	signer *standardwebhooks.Webhook
}

const plainSecret = "a-secret-in-the-path"

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{Ingest: &inlettest.Ingest{Now: noon}}
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of 24 bytes, ok"))
	var err error
	if f.signer, err = standardwebhooks.NewWebhook(secret); err != nil {
		t.Fatal(err)
	}
	f.Source("forms", secret, &ingestv1.Source{Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: &ingestv1.WebhookConfig{
		Scheme: ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS,
		Mapping: &ingestv1.WebhookMapping{
			Items: "has(body.rows) ? body.rows : [body]", When: "!has(item.test)", Email: "item.email", Type: `"form.submitted"`,
			OccurredTime: "item.at", Attributes: map[string]string{"job_title": "item.title"},
		},
	}})
	f.Source("plain", plainSecret, &ingestv1.Source{Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: &ingestv1.WebhookConfig{
		Scheme:  ingestv1.WebhookConfig_SCHEME_SECRET,
		Mapping: &ingestv1.WebhookMapping{Email: "body.email", Id: "body.id", Type: `"form.submitted"`},
	}})
	f.Source("web", "", &ingestv1.Source{Kind: ingestv1.Source_KIND_BROWSER})
	f.Source("broken", "", &ingestv1.Source{Kind: ingestv1.Source_KIND_WEBHOOK, Webhook: &ingestv1.WebhookConfig{}})
	f.door = hook.New(f.Inlet(refuse))
	return f
}

func refuse(w http.ResponseWriter, _ *http.Request, err error) {
	var custom *runtime.HTTPStatusError
	code := runtime.HTTPStatusFromCode(status.Code(err))
	if e, ok := err.(*runtime.HTTPStatusError); ok { //nolint:errorlint // as it was made
		custom = e
		code, err = custom.HTTPStatus, custom.Err
	}
	w.WriteHeader(code)
	_, _ = w.Write([]byte(apierr.Reason(err) + " " + status.Convert(err).Message()))
}

func (f *front) post(path, body string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	f.door.ServeHTTP(w, hook.Hide(r))
	return w
}

// signed are the headers of a message that was sent at an instant.
func (f *front) signed(body string, at time.Time) []string {
	signature, _ := f.signer.Sign("msg_1", at, []byte(body))
	return []string{"webhook-id", "msg_1", "webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", signature}
}

func TestAMessageBecomesACapture(t *testing.T) {
	f := newFront(t)
	body := `{"email": "ada@acme.example", "title": "CTO", "at": 1767614300}`
	if w := f.post("/hooks/forms", body, f.signed(body, noon)...); w.Code != 200 || w.Body.String() != `{"captured":1,"rejected":0,"skipped":0}` {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	got := f.Captures()
	if len(got) != 1 || got[0].GetSource() != "forms" || got[0].GetActivities()[0].GetId() != "msg_1/0" {
		t.Errorf("%v", got)
	}
	if who := f.Callers()[0]; who.Source != "forms" || who.Browser {
		t.Errorf("in the name of %+v", who)
	}
	// Signed is what is meant, not how it travels.
	zipped := append([]string{"Content-Encoding", "gzip"}, f.signed(body, noon)...)
	if w := f.post("/hooks/forms", inlettest.Zip(body, 1), zipped...); w.Code != 200 || len(f.Captures()) != 1 {
		t.Errorf("in gzip: %d %s", w.Code, w.Body)
	}
	// The sender heard no answer, and sends it again: the same ids, which ingest knows.
	if w := f.post("/hooks/forms", body, f.signed(body, noon.Add(time.Minute))...); w.Code != 200 {
		t.Errorf("again: %d %s", w.Code, w.Body)
	}
	if again := f.Captures(); len(again) != 1 || again[0].GetActivities()[0].GetId() != "msg_1/0" {
		t.Errorf("again: %v", again)
	}
}

func TestWhatIsNotTheSendersIsRefused(t *testing.T) {
	f := newFront(t)
	body := `{"email": "canary@acme.example"}`
	good := f.signed(body, noon)
	for name, c := range map[string]struct {
		path, body string
		headers    []string
		status     int
	}{
		"unsigned":           {"/hooks/forms", body, nil, 401},
		"forged":             {"/hooks/forms", body + " ", good, 401},
		"stale":              {"/hooks/forms", body, f.signed(body, noon.Add(-6*time.Minute)), 401},
		"from the future":    {"/hooks/forms", body, f.signed(body, noon.Add(6*time.Minute)), 401},
		"no secret":          {"/hooks/plain", body, nil, 401},
		"a wrong secret":     {"/hooks/plain/" + plainSecret + "x", body, nil, 401},
		"secret and more":    {"/hooks/plain/" + plainSecret + "/x", body, nil, 401},
		"nobody":             {"/hooks/nobody", body, good, 404},
		"another kind":       {"/hooks/web", body, good, 404},
		"no id":              {"/hooks/Forms", body, good, 404},
		"not set up":         {"/hooks/broken", body, good, 400},
		"encoded":            {"/hooks/forms", body, append([]string{"Content-Encoding", "br"}, good...), 415},
		"no gzip":            {"/hooks/forms", body, append([]string{"Content-Encoding", "gzip"}, good...), 400},
		"a bomb":             {"/hooks/forms", inlettest.Zip(strings.Repeat(" ", 1<<20), 30), append([]string{"Content-Encoding", "gzip"}, good...), 413},
		"a megabyte and one": {"/hooks/forms", strings.Repeat("x", 1<<20+1), good, 413},
	} {
		t.Run(name, func(t *testing.T) {
			w := f.post(c.path, c.body, c.headers...)
			if w.Code != c.status {
				t.Errorf("%d %s, want %d", w.Code, w.Body, c.status)
			}
			if c.status == 401 && !strings.HasPrefix(w.Body.String(), "BAD_SIGNATURE") {
				t.Errorf("%s", w.Body)
			}
			if len(f.Captures()) > 0 {
				t.Error("it is stored")
			}
			for _, r := range f.Rejected() {
				if r.GetReason() != "BAD_SIGNATURE" || r.GetPayload() != "" || r.GetMessage() == "" {
					t.Errorf("recorded %v", r)
				}
			}
		})
	}
	for range 20 {
		f.post("/hooks/forms", body)
	}
	if n := len(f.Rejected()); n > 5 {
		t.Errorf("strangers had %d recorded at once", n)
	}
	r := httptest.NewRequest(http.MethodGet, "/hooks/forms", nil)
	w := httptest.NewRecorder()
	if f.door.ServeHTTP(w, r); w.Header().Get("Allow") != "POST" {
		t.Errorf("GET: %v", w.Header())
	}
}

func TestASecretStandsInThePathOrAsPassword(t *testing.T) {
	f := newFront(t)
	const form = "email=ada%40acme.example&id=1"
	if w := f.post("/hooks/plain/"+plainSecret, form); w.Code != 200 {
		t.Errorf("in the path: %d %s", w.Code, w.Body)
	}
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("any:"+plainSecret))
	if w := f.post("/hooks/plain", form+"&n=2", "Authorization", basic); w.Code != 200 {
		t.Errorf("as password: %d %s", w.Code, w.Body)
	}
	if got := f.Captures(); len(got) != 2 {
		t.Errorf("%v", got)
	}
	r := hook.Hide(httptest.NewRequest(http.MethodPost, "/hooks/plain/"+url.PathEscape(plainSecret)+"?x=1", nil))
	if strings.Contains(r.URL.String()+r.RequestURI, plainSecret) {
		t.Errorf("the secret is still in %s, %s", r.URL, r.RequestURI)
	}
}

// A recording of a message without any time says nothing anew.
func TestARecordingDoesNothing(t *testing.T) {
	f := newFront(t)
	const body = `{"email": "ada@acme.example", "id": "1"}`
	f.Fail(apierr.Unavailable("ingest"))
	if w := f.post("/hooks/plain/"+plainSecret, body); w.Code != 503 {
		t.Errorf("without ingest: %d %s", w.Code, w.Body)
	}
	f.Fail(nil)
	for i := range 3 {
		if w := f.post("/hooks/plain/"+plainSecret, body); w.Code != 200 || w.Body.String() != `{"captured":1,"rejected":0,"skipped":0}` {
			t.Errorf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	if got := f.Captures(); len(got) != 1 {
		t.Errorf("stored %d times", len(got))
	}
	if f.post("/hooks/plain/"+plainSecret, body+" "); len(f.Captures()) != 1 {
		t.Error("another message is taken for the same")
	}
}

func TestWhatIsRefusedIsKeptWithItsReason(t *testing.T) {
	f := newFront(t)
	f.Refuse("bad@acme.example", &ingestv1.BatchCaptureResult{ErrorReason: "INVALID_FIELD", ErrorField: "requests[0].lead.identities[0].value", ErrorMessage: "expected an address"})
	f.Refuse("gone@acme.example", &ingestv1.BatchCaptureResult{ErrorReason: "SUPPRESSED", ErrorMessage: "expected nobody who is suppressed"})
	body := `{"rows": [{"email": "ada@acme.example"}, {"email": "bad@acme.example"}, {"name": "x"}, {"test": 1}, {"email": "gone@acme.example"}, {"email": "cy@acme.example", "title": {}}]}`
	w := f.post("/hooks/forms", body, f.signed(body, noon)...)
	if w.Code != 200 || w.Body.String() != `{"captured":2,"rejected":3,"skipped":1}` || w.Header().Get("X-Rejected") != "3" {
		t.Errorf("%d %s %v", w.Code, w.Body, w.Header())
	}
	want := map[string]string{ // field → payload
		"webhook.mapping.email":                `{"name":"x"}`,
		"webhook.mapping.attributes.job_title": `{"email":"cy@acme.example","title":{}}`,
		"items[1].lead.identities[0].value":    `{"email":"bad@acme.example"}`,
		"items[4]":                             "",
	}
	for _, r := range f.Rejected() {
		if payload, ok := want[r.GetField()]; !ok || payload != r.GetPayload() || r.GetSource() != "forms" || r.GetDoor() != "webhook" {
			t.Errorf("recorded %v", r)
		}
		delete(want, r.GetField())
	}
	if len(want) > 0 {
		t.Errorf("not recorded: %v", want)
	}
	const broken = `{"email": "ada@acme.example", "email": "b"}`
	if w := f.post("/hooks/forms", broken, f.signed(broken, noon)...); w.Code != 400 || !strings.HasPrefix(w.Body.String(), "MALFORMED_BODY") {
		t.Errorf("a key twice: %d %s", w.Code, w.Body)
	}
	if r := f.Rejected(); len(r) != 1 || r[0].GetReason() != "MALFORMED_BODY" || r[0].GetPayload() != broken {
		t.Errorf("recorded %v", r)
	}
}

func TestIngestIsAway(t *testing.T) {
	f := newFront(t)
	body := `{"rows": [{"email": "ada@acme.example"}, {"name": "x"}]}`
	for _, err := range []error{apierr.Unavailable("the store"), status.Error(codes.DeadlineExceeded, "late"), status.Error(codes.Unavailable, "gone")} {
		f.Fail(err)
		if w := f.post("/hooks/forms", body, f.signed(body, noon)...); w.Code != 503 || !strings.HasPrefix(w.Body.String(), "UNAVAILABLE") {
			t.Errorf("%v: %d %s", err, w.Code, w.Body)
		}
	}
}

func TestLimits(t *testing.T) {
	f := newFront(t)
	f.Sources["forms"].Limits = ratelimit.Limits{Source: ratelimit.Limit{PerSecond: 1, Burst: 3}}
	body := `{"rows": [{"email": "ada@acme.example"}, {"email": "bob@acme.example"}]}`
	if w := f.post("/hooks/forms", body, f.signed(body, noon)...); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := f.post("/hooks/forms", body, f.signed(body, noon)...); w.Code != 429 {
		t.Errorf("too much: %d %s", w.Code, w.Body)
	}
	// Who has no signature takes nothing from who has.
	for range 3 {
		f.post("/hooks/forms", body)
	}
	f.Now = noon.Add(time.Second)
	if w := f.post("/hooks/forms", body, f.signed(body, f.Now)...); w.Code != 200 {
		t.Errorf("a second later: %d %s", w.Code, w.Body)
	}
	last := 0
	for range 600 {
		last = f.post("/hooks/nobody", "").Code
	}
	if last != 429 {
		t.Errorf("a stranger from one address: %d", last)
	}
}
