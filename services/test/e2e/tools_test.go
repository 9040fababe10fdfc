package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// post sends a body as a tool does and returns the answer.
func (in *installation) post(t *testing.T, path, body string, headers ...string) (int, string) {
	t.Helper()
	return in.send(t, http.MethodPost, path, body, headers...)
}

func (in *installation) send(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, in.rest+path, bytes.NewBufferString(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(text)
}

// timeline returns the lead of an address, and the types of what it did, latest first.
func (in *installation) timeline(t *testing.T, email string) (lead answer, types []string) {
	t.Helper()
	lead = in.must(t, "POST", "/v1/leads:lookup", map[string]any{"identity": map[string]any{"kind": "KIND_EMAIL", "value": email}})
	activities, _ := in.must(t, "GET", "/v1/"+lead.str("lead", "name")+"/activities", nil).get("activities").([]any)
	for _, a := range activities {
		// What the services themselves say of it stands among it.
		if m, _ := a.(map[string]any); !strings.HasPrefix(fmt.Sprint(m["source"]), "assay:") {
			types = append(types, fmt.Sprint(m["type"]))
		}
	}
	return lead, types
}

// Tools post to Assay what their users did: signed, and once or more often.
func TestToolsSendWebhooks(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		public, err := x509.MarshalPKIXPublicKey(key.Public())
		if err != nil {
			t.Fatal(err)
		}
		source := func(id, preset, secret string) {
			in.must(t, "POST", "/v1/sources?sourceId="+id, map[string]any{
				"kind": "KIND_WEBHOOK", "webhook": map[string]any{"preset": preset, "secret": secret},
			})
		}
		source("mails", "sendgrid", base64.StdEncoding.EncodeToString(public))
		source("forms", "typeform", "typeform-secret")

		day := time.Now().Add(-24 * time.Hour).Unix()
		mails := fmt.Sprintf(`[
			{"email": "ada@acme.example", "timestamp": %d, "event": "delivered", "sg_event_id": "e1"},
			{"email": "ada@acme.example", "timestamp": %d, "event": "open", "sg_event_id": "e2", "sg_machine_open": true},
			{"email": "ada@acme.example", "timestamp": %d, "event": "click", "sg_event_id": "e3", "url": "https://www.example.com/pricing"},
			{"timestamp": %d, "event": "click", "sg_event_id": "e4"},
			{"email": "bob@acme.example", "timestamp": %d, "event": "processed", "sg_event_id": "e5"}]`, day, day+60, day+120, day, day)
		sendgrid := func(body string, at time.Time) []string {
			timestamp := strconv.FormatInt(at.Unix(), 10)
			sum := sha256.Sum256([]byte(timestamp + body))
			signature, err := ecdsa.SignASN1(rand.Reader, key, sum[:])
			if err != nil {
				t.Fatal(err)
			}
			return []string{"X-Twilio-Email-Event-Webhook-Timestamp", timestamp, "X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature)}
		}
		answer := fmt.Sprintf(`{"event_type": "form_response", "form_response": {"form_id": "f", "token": "t-1", "submitted_at": %q,
			"hidden": {"utm_campaign": "spring"}, "definition": {"title": "Demo"}, "answers": [
			{"type": "email", "email": "ada@acme.example", "field": {"ref": "mail"}}, {"type": "text", "text": "CTO", "field": {"ref": "job_title"}}]}}`,
			time.Unix(day, 0).UTC().Format(time.RFC3339))
		typeform := func(body string) []string {
			h := hmac.New(sha256.New, []byte("typeform-secret"))
			_, _ = h.Write([]byte(body))
			return []string{"Typeform-Signature", "sha256=" + base64.StdEncoding.EncodeToString(h.Sum(nil))}
		}
		now := time.Now()
		for name, c := range map[string]struct {
			path, body string
			headers    []string
			status     int
			says       string
		}{
			"unsigned":        {"/hooks/mails", mails, nil, 401, "BAD_SIGNATURE"},
			"tampered":        {"/hooks/mails", strings.Replace(mails, "ada@", "eve@", 1), sendgrid(mails, now), 401, "BAD_SIGNATURE"},
			"stale":           {"/hooks/mails", mails, sendgrid(mails, now.Add(-6*time.Minute)), 401, "BAD_SIGNATURE"},
			"another form":    {"/hooks/forms", answer + " ", typeform(answer), 401, "BAD_SIGNATURE"},
			"another's":       {"/hooks/forms", mails, sendgrid(mails, now), 401, "BAD_SIGNATURE"},
			"no source":       {"/hooks/nobody", mails, nil, 404, "NOT_FOUND"},
			"no JSON":         {"/hooks/forms", "hello", typeform("hello"), 400, "MALFORMED_BODY"},
			"a bomb":          {"/hooks/forms", strings.Repeat(`{"a":`, 2000), typeform(strings.Repeat(`{"a":`, 2000)), 400, "levels of nesting"},
			"over a megabyte": {"/hooks/forms", strings.Repeat(" ", 1<<20+1), nil, 413, "1 MiB"},
		} {
			if status, text := in.post(t, c.path, c.body, c.headers...); status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s: %d %s, want %d %s", name, status, text, c.status, c.says)
			}
		}
		// What is sent again, or recorded and played again, is stored once.
		for range 2 {
			if status, text := in.post(t, "/hooks/mails", mails, sendgrid(mails, now)...); status != 200 || text != `{"captured":3,"rejected":1,"skipped":1}` {
				t.Fatalf("mails: %d %s", status, text)
			}
			if status, text := in.post(t, "/hooks/forms", answer, typeform(answer)...); status != 200 || text != `{"captured":1,"rejected":0,"skipped":0}` {
				t.Fatalf("a form: %d %s", status, text)
			}
		}
		lead, types := in.timeline(t, "ada@acme.example")
		if got := strings.Join(types, " "); len(types) != 4 || !strings.HasPrefix(got, "email.clicked email.opened ") {
			t.Errorf("the timeline is %s", got)
		}
		if lead.str("lead", "attributes", "job_title") != "CTO" {
			t.Errorf("the lead is %s", lead.text)
		}
		rejected := in.must(t, "GET", `/v1/rejectedEvents?filter=source%20%3D%20%22mails%22`, nil)
		if !strings.Contains(rejected.text, `"webhook.mapping.userId"`) || !strings.Contains(rejected.text, "BAD_SIGNATURE") {
			t.Errorf("rejected events: %s", rejected.text)
		}
		preview := in.must(t, "POST", "/v1/sources/mails:preview", map[string]any{})
		if captures, _ := preview.get("captures").([]any); len(captures) != 3 {
			t.Errorf("of the preset's sample: %s", preview.text)
		}
	})
}

// Systems send CloudEvents with the write key of a source.
func TestSystemsSendCloudEvents(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		in.must(t, "POST", "/v1/sources?sourceId=app", map[string]any{"kind": "KIND_SERVER"})
		key := in.must(t, "POST", "/v1/apiKeys", map[string]any{"actor": "app", "role": "ROLE_INGEST", "source": "sources/app"}).str("secret")
		bearer := []string{"Authorization", "Bearer " + key}
		event := func(id, more string) string {
			return `{"specversion": "1.0", "id": "` + id + `", "source": "/app", "type": "trial.started", "data": {"email": "ada@acme.example", "plan": "team"}` + more + `}`
		}
		for range 2 {
			for _, c := range []struct {
				body    string
				headers []string
			}{
				{`{"email": "ada@acme.example"}`, []string{"ce-specversion", "1.0", "ce-id", "1", "ce-source", "/app", "ce-type", "trial.started", "Content-Type", "application/json"}},
				{event("2", ""), []string{"Content-Type", "application/cloudevents+json"}},
				{"[" + event("3", "") + "," + event("1", "") + "]", []string{"Content-Type", "application/cloudevents-batch+json"}},
			} {
				if status, text := in.post(t, "/v1/events:cloudevents", c.body, append(bearer, c.headers...)...); status != 200 {
					t.Errorf("%s: %d %s", c.body, status, text)
				}
			}
		}
		if _, types := in.timeline(t, "ada@acme.example"); strings.Join(types, " ") != "trial.started trial.started trial.started" {
			t.Errorf("the timeline is %v", types)
		}
		if status, text := in.post(t, "/v1/events:cloudevents", event("9", `, "time": "noon"`), append(bearer, "Content-Type", "application/cloudevents+json")...); status != 400 || !strings.Contains(text, `"field":"time"`) {
			t.Errorf("a bad time: %d %s", status, text)
		}
		if status, text := in.post(t, "/v1/events:cloudevents", event("9", ""), "Content-Type", "application/cloudevents+json"); status != 401 {
			t.Errorf("without a key: %d %s", status, text)
		}
	})
}
