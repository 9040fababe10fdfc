package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// agreed is a standard with everything that happens after the verdict: a lead that asks
// for a demo goes to the team in turn, and is answered within two working hours.
const agreed = `{"id": "default",
	"engagement": {"groups": [{"id": "what", "rules": [
		{"id": "demo", "activities": ["demo.requested"], "points": 60},
		{"id": "looked", "activities": ["page.viewed"], "points": 5}]}]},
	"lifecycle": {"reasons": [
		{"id": "no_budget", "stages": ["LIFECYCLE_STAGE_RECYCLED", "LIFECYCLE_STAGE_LOST"]},
		{"id": "bad_data", "stages": ["LIFECYCLE_STAGE_DISQUALIFIED"], "subReasons": [{"id": "bounced"}], "returns": {"never": true}}]},
	"qualification": {
		"fastTrack": [{"id": "demo_request", "description": "Asked for a demo", "when": {"activity": {"rule": "demo"}}}],
		"gates": {"engagementScore": {"atLeast": 90}}},
	"handoff": {"queue": "sales", "routing": {"team": "teams/dach", "workingTime": "WORKING_TIME_IGNORE"},
		"sla": {"withinMinutes": 120, "aroundTheClock": true, "warnAtPercent": [50]},
		"byReason": [{"reasons": ["fast_track.*"], "priority": 10, "action": "Call within five minutes"}]}}`

// inbox keeps what a destination is sent.
type inbox struct {
	*httptest.Server
	mu     sync.Mutex
	bodies map[string]string // by webhook-id
	calls  int
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	r := &inbox{bodies: map[string]string{}}
	r.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(io.LimitReader(req.Body, 1<<20))
		r.mu.Lock()
		defer r.mu.Unlock()
		r.calls++
		r.bodies[req.Header.Get("Webhook-Id")] = string(body)
	}))
	t.Cleanup(r.Close)
	return r
}

// of are the bodies of a type of event.
func (r *inbox) of(typ string) (events []answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, body := range r.bodies {
		event := answer{text: body}
		if json.Unmarshal([]byte(body), &event.body) == nil && event.str("type") == typ {
			events = append(events, event)
		}
	}
	return events
}

// From a demo request to a customer: who gets the lead, by when, who is told, what sales
// says, and what is known of it all afterwards.
func TestFromADemoRequestToACustomer(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		inbox := newInbox(t)
		jane, otto := in.userKey(t, "jane", typev1.Role_ROLE_SALES), in.userKey(t, "otto", typev1.Role_ROLE_SALES)
		mia := in.userKey(t, "mia", typev1.Role_ROLE_MANAGER)
		in.must(t, "POST", "/v1/teams?teamId=dach", map[string]any{
			"manager": "users/mia", "members": []any{map[string]any{"user": "users/jane", "weight": 1}, map[string]any{"user": "users/otto", "weight": 1}},
		})
		in.must(t, "POST", "/v1/destinations?destinationId=hook", map[string]any{
			"kind": "KIND_WEBHOOK", "url": inbox.URL, "detail": "DETAIL_FULL", "eventTypes": []any{"handoff.*", "lead.*", "approval.*"},
		})
		in.publish(t, jane, agreed)

		lead, name := in.qualified(t, "ana@example.com")
		handoff := in.must(t, "GET", "/v1/"+name, nil)
		if handoff.str("owner") != "jane" || handoff.str("team") != "teams/dach" || handoff.str("dueTime") == "" ||
			handoff.str("clocks", 0, "state") != "STATE_RUNNING" || handoff.str("exception") != "fast_track.demo_request" {
			t.Fatalf("handoff: %s", handoff.text)
		}

		eventually(t, "the receiver has the handoff", func() bool { return len(inbox.of("handoff.created")) == 1 })
		created := inbox.of("handoff.created")[0]
		if !strings.Contains(created.text, name) || !strings.Contains(created.text, "demo") || !strings.Contains(created.text, "ana@example.com") {
			t.Errorf("delivered: %s", created.text)
		}
		if packet := in.call(t, jane, "GET", "/v1/"+name+"/packet", nil); packet.str("nextStep") != "Call within five minutes" || packet.str("activities", 0, "type") == "" {
			t.Errorf("packet: %d %s", packet.status, packet.text)
		}

		// Jane gives it to Otto, who takes it; the first clock is hers.
		if a := in.call(t, jane, "POST", "/v1/"+name+":reassign", map[string]any{"owner": "users/otto", "reason": "speaks French"}); a.status != 200 {
			t.Fatalf("reassign: %d %s", a.status, a.text)
		}
		if a := in.call(t, otto, "POST", "/v1/"+name+":accept", map[string]any{}); a.status != 200 || a.str("transferCount") != "2" ||
			a.str("clocks", 0, "owner") != "jane" || a.str("clocks", 0, "state") != "STATE_MET" ||
			a.str("clocks", 1, "owner") != "otto" || a.str("clocks", 1, "state") != "STATE_MET" || a.str("speedToLeadDuration") == "" {
			t.Fatalf("accept: %d %s", a.status, a.text)
		}
		if a := in.call(t, otto, "POST", "/v1/"+name+":recycle", map[string]any{"reason": "because"}); a.status != 400 || !strings.Contains(a.text, "no_budget") {
			t.Errorf("a reason that is none: %d %s", a.status, a.text)
		}
		won := map[string]any{"outcome": "KIND_WON", "amount": "12500.00", "currencyCode": "EUR"}
		if a := in.call(t, otto, "POST", "/v1/"+name+":recordOutcome", won); a.status != 200 || a.str("state") != "STATE_WON" {
			t.Fatalf("outcome: %d %s", a.status, a.text)
		}
		eventually(t, "the timeline shows what sales said", func() bool {
			timeline := in.must(t, "GET", "/v1/"+lead+"/activities", nil).text
			return strings.Contains(timeline, `"sales.accepted"`) && strings.Contains(timeline, `"sales.won"`)
		})
		for _, typ := range []string{"handoff.assigned", "handoff.accepted", "handoff.outcome"} {
			eventually(t, "the receiver has "+typ, func() bool { return len(inbox.of(typ)) > 0 })
		}

		// A call-in that no score would have found: a manager grants it.
		requested := in.call(t, otto, "POST", "/v1/approvals:capture", map[string]any{
			"capture": person("ben@example.com"), "reason": "Called in, has budget", "evidence": "Spoke to him for ten minutes",
		})
		if requested.status != 200 || requested.str("state") != "STATE_REQUESTED" {
			t.Fatalf("request: %d %s", requested.status, requested.text)
		}
		approval := requested.str("name")
		if a := in.call(t, otto, "POST", "/v1/"+approval+":approve", map[string]any{}); a.status != 403 {
			t.Errorf("sales approves: %d %s", a.status, a.text)
		}
		if a := in.call(t, mia, "POST", "/v1/"+approval+":approve", map[string]any{"comment": "go"}); a.status != 200 {
			t.Fatalf("approve: %d %s", a.status, a.text)
		}
		eventually(t, "the approved lead is handed off", func() bool {
			return in.must(t, "GET", "/v1/"+approval, nil).str("state") == "STATE_CONSUMED"
		})
		second := in.must(t, "GET", "/v1/"+in.must(t, "GET", "/v1/"+approval, nil).str("handoff"), nil)
		if second.str("exception") != "approval" || second.str("owner") != "otto" || second.str("approval") != approval {
			t.Errorf("handed off by approval: %s", second.text)
		}
		if a := in.call(t, mia, "POST", "/v1/"+second.str("lead")+":disqualify", map[string]any{"reason": "bad_data", "subReason": "bounced"}); a.status != 200 || a.str("stage") != "LIFECYCLE_STAGE_DISQUALIFIED" {
			t.Errorf("disqualify: %d %s", a.status, a.text)
		}
		if state := in.must(t, "GET", "/v1/"+second.str("name"), nil).str("state"); state != "STATE_DISQUALIFIED" {
			t.Errorf("the handoff of a disqualified lead is %s", state)
		}

		report := in.must(t, "GET", "/v1/reports/exceptions", nil)
		if !strings.Contains(report.text, `"fast_track.demo_request"`) || !strings.Contains(report.text, `"approval"`) {
			t.Errorf("exceptions: %s", report.text)
		}
		if times := in.must(t, "GET", "/v1/reports/sla", nil); times.str("total", "metCount") != "2" && times.str("total", "metCount") != "3" {
			t.Errorf("response times: %s", times.text)
		}
		audit := in.must(t, "GET", "/v1/auditEntries", nil)
		for _, method := range []string{"HandoffService/ReassignHandoff", "HandoffService/AcceptHandoff", "ApprovalService/ApproveApproval", "TeamService/CreateTeam"} {
			if !strings.Contains(audit.text, method) {
				t.Errorf("the audit log does not know of %s", method)
			}
		}
		if a := in.must(t, "GET", "/v1/auditEntries:verify", nil); a.get("intact") != true {
			t.Errorf("audit log: %s", a.text)
		}
		if strings.Contains(audit.text, "example.com") {
			t.Error("the audit log names a person")
		}
	})
}
