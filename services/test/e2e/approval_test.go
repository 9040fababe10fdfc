package e2e

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

func TestAnApprovalFromTheTradeShowToTheReport(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		sales, manager := in.key(t, typev1.Role_ROLE_SALES), in.key(t, typev1.Role_ROLE_MANAGER)

		// One call captures the person and asks; the same call again changes nothing.
		ask := map[string]any{
			"capture": somebody("eva@example.com"), "reason": "wants a quote, met at the fair", "evidence": "badge and notes",
			"links": []any{"https://example.com/notes/17"}, "requestId": "fair-2026-stand-17",
		}
		asked := in.call(t, sales, "POST", "/v1/approvals:capture", ask)
		if asked.status != 200 || asked.str("state") != "STATE_REQUESTED" || asked.str("requester") != "sales" {
			t.Fatalf("%d %s", asked.status, asked.text)
		}
		name, lead := asked.str("name"), asked.str("lead")
		if again := in.call(t, sales, "POST", "/v1/approvals:capture", ask); again.str("name") != name || again.str("lead") != lead {
			t.Errorf("again: %d %s", again.status, again.text)
		}
		if other := in.call(t, sales, "POST", "/v1/approvals:capture", with(ask, "reason", "something else")); other.status != 422 || other.str("reason") != "REQUEST_ID_REUSED" {
			t.Errorf("another body: %d %s", other.status, other.text)
		}
		eventually(t, "the lead is decided", func() bool {
			return in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("verdict") == "VERDICT_NURTURE"
		})
		before := in.must(t, "GET", "/v1/"+lead+"/qualification", nil)

		// Managers see it, and one grants it.
		waiting := in.call(t, manager, "GET", "/v1/approvals?filter="+url.QueryEscape(`state = "REQUESTED" AND lead = "`+lead+`"`), nil)
		if waiting.str("approvals", 0, "name") != name {
			t.Errorf("waiting: %s", waiting.text)
		}
		if a := in.call(t, sales, "POST", "/v1/"+name+":approve", map[string]any{}); a.status != http.StatusForbidden {
			t.Errorf("a salesperson approves: %d %s", a.status, a.text)
		}
		start := time.Now()
		approved := in.call(t, manager, "POST", "/v1/"+name+":approve", map[string]any{"comment": "call today", "etag": asked.str("etag")})
		if approved.status != 200 || approved.str("state") != "STATE_APPROVED" || approved.str("decider") != "manager" {
			t.Fatalf("%d %s", approved.status, approved.text)
		}
		if again := in.must(t, "GET", "/v1/"+name, nil); again.str("state") == "STATE_APPROVED" || again.str("state") == "STATE_CONSUMED" {
			if a := in.call(t, manager, "POST", "/v1/"+name+":decline", map[string]any{"comment": "no"}); a.status != http.StatusConflict || a.str("reason") != "WRONG_STATE" {
				t.Errorf("declining what was approved: %d %s", a.status, a.text)
			}
		}
		eventually(t, "the lead is handed off", func() bool {
			return in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("handoff") != ""
		})
		t.Logf("handed off after %v", time.Since(start))
		handoff := in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("handoff")
		h := in.must(t, "GET", "/v1/"+handoff, nil)
		const words = "approved by manager: call today; asked for by sales: wants a quote, met at the fair"
		if h.str("exception") != "approval" || h.str("approval") != name || h.str("reasons", 0, "description") != words {
			t.Errorf("handoff %s", h.text)
		}
		if used := in.must(t, "GET", "/v1/"+name, nil); used.str("state") != "STATE_CONSUMED" || used.str("handoff") != handoff {
			t.Errorf("approval %s", used.text)
		}

		// An exception changes no score, and the explanation names it.
		explained := in.must(t, "GET", "/v1/"+lead+"/qualification:explain", nil)
		if explained.str("qualification", "exception") != "approval" || explained.str("qualification", "reasons", 0, "description") != words {
			t.Errorf("explanation %s", explained.text)
		}
		for _, part := range []string{"fit", "engagement"} {
			if got := explained.str("qualification", part, "score"); got != before.str(part, "score") {
				t.Errorf("%s was %s, and is %s after the approval", part, before.str(part, "score"), got)
			}
		}
		eventually(t, "the verdict stands while the cycle goes on", func() bool {
			q := in.must(t, "GET", "/v1/"+lead+"/qualification", nil)
			return q.str("exception") == "approval" && q.str("stage") == "LIFECYCLE_STAGE_MARKETING_QUALIFIED"
		})

		// What became of it.
		in.must(t, "POST", "/v1/"+handoff+":accept", map[string]any{})
		in.must(t, "POST", "/v1/"+handoff+":recordOutcome", map[string]any{"outcome": "KIND_WON", "amount": "12500.00", "currencyCode": "EUR"})
		report := in.call(t, manager, "GET", "/v1/reports/exceptions?toTime="+url.QueryEscape(time.Now().Add(time.Hour).UTC().Format(time.RFC3339)), nil)
		if report.str("standard", "way") != "gates" || report.str("exceptions", 0, "way") != "approval" || report.str("exceptions", 0, "closeRate") != "1" ||
			report.str("exceptions", 0, "amounts", 0, "amount") != "12500.00" || report.get("exceptions", 0, "closeRateDifference") != nil {
			t.Errorf("report %s", report.text)
		}
	})
}

func TestApprovalsThatAreRefused(t *testing.T) {
	in := oneProcess(t)
	manager := in.key(t, typev1.Role_ROLE_MANAGER)
	lead := in.capture(t, somebody("finn@example.com")).str("lead")
	staff := in.capture(t, map[string]any{"lead": map[string]any{
		"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": "me@your-company.example"}},
	}}).str("lead")
	handed := in.capture(t, person("gina@example.com", did("trial.started"))).str("lead")
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
	nobody := "leads/01900000-0000-7000-8000-000000000000"
	for _, c := range []struct {
		name, path string
		body       map[string]any
		status     int
		reason     string
		field      string
		says       string
	}{
		{"no reason", lead + "/approvals", map[string]any{}, 422, "INVALID_FIELD", "reason", ""},
		{"only spaces", lead + "/approvals", map[string]any{"reason": " "}, 422, "INVALID_FIELD", "reason", "why the lead should be handed off"},
		{"too long valid", lead + "/approvals", map[string]any{"reason": "r", "expireTime": at(60 * 24 * time.Hour)}, 422, "INVALID_FIELD", "expireTime", "as the standard says"},
		{"over already", lead + "/approvals", map[string]any{"reason": "r", "expireTime": at(-time.Hour)}, 422, "INVALID_FIELD", "expireTime", ""},
		{"may not override", lead + "/approvals", map[string]any{"reason": "r", "overridesDisqualification": true}, 422, "INVALID_FIELD", "overridesDisqualification", "the standard lets no approval"},
		{"a track of nobody", lead + "/approvals", map[string]any{"reason": "r", "track": "unknown"}, 422, "INVALID_FIELD", "track", "sales"},
		{"a link that runs", lead + "/approvals", map[string]any{"reason": "r", "links": []any{"javascript:alert(1)"}}, 422, "INVALID_FIELD", "links[0]", "https://"},
		{"no such lead", nobody + "/approvals", map[string]any{"reason": "r"}, 404, "NOT_FOUND", "", ""},
		{"excluded", staff + "/approvals", map[string]any{"reason": "r"}, 409, "WRONG_STATE", "", "excluded (own_staff: Works for us)"},
		{"handed off", handed + "/approvals", map[string]any{"reason": "r"}, 409, "WRONG_STATE", "", "handed off already (handoffs/"},
		{
			"an activity that is none", "approvals:capture",
			map[string]any{"reason": "r", "capture": with(somebody("hugo@example.com"), "activities", []any{did("")})},
			422, "INVALID_FIELD", "capture.activities[0].type", "",
		},
		{"nobody to capture", "approvals:capture", map[string]any{"reason": "r", "capture": map[string]any{"lead": map[string]any{}}}, 422, "INVALID_FIELD", "capture.lead.identities", ""},
		{"nothing to capture", "approvals:capture", map[string]any{"reason": "r"}, 422, "INVALID_FIELD", "capture", ""},
		{"no such approval", "approvals/01900000-0000-7000-8000-000000000000:approve", map[string]any{}, 404, "NOT_FOUND", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := in.call(t, manager, "POST", "/v1/"+c.path, c.body)
			if a.status != c.status && (c.status != 422 || a.status != 400) || a.str("reason") != c.reason || a.str("fieldViolations", 0, "field") != c.field || !strings.Contains(a.text, c.says) {
				t.Errorf("%d %s", a.status, a.text)
			}
		})
	}

	asked := in.call(t, manager, "POST", "/v1/"+lead+"/approvals", map[string]any{"reason": "they called"})
	if asked.status != 200 {
		t.Fatalf("%d %s", asked.status, asked.text)
	}
	if a := in.call(t, manager, "POST", "/v1/"+asked.str("name")+":approve", map[string]any{}); a.status != http.StatusForbidden || a.str("reason") != "OWN_REQUEST" {
		t.Errorf("one's own: %d %s", a.status, a.text)
	}
	if a := in.call(t, manager, "POST", "/v1/"+lead+"/approvals", map[string]any{"reason": "again"}); a.status != http.StatusConflict || !strings.Contains(a.text, asked.str("name")) {
		t.Errorf("a second one: %d %s", a.status, a.text)
	}
	if a := in.call(t, adminKey, "POST", "/v1/"+asked.str("name")+":decline", map[string]any{}); a.str("fieldViolations", 0, "field") != "comment" {
		t.Errorf("declined without a word: %d %s", a.status, a.text)
	}
	in.must(t, "POST", "/v1/"+asked.str("name")+":decline", map[string]any{"comment": "no budget"})
	if a := in.call(t, manager, "GET", "/v1/reports/exceptions?fromTime=2026-03-02T00:00:00Z&toTime=2026-03-01T00:00:00Z", nil); a.str("fieldViolations", 0, "field") != "toTime" {
		t.Errorf("a period that ends before it begins: %d %s", a.status, a.text)
	}
}
