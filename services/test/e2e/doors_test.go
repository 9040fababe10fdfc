package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// refusals are what the reference of errors says a way in answers: `400 MALFORMED_BODY`.
func refusals(t *testing.T, heading string) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../../docs/reference/errors.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n### "+heading)
	if !found {
		t.Fatalf("the reference has no %q", heading)
	}
	section, _, _ = strings.Cut(section, "\n### ")
	rows := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| ([0-9]{3}) \\| `([A-Z_]+)` \\|").FindAllStringSubmatch(section, -1) {
		rows[row[1]+" "+row[2]] = true
	}
	return rows
}

// knock is a request to a way in that is refused.
type knock struct {
	method, path, body string
	headers            []string
}

// Each way in answers what the reference of errors says, and nothing else.
func TestEachWayInRefusesAsTheReferenceSays(t *testing.T) {
	in := oneProcess(t)
	slow := map[string]any{"eventsPerSecond": 0.001, "burst": 1}
	server := in.source(t, "crm-sync", map[string]any{"kind": "KIND_SERVER"})
	browser := in.source(t, "web", map[string]any{"kind": "KIND_BROWSER", "allowedOrigins": []any{"https://www.example.com"}})
	limited := in.source(t, "slow", map[string]any{"kind": "KIND_SERVER", "limits": slow})
	limitedToo := in.source(t, "slower", map[string]any{"kind": "KIND_SERVER", "limits": slow})
	off := in.source(t, "off", map[string]any{"kind": "KIND_SERVER", "disabled": true})
	for id, more := range map[string]map[string]any{
		"forms": {"webhook": map[string]any{"preset": "typeform", "secret": "hush"}}, "unset": {"webhook": map[string]any{"preset": "typeform"}},
		"closed":   {"webhook": map[string]any{"preset": "typeform", "secret": "hush"}, "disabled": true},
		"trickles": {"webhook": map[string]any{"preset": "typeform", "secret": "hush"}, "limits": slow},
	} {
		more["kind"] = "KIND_WEBHOOK"
		in.must(t, "POST", "/v1/sources?sourceId="+id, more)
	}
	sales := in.userKey(t, "sam", typev1.Role_ROLE_SALES)

	bearer := func(key string, more ...string) []string {
		return append([]string{"Authorization", "Bearer " + key}, more...)
	}
	signed := func(body string) []string {
		h := hmac.New(sha256.New, []byte("hush"))
		_, _ = h.Write([]byte(body))
		return []string{"Typeform-Signature", "sha256=" + base64.StdEncoding.EncodeToString(h.Sum(nil))}
	}
	const post, get = "POST", "GET"
	const elsewhere = "https://evil.example"
	const structured, batched = "application/cloudevents+json", "application/cloudevents-batch+json"
	const track, message = "/v1/track", `{"userId": "u", "event": "Trial Started"}`
	const hook, filled = "/hooks/forms", `{"event_type": "form_response", "form_response": {"token": "t", "answers": []}}`
	const events, event = "/v1/events:cloudevents", `{"specversion": "1.0", "id": "1", "source": "/a", "type": "a.b", "subject": "u"}`
	const upload = "/v1/imports:upload"
	for heading, knocks := range map[string][]knock{
		"Tracking clients": {
			{post, track, `{`, bearer(server)},
			{post, track, `{"userId": "` + strings.Repeat("x", 32<<10) + `"}`, bearer(server)},
			{post, track, message, nil},
			{post, track, message, bearer(adminKey)},
			{post, track, message, bearer(browser, "Origin", elsewhere)},
			{post, track, message, bearer(off)},
			{get, track, "", bearer(server)},
			{post, track, message, bearer(limited)},
		},
		"Webhooks": {
			{post, hook, `hello`, signed(`hello`)},
			{post, hook, filled, nil},
			{post, "/hooks/closed", filled, signed(filled)},
			{post, "/hooks/nobody", filled, nil},
			{get, hook, "", nil},
			{post, "/hooks/unset", filled, nil},
			{post, hook, strings.Repeat(" ", 1<<20+1), nil},
			{post, hook, filled, []string{"Content-Encoding", "br"}},
			{post, "/hooks/trickles", filled, signed(filled)},
		},
		"CloudEvents": {
			{post, events, `{"specversion": "1.0"}`, bearer(server, "Content-Type", structured)},
			{post, events, event, bearer(server, "Content-Type", batched)},
			{post, events, event, nil},
			{post, events, event, bearer(adminKey)},
			{post, events, event, bearer(browser, "Origin", elsewhere)},
			{post, events, event, bearer(off)},
			{get, events, "", bearer(server)},
			{post, events, strings.Repeat(" ", 4<<20+1), bearer(server, "Content-Type", structured)},
			{post, events, "<event/>", bearer(server, "Content-Type", "application/cloudevents+xml")},
			{post, events, event, bearer(limitedToo, "Content-Type", structured)},
		},
		"Files": {
			{post, upload + "?colour=red", "email\na@example.com\n", bearer(adminKey)},
			{post, upload, "\x1f\x8b and no more", bearer(adminKey, "Content-Encoding", "gzip")},
			{post, upload, "email\na@example.com\n", nil},
			{post, upload, "email\na@example.com\n", bearer(sales)},
			{get, upload, "", bearer(adminKey)},
			{post, upload, "email\na@example.com\n", bearer(adminKey, "Content-Encoding", "br")},
		},
	} {
		want := refusals(t, heading)
		delete(want, "503 UNAVAILABLE") // nothing is away here
		if heading == "Files" {         // as large as that no test should be
			delete(want, "413 TOO_LARGE")
			delete(want, "400 TOO_LARGE")
		}
		got := map[string]bool{}
		for _, k := range knocks {
			status, text := in.send(t, k.method, k.path, k.body, k.headers...)
			if status == 200 { // within the limit of its source, this once
				status, text = in.send(t, k.method, k.path, k.body, k.headers...)
			}
			var problem struct{ Reason string }
			if err := json.Unmarshal([]byte(text), &problem); err != nil {
				t.Errorf("%s %s: %d %.200s", k.method, k.path, status, text)
			}
			answer := fmt.Sprintf("%d %s", status, problem.Reason)
			if !want[answer] {
				t.Errorf("%s %s %.60q is answered with %s, of which the reference says nothing: %.300s", k.method, k.path, k.body, answer, text)
			}
			got[answer] = true
		}
		for answer := range want {
			if !got[answer] {
				t.Errorf("%s: nothing was answered with %s", heading, answer)
			}
		}
	}
}
