package event

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/internal/pattern"
)

var update = flag.Bool("update", false, "write the catalogue into the reference")

const reference = "../../../../docs/reference/events.md"

// The reference that people read is the catalogue.
func TestReference(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	const begin = "<!-- catalogue -->\n"
	head, is, ok := strings.Cut(string(text), begin)
	if !ok {
		t.Fatalf("%s has no place for the catalogue", reference)
	}
	want := catalogue()
	if *update {
		if err := os.WriteFile(reference, []byte(head+begin+want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if is != want {
		t.Errorf("%s is not the catalogue: go test ./services/handoff/internal/event -update", reference)
	}
}

func catalogue() string {
	var b strings.Builder
	b.WriteString("\n| type | when |\n|---|---|\n")
	for _, e := range Catalogue {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s |\n", e.Name, strings.ReplaceAll(e.Name, ".", ""), e.When)
	}
	for _, e := range Catalogue {
		sample, err := json.MarshalIndent(json.RawMessage(Body(e.Name, SampleTime, Data(e.Sample), nil)), "", "  ")
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&b, "\n### %s\n\n%s\n\n```json\n%s\n```\n", e.Name, e.When, sample)
	}
	return b.String()
}

func TestSamplesNameNobodyAndAreTold(t *testing.T) {
	seen := map[string]bool{}
	for _, e := range Catalogue {
		body := Body(e.Name, SampleTime, Data(e.Sample), nil)
		if seen[e.Name] || e.When == "" || !json.Valid(body) || strings.Contains(string(body), "@") || len(body) > 2000 {
			t.Errorf("%s: %s", e.Name, body)
		}
		seen[e.Name] = true
	}
}

func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, name string
		want          bool
	}{
		{"handoff.created", "handoff.created", true},
		{"handoff.*", "handoff.created", true},
		{"*", "lead.nurture", true},
		{"handoff.*", "lead.nurture", false},
		{"handoff", "handoff.created", false},
		{"*.created", "handoff.created", false},
	} {
		if pattern.Matches(c.pattern, c.name) != c.want {
			t.Errorf("%s for %s", c.pattern, c.name)
		}
	}
	for types, want := range map[string]bool{"handoff.*": true, "sla.breached": true, "*": true, "lead.eaten": false, "": false, "deal.*": false} {
		if Known(types) != want {
			t.Errorf("%q known: %v", types, !want)
		}
	}
}

func TestBodies(t *testing.T) {
	for data, want := range map[string]string{
		`{}`:        `{"packet":{"p":1}}`,
		`{"a":"<"}`: `{"a":"<","packet":{"p":1}}`,
	} {
		got := string(Body("x.y", SampleTime, []byte(data), []byte(`{"p":1}`)))
		if got != `{"type":"x.y","timestamp":"2026-03-02T14:20:00Z","data":`+want+`}` {
			t.Errorf("%s", got)
		}
	}
	if got := string(Data(map[string]any{"a": "", "b": nil, "c": 0, "d": "é"})); got != `{"c":0,"d":"é"}` {
		t.Errorf("%s", got)
	}
}
