package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"
	"sigs.k8s.io/yaml"

	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

const tiny = `id: tiny
displayName: Tiny
fit:
  classes: [{label: A, atLeast: 50}, {label: B, atLeast: 0}]
  groups:
    - id: company
      criteria:
        - {id: size, description: Company size, when: lead.employees >= 50, points: 60}
engagement:
  bands: [{label: "1", atLeast: 50}, {label: "2", atLeast: 0}]
  groups:
    - id: content
      description: Content
      rules:
        - {id: ebook, description: Downloaded an ebook, activities: [content.downloaded], points: 20}
qualification:
  gates: {all: [{fitClass: [A]}, {engagementScore: {atLeast: 20}}]}
`

// replaced is the tiny standard with one text replaced.
func replaced(t *testing.T, old, new string) string {
	t.Helper()
	if !strings.Contains(tiny, old) {
		t.Fatalf("the standard has no %q", old)
	}
	return strings.Replace(tiny, old, new, 1)
}

// A bad standard is refused as a whole, with file, line, path and what was expected, by
// the command and by the server; the version that decides stays.
func TestABadStandardIsRefusedAsAWhole(t *testing.T) {
	s := newShell(t)
	s.publish(s.file("tiny.yaml", tiny))
	active := object(t, lines(s.must("standard", "list", "--output", "json"))[1])["activeVersion"]
	versions := len(lines(s.must("standard", "log", "tiny", "--output", "json")))
	client, err := api.New(s.env["ASSAY_SERVER"], adminKey)
	if err != nil {
		t.Fatal(err)
	}

	rules := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "        - {id: r%d, activities: [a.b], points: 1}\n", i)
		}
		return b.String()
	}
	for name, c := range map[string]struct {
		text string
		want string // after the file's name
	}{
		"not YAML":          {"id: tiny\n  fit: [", ":2: error: expected YAML: mapping values are not allowed in this context"},
		"not a standard":    {"- a\n- b\n", ":1: error: expected keys with values (id, displayName"},
		"unknown key":       {replaced(t, "displayName", "dispalyName"), ":2: error: dispalyName: expected one of the keys id, displayName"},
		"breaks the schema": {replaced(t, "id: size", "id: Size"), `:8: error: fit.groups[0].criteria[0].id: expected a name of at most 63 lower-case letters`},
		"text for a number": {replaced(t, "points: 60", "points: sixty"), `:8: error: fit.groups[0].criteria[0].points: expected a number, not "sixty"`},
		"no CEL":            {replaced(t, "lead.employees >= 50", "lead.employees >="), ":8: error: fit.groups[0].criteria[0].when: expected a condition: line 1, column"},
		"CEL of a wrong type": {
			replaced(t, "lead.employees >= 50", `'"big" + "ger"'`),
			":8: error: fit.groups[0].criteria[0].when: expected a condition: line 1, column 1: answers with string",
		},
		"unknown function": {replaced(t, "lead.employees >= 50", "big(lead.employees)"), ":8: error: fit.groups[0].criteria[0].when: expected a condition: line 1, column"},
		"unknown variable": {replaced(t, "lead.employees >= 50", "laed.employees >= 50"), ":8: error: fit.groups[0].criteria[0].when: expected a condition: line 1, column"},
		"unknown attribute": {
			tiny + "vocabulary: {attributes: [{key: country}]}\n",
			":8: error: fit.groups[0].criteria[0].when: expected an attribute of `vocabulary`, not \"employees\"",
		},
		"unknown property": {
			replaced(t, "activities: [content.downloaded]", "activities: [content.downloaded], when: activity.properties.titel == \"x\"") +
				"vocabulary: {attributes: [{key: employees}], activities: [{type: content.downloaded, properties: [{key: title}]}]}\n",
			":15: error: engagement.groups[0].rules[0].when: expected a property of an activity of `vocabulary`, not \"titel\"",
		},
		"over the cost limit": {
			replaced(t, "lead.employees >= 50", "'lead.a.all(a, lead.b.all(b, lead.c.all(c, lead.d.all(d, a == b && c == d))))'"),
			":8: error: fit.groups[0].criteria[0].when: expected a condition: line 1, column 1: could cost",
		},
		"10,000 rules": {
			replaced(t, "      rules:\n", "      rules:\n"+rules(10_000)),
			":14: error: engagement.groups[0].rules: expected at most 1000 items",
		},
		"duplicate id": {
			replaced(t, "points: 20}\n", "points: 20}\n        - {id: ebook, activities: [a.b], points: 1}\n"),
			`:16: error: engagement.groups[0].rules[1].id: expected an id of its own, "ebook" is that of engagement.groups[0].rules[0]`,
		},
		"negative cap": {replaced(t, "    - id: content\n", "    - id: content\n      maxPoints: -1\n"), ":13: error: engagement.groups[0].maxPoints: expected a number of at least 0"},
		"bands out of order": {
			replaced(t, `[{label: "1", atLeast: 50}, {label: "2", atLeast: 0}]`, `[{label: "1", atLeast: 0}, {label: "2", atLeast: 50}]`),
			":10: error: engagement.bands[1].atLeast: expected less than the edge above, 0, not 50",
		},
		"edges out of order": {
			replaced(t, "[{label: A, atLeast: 50}, {label: B, atLeast: 0}]", "[{label: A, atLeast: 50}, {label: B, atLeast: 50}]"),
			":4: error: fit.classes[1].atLeast: expected less than the edge above, 50, not 50",
		},
		"a gate asks for nothing": {replaced(t, "{fitClass: [A]}", "{}"), ":17: error: qualification.gates.all[0]: expected one of all, any"},
		"no such class":           {replaced(t, "{fitClass: [A]}", "{fitClass: [Z]}"), `:17: error: qualification.gates.all[0].fitClass[0]: expected a label of fit.classes`},
		"change window":           {tiny + "changeWindow: {from: \"02-30\", to: \"03-01\"}\n", `:18: error: changeWindow.from: expected a day as MM-DD, e.g. 01-15, not "02-30"`},
		"too large":               {tiny + "description: \"" + strings.Repeat("x", 1<<20) + "\"\n", ":1: error: expected at most 1048576 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			file := s.file("mine.yaml", c.text)
			code, out, errs := s.do("standard", "lint", file)
			if code != exitFailed || !strings.HasPrefix(out, file) || !strings.Contains(out, c.want) {
				t.Errorf("lint: exit %d: %.400s%.100s\nwant %s", code, out, errs, c.want)
			}
			_, out, _ = s.do("standard", "lint", file, "--output", "json")
			if found := object(t, lines(out)[0]); found["severity"] != "error" || found["line"].(float64) < 1 || found["file"] != file || found["message"] == "" {
				t.Errorf("lint as JSON: %.400s", out)
			}
			for _, command := range []string{"draft", "publish"} {
				code, out, errs := s.do("standard", command, file)
				if want := strings.Replace(c.want, " error:", "", 1); code != exitUsage || out != "" || !strings.Contains(errs, strings.TrimPrefix(want, "error: ")) {
					t.Errorf("%s: exit %d: %.400s", command, code, errs)
				}
			}
			// The server refuses it as well, should another program send it.
			var body structpb.Struct
			if json, err := yaml.YAMLToJSON([]byte(c.text)); err != nil || body.UnmarshalJSON(json) != nil {
				return
			}
			_, err := client.Post(context.Background(), "/v1/standards/tiny/versions", &body, nil)
			if refused := (*api.Error)(nil); !errors.As(err, &refused) || refused.Status != 400 && refused.Status != 413 {
				t.Errorf("sent to the server: %v", err)
			}
		})
	}
	if now := object(t, lines(s.must("standard", "list", "--output", "json"))[1])["activeVersion"]; now != active {
		t.Errorf("active: %v, want %v", now, active)
	}
	if now := len(lines(s.must("standard", "log", "tiny", "--output", "json"))); now != versions {
		t.Errorf("the log has %d entries, want %d: something was stored", now, versions)
	}
}

// What only the scorers see is refused when the version is stored, with its line.
func TestWhatOnlyTheScorersSeeIsRefused(t *testing.T) {
	s := newShell(t)
	file := s.file("circle.yaml", replaced(t, "points: 20}\n", "points: 20}\n        - {id: a, after: [b], points: 1}\n        - {id: b, after: [a], points: 1}\n"))
	const want = ":16: error: engagement.groups[0].rules[1].after: expected a value that must not follow itself"
	if code, out, errs := s.do("standard", "lint", file); code != exitFailed || !strings.Contains(out, want) {
		t.Errorf("lint: exit %d: %s%s", code, out, errs)
	}
	if code, _, errs := s.do("standard", "draft", file); code != exitRefused || !strings.Contains(errs, strings.Replace(want, " error:", "", 1)) {
		t.Errorf("draft: exit %d: %s", code, errs)
	}
	if n := len(lines(s.must("standard", "list", "--output", "json"))); n != 1 {
		t.Errorf("%d standards: something was stored", n)
	}
}

// What a server that is stricter than the command refuses has its lines, too.
func TestLintFindsTheLinesOfWhatTheServerRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(file, []byte(tiny), 0o600); err != nil {
		t.Fatal(err)
	}
	read, err := readStandard(file)
	if err != nil {
		t.Fatal(err)
	}
	refused := &api.Error{Status: 400, Detail: "spec: …", FieldViolations: []api.Violation{
		{Field: "spec.engagement.groups[0].rules[0].points", Description: "expected fewer"},
		{Field: "spec", Description: "expected another"},
	}}
	found := violations(read, refused)
	if len(found) != 2 || found[0].Line != 15 || found[0].Path != "engagement.groups[0].rules[0].points" || found[1].Line != 1 {
		t.Errorf("%+v", found)
	}
	err = located(read, refused)
	if want := file + ":15: engagement.groups[0].rules[0].points: expected fewer\n" + file + ":1: expected another"; err.Error() != want || exitCode(err) != exitRefused {
		t.Errorf("exit %d: %v, want %s", exitCode(err), err, want)
	}
}

// From a file to the version that decides, and what the log says of it.
func TestAgreeOnAStandard(t *testing.T) {
	s := newShell(t)
	admin := s.env["ASSAY_KEY"]
	as := func(key string) { s.env["ASSAY_KEY"] = key }
	key := func(actor, role string) string {
		as(admin)
		return strings.TrimSpace(s.must("key", "create", "--actor", actor, "--role", role, "--secret-only"))
	}
	marketing, sales := key("mia", "marketing"), key("sam", "sales")
	file := s.file("tiny.yaml", tiny)

	as(marketing)
	if out := s.must("standard", "draft", file); !strings.Contains(out, "draft, to be signed off by marketing and sales.") {
		t.Errorf("draft: %s", out)
	}
	if code, _, errs := s.do("standard", "publish", file); code != exitRefused || !strings.Contains(errs, "neither marketing nor sales has signed it off") {
		t.Errorf("published: exit %d: %s", code, errs)
	}
	if code, _, errs := s.do("standard", "sign-off", file, "--side", "sales"); code != exitDenied {
		t.Errorf("marketing for sales: exit %d: %s", code, errs)
	}
	if out := s.must("standard", "sign-off", file, "--comment", "as agreed in May"); !strings.Contains(out, "signed off by marketing (mia), to be signed off by sales.") {
		t.Errorf("sign-off: %s", out)
	}
	as(sales)
	version := strings.Split(s.must("standard", "sign-off", file), ":")[0]
	as(marketing)
	if out := s.must("standard", "publish", version); !strings.Contains(out, version+" decides now.") {
		t.Errorf("publish: %s", out)
	}

	// The next one: what differs, and what a form asks.
	next := s.file("next.yaml", replaced(t, "points: 20", "points: 15"))
	if out := s.must("standard", "diff", "tiny", next); out != "Downloaded an ebook: 20 → 15 points\n" {
		t.Errorf("diff: %s", out)
	}
	if out := s.must("standard", "diff", "tiny", version); out != "They say the same.\n" {
		t.Errorf("diff with itself: %s", out)
	}
	change := object(t, s.must("standard", "diff", version, next, "--output", "json"))["changes"].([]any)[0].(map[string]any)
	if change["path"] != "engagement.groups[content].rules[ebook].points" || change["kind"] != "KIND_CHANGED" {
		t.Errorf("change: %v", change)
	}
	if out := s.must("standard", "form", "tiny"); !strings.Contains(out, "Employees  employees  number  -       60      below 50 | 50 or more") {
		t.Errorf("form:\n%s", out)
	}
	fields := object(t, s.must("standard", "form", version, "--output", "json"))["fields"].([]any)
	if len(fields) != 1 || fields[0].(map[string]any)["attribute"] != "employees" {
		t.Errorf("form: %v", fields)
	}

	as(sales)
	s.must("standard", "feedback", "tiny", "Ebooks say little", "--rule", "ebook")
	if out := s.must("standard", "feedback", "tiny"); !strings.Contains(out, "Ebooks say little") || !strings.Contains(out, version) {
		t.Errorf("feedback:\n%s", out)
	}
	log := lines(s.must("standard", "log", "tiny"))
	for i, want := range []string{"WHAT", "mia  created", "mia  signed off for marketing", "sam  signed off for sales", "mia  published", "sam  feedback"} {
		if !strings.Contains(log[i], want) {
			t.Errorf("log line %d: %s, want %s", i, log[i], want)
		}
	}
	if !strings.HasSuffix(log[2], "as agreed in May") {
		t.Errorf("the comment is missing: %s", log[2])
	}
	if shown := s.must("standard", "show", "tiny"); !strings.HasPrefix(shown, "# standards/tiny/versions/") || !strings.Contains(shown, "published, signed off by marketing (mia) and sales (sam)") {
		t.Errorf("show:\n%s", shown)
	}
	// What is shown can be read again, and is the same version.
	as(marketing)
	if out := s.must("standard", "lint", s.file("shown.yaml", s.must("standard", "show", "tiny"))); !strings.Contains(out, version) {
		t.Errorf("lint of what is shown: %s, want %s", out, version)
	}
}
