package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/assay-hq/assay/services/app"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		removeBuilt()
		os.Exit(code)
	}))
}

const adminKey = "assay_test_0123456789abcdefghijklmnopqrstuvwxyz"

// shell runs commands against a running Assay.
type shell struct {
	t   *testing.T
	env map[string]string
}

func newShell(t *testing.T) *shell {
	t.Helper()
	a, err := app.Start(t.Context(), app.Settings{
		DB: "sqlite:" + t.TempDir(), HTTPAddr: "127.0.0.1:0", GRPCAddr: "127.0.0.1:0", AdminKey: adminKey,
	}, app.Options{Telemetry: telemetry.Options{Log: t.Output()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		a.Stop(t.Context())
	})
	return &shell{t: t, env: map[string]string{"ASSAY_KEY": adminKey, "ASSAY_SERVER": "http://" + a.HTTPAddr()}}
}

// do runs a command and returns its exit code and what it printed.
func (s *shell) do(args ...string) (code int, stdout, stderr string) {
	s.t.Helper()
	var out, errs bytes.Buffer
	if server := s.env["ASSAY_SERVER"]; server != "" && args[0] != "version" && args[0] != "serve" {
		args = append(args, "--server", server)
	}
	code = run(s.t.Context(), args, &terminal{out: &out, err: &errs, env: func(name string) string { return s.env[name] }})
	return code, out.String(), errs.String()
}

// must runs a command that succeeds and returns what it printed.
func (s *shell) must(args ...string) string {
	s.t.Helper()
	code, out, errs := s.do(args...)
	if code != exitOK {
		s.t.Fatalf("assay %s: exit %d: %s", strings.Join(args, " "), code, errs)
	}
	return out
}

func lines(text string) []string { return strings.Split(strings.TrimRight(text, "\n"), "\n") }

func object(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("%q is no JSON object: %v", line, err)
	}
	return m
}

const fairMapping = `
source: trade-fair
identities: [{kind: crm_id, column: Id}]
missing: ["", n/a]
attributes:
  - {column: Title, key: job_title}
  - {column: Staff, key: employees, type: number}
  - {column: Country, key: country}
activities:
  - {type: event.attended, id: booth}
  - type: demo.requested
    id: demo
    when: {column: Demo, equals: "yes"}
ignored: [Notes]
`

func (s *shell) file(name, content string) string {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), name)
	if strings.HasSuffix(name, ".gz") {
		var packed bytes.Buffer
		z := gzip.NewWriter(&packed)
		_, _ = z.Write([]byte(content))
		_ = z.Close()
		content = packed.String()
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return path
}

func fair(rows int) string {
	var b strings.Builder
	b.WriteString("\xef\xbb\xbfId,Title,Staff,Country,Demo,Notes\r\n")
	for i := range rows {
		demo := "no"
		if i%4 == 0 {
			demo = "yes"
		}
		fmt.Fprintf(&b, "P%d,Head of IT,%d,DE,%s,\"two\nlines\"\r\n", i, 100+i, demo)
	}
	return b.String()
}

func TestImportTwiceChangesNothingTheSecondTime(t *testing.T) {
	s := newShell(t)
	mapping := s.file("mapping.yaml", fairMapping)
	for _, name := range []string{"leads.csv", "leads.csv.gz"} {
		file := s.file(name, fair(500)+"P500,CTO,many,DE,no,\n,CTO,5,DE,no,\nP501,short\n")
		out := s.must("import", "leads", file, "--mapping", mapping, "--output", "json")
		want := `"created":500,"updated":0,"unchanged":0,"rejected":3,"dryRun":false}`
		if strings.HasSuffix(name, ".gz") { // the same leads again
			want = `"created":0,"updated":0,"unchanged":500,"rejected":3,"dryRun":false}`
		}
		if got := lines(out); !strings.HasSuffix(got[len(got)-1], want) {
			t.Errorf("import ended with %s, want %s", got[len(got)-1], want)
		}
		rejects, err := os.ReadFile(file + ".rejects.csv")
		if err != nil {
			t.Fatal(err)
		}
		wantRejects := "line,reason,Id,Title,Staff,Country,Demo,Notes\n" +
			"1002,\"column \"\"Staff\"\": expected a number\",P500,CTO,many,DE,no,\n" +
			"1003,\"column \"\"Id\"\": expected a value: the row names no one\",,CTO,5,DE,no,\n" +
			"1004,\"expected 6 cells, found 2\",P501,short\n"
		if string(rejects) != wantRejects {
			t.Errorf("rejects:\n%s\nwant:\n%s", rejects, wantRejects)
		}
	}

	// Afterwards every lead has a decision, and nothing is handed off.
	all := lines(s.must("lead", "list", "--output", "json"))
	if len(all) != 500 {
		t.Fatalf("%d leads have a decision", len(all))
	}
	for _, line := range all {
		lead := object(t, line)
		for _, name := range []string{"lead", "stage", "verdict", "fitScore", "fitClass", "engagementScore", "standardVersion"} {
			if v, ok := lead[name]; !ok || v == "" {
				t.Fatalf("%s is missing in %s", name, line)
			}
		}
	}
	for _, spelling := range []string{"marketing-qualified", "MARKETING_QUALIFIED", "Marketing Qualified", "LIFECYCLE_STAGE_MARKETING_QUALIFIED", "mql"} {
		if n := len(lines(s.must("lead", "list", "--stage", spelling, "--output", "json"))); n != 125 {
			t.Errorf("--stage %s: %d leads, want 125", spelling, n)
		}
	}
	if out := s.must("handoff", "list", "--output", "json"); out != "" {
		t.Errorf("an import handed off %s", out)
	}
}

func TestImportHandsOffWhenAsked(t *testing.T) {
	s := newShell(t)
	s.must("import", "leads", s.file("leads.csv", fair(8)), "--mapping", s.file("mapping.yaml", fairMapping), "--hand-off")
	handoffs := lines(s.must("handoff", "list", "--state", "open", "--output", "json"))
	if len(handoffs) != 2 {
		t.Fatalf("%d handoffs, want 2", len(handoffs))
	}
	name := object(t, handoffs[0])["name"].(string)
	if got := object(t, s.must("handoff", "accept", name, "--output", "json"))["state"]; got != "STATE_ACCEPTED" {
		t.Errorf("state %v", got)
	}
	if code, _, errs := s.do("handoff", "accept", name); code != exitRefused || !strings.Contains(errs, "expected") {
		t.Errorf("accepted twice: exit %d: %s", code, errs)
	}
	s.must("handoff", "outcome", name, "sales-qualified")
	won := s.must("handoff", "outcome", name, "won", "--amount", "12500.00", "--currency", "EUR")
	for _, want := range []string{"state     WON", "stage     CUSTOMER", "outcome   WON 12500.00 EUR"} {
		if !strings.Contains(won, want) {
			t.Errorf("the outcome does not say %q:\n%s", want, won)
		}
	}
	other := object(t, handoffs[1])["name"].(string)
	if code, _, _ := s.do("handoff", "reject", other); code != exitUsage {
		t.Errorf("rejected without a reason: exit %d", code)
	}
	if got := object(t, s.must("handoff", "reject", other, "--reason", "no_budget", "--output", "json"))["state"]; got != "STATE_REJECTED" {
		t.Errorf("state %v", got)
	}
}

func TestABrokenColumnStopsBeforeAnythingIsWritten(t *testing.T) {
	s := newShell(t)
	for name, c := range map[string]struct{ file, mapping, want string }{
		"unknown column":  {strings.Replace(fair(3), "Notes", "Surprise", 1), fairMapping, `column "Surprise" of the file is not in the mapping`},
		"missing column":  {strings.Replace(fair(3), "Staff", "Personnel", 1), fairMapping, `column "Staff" of the mapping is not in the file`},
		"broken mapping":  {fair(3), strings.Replace(fairMapping, "type: number", "type: date", 1), "attributes[1].type: expected string, number or boolean"},
		"no such mapping": {fair(3), "", "expected at least `source`"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := s.do("import", "leads", s.file("leads.csv", c.file), "--mapping", s.file("m.yaml", c.mapping))
			if code != exitUsage || out != "" || !strings.Contains(errs, c.want) {
				t.Errorf("exit %d, %q: %s", code, out, errs)
			}
		})
	}
	if code, _, _ := s.do("lead", "lookup", "--crm-id", "P0"); code != exitRefused {
		t.Errorf("something was written: exit %d", code)
	}
}

func TestCaptureShowExplainAndLookup(t *testing.T) {
	s := newShell(t)
	captured := object(t, s.must("lead", "capture", "--email", "ana@example.com", "-a", "job_title=Head of IT", "-a", "employees=250",
		"-a", "country=DE", "-t", `page.viewed={"path":"/pricing"}`, "-t", "demo.requested", "--output", "json", "--wait", "20s"))
	lead := captured["lead"].(string)
	if got := captured["decision"].(map[string]any)["verdict"]; got != "VERDICT_QUALIFIED" {
		t.Errorf("verdict %v", got)
	}
	q := object(t, s.must("lead", "explain", lead, "--output", "json"))
	for _, part := range []string{"fit", "engagement"} {
		score := q[part].(map[string]any)["score"].(float64)
		sum := 0.0
		for _, l := range q[part].(map[string]any)["contributions"].([]any) {
			if l.(map[string]any)["rule"] == "" {
				t.Errorf("a line of %s has no rule", part)
			}
			sum += l.(map[string]any)["points"].(float64)
		}
		if math.Abs(sum-score) > 1e-6 {
			t.Errorf("%s: the lines sum to %v, the score is %v", part, sum, score)
		}
	}
	if q["lead"] != lead {
		t.Errorf("lead %v", q["lead"])
	}
	table := s.must("lead", "explain", strings.TrimPrefix(lead, "leads/"))
	for _, want := range []string{"verdict", "QUALIFIED", "Asked for a demo", "default@", "took", "FIT", "ENGAGEMENT", "demo_request", "class B", "band 2"} {
		if !strings.Contains(table, want) {
			t.Errorf("the explanation does not say %q:\n%s", want, table)
		}
	}
	if out := s.must("lead", "show", lead); !strings.Contains(out, "Head of IT") || !strings.Contains(out, `page.viewed {"path":"/pricing"}`) {
		t.Errorf("show:\n%s", out)
	}
	s.must("lead", "capture", "--email", "bo@initech.com", "--wait", "20s")
	if out := s.must("lead", "lookup", "--email", "bo@initech.com"); !strings.Contains(out, "accounts/") {
		t.Errorf("of a company:\n%s", out)
	}
	found := object(t, s.must("lead", "lookup", "--email", "ANA@example.com", "--output", "json"))
	if found["lead"].(map[string]any)["name"] != lead {
		t.Errorf("lookup found %v", found)
	}
}

func TestStandardsAndKeys(t *testing.T) {
	s := newShell(t)
	if got := object(t, s.must("standard", "list", "--output", "json"))["name"]; got != "standards/default" {
		t.Errorf("standard %v", got)
	}
	shown := s.must("standard", "show", "default")
	file := s.file("mine.yaml", strings.ReplaceAll(shown, "id: default", "id: mine"))
	s.must("standard", "validate", file)
	if n := len(lines(s.must("standard", "list", "--output", "json"))); n != 1 {
		t.Errorf("validate stored something: %d standards", n)
	}
	s.publish(file)
	s.must("standard", "retire", "mine")
	code, out, errs := s.do("standard", "validate", s.file("bad.yaml", "id: bad\nfit: {groups: [{id: g, criteria: [{id: c, when: 'lead.x ==', points: 1}]}]}\n"))
	if code != exitFailed || !strings.Contains(out, "bad.yaml:2: error: fit.groups[0].criteria[0].when: expected") {
		t.Errorf("exit %d: %s%s", code, out, errs)
	}

	// What is hardly meant is shown with its line, and is no failure.
	out = s.must("standard", "lint", s.file("trap.yaml", "id: trap\nfit:\n  groups:\n    - id: g\n      criteria:\n        - id: c\n          when: lead.n > 10 && lead.n < 5\n          points: 1\n"))
	if !strings.Contains(out, "trap.yaml:7: warning: `c`: the condition can never hold (never)") || !strings.Contains(out, "is right: ") {
		t.Errorf("lint says %s", out)
	}

	// A list that the company keeps beside its standards.
	s.must("dictionary", "set", "rivals", s.file("rivals.txt", "# by hand\nacme.example\n\nrival.example\n"))
	if out := s.must("dictionary", "show", "rivals"); out != "acme.example\nrival.example\n" {
		t.Errorf("dictionary show says %q", out)
	}
	if got := object(t, s.must("dictionary", "list", "--output", "json")); got["name"] != "dictionaries/rivals" || got["size"] != 2.0 {
		t.Errorf("dictionary list says %v", got)
	}
	s.must("standard", "lint", s.file("reads.yaml", "id: reads\nlists: [{id: rivals, dictionary: dictionaries/rivals}]\nqualification: {exclude: [{id: rival, when: {when: lead.email_domain in lists.rivals}}]}\n"))

	made := object(t, s.must("key", "create", "--actor", "jane", "--role", "sales", "--output", "json"))
	if n := len(lines(s.must("key", "list", "--output", "json"))); n != 3 {
		t.Errorf("%d keys", n)
	}
	s.must("key", "revoke", made["name"].(string))
	s.env["ASSAY_KEY"] = made["secret"].(string)
	if code, _, _ := s.do("lead", "list"); code != exitDenied {
		t.Errorf("a revoked key: exit %d", code)
	}
}

// publish makes the standard in a file decide: stored and signed off by the admin for
// marketing and by somebody of sales.
func (s *shell) publish(file string) {
	s.t.Helper()
	sales := strings.TrimSpace(s.must("key", "create", "--actor", "sam", "--role", "sales", "--secret-only"))
	s.must("standard", "draft", file)
	s.must("standard", "sign-off", file, "--side", "marketing")
	admin := s.env["ASSAY_KEY"]
	s.env["ASSAY_KEY"] = sales
	s.must("standard", "sign-off", file)
	s.env["ASSAY_KEY"] = admin
	s.must("standard", "publish", file)
}

func TestExitCodesAndErrors(t *testing.T) {
	s := newShell(t)
	for name, c := range map[string]struct {
		args []string
		code int
		want string
	}{
		"unknown command": {[]string{"lead", "steal"}, exitUsage, "steal"},
		"unknown flag":    {[]string{"lead", "list", "--colour", "red"}, exitUsage, "--colour"},
		"unknown stage":   {[]string{"lead", "list", "--stage", "hot"}, exitUsage, "expected one of lead, marketing-qualified"},
		"no identity":     {[]string{"lead", "capture"}, exitUsage, "--email"},
		"bad properties":  {[]string{"lead", "capture", "--email", "a@example.com", "-t", "page.viewed={"}, exitUsage, "JSON object"},
		"no key's role":   {[]string{"key", "create", "--actor", "jane", "--role", "service"}, exitUsage, "manager, admin, auditor\n"},
		"not found":       {[]string{"lead", "show", "01937b1e-0000-7000-8000-000000000001"}, exitRefused, "does not exist"},
		"no lead's name":  {[]string{"lead", "show", "17"}, exitUsage, "17: expected a lead, leads/ID or ID"},
		"explain no lead": {[]string{"lead", "explain", "leads/nope"}, exitUsage, "leads/nope: expected a lead, leads/ID or ID"},
		"no such file":    {[]string{"standard", "publish", "nowhere.yaml"}, exitUsage, "nowhere.yaml"},
		"server settings": {[]string{"serve", "--services", "ingest,ledger"}, exitUsage, `"ledger" is no service`},
		"half a split":    {[]string{"serve", "--services", "handoff"}, exitUsage, "expected --peer ingest=HOST:PORT"},
	} {
		t.Run(name, func(t *testing.T) {
			code, out, errs := s.do(c.args...)
			if code != c.code || !strings.Contains(errs, c.want) || out != "" {
				t.Errorf("exit %d, %q: %s; want %d saying %q", code, out, errs, c.code, c.want)
			}
		})
	}
	s.env["ASSAY_KEY"] = ""
	if code, out, errs := s.do("lead", "list"); code != exitDenied || out != "" || !strings.Contains(errs, "ASSAY_KEY") {
		t.Errorf("no key: exit %d, %q: %s", code, out, errs)
	}
	s.env["ASSAY_SERVER"] = "http://127.0.0.1:1"
	if code, _, errs := s.do("lead", "list"); code != exitUnreachable || !strings.Contains(errs, "assay serve") {
		t.Errorf("no server: exit %d: %s", code, errs)
	}
	s.env["ASSAY_SERVER"] = "nowhere"
	if code, _, _ := s.do("lead", "list"); code != exitUsage {
		t.Errorf("no URL: exit %d", code)
	}
	if out := s.must("version"); !strings.HasPrefix(out, "assay ") {
		t.Errorf("version: %s", out)
	}
}

func TestDemoGivesEveryVerdictAndIsRepeatable(t *testing.T) {
	s := newShell(t)
	out := s.must("demo", "--output", "json")
	if got := lines(out); got[len(got)-1] != `{"created":300,"updated":0,"unchanged":0,"rejected":0}` {
		t.Errorf("demo ended with %s", out)
	}
	out = s.must("demo", "--output", "json")
	if got := lines(out); got[len(got)-1] != `{"created":0,"updated":0,"unchanged":300,"rejected":0}` {
		t.Errorf("demo again ended with %s", out)
	}
	for _, verdict := range []string{"qualified", "nurture", "needs-data", "disqualified"} {
		if out := s.must("lead", "list", "--verdict", verdict, "--output", "json"); out == "" {
			t.Errorf("nobody is %s", verdict)
		}
	}
	if out := s.must("handoff", "list", "--output", "json"); out == "" {
		t.Error("nothing waits for sales")
	}
}

// The server's own command, up to the greeting and a clean stop.
func TestServeGreetsAndStops(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &notifying{want: "/openapi.json", seen: make(chan struct{})}
	done := make(chan int)
	go func() {
		done <- run(ctx, []string{"serve", "--data-dir", t.TempDir(), "--http-addr", "127.0.0.1:0", "--grpc-addr", "127.0.0.1:0"},
			&terminal{out: out, err: t.Output(), env: func(string) string { return "" }})
	}()
	<-out.seen
	if !strings.Contains(out.String(), "ASSAY_KEY=assay_") {
		t.Errorf("the first key is not shown:\n%s", out)
	}
	stop()
	if code := <-done; code != exitOK {
		t.Errorf("exit %d", code)
	}
}

// notifying tells when something was written.
type notifying struct {
	mu   sync.Mutex
	text strings.Builder
	want string
	seen chan struct{}
	once sync.Once
}

func (n *notifying) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.text.Write(p)
	if strings.Contains(n.text.String(), n.want) {
		n.once.Do(func() { close(n.seen) })
	}
	return len(p), nil
}

func (n *notifying) String() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.text.String()
}
