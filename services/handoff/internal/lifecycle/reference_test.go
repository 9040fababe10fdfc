package lifecycle_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
)

var update = flag.Bool("update", false, "write the diagram and the table into the reference")

const reference = "../../../../docs/reference/lifecycle.md"

// The diagram and the table that people read are those of the code.
func TestReference(t *testing.T) {
	text, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, part := range []struct{ name, content string }{
		{"diagram", diagram()},
		{"table", table()},
	} {
		begin, end := "<!-- "+part.name+" -->\n", "<!-- /"+part.name+" -->\n"
		before, rest, begins := strings.Cut(page, begin)
		is, after, ends := strings.Cut(rest, end)
		if !begins || !ends {
			t.Fatalf("%s has no place for the %s", reference, part.name)
		}
		if is != part.content && !*update {
			t.Errorf("the %s of %s is not that of the code: go test ./handoff/internal/lifecycle -run TestReference -update", part.name, reference)
		}
		page = before + begin + part.content + end + after
	}
	if *update {
		if err := os.WriteFile(reference, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// diagram has an arrow for each two stages, with what leads from one to the other.
func diagram() string {
	var b strings.Builder
	b.WriteString("```mermaid\nstateDiagram-v2\n")
	for _, from := range everyStage {
		for _, to := range lifecycle.Stages {
			var causes []string
			for _, edge := range lifecycle.Table {
				if edge.From != from || edge.To != to {
					continue
				}
				cause := string(edge.Cause)
				if edge.NeedsReason {
					cause += "*"
				}
				if edge.NeedsStirring {
					cause += " (stirred)"
				}
				causes = append(causes, cause)
			}
			if len(causes) > 0 {
				fmt.Fprintf(&b, "    %s --> %s: %s\n", name(from, "[*]"), to, strings.Join(causes, ", "))
			}
		}
	}
	for _, s := range lifecycle.Stages {
		if !slices.ContainsFunc(lifecycle.Table, func(edge lifecycle.Transition) bool { return edge.From == s }) {
			fmt.Fprintf(&b, "    %s --> [*]\n", s)
		}
	}
	b.WriteString("```\n")
	return b.String()
}

// table has a row for each transition.
func table() string {
	var b strings.Builder
	b.WriteString("| from | to | cause | who may | needs | cycle |\n|---|---|---|---|---|---|\n")
	for _, edge := range lifecycle.Table {
		var needs []string
		if edge.NeedsReason {
			needs = append(needs, "a reason")
		}
		if edge.NeedsStirring {
			needs = append(needs, "to be stirred")
		}
		fmt.Fprintf(&b, "| %s | `%s` | %s | %s | %s | %s |\n",
			name(edge.From, "–"), edge.To, edge.Cause, edge.Who, strings.Join(needs, ", "), cycle(&edge))
	}
	return b.String()
}

func name(s lifecycle.Stage, none string) string {
	switch {
	case s != lifecycle.None && none == "–":
		return "`" + s.String() + "`"
	case s != lifecycle.None:
		return s.String()
	default:
		return none
	}
}

// cycle is what a transition does to the cycle, as taking it shows.
func cycle(edge *lifecycle.Transition) string {
	before := lifecycle.Standing{Stage: edge.From, Cycle: 1, Stirred: true}
	if edge.From == lifecycle.None {
		before.Cycle = 0
	}
	after, moved := before.Follow(nil, says(verdicts[edge.To]), moment)
	if edge.Cause != lifecycle.ByVerdict || !moved {
		after, _ = before.Move(nil, lifecycle.Step{To: edge.To, Cause: edge.Cause, By: edge.Who, Reason: "because"}, moment)
	}
	switch {
	case before.Cycle == 0:
		return "opens the first"
	case edge.From == edge.To:
		return ""
	case after.Cycle > before.Cycle:
		return "opens the next"
	case after.Stage == lifecycle.Disqualified, after.Stage == lifecycle.Customer, after.Stage == lifecycle.Lost:
		return "closes it"
	default:
		return ""
	}
}
