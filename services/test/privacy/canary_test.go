package privacy_test

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/handoff"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) { dbtest.Main(m) }

// Whatever begins with it was said of the person.
const canary = "kanarie"

const (
	adminKey = "assay_test_0123456789abcdefghijklmnopqrstuvwxyz"
)

// house is a running Assay, with all that it writes anywhere.
type house struct {
	t         *testing.T
	app       *app.App
	files     string // where the store keeps its files
	logs      *output
	spans     *tracetest.InMemoryExporter
	delivered chan []byte
}

// output is what a process logs.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) text() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.b.Bytes())
}

func open(t *testing.T, db, files string) *house {
	t.Helper()
	h := &house{t: t, files: files, logs: &output{}, spans: tracetest.NewInMemoryExporter(), delivered: make(chan []byte, 100)}
	settings := app.Settings{
		DB: db, HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminKey: adminKey,
		Delivery: handoff.Delivery{AllowNetworks: []string{"127.0.0.0/8"}, SecretsKey: "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="},
	}
	if !strings.HasPrefix(db, "sqlite:") {
		h.ok(app.Migrate(t.Context(), settings, func(string) {}))
	}
	a, err := app.Start(t.Context(), settings, app.Options{
		Telemetry: telemetry.Options{Log: h.logs, SpanExporter: h.spans}, Settle: 300 * time.Millisecond,
	})
	h.ok(err)
	h.app = a
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		a.Stop(context.Background())
	})
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		h.delivered <- body
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	h.must("POST", "/v1/destinations?destinationId=crm", map[string]any{"kind": "KIND_WEBHOOK", "url": receiver.URL, "detail": "DETAIL_FULL"})
	return h
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

type answer map[string]any

func (a answer) str(path ...string) string {
	at := any(map[string]any(a))
	for _, step := range path {
		switch v := at.(type) {
		case map[string]any:
			at = v[step]
		case []any:
			if len(v) == 0 {
				return ""
			}
			at = v[0].(map[string]any)[step]
		}
	}
	if at == nil {
		return ""
	}
	return fmt.Sprint(at)
}

// call calls REST with a key.
func (h *house) call(key, method, path string, body any) (int, string) {
	h.t.Helper()
	content := []byte(nil)
	if body != nil {
		var err error
		content, err = json.Marshal(body)
		h.ok(err)
	}
	return h.send(key, method, path, content)
}

// send is call with a body as it is.
func (h *house) send(key, method, path string, content []byte) (int, string) {
	h.t.Helper()
	r, err := http.NewRequestWithContext(h.t.Context(), method, "http://"+h.app.HTTPAddr()+path, bytes.NewReader(content))
	h.ok(err)
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	h.ok(err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	h.ok(err)
	return response.StatusCode, string(text)
}

// as calls REST with a key and expects it to succeed.
func (h *house) as(key, method, path string, body any) (a answer) {
	h.t.Helper()
	status, text := h.call(key, method, path, body)
	if status != http.StatusOK {
		h.t.Fatalf("%s %s: %d %s", method, path, status, text)
	}
	h.ok(json.Unmarshal([]byte(text), &a))
	return a
}

func (h *house) must(method, path string, body any) answer {
	h.t.Helper()
	return h.as(adminKey, method, path, body)
}

// eventually waits for what happens in the background.
func (h *house) eventually(what string, holds func() bool) {
	h.t.Helper()
	for end := time.Now().Add(60 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			h.t.Fatalf("%s: not within a minute", what)
		}
	}
}

// arrives waits for an event at the receiver.
func (h *house) arrives(kind string) string {
	h.t.Helper()
	for {
		select {
		case body := <-h.delivered:
			if bytes.Contains(body, []byte(`"type":"`+kind+`"`)) {
				return string(body)
			}
		case <-time.After(30 * time.Second):
			h.t.Fatalf("no %s arrived", kind)
		}
	}
}

func identity(kind, value string) map[string]any { return map[string]any{"kind": kind, "value": value} }

// somebody is a person of whom nothing qualifies them.
func somebody(identities ...any) map[string]any {
	return map[string]any{
		"lead":            map[string]any{"identities": identities, "attributes": map[string]any{"job_title": "Engineer"}},
		"waitForDecision": true, "waitTimeout": "20s",
	}
}

// word is a canary that is found in what is searched, and nowhere else.
func word(what string) string { return canary + "-" + what + "-4c8f" }

// live has the person leave something everywhere, and returns the lead.
func (h *house) live() string {
	person := somebody(identity("KIND_EMAIL", word("email")+"@one.example"), identity("KIND_USER_ID", word("user")),
		identity("KIND_ANONYMOUS_ID", word("visitor")), identity("KIND_CRM_ID", word("crm")))
	person["requestId"] = "3f2b8a52-2c7d-4f0e-9d57-6c6f2f9f1a10"
	person["source"] = "form"
	person["account"] = map[string]any{"kind": "KIND_DOMAIN", "value": "one.example"}
	person["lead"].(map[string]any)["attributes"] = map[string]any{
		"first_name": word("name"), "phone": word("phone"), "job_title": word("title"), "country": "DE", "employees": 250,
	}
	person["lead"].(map[string]any)["leadSource"] = map[string]any{"channel": "web", "campaign": word("campaign"), "detail": word("detail")}
	person["activities"] = []any{
		map[string]any{
			"id": word("activity"), "type": "page.viewed", "campaign": word("utm"),
			"properties": map[string]any{"path": "/" + word("path"), "note": strings.Repeat(word("text")+" ", 400)},
		},
		map[string]any{"type": "event.attended", "properties": map[string]any{"name": word("fair")}},
	}
	lead := h.must("POST", "/v1/leads:capture", person).str("lead")
	h.must("POST", "/v1/leads:capture", person) // answered from the reply that is kept
	h.must("POST", "/v1/"+lead+"/permissionRecords", map[string]any{
		"channel": "email", "purpose": "newsletter", "state": "STATE_GRANTED", "source": word("form"), "address": "192.0.2.77",
	})

	// A manager lets the person qualify, and sales tells what came of it.
	keys := map[string]string{}
	for name, role := range map[string]string{"max": "ROLE_MANAGER", "jane": "ROLE_SALES"} {
		h.must("POST", "/v1/users?userId="+name, map[string]any{"role": role})
		keys[name] = h.must("POST", "/v1/apiKeys", map[string]any{"actor": name, "role": role}).str("secret")
	}
	approval := h.as(keys["jane"], "POST", "/v1/"+lead+"/approvals", map[string]any{
		"reason": word("approval"), "evidence": word("evidence"), "links": []any{"https://example.com/" + word("link")},
	}).str("name")
	h.as(keys["max"], "POST", "/v1/"+approval+":approve", map[string]any{"comment": word("comment")})
	if body := h.arrives("handoff.created"); !strings.Contains(body, word("email")) {
		h.t.Fatalf("the handoff came without the person: %s", body)
	}
	handoff := h.must("GET", "/v1/"+lead+"/qualification", nil).str("handoff")
	h.as(keys["jane"], "POST", "/v1/"+handoff+":accept", map[string]any{})
	h.as(keys["jane"], "POST", "/v1/"+handoff+":recordOutcome", map[string]any{"outcome": "KIND_OPPORTUNITY", "reason": word("outcome"), "amount": "100", "currencyCode": "EUR"})
	h.as(keys["jane"], "POST", "/v1/standards/default/feedback", map[string]any{"text": word("feedback"), "lead": lead})

	// Something of the person is refused, and kept as it came.
	h.refused()
	h.imported(lead)
	h.eventually("what sales said is scored", func() bool {
		_, text := h.call(adminKey, "GET", "/v1/"+lead+"/activities?pageSize=100", nil)
		return strings.Contains(text, "sales.opportunity")
	})
	return lead
}

// imported has files say something of the person, one of them under an address of which
// somebody finds out later whose it is. A row of each is rejected.
func (h *house) imported(lead string) {
	h.t.Helper()
	for _, name := range []string{"one", "two"} {
		address := word("email") + "@" + name + ".example"
		file := "email,city,note\n" + address + "," + word("city-"+name) + "," + word("note-"+name) + "\n" + word("rejected-"+name) + ",Bonn," + address + "\n"
		var made answer
		status, text := h.send(adminKey, "POST", "/v1/imports:upload?kind=KIND_LEADS&displayName="+name+".csv", []byte(file))
		if status != http.StatusOK {
			h.t.Fatalf("upload: %d %s", status, text)
		}
		h.ok(json.Unmarshal([]byte(text), &made))
		h.must("POST", "/v1/"+made.str("name")+":run", map[string]any{})
		h.eventually("the file is imported", func() bool {
			made = h.must("GET", "/v1/"+made.str("name"), nil)
			return made.str("state") == "STATE_DONE"
		})
		if made.str("counts", "rejected") != "1" {
			h.t.Errorf("%s.csv: %v", name, made)
		}
	}
	two := h.must("POST", "/v1/leads:lookup", map[string]any{"identity": identity("KIND_EMAIL", word("email")+"@two.example")})
	h.must("POST", "/v1/"+lead+":merge", map[string]any{"other": two.str("lead", "name"), "reason": word("merge")})
}

// refused has a tracking client send what is refused, and kept as it came.
func (h *house) refused() {
	h.t.Helper()
	h.must("POST", "/v1/sources?sourceId=web", map[string]any{"kind": "KIND_SERVER"})
	key := h.must("POST", "/v1/apiKeys", map[string]any{"actor": "web", "source": "sources/web", "role": "ROLE_INGEST"}).str("secret")
	body := `{"batch":[{"type":"track","messageId":"` + word("message") + `","userId":"` + word("user") + `","properties":{"email":"` + word("email") + `@one.example"}}]}`
	r, err := http.NewRequestWithContext(h.t.Context(), http.MethodPost, "http://"+h.app.HTTPAddr()+"/v1/batch", strings.NewReader(body))
	h.ok(err)
	r.SetBasicAuth(key, "")
	response, err := http.DefaultClient.Do(r)
	h.ok(err)
	response.Body.Close()
	if response.StatusCode != http.StatusOK || response.Header.Get("X-Rejected") != "1" {
		h.t.Fatalf("the event without a name: %d %v", response.StatusCode, response.Header)
	}
}

// found says where a canary stands.
func (h *house) found() (where []string) {
	look := func(what string, content []byte) {
		for _, hit := range slices.Compact(slices.Sorted(slices.Values(regexp.MustCompile(`(?i)`+canary+`[-a-z0-9]*`).FindAllString(string(content), -1)))) {
			where = append(where, what+": "+hit)
		}
	}
	err := filepath.WalkDir(h.files, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return nil //nolint:nilerr // a file that is gone holds nothing
		}
		content, err := os.ReadFile(path)
		if err == nil {
			look(strings.TrimPrefix(path, h.files), content)
		}
		return nil // nor does one that cannot be read, such as a socket
	})
	h.ok(err)
	look("logs", h.logs.text())
	for _, span := range h.spans.GetSpans() {
		look("span "+span.Name, fmt.Appendf(nil, "%+v", span))
	}
	return where
}

// settle has the store write to its tables what is only in the WAL, and PostgreSQL let go of
// that WAL, as both do by themselves in the course of time.
func settle(t *testing.T, address string) {
	t.Helper()
	if folder, ok := strings.CutPrefix(address, "sqlite:"); ok {
		for _, service := range []string{"ingest", "profilefit", "behavior", "handoff"} {
			db, err := sql.Open("sqlite", filepath.Join(folder, service+".db"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.ExecContext(t.Context(), `PRAGMA wal_checkpoint(PASSIVE)`); err != nil {
				t.Fatal(err)
			}
			db.Close()
		}
		return
	}
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for range 2 {
		for _, statement := range []string{`SELECT pg_switch_wal()`, `CHECKPOINT`} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// stores runs a test on a store of its own of each kind, whose files it can search.
func stores(t *testing.T, run func(t *testing.T, address, files string)) {
	t.Run("sqlite", func(t *testing.T) {
		dir := t.TempDir()
		run(t, "sqlite:"+dir, dir)
	})
	t.Run("postgres", func(t *testing.T) {
		// Segments of the WAL are removed and not renamed to be filled again, so that they
		// can be searched.
		address, stop, err := dbtest.StartPostgres(dbtest.PostgresOptions{Settings: []string{"wal_recycle=off", "min_wal_size=32MB"}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		run(t, address, u.Query().Get("host"))
	})
}

// A person who was everywhere is nowhere after an erasure: not in tables, files, WAL, logs,
// spans or deliveries. What is counted stays, and others are as before.
func TestNoByteOfAnErasedPersonIsLeft(t *testing.T) {
	stores(t, func(t *testing.T, address, files string) {
		h := open(t, address, files)
		other := h.must("POST", "/v1/leads:capture", somebody(identity("KIND_EMAIL", "ann@other.example"))).str("lead")
		lead := h.live()
		before := h.qualification(other)
		settle(t, address)
		handoff := h.must("GET", "/v1/"+lead+"/qualification", nil).str("handoff")
		if len(h.found()) < 10 {
			t.Fatalf("the search finds only %v", h.found())
		}

		h.exports(lead)
		created := h.must("POST", "/v1/erasures", map[string]any{
			"identity": identity("KIND_ANONYMOUS_ID", word("visitor")), "mode": "MODE_SUPPRESS_AND_DELETE", "reason": "request 17",
			"requestId": "3f2b8a52-2c7d-4f0e-9d57-6c6f2f9f1a11",
		})
		var erasure answer
		h.eventually("the erasure is done", func() bool {
			erasure = h.must("GET", "/v1/"+created.str("name"), nil)
			return erasure.str("state") == "STATE_DONE"
		})
		if erasure.str("leads") == "" || len(erasure["steps"].([]any)) < 13 {
			t.Errorf("the erasure says %v", erasure)
		}
		if body := h.arrives("lead.erased"); !strings.Contains(body, lead) {
			t.Errorf("the destination is told %s", body)
		}
		again := h.must("POST", "/v1/erasures", map[string]any{
			"identity": identity("KIND_ANONYMOUS_ID", word("visitor")), "mode": "MODE_SUPPRESS_AND_DELETE", "reason": "request 17",
			"requestId": "3f2b8a52-2c7d-4f0e-9d57-6c6f2f9f1a11",
		})
		if again.str("name") != created.str("name") {
			t.Errorf("the same request made %s and %s", created.str("name"), again.str("name"))
		}

		// Whoever comes back is not captured, by whatever identifier.
		for value, kind := range map[string]string{word("email") + "@one.example": "KIND_EMAIL", word("email") + "@two.example": "KIND_EMAIL", word("crm"): "KIND_CRM_ID"} {
			if status, text := h.call(adminKey, "POST", "/v1/leads:capture", somebody(identity(kind, value))); status == http.StatusOK || !strings.Contains(text, "SUPPRESSED") {
				t.Errorf("the person comes back as %s: %d %s", kind, status, text)
			}
		}
		settle(t, address)
		if where := h.found(); len(where) > 0 {
			t.Errorf("left of the person:\n%s", strings.Join(where, "\n"))
		}

		// What is counted is there, without the person.
		for path, status := range map[string]int{"/v1/" + lead: http.StatusNotFound, "/v1/" + handoff: http.StatusOK, "/v1/" + lead + "/qualification": http.StatusOK} {
			if got, text := h.call(adminKey, "GET", path, nil); got != status {
				t.Errorf("GET %s: %d %s", path, got, text)
			}
		}
		if got := h.must("GET", "/v1/"+handoff, nil); got.str("state") != "STATE_DISQUALIFIED" || got.str("outcome", "amount") != "100.00" && got.str("outcome", "amount") != "100" {
			t.Errorf("the handoff is %v", got)
		}
		if v := h.must("GET", "/v1/auditEntries:verify", nil); v.str("intact") != "true" {
			t.Errorf("the audit log is %v", v)
		}
		if after := h.qualification(other); after != before {
			t.Errorf("somebody else was\n%s\nand is\n%s", before, after)
		}
	})
}

// exports has all that is held given out: whatever the person said is in it, but for what
// was refused, and what other people wrote of the standard.
func (h *house) exports(lead string) {
	h.t.Helper()
	h.must("POST", "/v1/corrections", map[string]any{
		"kind": "CORRECTION_TEST", "activities": []any{map[string]any{"id": word("activity")}},
	})
	document := h.must("GET", "/v1/"+lead+":export", nil).str("document")
	for _, what := range []string{
		"email", "user", "visitor", "crm", "name", "phone", "title", "campaign", "detail", "activity", "utm", "path", "text", "fair",
		"form", "approval", "evidence", "link", "comment", "outcome", "city-one", "note-two", "merge",
	} {
		if !strings.Contains(document, word(what)) {
			h.t.Errorf("the export lacks what was said of %s", what)
		}
	}
	var sections map[string]any
	h.ok(json.Unmarshal([]byte(document), &sections))
	for _, section := range []string{
		"lead", "account", "identityLinks", "attributeHistory", "corrections", "activities", "permissions", "qualification", "decisions", "stageMoves",
		"handoffs", "packets", "approvals", "deliveries", "auditEntries",
	} {
		if list, is := sections[section].([]any); sections[section] == nil || is && len(list) == 0 {
			h.t.Errorf("the export has no %s", section)
		}
	}
	entries := h.must("GET", "/v1/auditEntries?pageSize=1", nil)
	if entries.str("auditEntries", "method") != "assay.handoff.v1.PrivacyService/ExportLead" || entries.str("auditEntries", "resource") != lead {
		h.t.Errorf("the audit log says %v", entries)
	}
}

// qualification is all that is said of a lead, as text.
func (h *house) qualification(lead string) string {
	h.t.Helper()
	_, text := h.call(adminKey, "GET", "/v1/"+lead+"/qualification", nil)
	return text
}
