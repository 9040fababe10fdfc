package e2e

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// linksOf are those of a chat message: claim, then reject.
func linksOf(t *testing.T, m message) []string {
	t.Helper()
	links := regexp.MustCompile(`http://[^"\\]+/links/[^"\\]+`).FindAllString(string(m.body), -1)
	if len(links) != 2 {
		t.Fatalf("links %v in %s", links, m.body)
	}
	return links
}

// press presses the button of a link's page, or, without a form, only opens it.
func press(t *testing.T, link string, form url.Values) (int, string) {
	t.Helper()
	answer, err := http.Get(link)
	if form != nil {
		answer.Body.Close()
		answer, err = http.PostForm(link, form)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// A link made for somebody who does not have the lead any more offers nothing to press,
// whoever has it now, and if nobody has.
func TestALinkOfALeadThatWentOnOffersNothing(t *testing.T) {
	in := oneProcess(t)
	address, got := receiver(t)
	in.must(t, "POST", "/v1/destinations?destinationId=chat", map[string]any{
		"kind": "KIND_SLACK", "url": address, "eventTypes": []string{"handoff.created"},
	})
	jane := in.userKey(t, "jane", typev1.Role_ROLE_SALES)
	in.userKey(t, "otto", typev1.Role_ROLE_SALES)
	in.must(t, "POST", "/v1/teams?teamId=dach", map[string]any{"members": []any{map[string]any{"user": "users/jane"}}})
	in.publish(t, jane, agreed)
	_, handoff := in.qualified(t, "ana@links.example")
	links := linksOf(t, arrived(t, got))

	in.must(t, "POST", "/v1/"+handoff+":reassign", map[string]any{"owner": "users/otto", "reason": "speaks French"})
	for _, link := range links {
		if code, text := press(t, link, nil); code != 200 || strings.Contains(text, "<button") || !strings.Contains(text, "with otto") {
			t.Errorf("opened: %d %s", code, text)
		}
		if code, text := press(t, link, url.Values{"reason": {"no_budget"}, "actor": {"jane"}}); code != 409 || strings.Contains(text, "<button") {
			t.Errorf("pressed: %d %s", code, text)
		}
	}
	in.must(t, "PATCH", "/v1/users/jane", map[string]any{"inactive": true})
	in.must(t, "PATCH", "/v1/users/otto?reassignHandoffs=true", map[string]any{"inactive": true})
	if code, text := press(t, links[0], nil); code != 200 || strings.Contains(text, "<button") || !strings.Contains(text, "with nobody") {
		t.Errorf("opened, with nobody: %d %s", code, text)
	}
	if a := in.must(t, "GET", "/v1/"+handoff, nil); a.str("state") != "STATE_OPEN" || a.str("owner") != "" {
		t.Errorf("afterwards: %s", a.text)
	}
}

// What people do by a link, and what a destination says, leaves its entry as any change
// does; what changes nothing leaves none.
func TestChangesWithoutAKeyLeaveAnEntry(t *testing.T) {
	in := oneProcess(t)
	address, got := receiver(t)
	in.must(t, "POST", "/v1/destinations?destinationId=chat", map[string]any{
		"kind": "KIND_SLACK", "url": address, "eventTypes": []string{"handoff.created"},
	})
	secret := in.must(t, "POST", "/v1/destinations?destinationId=desk", map[string]any{
		"kind": "KIND_WEBHOOK", "url": "https://203-0-113-7.invalid/hook",
	}).str("inboundSecret")
	in.userKey(t, "jane", typev1.Role_ROLE_MANAGER)
	_, handoff := in.qualified(t, "ana@links.example")
	links := linksOf(t, arrived(t, got))
	entries := func() string { return in.must(t, "GET", "/v1/auditEntries:verify", nil).str("entryCount") }
	latest := func(actor, role, method string) {
		t.Helper()
		if e := in.must(t, "GET", "/v1/auditEntries?pageSize=1", nil); e.str("auditEntries", 0, "actor") != actor || e.str("auditEntries", 0, "role") != role ||
			e.str("auditEntries", 0, "method") != "assay.handoff.v1.CallbackService/"+method || e.str("auditEntries", 0, "resource") != handoff {
			t.Errorf("the latest entry: %s", e.text)
		}
	}
	before := entries()
	press(t, links[0], url.Values{"actor": {"nobody"}})
	if after := entries(); after != before {
		t.Errorf("%s entries before a refusal, %s after", before, after)
	}
	for range 2 {
		press(t, links[0], url.Values{"actor": {"jane"}})
		latest("jane", "ROLE_MANAGER", "FollowLink")
	}
	before = entries()
	won := `{"handoff": "` + handoff + `", "outcome": "won", "amount": 5, "currencyCode": "EUR"}`
	if status, text := in.hook(t, "desk", secret, "m0", time.Now(), strings.Replace(won, "won", "lost", 1)); status != 200 || !strings.Contains(text, "STATUS_REFUSED") {
		t.Fatalf("%d %s", status, text)
	}
	if after := entries(); after != before {
		t.Errorf("%s entries before a refusal, %s after", before, after)
	}
	for _, id := range []string{"m1", "m1", "m2"} {
		if status, text := in.hook(t, "desk", secret, id, time.Now(), won); status != 200 {
			t.Fatalf("%d %s", status, text)
		}
		latest("destinations/desk", "ROLE_SERVICE", "ReceiveOutcome")
	}
	if log := in.must(t, "GET", "/v1/auditEntries", nil); strings.Count(log.text, "CallbackService/") != 2 {
		t.Errorf("more than one entry for a change: %s", log.text)
	}

	// Claiming what one has changes nothing.
	_, handoff = in.qualified(t, "ben@links.example")
	in.must(t, "POST", "/v1/"+handoff+":claim", map[string]any{})
	before = entries()
	in.must(t, "POST", "/v1/"+handoff+":claim", map[string]any{})
	if after := entries(); after != before {
		t.Errorf("%s entries before claiming again, %s after", before, after)
	}
}

// An outcome happened when it is said to have, not when it is said, and never tomorrow.
func TestAnOutcomeHappenedWhenItIsSaidToHave(t *testing.T) {
	in := oneProcess(t)
	_, handoff := in.qualified(t, "ana@outcome.example")
	in.must(t, "POST", "/v1/"+handoff+":accept", map[string]any{})
	tomorrow := map[string]any{"outcome": "KIND_WON", "occurredTime": time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)}
	if a := in.call(t, adminKey, "POST", "/v1/"+handoff+":recordOutcome", tomorrow); a.status != 400 || a.str("fieldViolations", 0, "field") != "occurredTime" {
		t.Errorf("tomorrow: %d %s", a.status, a.text)
	}
	then := time.Now().Add(-time.Second).UTC().Format(time.RFC3339Nano)
	a := in.must(t, "POST", "/v1/"+handoff+":recordOutcome", map[string]any{"outcome": "KIND_WON", "occurredTime": then})
	if at, err := time.Parse(time.RFC3339Nano, a.str("outcome", "occurredTime")); err != nil || at.Format(time.RFC3339) != then[:19]+"Z" {
		t.Errorf("it happened at %s, said %s", a.str("outcome", "occurredTime"), then)
	}
}

// Only who works leads may have one: nobody gives a lead to an auditor, no turn falls to
// them, and nobody becomes one with leads in hand.
func TestOnlyWhoWorksLeadsHasThem(t *testing.T) {
	in := oneProcess(t)
	jane := in.userKey(t, "jane", typev1.Role_ROLE_SALES)
	in.userKey(t, "ada", typev1.Role_ROLE_AUDITOR)
	in.must(t, "POST", "/v1/teams?teamId=dach", map[string]any{"members": []any{map[string]any{"user": "users/ada", "weight": 9}, map[string]any{"user": "users/jane"}}})
	in.publish(t, jane, agreed)
	_, handoff := in.qualified(t, "ana@roles.example")
	if owner := in.must(t, "GET", "/v1/"+handoff, nil).str("owner"); owner != "jane" {
		t.Errorf("the turn fell to %s", owner)
	}
	if a := in.call(t, jane, "POST", "/v1/"+handoff+":reassign", map[string]any{"owner": "users/ada", "reason": "she looks after it"}); a.status != 409 || !strings.Contains(a.text, "not in sales") {
		t.Errorf("given to an auditor: %d %s", a.status, a.text)
	}
	if a := in.call(t, adminKey, "PATCH", "/v1/users/jane", map[string]any{"role": "ROLE_MARKETING"}); a.status != 409 {
		t.Errorf("leaves sales with leads: %d %s", a.status, a.text)
	}
	in.must(t, "PATCH", "/v1/users/jane?reassignHandoffs=true", map[string]any{"role": "ROLE_MARKETING"})
	if a := in.must(t, "GET", "/v1/"+handoff, nil); a.str("owner") != "" || !strings.Contains(a.str("assignReason"), "1 not in sales") {
		t.Errorf("handed on: %s", a.text)
	}
	in.must(t, "PATCH", "/v1/users/ada", map[string]any{"role": "ROLE_SALES"})
	eventually(t, "who comes to sales gets what waits", func() bool { return in.must(t, "GET", "/v1/"+handoff, nil).str("owner") == "ada" })
}
