package crm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	adminKey = "assay_test_0123456789abcdefghijklmnopqrstuvwxyz"
	patience = 40 * time.Second
)

// A lead qualifies by what it does, arrives in Tryton as one opportunity with its reasons,
// although the connection breaks when it is made, and what becomes of it there comes back.
func TestFromALeadToADealInTryton(t *testing.T) {
	crm := startTryton(t)
	proxy := startProxy(t, crm.addr)
	in := startAssay(t)
	in.must(t, "POST", "/v1/users?userId=jane", map[string]any{
		"displayName": "Jane", "role": "ROLE_SALES", "remoteIds": map[string]any{"crm": strconv.FormatInt(crm.seller, 10)},
	})
	in.must(t, "POST", "/v1/destinations?destinationId=crm", map[string]any{
		"kind": "KIND_TRYTON", "url": "http://" + proxy.addr,
		"tryton": map[string]any{"database": database, "username": username, "password": password, "pollSeconds": 1},
	})

	proxy.cutAfter("model.sale.opportunity.create")
	ada := in.handedOff(t, "ada.lovelace@example.com", "Ada", "Lovelace")
	opportunity := in.arrived(t, crm, ada)
	t.Run("it arrives once, with its reasons", func(t *testing.T) {
		if proxy.cut() != 1 {
			t.Errorf("the connection broke %d times, want once", proxy.cut())
		}
		if n := len(crm.records(t, "sale.opportunity", []any{}, "id")); n != 1 {
			t.Errorf("%d opportunities", n)
		}
		parties := crm.records(t, "party.party", []any{[]any{"id", "=", opportunity["party"]}}, "name", "email")
		if len(parties) != 1 || parties[0]["name"] != "Ada Lovelace" || parties[0]["email"] != "ada.lovelace@example.com" {
			t.Errorf("the party is %v", parties)
		}
		comment := fmt.Sprint(opportunity["comment"])
		for _, part := range []string{"Why now", "Class A", "Last activities", "content.downloaded", ada.handoff} {
			if !strings.Contains(comment, part) {
				t.Errorf("the comment lacks %q:\n%s", part, comment)
			}
		}
		d := in.delivery(t, ada.handoff)
		if d.str("state") != "STATE_DELIVERED" || d.str("remoteId") != fmt.Sprint(opportunity["id"]) || d.str("attemptCount") != "2" {
			t.Errorf("the delivery is %s", d.text)
		}
	})
	id := int64(opportunity["id"].(float64))

	t.Run("its owner there is who has it here", func(t *testing.T) {
		in.must(t, "POST", "/v1/"+ada.handoff+":reassign", map[string]any{"owner": "users/jane", "reason": "she knows them"})
		eventually(t, patience, "Tryton knows the owner", func() bool {
			return crm.records(t, "sale.opportunity", []any{[]any{"id", "=", id}}, "employee")[0]["employee"] == float64(crm.seller)
		})
	})
	t.Run("sent again it is the same", func(t *testing.T) {
		a := in.must(t, "POST", "/v1/deliveries:replay", map[string]any{"destination": "destinations/crm", "includeDelivered": true, "fromTime": "2020-01-01T00:00:00Z"})
		if a.str("replayedCount") == "0" {
			t.Fatalf("nothing was sent again: %s", a.text)
		}
		eventually(t, patience, "all is delivered again", func() bool {
			return len(in.list(t, "/v1/deliveries?filter=state%20%3D%20%22PENDING%22", "deliveries"))+
				len(in.list(t, "/v1/deliveries?filter=state%20%3D%20%22SENDING%22", "deliveries")) == 0
		})
		if n := len(crm.records(t, "sale.opportunity", []any{}, "id")); n != 1 {
			t.Errorf("%d opportunities", n)
		}
	})
	t.Run("its conversion comes back", func(t *testing.T) {
		crm.press(t, "sale.opportunity", "opportunity", id)
		in.becomes(t, ada, "STATE_ACCEPTED", "KIND_OPPORTUNITY")
		crm.win(t, id)
		h := in.becomes(t, ada, "STATE_WON", "KIND_WON")
		if h.str("owner") != "jane" || h.str("outcome", "actor") != "destinations/crm" || h.str("outcome", "currencyCode") != "EUR" {
			t.Errorf("the handoff is %s", h.text)
		}
		in.told(t, ada, "sales.accepted", "sales.opportunity", "sales.won")
		// What was known when the lead was handed off stays with it.
		decisions := in.must(t, "GET", "/v1/"+ada.lead+"/decisions", nil)
		if !strings.Contains(decisions.text, h.str("decision")) || !strings.Contains(decisions.text, `"evidence"`) {
			t.Errorf("the decision of the handoff, %s, is not among %s", h.str("decision"), decisions.text)
		}
	})
	t.Run("a loss comes back with its reason", func(t *testing.T) {
		bo := in.handedOff(t, "bo@example.com", "Bo", "Derek")
		lost := int64(in.arrived(t, crm, bo)["id"].(float64))
		crm.call(t, nil, "model.sale.opportunity.write", []int64{lost}, map[string]any{"lost_reason": "no budget"})
		crm.press(t, "sale.opportunity", "lost", lost)
		if h := in.becomes(t, bo, "STATE_LOST", "KIND_LOST"); h.str("outcome", "reason") != "no budget" {
			t.Errorf("the handoff is %s", h.text)
		}
		in.told(t, bo, "sales.lost")
	})
	t.Run("what cannot be is passed over", func(t *testing.T) {
		cy := in.handedOff(t, "cy@example.com", "Cy", "Twombly")
		refused := int64(in.arrived(t, crm, cy)["id"].(float64))
		in.must(t, "POST", "/v1/"+cy.handoff+":reject", map[string]any{"reason": "no_need"})
		crm.press(t, "sale.opportunity", "opportunity", refused)
		// What happens after it still comes back.
		di := in.handedOff(t, "di@example.com", "Di", "Prima")
		crm.press(t, "sale.opportunity", "opportunity", int64(in.arrived(t, crm, di)["id"].(float64)))
		in.becomes(t, di, "STATE_ACCEPTED", "KIND_OPPORTUNITY")
		if h := in.must(t, "GET", "/v1/"+cy.handoff, nil); h.str("state") != "STATE_REJECTED" {
			t.Errorf("the handoff is %s", h.text)
		}
		if n := strings.Count(in.log.String(), "what a CRM says of a handoff is not possible"); n != 1 {
			t.Errorf("the log says so %d times, want once", n)
		}
	})
}

// win quotes an opportunity and confirms the sale.
func (r *tryton) win(t *testing.T, opportunity int64) {
	t.Helper()
	r.press(t, "sale.opportunity", "convert", opportunity)
	o := r.records(t, "sale.opportunity", []any{[]any{"id", "=", opportunity}}, "sales", "party")[0]
	sale := int64(o["sales"].([]any)[0].(float64))
	address := r.records(t, "party.address", []any{[]any{"party", "=", o["party"]}}, "id")[0]["id"]
	r.call(t, nil, "model.sale.sale.write", []int64{sale}, map[string]any{"invoice_address": address, "shipment_address": address})
	r.press(t, "sale.sale", "quote", sale)
	r.press(t, "sale.sale", "confirm", sale)
}

// installation is a running Assay, all in one process.
type installation struct {
	rest string
	log  *buffer
}

func startAssay(t *testing.T) *installation {
	t.Helper()
	in := &installation{log: &buffer{}}
	a, err := app.Start(t.Context(), app.Settings{
		DB: "sqlite:" + t.TempDir(), HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminKey: adminKey,
		Delivery: handoff.Delivery{AllowNetworks: []string{"127.0.0.1"}},
	}, app.Options{Telemetry: telemetry.Options{Log: io.MultiWriter(t.Output(), in.log)}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		a.Stop(context.Background())
	})
	in.rest = "http://" + a.HTTPAddr()
	return in
}

// handed is a lead with its handoff.
type handed struct{ lead, handoff string }

// handedOff captures somebody who fits, and whose activities qualify by the default
// standard.
func (in *installation) handedOff(t *testing.T, email, first, last string) handed {
	t.Helper()
	captured := in.must(t, "POST", "/v1/leads:capture", map[string]any{
		"lead": map[string]any{
			"identities": []any{map[string]any{"kind": "KIND_EMAIL", "value": email}},
			"attributes": map[string]any{
				"first_name": first, "last_name": last, "company": "Analytical Engines", "job_title": "VP Engineering",
				"industry": "software", "employees": 250, "country": "DE",
			},
		},
		"activities": []any{
			map[string]any{"type": "page.viewed", "properties": map[string]any{"path": "/pricing"}},
			map[string]any{"type": "content.downloaded", "properties": map[string]any{"kind": "ebook"}},
		},
		"waitForDecision": true, "waitTimeout": "20s",
	})
	if got := captured.str("decision", "verdict"); got != "VERDICT_QUALIFIED" {
		t.Fatalf("verdict %q in %s", got, captured.text)
	}
	lead := captured.str("lead")
	h := handed{lead: lead, handoff: in.must(t, "GET", "/v1/"+lead+"/qualification", nil).str("handoff")}
	if h.handoff == "" {
		t.Fatal("a marketing-qualified lead has no handoff")
	}
	return h
}

// arrived waits until the handoff is in Tryton, and its delivery known to be.
func (in *installation) arrived(t *testing.T, crm *tryton, h handed) (opportunity map[string]any) {
	t.Helper()
	eventually(t, patience, "the handoff is delivered", func() bool { return in.delivery(t, h.handoff).str("state") == "STATE_DELIVERED" })
	found := crm.records(t, "sale.opportunity", []any{[]any{"reference", "=", "assay:" + h.handoff}}, "party", "state", "comment", "description")
	if len(found) != 1 || found[0]["state"] != "lead" {
		t.Fatalf("Tryton has %v", found)
	}
	return found[0]
}

// delivery is that of a handoff that was made.
func (in *installation) delivery(t *testing.T, handoff string) answer {
	t.Helper()
	for _, d := range in.list(t, "/v1/deliveries?filter=handoff%20%3D%20%22"+handoff+"%22", "deliveries") {
		if m := d.(map[string]any); m["eventType"] == "handoff.created" {
			return in.must(t, "GET", "/v1/"+fmt.Sprint(m["name"]), nil)
		}
	}
	return answer{}
}

// becomes waits until the handoff has a state and an outcome.
func (in *installation) becomes(t *testing.T, h handed, state, outcome string) (now answer) {
	t.Helper()
	eventually(t, patience, h.handoff+" is "+state+", "+outcome, func() bool {
		now = in.must(t, "GET", "/v1/"+h.handoff, nil)
		return now.str("state") == state && now.str("outcome", "kind") == outcome
	})
	return now
}

// told waits until the timeline of the lead has activities of these types, about the
// handoff.
func (in *installation) told(t *testing.T, h handed, types ...string) {
	t.Helper()
	eventually(t, patience, "the timeline has "+strings.Join(types, ", "), func() bool {
		timeline := in.must(t, "GET", "/v1/"+h.lead+"/activities", nil).text
		for _, kind := range types {
			if !strings.Contains(timeline, `"`+kind+`"`) {
				return false
			}
		}
		return strings.Contains(timeline, h.handoff)
	})
}

// answer is an answer of REST.
type answer struct {
	status int
	body   map[string]any
	text   string
}

func (in *installation) must(t *testing.T, method, path string, body any) answer {
	t.Helper()
	var content []byte
	if body != nil {
		var err error
		if content, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	request, err := http.NewRequestWithContext(t.Context(), method, in.rest+path, bytes.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+adminKey)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, response.StatusCode, text, err)
	}
	a := answer{status: response.StatusCode, text: string(text)}
	_ = json.Unmarshal(text, &a.body)
	return a
}

// list is a list in an answer.
func (in *installation) list(t *testing.T, path, field string) []any {
	t.Helper()
	items, _ := in.must(t, "GET", path, nil).body[field].([]any)
	return items
}

// str is the text at a path of names, empty if there is none.
func (a answer) str(path ...string) string {
	var at any = a.body
	for _, name := range path {
		m, _ := at.(map[string]any)
		at = m[name]
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}
