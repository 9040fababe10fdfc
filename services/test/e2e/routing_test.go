package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// routed sends leads that look at the prices to whom their account belongs, then to the
// team of the territory, then to inbound.
const routed = `{"id": "default",
	"engagement": {"groups": [{"id": "what", "rules": [{"id": "looked", "activities": ["page.viewed"], "points": 60}]}]},
	"qualification": {"gates": {"engagementScore": {"atLeast": 50}}},
	"handoff": {"routing": {
		"accountOwner": {"attribute": "owner_id", "activeWithinDays": 30},
		"rules": [{"id": "territory_dach", "when": "lead.country in [\"DE\", \"AT\", \"CH\"]", "team": "teams/dach"}],
		"team": "teams/inbound"}}}`

// From a lead to the salesperson whose turn it is, and on when they are away or leave.
func TestALeadFindsItsSalesperson(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		keys := map[string]string{}
		for _, user := range []string{"ann", "ben", "ira"} {
			keys[user] = in.userKey(t, user, typev1.Role_ROLE_SALES)
		}
		keys["mia"] = in.userKey(t, "mia", typev1.Role_ROLE_MANAGER)
		in.must(t, "POST", "/v1/teams?teamId=dach", `{"members": [{"user": "users/ann", "weight": 2}, {"user": "users/ben"}]}`)
		in.must(t, "POST", "/v1/teams?teamId=inbound", `{"members": [{"user": "users/ira"}], "manager": "users/mia"}`)
		in.publish(t, keys["ann"], routed)

		handoff := func(email string, attributes map[string]any) answer {
			t.Helper()
			capture := person(email, did("page.viewed", "path", "/pricing"))
			capture["lead"].(map[string]any)["attributes"] = attributes
			_, handoff := in.handedOff(t, capture)
			return in.must(t, "GET", "/v1/"+handoff, nil)
		}
		read := func(h answer) answer { t.Helper(); return in.must(t, "GET", "/v1/"+h.str("name"), nil) }

		german := map[string]any{"country": "DE"}
		first := handoff("a@example.com", german)
		if first.str("owner") != "ann" || first.str("team") != "teams/dach" || first.str("assignReason") != "territory_dach → team dach; round robin, weight 2" {
			t.Fatalf("the first: %s", first.text)
		}
		if second := handoff("b@example.com", german); second.str("owner") != "ben" {
			t.Errorf("the second: %s", second.text)
		}
		if other := handoff("c@example.com", map[string]any{"country": "US"}); other.str("owner") != "ira" {
			t.Errorf("of no territory: %s", other.text)
		}

		// Ben has it, so ann may not take it, and hears who has it; a manager may.
		list := in.call(t, keys["ben"], "GET", "/v1/handoffs?orderBy=queue&filter=owner%20%3D%20%22ben%22", nil)
		bens := list.str("handoffs", 0, "name")
		a := in.call(t, keys["ann"], "POST", "/v1/"+bens+":claim", "{}")
		if a.status != http.StatusConflict || a.str("reason") != "WRONG_STATE" || !strings.Contains(a.text, "users/ben") {
			t.Errorf("ann claims what ben has: %d %s", a.status, a.text)
		}
		if a := in.call(t, keys["mia"], "POST", "/v1/"+bens+":claim", "{}"); a.status != 200 || a.str("owner") != "mia" {
			t.Errorf("mia claims it: %d %s", a.status, a.text)
		}
		for name, c := range map[string]struct {
			who, body string
			status    int
			says      string
		}{
			"somebody else's":  {"ann", `{"owner": "users/ann", "reason": "x"}`, 403, "PERMISSION_DENIED"},
			"to nobody":        {"mia", `{"owner": "users/zoe", "reason": "x"}`, 400, `"owner"`},
			"to no team":       {"mia", `{"team": "teams/apac", "reason": "x"}`, 400, `"team"`},
			"to both":          {"mia", `{"owner": "users/ann", "team": "teams/dach", "reason": "x"}`, 400, `"team"`},
			"without a reason": {"mia", `{"owner": "users/ann"}`, 400, `"reason"`},
			"with an old etag": {"mia", `{"owner": "users/ann", "reason": "x", "etag": "1"}`, 412, "ETAG_MISMATCH"},
		} {
			if a := in.call(t, keys[c.who], "POST", "/v1/"+bens+":reassign", c.body); a.status != c.status || !strings.Contains(a.text, c.says) {
				t.Errorf("%s: %d %s", name, a.status, a.text)
			}
		}
		if a := in.call(t, keys["mia"], "POST", "/v1/"+bens+":reassign", `{"owner": "users/ben", "reason": "knows them"}`); a.str("owner") != "ben" || a.str("assignReason") != "given by mia: knows them" {
			t.Errorf("given back: %d %s", a.status, a.text)
		}

		// While ira is away inbound waits, and goes to them as soon as they are back.
		away := map[string]any{"absences": []any{map[string]any{
			"startTime": time.Now().Add(-time.Hour).Format(time.RFC3339), "endTime": time.Now().Add(time.Hour).Format(time.RFC3339),
		}}}
		if a := in.call(t, keys["ira"], "POST", "/v1/users/ira:setAbsences", away); a.status != 200 {
			t.Fatalf("absences: %d %s", a.status, a.text)
		}
		waits := handoff("d@example.com", nil)
		if waits.str("owner") != "" || waits.str("assignReason") != "no rule holds → team inbound; nobody available: 1 absent" {
			t.Fatalf("while ira is away: %s", waits.text)
		}
		if a := in.call(t, keys["mia"], "POST", "/v1/"+waits.str("name")+":reassign", `{"reason": "x"}`); a.status != http.StatusConflict || a.str("reason") != "NOBODY_AVAILABLE" {
			t.Errorf("to nobody there: %d %s", a.status, a.text)
		}
		in.must(t, "POST", "/v1/users/ira:setAbsences", "{}")
		eventually(t, "ira gets what waited", func() bool { return read(waits).str("owner") == "ira" })

		// The account's owner first, if they did something lately: ann just did.
		if h := handoff("e@example.com", map[string]any{"owner_id": "ann"}); h.str("owner") != "ann" || h.str("assignReason") != "account owner ann" {
			t.Errorf("of an account: %s", h.text)
		}

		// Who leaves hands on what they have.
		if a := in.call(t, adminKey, "PATCH", "/v1/users/ann", `{"inactive": true}`); a.status != http.StatusConflict || a.str("reason") != "WRONG_STATE" {
			t.Errorf("ann leaves with handoffs: %d %s", a.status, a.text)
		}
		left := in.must(t, "PATCH", "/v1/users/ann?reassignHandoffs=true", `{"inactive": true}`)
		if n, _ := left.get("openHandoffCount").(float64); n != 0 {
			t.Errorf("ann left: %s", left.text)
		}
		if h := read(first); h.str("owner") != "ben" || h.str("transferCount") == "1" {
			t.Errorf("what ann had: %s", h.text)
		}
		if a := in.call(t, keys["ben"], "POST", "/v1/handoffs:reassignOwner", `{"owner": "users/ira", "reason": "x"}`); a.status != 403 {
			t.Errorf("bulk by sales: %d %s", a.status, a.text)
		}
		gone := in.call(t, keys["mia"], "POST", "/v1/handoffs:reassignOwner", `{"owner": "users/ira", "reason": "moved"}`)
		if n, _ := gone.get("queuedCount").(float64); gone.status != 200 || n != 3 {
			t.Errorf("bulk: %d %s", gone.status, gone.text)
		}
	})
}
