package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// A receiver of handoffs says what became of them, in messages that it signs.
func TestADestinationSaysWhatBecameOfAHandoff(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		made := in.must(t, "POST", "/v1/destinations?destinationId=sales-desk", map[string]any{"kind": "KIND_WEBHOOK", "url": "https://203-0-113-7.invalid/hook"})
		other := in.must(t, "POST", "/v1/destinations?destinationId=elsewhere", map[string]any{
			"kind": "KIND_WEBHOOK", "url": "https://203-0-113-8.invalid/hook", "eventTypes": []any{"lead.nurture"},
		})
		secret := made.str("inboundSecret")
		if !strings.HasPrefix(secret, "whsec_") {
			t.Fatalf("no inbound secret in %s", made.text)
		}
		lead, handoff := in.handedOff(t, person("hook@example.com", did("demo.requested")))
		won := fmt.Sprintf(`{"handoff":%q,"outcome":"won","amount":12500.00,"currencyCode":"EUR","occurredTime":"2026-01-02T10:00:00Z","stage":"theirs"}`, handoff)
		opened := fmt.Sprintf(`{"handoff":%q,"outcome":"opportunity"}`, handoff)
		now := time.Now()

		for name, c := range map[string]struct {
			destination, secret, id, body string
			at                            time.Time
			status                        int
			says                          string
		}{
			"another secret":          {"sales-desk", other.str("inboundSecret"), "m1", won, now, 401, "UNAUTHENTICATED"},
			"no destination":          {"nowhere", secret, "m1", won, now, 401, "inboundSecret"},
			"too old":                 {"sales-desk", secret, "m1", won, now.Add(-6 * time.Minute), 401, "UNAUTHENTICATED"},
			"of the future":           {"sales-desk", secret, "m1", won, now.Add(6 * time.Minute), 401, "UNAUTHENTICATED"},
			"no id":                   {"sales-desk", secret, "", won, now, 401, "UNAUTHENTICATED"},
			"no JSON":                 {"sales-desk", secret, "m1", "won", now, 400, "MALFORMED_BODY"},
			"a wrong type":            {"sales-desk", secret, "m1", `{"handoff":17}`, now, 400, "handoff"},
			"a bomb":                  {"sales-desk", secret, "m1", strings.Repeat(`{"a":`, 2000), now, 400, "levels of nesting"},
			"65 KiB":                  {"sales-desk", secret, "m1", strings.Repeat(" ", 65<<10), now, 413, "64 KiB"},
			"nobody":                  {"sales-desk", secret, "m1", `{"outcome":"won"}`, now, 400, "remoteId"},
			"an unknown handoff":      {"sales-desk", secret, "m1", `{"handoff":"handoffs/01900000-0000-7000-8000-000000000000","outcome":"won"}`, now, 404, "NOT_FOUND"},
			"an unknown id of theirs": {"sales-desk", secret, "m1", `{"remoteId":"4711","outcome":"won"}`, now, 404, "NOT_FOUND"},
			"what it was never sent":  {"elsewhere", other.str("inboundSecret"), "m1", won, now, 404, "NOT_FOUND"},
			"an unknown outcome":      {"sales-desk", secret, "m-maybe", fmt.Sprintf(`{"handoff":%q,"outcome":"maybe"}`, handoff), now, 200, "STATUS_REFUSED"},
			"an amount alone":         {"sales-desk", secret, "m-amount", fmt.Sprintf(`{"handoff":%q,"outcome":"won","amount":"5"}`, handoff), now, 200, "currencyCode"},
		} {
			status, text := in.hook(t, c.destination, c.secret, c.id, c.at, c.body)
			if status != c.status || !strings.Contains(text, c.says) {
				t.Errorf("%s: %d %s, want %d and %q", name, status, text, c.status, c.says)
			}
		}
		if h := in.must(t, "GET", "/v1/"+handoff, nil); h.str("state") != "STATE_OPEN" {
			t.Fatalf("something of that was taken: %s", h.text)
		}

		for i, c := range []struct{ id, body, says string }{
			{"m2", opened, "STATUS_RECORDED"},
			{"m2", opened, "STATUS_RECORDED"},                                            // the same message: the same answer
			{"m3", opened, "STATUS_UNCHANGED"},                                           // said again
			{"m4", won, "STATUS_RECORDED"},                                               //
			{"m2", strings.Replace(opened, "opportunity", "lost", 1), "STATUS_RECORDED"}, // an id stands for its first message
			{"m5", fmt.Sprintf(`{"handoff":%q,"outcome":"lost","reason":"no_budget"}`, handoff), "STATUS_REFUSED"},
		} {
			if status, text := in.hook(t, "sales-desk", secret, c.id, now, c.body); status != 200 || !strings.Contains(text, c.says) {
				t.Errorf("message %d: %d %s, want %s", i, status, text, c.says)
			}
		}
		h := in.must(t, "GET", "/v1/"+handoff, nil)
		if h.str("state") != "STATE_WON" || h.str("outcome", "amount") != "12500.00" || h.str("outcome", "actor") != "destinations/sales-desk" ||
			h.str("outcome", "occurredTime") != "2026-01-02T10:00:00Z" {
			t.Errorf("the handoff is %s", h.text)
		}
		eventually(t, "the timeline shows the deal", func() bool {
			text := in.must(t, "GET", "/v1/"+lead+"/activities", nil).text
			return strings.Contains(text, `"sales.accepted"`) && strings.Contains(text, `"sales.opportunity"`) && strings.Contains(text, `"sales.won"`)
		})
		if response, err := http.Get(in.rest + "/hooks/crm/sales-desk"); err != nil || response.StatusCode != http.StatusMethodNotAllowed {
			t.Errorf("GET: %v, %v", response.StatusCode, err)
		} else {
			_ = response.Body.Close()
		}
	})
}

// hook sends a signed message and returns the answer.
func (in *installation) hook(t *testing.T, destination, secret, id string, at time.Time, body string) (int, string) {
	t.Helper()
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return in.post(t, "/hooks/crm/"+destination, body,
		"webhook-id", id, "webhook-timestamp", strconv.FormatInt(at.Unix(), 10), "webhook-signature", signature)
}
