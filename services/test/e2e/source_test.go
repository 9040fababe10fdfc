package e2e

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// source makes a source and returns its write key.
func (in *installation) source(t *testing.T, id string, source map[string]any) string {
	t.Helper()
	in.must(t, "POST", "/v1/sources?sourceId="+id, source)
	return in.writeKey(t, id).str("secret")
}

func (in *installation) writeKey(t *testing.T, source string) answer {
	t.Helper()
	return in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": source, "role": "ROLE_INGEST", "source": "sources/" + source})
}

// captureFrom captures somebody from a page and returns the status.
func (in *installation) captureFrom(t *testing.T, key, origin string) int {
	t.Helper()
	body := `{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "web@example.com"}]}}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, in.rest+"/v1/leads:capture", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("Origin", origin)
	answered, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answered.Body.Close()
	return answered.StatusCode
}

// A write key captures for its source, is replaced without a gap, and ends within five
// seconds of its revocation.
func TestAWriteKeyFromCreationToRevocation(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		in.must(t, "POST", "/v1/sources?sourceId=shop", map[string]any{"kind": "KIND_SERVER"})
		first := in.writeKey(t, "shop")
		second := in.writeKey(t, "shop")
		third := in.call(t, adminKey, "POST", "/v1/apiKeys", map[string]any{"actor": "shop", "role": "ROLE_INGEST", "source": "sources/shop"})
		if third.status != 409 || !strings.Contains(third.text, first.str("name")) {
			t.Errorf("a third key: %d %s", third.status, third.text)
		}
		for i, key := range []string{first.str("secret"), second.str("secret")} {
			capture := with(person("shop"+strconv.Itoa(i)+"@example.com", with(did("trial.started"), "source", "crm")), "source", "crm")
			a := in.call(t, key, "POST", "/v1/leads:capture", capture)
			if a.status != 200 {
				t.Fatalf("%d %s", a.status, a.text)
			}
			activities := in.must(t, "GET", "/v1/"+a.str("lead")+"/activities", nil)
			if !strings.Contains(activities.text, `"source":"shop"`) || strings.Contains(activities.text, `"source":"crm"`) {
				t.Errorf("what the key of the shop brought is %s", activities.text)
			}
			for path, method := range map[string]string{"/v1/" + a.str("lead"): "GET", "/v1/leads": "GET", "/v1/sources/shop": "GET", "/v1/apiKeys": "GET", "/v1/accounts:capture": "POST"} {
				if got := in.call(t, key, method, path, nil); got.status != 403 {
					t.Errorf("a write key may %s %s: %d %s", method, path, got.status, got.text)
				}
			}
		}
		in.must(t, "POST", "/v1/"+first.str("name")+":revoke", map[string]any{})
		eventually(t, "the revoked key is refused", func() bool {
			return in.call(t, first.str("secret"), "POST", "/v1/leads:capture", person("shop@example.com")).status == 401
		})
		if a := in.call(t, second.str("secret"), "POST", "/v1/leads:capture", person("shop@example.com")); a.status != 200 {
			t.Errorf("the other key: %d %s", a.status, a.text)
		}
		in.writeKey(t, "shop") // in the place of the first
		in.must(t, "PATCH", "/v1/sources/shop", map[string]any{"disabled": true})
		eventually(t, "the disabled source is refused", func() bool {
			a := in.call(t, second.str("secret"), "POST", "/v1/leads:capture", person("shop@example.com"))
			return a.status == 403 && strings.Contains(a.text, "SOURCE_DISABLED")
		})
	})
}

func TestABrowserKeyIsBounded(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		key := in.source(t, "web", map[string]any{
			"kind": "KIND_BROWSER", "allowedOrigins": []any{"https://*.example.com"},
			"limits": map[string]any{"eventsPerSecond": 0.01, "burst": 4},
		})
		a := in.call(t, key, "POST", "/v1/leads:capture", with(person("web@example.com", did("trial.started")), "waitForDecision", true, "waitTimeout", "20s"))
		if a.status != 200 || a.str("lead") != "" || strings.Contains(a.text, "QUALIFIED") || !strings.Contains(a.text, `"nextStep":"NEXT_STEP_MEET"`) {
			t.Errorf("a browser is answered %d %s", a.status, a.text)
		}
		if a := in.call(t, key, "POST", "/v1/leads:batchCapture", map[string]any{"requests": []any{person("web@example.com")}}); a.status != 403 {
			t.Errorf("many at once: %d %s", a.status, a.text)
		}
		for origin, want := range map[string]int{"https://evil.example": 403, "https://www.example.com": 200} {
			if got := in.captureFrom(t, key, origin); got != want {
				t.Errorf("a page of %s is answered %d, want %d", origin, got, want)
			}
		}
		many := in.call(t, key, "POST", "/v1/leads:capture", person("web@example.com", did("a.b"), did("a.b"), did("a.b")))
		after, err := strconv.Atoi(many.header.Get("Retry-After"))
		if many.status != http.StatusTooManyRequests || err != nil || after < 1 || after > 300 || many.header.Get("X-RateLimit-Reset") != many.header.Get("Retry-After") {
			t.Errorf("more than it may: %d, Retry-After %q, %s", many.status, many.header.Get("Retry-After"), many.text)
		}
		if a := in.call(t, key, "POST", "/v1/leads:capture", person("web@example.com")); a.status != 200 {
			t.Errorf("what is refused takes nothing: %d %s", a.status, a.text)
		}
		grpc := ingestv1.NewIngestServiceClient(in.dial(t, key))
		lead := &ingestv1.Lead{Identities: []*ingestv1.Identity{{Kind: ingestv1.Identity_KIND_EMAIL, Value: "web@example.com"}}}
		request := &ingestv1.CaptureLeadRequest{Lead: lead, Activities: make([]*ingestv1.Activity, 3)}
		if _, err := grpc.CaptureLead(t.Context(), request); apierr.Reason(err) != "OVERLOADED" {
			t.Errorf("more than it may, by gRPC: %v", err)
		}
		if _, err := grpc.CaptureLead(t.Context(), &ingestv1.CaptureLeadRequest{Lead: lead}); err != nil {
			t.Errorf("by gRPC: %v", err)
		}
	})
}
