package standard_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/standards"
)

const small = `# A comment
id: trial
displayName: Trial
timeZone: Europe/Berlin
fit:
  classes:
    - {label: A, atLeast: 10}
    - {label: B, atLeast: 0}
  groups:
    - id: company
      maxPoints: 20
      criteria:
        - {id: industry, when: lead.industry == "software", points: 10.5}
engagement:
  bands: [{label: "1", atLeast: 5}]
  groups:
    - id: web
      decay: {halfLifeDays: 30}
      rules:
        - id: page
          activities: [page.viewed]
          points: 1
          limit: {count: 10, per: day}
          intent: high
qualification:
  fastTrack:
    - {id: seen, when: {activity: {rule: page, withinDays: 7}}}
  gates: {all: [{fitClass: [A]}, {engagementScore: {atLeast: 5}}]}
`

func TestParse(t *testing.T) {
	spec, err := standard.Parse("small.yaml", []byte(small))
	if err != nil {
		t.Fatal(err)
	}
	rule := spec.GetEngagement().GetGroups()[0].GetRules()[0]
	switch {
	case spec.GetId() != "trial", spec.GetTimeZone() != "Europe/Berlin":
		t.Errorf("top level: %v", spec)
	case spec.GetFit().GetGroups()[0].GetCriteria()[0].GetPoints() != 10.5:
		t.Errorf("fit: %v", spec.GetFit())
	case rule.GetLimit().GetPer() != typev1.RepeatLimit_PER_DAY, rule.GetIntent() != typev1.EngagementRule_INTENT_HIGH:
		t.Errorf("enums: %v", rule)
	case spec.GetFit().GetGroups()[0].GetMaxPoints() != 20, spec.GetFit().MaxPoints != nil:
		t.Errorf("presence: %v", spec.GetFit())
	}
}

// JSON is YAML: what the API answers can be given back.
func TestParseReadsJSON(t *testing.T) {
	spec, err := standard.Parse("standard.json",
		[]byte(`{"id": "x", "engagement": {"groups": [{"id": "g", "rules": [{"id": "r", "activities": ["a"], "limit": {"per": "PER_WEEK"}}]}]}}`))
	if err != nil {
		t.Fatal(err)
	}
	if per := spec.GetEngagement().GetGroups()[0].GetRules()[0].GetLimit().GetPer(); per != typev1.RepeatLimit_PER_WEEK {
		t.Errorf("per = %v", per)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"nothing":             {"", "s.yaml:1: expected a standard, the file is empty"},
		"only a comment":      {"# later\n", "s.yaml:1: expected a standard, the file is empty"},
		"no YAML":             {"id: x\n  fit: [", "s.yaml:2: expected YAML: mapping values are not allowed in this context"},
		"a list":              {"- id: x", "s.yaml:1: expected keys with values (id, displayName"},
		"not UTF-8":           {"id: \xff", "s.yaml:1: expected UTF-8 text"},
		"two documents":       {"id: x\n---\nid: y\n", "s.yaml:2: expected one document, not several"},
		"unknown key":         {"id: x\nfits: {}\n", "s.yaml:2: fits: expected one of the keys id, displayName"},
		"unknown key, deep":   {"id: x\nfit:\n  groups:\n    - id: a\n      criteria:\n        - {id: b, wen: 'true'}", "s.yaml:6: fit.groups[0].criteria[0].wen: expected one of the keys id, description, when"},
		"snake case":          {"id: x\ndisplay_name: X\n", "s.yaml:2: display_name: expected one of the keys"},
		"repeated key":        {"id: x\nid: y\n", "s.yaml:2: id: expected the key once, it stands in line 1 already"},
		"number as text":      {"id: 5\n", `s.yaml:1: id: expected text (in quotes: "5"), not the number 5`},
		"truth as text":       {"id: yes\n", ""},
		"bool as text":        {"id: true\n", `s.yaml:1: id: expected text (in quotes: "true"), not the truth value true`},
		"date as text":        {"id: 2024-01-02\n", `expected text (in quotes: "2024-01-02"), not the date 2024-01-02`},
		"nothing as text":     {"id:\n", "s.yaml:1: id: expected text, not nothing (leave the key out)"},
		"nothing as part":     {"id: x\nfit:\n", "s.yaml:2: fit: expected keys with values (groups, maxPoints, classes, minKnown"},
		"text as number":      {"fit: {maxPoints: many}", `s.yaml:1: fit.maxPoints: expected a number, not "many"`},
		"infinity":            {"fit: {maxPoints: .inf}", "expected a number, not the number .inf"},
		"NaN":                 {"fit: {maxPoints: .nan}", "expected a number, not the number .nan"},
		"fraction as count":   {"fit: {minKnown: 1.5}", "fit.minKnown: expected a whole number, not the number 1.5"},
		"too large as count":  {"fit: {minKnown: 3000000000}", "fit.minKnown: expected a whole number"},
		"text as list":        {"fit: {groups: all}", `fit.groups: expected a list, not "all"`},
		"keys as list":        {"fit: {groups: {id: x}}", "fit.groups: expected a list, not keys with values"},
		"list as text":        {"id: [x]", "id: expected text, not a list"},
		"unknown word":        {"engagement: {groups: [{rules: [{limit: {per: decade}}]}]}", `limit.per: expected one of: lead, hour, day, week, month, year, visit, not "decade"`},
		"alias":               {"id: &a x\ndisplayName: *a", "s.yaml:1: id: expected no anchor (&a)\ns.yaml:2: displayName: expected the value itself, not the alias *a"},
		"tag":                 {"id: !!str 5", "id: expected no tag (!!str)"},
		"merge key":           {"<<: {id: x}", "<<: expected one of the keys"},
		"key is a list":       {"? [id]\n: x", "expected a name as key, not a list"},
		"too deep":            {"qualification: {gates: " + strings.Repeat("{not: ", 200) + "{}" + strings.Repeat("}", 201), "expected at most 100 levels of nesting"},
		"bottomless":          {strings.Repeat("[", 100_000), "expected YAML: "},
		"bottomless on lines": {strings.Repeat("- ", 100_000), "expected YAML: "},
		"too large":           {"id: " + strings.Repeat("x", standard.MaxBytes), "s.yaml:1: expected at most 1048576 bytes, not 1048580"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := standard.Parse("s.yaml", []byte(c.text))
			if c.want == "" {
				if err != nil {
					t.Fatalf("error %v, want none", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("error\n%v\nwant it to contain\n%s", err, c.want)
			}
			var problems standard.Problems
			if !errors.As(err, &problems) {
				t.Errorf("error is a %T, want Problems", err)
			}
		})
	}
}

// A file that is wrong in many places says so at once.
func TestParseReportsEverything(t *testing.T) {
	_, err := standard.Parse("s.yaml", []byte("id: 5\nfits: {}\nfit:\n  maxPoints: x\n"))
	var problems standard.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("problems: %v", err)
	}
	if problems[2].Line != 4 || problems[2].Path != "fit.maxPoints" || problems[2].File != "s.yaml" {
		t.Errorf("problem: %+v", problems[2])
	}
}

// shipped are the standards of this repository.
func shipped(t testing.TB) map[string][]byte {
	root := filepath.Join("..", "..", "..", "..", "examples")
	files := map[string][]byte{"default.yaml": standards.Default}
	found, err := filepath.Glob(filepath.Join(root, "*", "standard.yaml"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, file := range found {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		files[file] = text
	}
	return files
}

func TestShippedStandardsCompile(t *testing.T) {
	for file, text := range shipped(t) {
		if _, _, err := standard.Load(file, text); err != nil {
			t.Error(err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(small)) // the shipped ones are too long to vary well
	f.Add([]byte(whole))
	f.Add([]byte("? [id]\n: &a x\n<<: *a"))
	f.Add([]byte("- - - {a: ["))
	f.Add([]byte("id: \"\\0\\u0007\""))
	f.Fuzz(func(t *testing.T, text []byte) {
		_, c, err := standard.Load("f.yaml", text)
		if err != nil {
			var problems standard.Problems
			if !errors.As(err, &problems) {
				t.Fatalf("error is a %T, want Problems: %v", err, err)
			}
			for _, p := range problems {
				if p.Line < 1 || p.Expected == "" || p.File != "f.yaml" {
					t.Fatalf("problem without place or words: %+v", p)
				}
			}
			return
		}
		_, again, err := standard.Load("f.yaml", text)
		if err != nil || again.Version != c.Version {
			t.Fatalf("read again: %v, %v; want %s", again, err, c.Version)
		}
	})
}
