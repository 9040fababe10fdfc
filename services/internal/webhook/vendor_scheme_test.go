package webhook_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"testing"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/webhook"
)

func TestHubSpotSignsTheAddress(t *testing.T) {
	const target = "https://assay.example/hooks/hubspot"
	millis := func(at time.Time) string { return strconv.FormatInt(at.UnixMilli(), 10) }
	message := func(url string, at time.Time) *webhook.Message {
		signature := base64.StdEncoding.EncodeToString(sum(sha256.New, secret, "POST"+target+string(body)+millis(at)))
		return &webhook.Message{Method: "POST", URL: url, Body: body, Header: header("X-HubSpot-Signature-v3", signature, "X-HubSpot-Request-Timestamp", millis(at))}
	}
	for name, c := range map[string]struct {
		hmac *ingestv1.HmacScheme
		m    *webhook.Message
		want error
	}{
		"as it came":          {nil, message(target, noon), nil},
		"another address":     {nil, message("https://assay.internal/hooks/hubspot", noon), webhook.ErrForged},
		"the address is said": {&ingestv1.HmacScheme{Url: target}, message("https://assay.internal/hooks/hubspot", noon), nil},
		"stale":               {nil, message(target, noon.Add(-6*time.Minute)), webhook.ErrStale},
		"unsigned":            {nil, &webhook.Message{Method: "POST", URL: target, Body: body}, webhook.ErrUnsigned},
		"another body":        {nil, &webhook.Message{Method: "POST", URL: target, Body: []byte("{}"), Header: message(target, noon).Header}, webhook.ErrForged},
		"another method":      {nil, &webhook.Message{Method: "GET", URL: target, Body: body, Header: message(target, noon).Header}, webhook.ErrForged},
	} {
		t.Run(name, func(t *testing.T) {
			w, wrong := webhook.New(&ingestv1.WebhookConfig{Preset: "hubspot", Hmac: c.hmac}, "old "+secret)
			if wrong != nil {
				t.Fatal(wrong)
			}
			if err := w.Verify(c.m, noon); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

// Mailgun's signature does not cover the body, so each token is good for one.
func TestAMailgunTokenIsTakenWithOneBody(t *testing.T) {
	w, wrong := webhook.New(&ingestv1.WebhookConfig{Preset: "mailgun"}, "old "+secret)
	if wrong != nil {
		t.Fatal(wrong)
	}
	signed := func(token string, at time.Time, key, event string) []byte {
		return fmt.Appendf(nil, `{"signature": {"timestamp": %q, "token": %q, "signature": %q}, "event-data": {"id": %q}}`,
			seconds(at), token, hexOf(key, seconds(at)+token), event)
	}
	for _, c := range []struct {
		what string
		body []byte
		want error
	}{
		{"a message", signed("t1", noon, secret, "e1"), nil},
		{"sent again", signed("t1", noon, secret, "e1"), nil},
		{"another with its signature", signed("t1", noon, secret, "e2"), webhook.ErrForged},
		{"the next", signed("t2", noon, secret, "e2"), nil},
		{"another key", signed("t3", noon, "x", "e3"), webhook.ErrForged},
		{"stale", signed("t4", noon.Add(-6*time.Minute), secret, "e4"), webhook.ErrStale},
		{"unsigned", []byte(`{"event-data": {"id": "e5"}}`), webhook.ErrUnsigned},
		{"no object", []byte(`[1]`), webhook.ErrUnsigned},
		{"no hex", []byte(`{"signature": {"timestamp": "1", "token": "t", "signature": "zz"}}`), webhook.ErrForged},
	} {
		if err := w.Verify(&webhook.Message{Body: c.body}, noon); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.what, err, c.want)
		}
	}
}
