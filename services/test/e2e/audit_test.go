package e2e

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// readsOnly are the methods that change nothing though they are no GET.
var readsOnly = []string{"DiffStandardVersion", "LintStandard", "LintStandardVersion"}

// audited goes through changes and looks at the log after each.
type audited struct {
	*installation
	t    *testing.T
	done map[string]bool
}

func (a *audited) entries() string {
	return a.must(a.t, "GET", "/v1/auditEntries:verify", nil).str("entryCount")
}

// change makes one change, which has to leave one entry.
func (a *audited) change(method, key, verb, path string, body any) answer {
	a.t.Helper()
	before := a.must(a.t, "GET", "/v1/auditEntries?pageSize=1", nil).str("auditEntries", 0, "name")
	out := a.call(a.t, key, verb, path, body)
	if out.status != http.StatusOK {
		a.t.Fatalf("%s: %s %s: %d %s", method, verb, path, out.status, out.text)
	}
	log := a.must(a.t, "GET", "/v1/auditEntries?pageSize=2", nil)
	if log.str("auditEntries", 0, "name") == before || log.str("auditEntries", 1, "name") != before {
		a.t.Errorf("%s left not one entry: %s", method, log.text)
	}
	a.left(method, log)
	return out
}

// left looks at the latest entry, which has to be the one that a method left.
func (a *audited) left(method string, log answer) {
	a.t.Helper()
	a.done[method] = true
	if got := log.str("auditEntries", 0, "method"); !strings.HasSuffix(got, "/"+method) {
		a.t.Errorf("%s is logged as %s", method, got)
	}
	if log.str("auditEntries", 0, "resource") == "" || log.str("auditEntries", 0, "requestId") == "" {
		a.t.Errorf("%s: about what, by which request? %s", method, log.text)
	}
	for _, personal := range []string{"@example.com", "Dora", "a person's words", "tryton-7"} {
		if strings.Contains(log.text, personal) {
			a.t.Errorf("%s: the log has %q: %s", method, personal, log.text)
		}
	}
}

// visitor captures somebody who does not qualify.
func (a *audited) visitor(email string) string {
	a.t.Helper()
	return a.capture(a.t, person(email, did("page.viewed"))).str("lead")
}

// Every method that changes something in handoff leaves exactly one entry, with its
// actor, in the order of the changes; what only reads leaves none. A method without a
// step here fails.
func TestEveryChangeLeavesOneEntry(t *testing.T) {
	t.Parallel()
	a := &audited{installation: oneProcess(t), t: t, done: map[string]bool{}}
	post := func(method, path string, body any) answer {
		t.Helper()
		return a.change(method, adminKey, "POST", "/v1/"+path, body)
	}

	// People and keys.
	post("CreateUser", "users?userId=jane", map[string]any{"role": "ROLE_SALES", "email": "jane@example.com", "displayName": "Dora", "remoteIds": map[string]any{"tryton": "tryton-7"}})
	post("CreateUser", "users?userId=max", map[string]any{"role": "ROLE_MANAGER"})
	a.change("UpdateUser", adminKey, "PATCH", "/v1/users/jane", map[string]any{"email": "j@example.com"})
	post("SetAbsences", "users/jane:setAbsences", map[string]any{})
	post("CreateTeam", "teams?teamId=dach", map[string]any{"members": []any{map[string]any{"user": "users/jane"}}})
	a.change("UpdateTeam", adminKey, "PATCH", "/v1/teams/dach", map[string]any{"displayName": "Dora"})
	key := func(actor, role string) string {
		return post("CreateApiKey", "apiKeys", map[string]any{"actor": actor, "role": role}).str("secret")
	}
	manager, sales, marketing := key("max", "ROLE_MANAGER"), key("jane", "ROLE_SALES"), key("mia", "ROLE_MARKETING")
	spare := post("CreateApiKey", "apiKeys", map[string]any{"actor": "spare", "role": "ROLE_INGEST"})
	post("RevokeApiKey", spare.str("name")+":revoke", map[string]any{})

	// Handoffs: sales has its say.
	lead, handoff := a.handedOff(t, person("one@example.com", did("trial.started")))
	a.change("AcceptHandoff", sales, "POST", "/v1/"+handoff+":accept", map[string]any{})
	a.change("RecordOutcome", sales, "POST", "/v1/"+handoff+":recordOutcome", map[string]any{"outcome": "KIND_OPPORTUNITY"})
	_, handoff = a.handedOff(t, person("two@example.com", did("trial.started")))
	a.change("RejectHandoff", sales, "POST", "/v1/"+handoff+":reject", map[string]any{"reason": "no_authority"})
	_, handoff = a.handedOff(t, person("three@example.com", did("trial.started")))
	a.change("ClaimHandoff", sales, "POST", "/v1/"+handoff+":claim", map[string]any{})
	a.change("AcceptHandoff", sales, "POST", "/v1/"+handoff+":accept", map[string]any{})
	a.change("RecycleHandoff", sales, "POST", "/v1/"+handoff+":recycle", map[string]any{"reason": "no_response"})
	_, handoff = a.handedOff(t, person("four@example.com", did("trial.started")))
	a.change("ReassignHandoff", manager, "POST", "/v1/"+handoff+":reassign", map[string]any{"owner": "users/max", "reason": "a person's words"})
	a.change("ReassignOwner", adminKey, "POST", "/v1/handoffs:reassignOwner", map[string]any{"owner": "users/max", "reason": "a person's words", "accepted": "ACCEPTED_KEEP"})
	post("BatchRecordOutcomes", "handoffs:batchRecordOutcomes", map[string]any{"outcomes": []any{map[string]any{"lead": lead, "outcome": "won"}}})
	visitor := a.visitor("five@example.com")
	a.change("DisqualifyLead", manager, "POST", "/v1/"+visitor+":disqualify", map[string]any{"reason": "spam"})
	a.change("ReinstateLead", manager, "POST", "/v1/"+visitor+":reinstate", map[string]any{"reason": "a person's words"})

	// Approvals.
	ask := func(email string) string {
		t.Helper()
		return a.change("RequestApproval", sales, "POST", "/v1/"+a.visitor(email)+"/approvals", map[string]any{"reason": "a person's words"}).str("name")
	}
	a.change("ApproveApproval", manager, "POST", "/v1/"+ask("six@example.com")+":approve", map[string]any{})
	a.change("DeclineApproval", manager, "POST", "/v1/"+ask("seven@example.com")+":decline", map[string]any{"comment": "a person's words"})
	a.change("RevokeApproval", sales, "POST", "/v1/"+ask("eight@example.com")+":revoke", map[string]any{"comment": "a person's words"})
	a.change("CaptureForApproval", sales, "POST", "/v1/approvals:capture", map[string]any{"reason": "a person's words", "capture": person("nine@example.com")})

	// Standards, dictionaries, work over all leads.
	post("CreateDictionaryVersion", "dictionaries/competitors/versions", map[string]any{"values": []any{"acme"}})
	version := a.change("CreateStandardVersion", marketing, "POST", "/v1/standards/default/versions", looks(60)).str("name")
	operation := post("PreviewStandardVersion", version+":preview", map[string]any{}).str("name")
	eventually(t, "the preview ends", func() bool { return a.must(t, "GET", "/v1/"+operation, nil).get("done") == true })
	a.change("SignOffStandardVersion", marketing, "POST", "/v1/"+version+":signOff", map[string]any{})
	a.change("SignOffStandardVersion", sales, "POST", "/v1/"+version+":signOff", map[string]any{})
	post("PublishStandardVersion", version+":publish", map[string]any{})
	a.change("CreateStandardFeedback", sales, "POST", "/v1/standards/default/feedback", map[string]any{"text": "a person's words"})
	post("RetireStandard", "standards/default:retire", map[string]any{})
	for !a.done["CancelOperation"] { // one over so few leads may end before it is cancelled
		operation := post("RescoreLeads", "leads:rescore", map[string]any{}).str("name")
		out := a.call(t, adminKey, "POST", "/v1/"+operation+":cancel", map[string]any{})
		if out.status == http.StatusOK {
			a.left("CancelOperation", a.must(t, "GET", "/v1/auditEntries?pageSize=2", nil))
		}
	}
	post("ReleaseHeldLeads", "heldLeads:release", map[string]any{"track": "sales"})
	a.change("UpdateReleaseRate", adminKey, "PATCH", "/v1/tracks/sales/releaseRate", map[string]any{"perHour": 100})

	// Destinations.
	post("CreateDestination", "destinations?destinationId=hook", map[string]any{"kind": "KIND_WEBHOOK", "url": "https://example.com/hook"})
	a.change("UpdateDestination", adminKey, "PATCH", "/v1/destinations/hook", map[string]any{"displayName": "Dora"})
	for method, verb := range map[string]string{"RotateDestinationSecret": "rotateSecret", "SendTestEvent": "sendTestEvent"} {
		post(method, "destinations/hook:"+verb, map[string]any{})
	}
	post("DisableDestination", "destinations/hook:disable", map[string]any{})
	post("EnableDestination", "destinations/hook:enable", map[string]any{})
	post("ReplayDeliveries", "deliveries:replay", map[string]any{
		"destination": "destinations/hook", "fromTime": time.Now().Add(-time.Hour).Format(time.RFC3339), "toTime": time.Now().Format(time.RFC3339),
	})
	a.change("DeleteDestination", adminKey, "DELETE", "/v1/destinations/hook", nil)

	// Persons.
	post("CreateErasure", "erasures", map[string]any{"lead": visitor, "mode": "MODE_DELETE", "reason": "a person's words"})

	// Refusals leave nothing, neither those of the door nor those of a service.
	before := a.entries()
	for _, refused := range []struct {
		key, method, path string
		body              any
		status            int
	}{
		{sales, "POST", "/v1/apiKeys", map[string]any{"actor": "x", "role": "ROLE_SALES"}, 403},
		{sales, "POST", "/v1/users/max:setAbsences", map[string]any{}, 403},
		{adminKey, "POST", "/v1/users?userId=jane", map[string]any{"role": "ROLE_SALES"}, 409},
		{adminKey, "PATCH", "/v1/users/nobody", map[string]any{"displayName": "x"}, 404},
		{adminKey, "POST", "/v1/users?userId=zoe", map[string]any{}, 400},
		{"", "POST", "/v1/users?userId=zoe", map[string]any{"role": "ROLE_SALES"}, 401},
	} {
		if got := a.call(t, refused.key, refused.method, refused.path, refused.body); got.status != refused.status {
			t.Errorf("%s %s: %d %s", refused.method, refused.path, got.status, got.text)
		}
	}

	// Reads leave nothing, and every other method had its turn.
	conn := a.dial(t, adminKey)
	for _, m := range methods() {
		ways := bindings(m)
		if !strings.HasPrefix(string(m.FullName()), "assay.handoff.") || len(ways) == 0 {
			continue // facts are a history by themselves; and services among themselves
		}
		if ways[0].method == http.MethodGet || slices.Contains(readsOnly, string(m.Name())) {
			_ = call(t, conn, m)
			continue
		}
		if !a.done[string(m.Name())] {
			t.Errorf("%s changes something and has no step here", m.FullName())
		}
	}
	if after := a.entries(); after != before {
		t.Errorf("%s entries before what changes nothing, %s after", before, after)
	}

	// All of it is one chain.
	if v := a.must(t, "GET", "/v1/auditEntries:verify", nil); v.get("intact") != true || v.str("hash") != a.must(t, "GET", "/v1/auditEntries?pageSize=1", nil).str("auditEntries", 0, "hash") {
		t.Errorf("%s", v.text)
	}
	list := a.must(t, "GET", "/v1/auditEntries?filter=actor%20%3D%20%22jane%22", nil)
	if list.str("auditEntries", 0, "actor") != "jane" || list.str("auditEntries", 0, "role") != "ROLE_SALES" {
		t.Errorf("%s", list.text)
	}
}
