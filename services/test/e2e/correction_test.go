package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// A download turns out to be a bot's: the score drops as if it had never happened, and the
// explanation says so; taken back, everything is as before.
func TestACorrectedActivityNeverHappened(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		ebook := with(did("content.downloaded", "kind", "ebook"), "id", "ebook-1", "source", "web")
		lead := in.capture(t, person("dora@example.com", ebook, with(did("page.viewed", "path", "/pricing"), "source", "web"))).str("lead")
		qualification := func() answer { return in.must(t, "GET", "/v1/"+lead+"/qualification", nil) }
		score := func(q answer) string {
			checkSum(t, q, "engagement")
			return fmt.Sprint(q.get("engagement", "score"), q.get("engagement", "contributions"))
		}
		before := score(qualification())
		made := in.must(t, "POST", "/v1/corrections", map[string]any{
			"kind": "CORRECTION_BOT", "reason": "a crawler", "activities": []any{map[string]any{"source": "web", "id": "ebook-1"}},
		})
		if made.str("state") != "STATE_DONE" || made.str("corrected") != "1" {
			t.Fatalf("%s", made.text)
		}
		eventually(t, "the download does not count", func() bool {
			q := qualification()
			return score(q) != before && strings.Contains(q.text, "KIND_CORRECTED") && strings.Contains(q.text, "bot traffic, does not count")
		})
		if text := in.must(t, "GET", "/v1/"+lead+"/qualification:explain?includeActivities=true", nil).text; !strings.Contains(text, `"void":"bot traffic, does not count"`) {
			t.Errorf("the explanation does not say so: %s", text)
		}
		if text := in.must(t, "GET", "/v1/"+lead+"/activities", nil).text; !strings.Contains(text, `"CORRECTION_BOT"`) {
			t.Errorf("the timeline does not say so: %s", text)
		}
		revoked := in.must(t, "POST", "/v1/"+made.str("name")+":revoke", map[string]any{"reason": "it was Dora"})
		if revoked.str("state") != "STATE_REVOKED" {
			t.Errorf("%s", revoked.text)
		}
		eventually(t, "everything is as before", func() bool { return score(qualification()) == before })
	})
}

// Rules mark what arrives; who may change them is told what is wrong with one.
func TestTrafficRules(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		rules := in.must(t, "GET", "/v1/trafficRules", nil)
		if rules.str("rules", 0, "id") != "bots" {
			t.Fatalf("%s", rules.text)
		}
		own := map[string]any{"id": "own", "kind": "CORRECTION_TEST", "condition": `lead.email_domain == "acme.example"`}
		in.must(t, "PATCH", "/v1/trafficRules", map[string]any{"etag": rules.str("etag"), "rules": []any{own}})
		if a := in.call(t, adminKey, "PATCH", "/v1/trafficRules", map[string]any{"etag": rules.str("etag"), "rules": []any{own}}); a.str("reason") != "ETAG_MISMATCH" {
			t.Errorf("changed meanwhile: %d %s", a.status, a.text)
		}
		bad := map[string]any{"rules": []any{with(own, "condition", "activity.nothing")}}
		if a := in.call(t, adminKey, "PATCH", "/v1/trafficRules", bad); a.status != 400 || a.str("fieldViolations", 0, "field") != "trafficRules.rules[0].condition" {
			t.Errorf("a bad condition: %d %s", a.status, a.text)
		}
		lead := in.capture(t, person("ed@acme.example", did("demo.requested"))).str("lead")
		if q := in.must(t, "GET", "/v1/"+lead+"/qualification", nil); q.str("handoff") != "" || !strings.Contains(q.text, "a test, does not count") {
			t.Errorf("our own: %s", q.text)
		}
	})
}
