package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// message is a request as a receiver saw it.
type message struct {
	header http.Header
	body   []byte
}

// receiver takes everything and hands it out.
func receiver(t *testing.T) (string, chan message) {
	t.Helper()
	got := make(chan message, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- message{r.Header.Clone(), body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func arrived(t *testing.T, got chan message) message {
	t.Helper()
	select {
	case m := <-got:
		return m
	case <-time.After(20 * time.Second):
		t.Fatal("nothing arrived within 20 s")
		return message{}
	}
}

func TestAHandoffReachesItsDestinations(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		address, got := receiver(t)
		made := in.must(t, "POST", "/v1/destinations?destinationId=crm", map[string]any{
			"kind": "KIND_WEBHOOK", "url": address, "detail": "DETAIL_FULL", "displayName": "The CRM",
		})
		secret := made.str("secret")
		if !strings.HasPrefix(secret, "whsec_") || !strings.HasPrefix(made.str("inboundSecret"), "whsec_") || made.str("state") != "STATE_ENABLED" {
			t.Fatalf("made %s", made.text)
		}
		if again := in.must(t, "GET", "/v1/destinations/crm", nil); strings.Contains(again.text, "whsec_") || again.str("eventTypes", 0) != "handoff.*" {
			t.Errorf("read again %s", again.text)
		}
		lead, handoff := in.qualified(t, "ana@delivery.example")

		first := arrived(t, got)
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(first.body, first.header); err != nil {
			t.Error(err)
		}
		var body struct {
			Type string
			Data struct {
				Handoff, Lead string
				Packet        struct {
					Identities map[string]string
					Attributes map[string]any
					Activities []struct{ Type, Detail string }
					Points     []struct{ Description string }
					Reasons    []struct{ Code string }
					NextStep   string
				}
			}
		}
		if err := json.Unmarshal(first.body, &body); err != nil {
			t.Fatal(err)
		}
		p := body.Data.Packet
		if body.Type != "handoff.created" || body.Data.Handoff != handoff || body.Data.Lead != lead || p.Identities["email"] != "ana@delivery.example" ||
			p.Attributes["job_title"] != "VP Engineering" || len(p.Activities) != 2 || len(p.Points) == 0 || p.NextStep == "" ||
			len(p.Reasons) != 1 || p.Reasons[0].Code != "fast_track.demo_request" {
			t.Errorf("it got %s", first.body)
		}
		packet := in.must(t, "GET", "/v1/"+handoff+"/packet", nil)
		if packet.str("name") != handoff+"/packet" || packet.str("nextStep") != p.NextStep {
			t.Errorf("the packet %s", packet.text)
		}

		key := first.header.Get("Webhook-Id")
		eventually(t, "the delivery is done", func() bool {
			return in.must(t, "GET", "/v1/deliveries/"+key, nil).str("state") == "STATE_DELIVERED"
		})
		one := in.must(t, "GET", "/v1/deliveries/"+key, nil)
		if one.str("attempts", 0, "httpStatus") != "204" || one.str("handoff") != handoff || strings.Contains(one.text, "ana@") {
			t.Errorf("the delivery %s", one.text)
		}
		filter := url.QueryEscape(`destination = "crm" AND state = "DELIVERED"`)
		if list := in.must(t, "GET", "/v1/deliveries?filter="+filter, nil); list.str("deliveries", 0, "name") != "deliveries/"+key {
			t.Errorf("the list %s", list.text)
		}

		// Sales answers: told, too. And what was delivered is sent again on request.
		sales := in.key(t, typev1.Role_ROLE_SALES)
		if a := in.call(t, sales, "POST", "/v1/"+handoff+":reject", map[string]any{"reason": "no_budget"}); a.status != 200 {
			t.Fatalf("reject: %s", a.text)
		}
		if m := arrived(t, got); !strings.Contains(string(m.body), `"type":"handoff.rejected"`) || !strings.Contains(string(m.body), `"reason":"no_budget"`) {
			t.Errorf("told %s", m.body)
		}
		in.must(t, "POST", "/v1/deliveries:replay", map[string]any{"delivery": "deliveries/" + key})
		if m := arrived(t, got); string(m.body) != string(first.body) || m.header.Get("Webhook-Id") != key {
			t.Errorf("replayed %s", m.body)
		}

		// Both secrets sign for a day, and a test event comes by the new one.
		fresh := in.must(t, "POST", "/v1/destinations/crm:rotateSecret", map[string]any{}).str("secret")
		in.must(t, "POST", "/v1/destinations/crm:sendTestEvent", map[string]any{})
		m := arrived(t, got)
		for _, secret := range []string{secret, fresh} {
			verifier, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := verifier.Verify(m.body, m.header); err != nil {
				t.Error(err)
			}
		}
		if removed := in.must(t, "DELETE", "/v1/destinations/crm", nil); removed.status != 200 {
			t.Errorf("%s", removed.text)
		}
	})
}

func TestBadDestinations(t *testing.T) {
	in := oneProcess(t)
	good := map[string]any{"kind": "KIND_WEBHOOK", "url": "https://hooks.example/"}
	in.must(t, "POST", "/v1/destinations?destinationId=taken", map[string]any{"kind": "KIND_WEBHOOK", "url": "http://127.0.0.1:9/"})
	for _, c := range []struct {
		name, method, path string
		body               map[string]any
		status             int
		reason, field      string
	}{
		{"no kind", "POST", "/v1/destinations?destinationId=a", map[string]any{"url": "https://hooks.example/"}, 400, "INVALID_FIELD", "destination.kind"},
		{"a private address", "POST", "/v1/destinations?destinationId=a", map[string]any{"kind": "KIND_WEBHOOK", "url": "https://10.0.0.1/"}, 400, "INVALID_FIELD", "destination.url"},
		{"the metadata of a cloud", "POST", "/v1/destinations?destinationId=a", map[string]any{"kind": "KIND_SLACK", "url": "http://169.254.169.254/"}, 400, "INVALID_FIELD", "destination.url"},
		{"no URL", "POST", "/v1/destinations?destinationId=a", map[string]any{"kind": "KIND_WEBHOOK"}, 400, "INVALID_FIELD", "destination.url"},
		{"an unknown event", "POST", "/v1/destinations?destinationId=a", with(map[string]any{"eventTypes": []string{"handoff.created", "lead.eaten"}}, "kind", "KIND_WEBHOOK", "url", "https://hooks.example/"), 400, "INVALID_FIELD", "destination.eventTypes[1]"},
		{"a CRM without a password", "POST", "/v1/destinations?destinationId=a", map[string]any{"kind": "KIND_TRYTON", "url": "https://crm.example/", "tryton": map[string]any{"database": "d", "username": "u"}}, 400, "INVALID_FIELD", "destination.tryton.password"},
		{"an id that is taken", "POST", "/v1/destinations?destinationId=taken", good, 409, "ALREADY_EXISTS", ""},
		{"another kind", "PATCH", "/v1/destinations/taken", map[string]any{"kind": "KIND_SLACK"}, 400, "INVALID_FIELD", "destination.kind"},
		{"a change to a private address", "PATCH", "/v1/destinations/taken", map[string]any{"url": "https://192.168.0.1/"}, 400, "INVALID_FIELD", "destination.url"},
		{"none", "GET", "/v1/destinations/none", nil, 404, "NOT_FOUND", ""},
		{"a delivery that is none", "POST", "/v1/deliveries:replay", map[string]any{"delivery": "deliveries/01900000-0000-7000-8000-000000000000"}, 404, "NOT_FOUND", ""},
		{"a replay of everything", "POST", "/v1/deliveries:replay", map[string]any{}, 400, "INVALID_FIELD", "delivery"},
		{"an unknown test event", "POST", "/v1/destinations/taken:sendTestEvent", map[string]any{"eventType": "lead.eaten"}, 400, "INVALID_FIELD", "eventType"},
	} {
		var body any
		if c.body != nil {
			body = c.body
		}
		a := in.call(t, adminKey, c.method, c.path, body)
		if a.status != c.status || a.str("reason") != c.reason || a.str("fieldViolations", 0, "field") != c.field {
			t.Errorf("%s: %d %s", c.name, a.status, a.text)
		}
	}
	if types := in.must(t, "GET", "/v1/eventTypes", nil); len(types.get("eventTypes").([]any)) < 15 || !strings.Contains(types.text, "handoff.created") {
		t.Errorf("types %s", types.text)
	}
}

// A link in a chat message: looking changes nothing, pressing the button works once, and
// whoever comes second reads what happened and by whom.
func TestOneClickLinks(t *testing.T) {
	in := oneProcess(t)
	address, got := receiver(t)
	in.must(t, "POST", "/v1/destinations?destinationId=chat", map[string]any{
		"kind": "KIND_SLACK", "url": address, "eventTypes": []string{"handoff.created"}, "detail": "DETAIL_MASKED",
	})
	in.must(t, "POST", "/v1/users?userId=jane", map[string]any{"displayName": "Jane", "role": "ROLE_SALES", "email": "jane@assay.example"})
	_, handoff := in.qualified(t, "ana@links.example")
	m := arrived(t, got)
	if strings.Contains(string(m.body), "ana@links.example") {
		t.Errorf("a masked message tells the address: %s", m.body)
	}
	var chat struct {
		Blocks []struct{ Elements []struct{ URL string } }
	}
	if err := json.Unmarshal(m.body, &chat); err != nil {
		t.Fatal(err)
	}
	var links []string
	for _, b := range chat.Blocks {
		for _, e := range b.Elements {
			if e.URL != "" {
				links = append(links, e.URL)
			}
		}
	}
	if len(links) != 2 {
		t.Fatalf("links %v in %s", links, m.body)
	}
	claim, reject := links[0], links[1]
	open := func(method, link string, form url.Values) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, link, strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		text, _ := io.ReadAll(answer.Body)
		if !strings.Contains(answer.Header.Get("Content-Security-Policy"), "default-src 'none'") || answer.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers %v", answer.Header)
		}
		return answer.StatusCode, string(text)
	}
	says := func(method, link string, form url.Values, status int, words ...string) {
		t.Helper()
		code, text := open(method, link, form)
		if code != status {
			t.Errorf("%s: %d, want %d\n%s", method, code, status, text)
		}
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%s does not say %q:\n%s", method, w, text)
			}
		}
	}
	state := func() string { return in.must(t, "GET", "/v1/"+handoff, nil).str("state") }

	for range 3 { // as scanners of mail and chat do
		says("GET", claim, nil, 200, "Claim this lead", "<button", "Who are you")
		says("HEAD", claim, nil, 200)
	}
	if got := state(); got != "STATE_OPEN" {
		t.Fatalf("looking made it %s", got)
	}
	says("POST", claim, nil, 400, "who you are")
	says("POST", claim, url.Values{"actor": {"nobody"}}, 400, "a user of Assay")
	says("POST", reject, url.Values{"actor": {"jane"}}, 400, "a reason")
	says("PUT", claim, nil, 405)
	says("POST", claim, url.Values{"actor": {"Jane "}}, 200, "Done")
	if got := in.must(t, "GET", "/v1/"+handoff, nil); got.str("state") != "STATE_ACCEPTED" || got.str("owner") != "jane" {
		t.Errorf("claimed: %s", got.text)
	}
	says("POST", claim, url.Values{"actor": {"bob"}}, 409, "claimed with this link by jane")
	says("GET", claim, nil, 200, "claimed with this link by jane")
	says("POST", reject, url.Values{"actor": {"jane"}, "reason": {"no_budget"}}, 409, "accepted with jane")
	says("GET", claim[:len(claim)-2], nil, 404, "no such link")
	says("GET", in.rest+"/links/", nil, 404)
	if got := state(); got != "STATE_ACCEPTED" {
		t.Errorf("afterwards it is %s", got)
	}
}
