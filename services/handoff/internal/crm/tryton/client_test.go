package tryton

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
)

// server answers calls by their method, each from a list of answers of which the last
// stays; it keeps what it was asked.
type server struct {
	mu      sync.Mutex
	answers map[string][]answer
	asked   []string
	signIns int
}

type answer struct {
	status int // 0: 200
	header http.Header
	body   string
	// cut: the connection breaks after the call was taken.
	cut bool
}

func result(body string) answer  { return answer{body: `{"id":1,"result":` + body + `}`} }
func failure(body string) answer { return answer{body: `{"id":1,"error":` + body + `}`} }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var call struct {
		Method string
		Params json.RawMessage
	}
	_ = json.Unmarshal(body, &call)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch call.Method {
	case "common.db.login":
		s.signIns++
	case "model.res.user.get_preferences":
	default:
		s.asked = append(s.asked, call.Method+string(call.Params))
	}
	list := s.answers[call.Method]
	if len(list) == 0 {
		http.Error(w, "not expected: "+call.Method, http.StatusTeapot)
		return
	}
	a := list[0]
	if len(list) > 1 {
		s.answers[call.Method] = list[1:]
	}
	if a.cut {
		connection, _, _ := w.(http.Hijacker).Hijack()
		_ = connection.Close()
		return
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status != 0 {
		w.WriteHeader(a.status)
	}
	_, _ = io.WriteString(w, a.body)
}

// start returns a client of a server with these answers beside those to a sign-in.
func start(t *testing.T, answers map[string][]answer) (*Client, *server) {
	t.Helper()
	s := &server{answers: map[string][]answer{
		"common.db.login":                {result(`[3,"0a1b"]`)},
		"model.res.user.get_preferences": {result(`{"company":5,"employee":6,"language":"en"}`)},
	}}
	for method, list := range answers {
		s.answers[method] = list
	}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	c, err := New(Config{URL: web.URL, Database: "sales", User: "assay", Password: "secret", HTTP: web.Client()})
	if err != nil {
		t.Fatal(err)
	}
	return c, s
}

const (
	find   = "model.sale.opportunity.search_read"
	create = "model.sale.opportunity.create"
	handed = "01900000-0000-7000-8000-0000000000f1"
)

// What a failed call did is what decides whether the next try must look first.
func TestTheEffectOfAFailedCall(t *testing.T) {
	deep := strings.Repeat("[", mostDepth+1) + strings.Repeat("]", mostDepth+1)
	for name, c := range map[string]struct {
		read, write answer
		want        [2]crm.Effect
		reason      string
	}{
		"the connection breaks": {answer{cut: true}, answer{cut: true}, [2]crm.Effect{crm.Away, crm.Unknown}, "does not answer"},
		"a proxy's error":       {answer{status: 502}, answer{status: 502}, [2]crm.Effect{crm.Away, crm.Unknown}, "failed (502)"},
		"a redirect": {
			answer{status: 302, header: http.Header{"Location": {"http://169.254.169.254/"}}},
			answer{status: 302, header: http.Header{"Location": {"http://169.254.169.254/"}}},
			[2]crm.Effect{crm.Refused, crm.Refused},
			"refused the call (302)",
		},
		"no such database": {answer{status: 404}, answer{status: 404}, [2]crm.Effect{crm.Refused, crm.Refused}, "database"},
		"too many calls":   {answer{status: 429}, answer{status: 429}, [2]crm.Effect{crm.Away, crm.Away}, "left alone"},
		"a rule of the CRM": {
			failure(`["UserError",["You are not allowed to create records of \"Sale Opportunity\" because:\nUser in companies","",null]]`),
			failure(`["UserError",["You are not allowed to create records of \"Sale Opportunity\" because:\nUser in companies","",null]]`),
			[2]crm.Effect{crm.Refused, crm.Refused},
			`UserError: You are not allowed to create records of "…" because: User in companies`,
		},
		"an exception":       {failure(`["'foo'","Traceback…"]`), failure(`["'foo'","Traceback…"]`), [2]crm.Effect{crm.Refused, crm.Refused}, "refused the call: 'foo'"},
		"a conflict":         {failure(`["ConcurrencyException",["…"]]`), failure(`["ConcurrencyException",["…"]]`), [2]crm.Effect{crm.Away, crm.Away}, "somebody else"},
		"an odd error":       {failure(`{"code":1}`), failure(`{"code":1}`), [2]crm.Effect{crm.Refused, crm.Refused}, "refused"},
		"no JSON":            {answer{body: "<html>"}, answer{body: "<html>"}, [2]crm.Effect{crm.Away, crm.Unknown}, "not JSON"},
		"nothing":            {answer{}, answer{}, [2]crm.Effect{crm.Away, crm.Unknown}, "not JSON"},
		"no result":          {answer{body: `{"id":1}`}, answer{body: `{"id":1}`}, [2]crm.Effect{crm.Away, crm.Unknown}, "no result"},
		"another type":       {result(`{"a":1}`), result(`"7"`), [2]crm.Effect{crm.Away, crm.Unknown}, "not what was asked for"},
		"ids out of range":   {result(`[{"id":0,"state":"lead"}]`), result(`[-4]`), [2]crm.Effect{crm.Away, crm.Unknown}, "not what was asked for"},
		"a bomb of nesting":  {answer{body: deep}, answer{body: deep}, [2]crm.Effect{crm.Away, crm.Unknown}, "nested too deeply"},
		"ten megabytes":      {result(`"` + strings.Repeat("a", 10<<20) + `"`), result(`"` + strings.Repeat("a", 10<<20) + `"`), [2]crm.Effect{crm.Away, crm.Unknown}, "too long"},
		"a number as a text": {result(`[{"id":"7","state":"lead"}]`), result(`["7"]`), [2]crm.Effect{crm.Away, crm.Unknown}, "not what was asked for"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, map[string][]answer{find: {c.read}, create: {c.write}})
			_, _, read := client.Find(t.Context(), crm.Key(handed))
			_, write := client.Upsert(t.Context(), crm.Key(handed), crm.Remote{Contact: "4"}, crm.Record{})
			for i, err := range []error{read, write} {
				var e *crm.Error
				if !errors.As(err, &e) || e.Effect != c.want[i] || !strings.Contains(e.Reason, c.reason) {
					t.Errorf("%d: %v (%+v), want effect %d and %q", i, err, e, c.want[i], c.reason)
				}
			}
		})
	}
}

func TestAServerThatIsNotThereWasNotReached(t *testing.T) {
	web := httptest.NewServer(http.NotFoundHandler())
	url := web.URL
	web.Close()
	client, err := New(Config{URL: url, Database: "sales", User: "assay", HTTP: http.DefaultClient})
	if err != nil {
		t.Fatal(err)
	}
	_, err = client.Upsert(t.Context(), crm.Key(handed), crm.Remote{Contact: "4"}, crm.Record{})
	if e := (*crm.Error)(nil); !errors.As(err, &e) || e.Effect != crm.Away {
		t.Errorf("%v", err)
	}
}

func TestACRMThatNeverAnswersIsGivenUp(t *testing.T) {
	done := make(chan struct{})
	web := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if strings.Contains(string(body), "login") {
			<-done
		}
	}))
	defer web.Close()
	defer close(done)
	client, err := New(Config{URL: web.URL, Database: "sales", User: "assay", HTTP: web.Client()})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, _, err := client.Find(ctx, crm.Key(handed)); err == nil {
		t.Error("an answer that never came")
	}
}

func TestASessionThatEndedIsRenewedOnce(t *testing.T) {
	client, s := start(t, map[string][]answer{find: {
		result(`[]`), {status: 401}, result(`[{"id":7,"state":"lead","party":4}]`), {status: 401},
	}})
	for range 2 {
		if _, _, err := client.Find(t.Context(), crm.Key(handed)); err != nil {
			t.Fatal(err)
		}
	}
	if s.signIns != 2 {
		t.Errorf("%d sign-ins, want 2", s.signIns)
	}
	if _, _, err := client.Find(t.Context(), crm.Key(handed)); err == nil || !strings.Contains(err.Error(), "does not keep the session") {
		t.Errorf("a server that refuses every session: %v", err)
	}
}

func TestWhatASignInCanLack(t *testing.T) {
	for name, c := range map[string]struct {
		answers map[string][]answer
		want    string
	}{
		"a wrong password": {map[string][]answer{"common.db.login": {{status: 401}}}, "does not take the user"},
		"a company":        {map[string][]answer{"model.res.user.get_preferences": {result(`{"language":"en"}`)}}, "belongs to no company"},
		"a session that fits a header": {
			map[string][]answer{"common.db.login": {result(`[3,"a\r\nX: y"]`)}}, "not what was asked for",
		},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := start(t, c.answers)
			_, _, err := client.Find(t.Context(), crm.Key(handed))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestWhatIsAskedOfTryton(t *testing.T) {
	client, s := start(t, map[string][]answer{
		"model.party.party.search":      {result(`[]`)},
		"model.party.party.create":      {result(`[4]`)},
		create:                          {result(`[7]`)},
		"model.sale.opportunity.search": {result(`[7]`)},
		"model.sale.opportunity.write":  {result(`null`)},
	})
	record := crm.Record{
		Lead: "leads/1", Name: "Ada  Lovelace", Email: "ada_l@example.com", Company: "Acme", Title: "Call today\n", Text: "Pricing page, 3 times", Owner: "9",
	}
	remote, err := client.Upsert(t.Context(), crm.Key(handed), crm.Remote{}, record)
	if want := (crm.Remote{Contact: "4", Opportunity: "7"}); err != nil || remote != want {
		t.Fatalf("%+v, %v", remote, err)
	}
	if _, err := client.Upsert(t.Context(), crm.Key(handed), remote, record); err != nil {
		t.Fatal(err)
	}
	user := `{"company":5,"employee":6}`
	want := []string{
		`model.party.party.search[[["identifiers.code","=","assay:leads/1"]],0,1,[["id","ASC"]],` + user + `]`,
		`model.party.party.search[[["contact_mechanisms","where",[["type","=","email"],["value","ilike","ada\\_l@example.com"]]]],0,1,[["id","ASC"]],` + user + `]`,
		`model.party.party.create[[{"addresses":[["create",[{"party_name":"Acme"}]]],` +
			`"contact_mechanisms":[["create",[{"type":"email","value":"ada_l@example.com"}]]],` +
			`"identifiers":[["create",[{"code":"assay:leads/1"}]]],"name":"Ada Lovelace"}],` + user + `]`,
		`model.sale.opportunity.create[[{"comment":"Pricing page, 3 times","description":"Call today","employee":9,"party":4,` +
			`"reference":"assay:handoffs/` + handed + `"}],` + user + `]`,
		`model.sale.opportunity.search[[["id","=",7],["state","in",["lead","opportunity"]]],0,1,null,` + user + `]`,
		`model.sale.opportunity.write[[7],{"employee":9},` + user + `]`,
	}
	if diff := cmp.Diff(want, s.asked); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestAnOwnerWhomTrytonDoesNotTakeLosesNoLead(t *testing.T) {
	client, s := start(t, map[string][]answer{create: {
		failure(`["UserError",["The value for field \"Employee\" is not valid according to its domain.","",null]]`), result(`[7]`),
	}})
	remote, err := client.Upsert(t.Context(), crm.Key(handed), crm.Remote{Contact: "4"}, crm.Record{Owner: "9"})
	if err != nil || remote.Opportunity != "7" || len(s.asked) != 2 || strings.Contains(s.asked[1], `"employee":9`) {
		t.Errorf("%+v, %v, asked %q", remote, err, s.asked)
	}
}

func TestAPartyIsKeptWhenTheOpportunityFails(t *testing.T) {
	client, _ := start(t, map[string][]answer{
		"model.party.party.search": {result(`[4,5]`)},
		create:                     {{cut: true}},
	})
	remote, err := client.Upsert(t.Context(), crm.Key(handed), crm.Remote{}, crm.Record{Lead: "leads/1", Name: "Ada"})
	if err == nil || remote != (crm.Remote{Contact: "4"}) {
		t.Errorf("%+v, %v", remote, err)
	}
}

func TestChangesAreReadInPages(t *testing.T) {
	at := func(minute int) string {
		return fmt.Sprintf(`{"__class__":"datetime","year":2026,"month":3,"day":1,"hour":9,"minute":%d,"second":0,"microsecond":0}`, minute)
	}
	var full []string
	for i := range page {
		full = append(full, fmt.Sprintf(`{"id":%d,"reference":"assay:handoffs/%s","state":"lead","create_date":%s,"write_date":null}`, i+1, handed, at(1)))
	}
	client, s := start(t, map[string][]answer{find: {
		result("[" + strings.Join(full, ",") + "]"),
		result(`[{"id":900,"party":4,"reference":"assay:handoffs/` + handed + `","state":"won","lost_reason":null,"create_date":` + at(1) + `,"write_date":` + at(30) +
			`,"amount":{"__class__":"Decimal","decimal":"1200.50"},"company.":{"id":5,"currency.":{"id":1,"code":"EUR"}}}]`),
		result(`[]`),
	}})
	changes, next, err := client.Changes(t.Context(), crm.Cursor{})
	if err != nil || len(changes) != page || next.After != "200" || !next.Since.IsZero() {
		t.Fatalf("%d changes, %+v, %v", len(changes), next, err)
	}
	changes, next, err = client.Changes(t.Context(), next)
	won := time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)
	want := []crm.Change{{
		Key: crm.Key(handed), Remote: crm.Remote{Contact: "4", Opportunity: "900"}, State: "won", Outcome: crm.Won,
		Amount: "1200.50", Currency: "EUR", Time: won,
	}}
	if diff := cmp.Diff(want, changes); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if end := (crm.Cursor{Newest: won}); next != end {
		t.Errorf("at the end of a pass: %+v", next)
	}
	// The next pass looks further back than it has seen: a change is visible only when its
	// transaction has ended.
	if _, next, err = client.Changes(t.Context(), next); err != nil || next.Newest != won {
		t.Errorf("%+v, %v", next, err)
	}
	for i, part := range []string{`[["reference","like","assay:handoffs/%"]],0,200`, `["id","\u003e",200]`, `"hour":9,"microsecond":0,"minute":20,`} {
		if !strings.Contains(s.asked[i], part) {
			t.Errorf("page %d: %s does not ask for %s", i, s.asked[i], part)
		}
	}
}
