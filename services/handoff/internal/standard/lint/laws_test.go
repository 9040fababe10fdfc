package lint

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/condition"
)

var questions = rapid.Custom(func(t *rapid.T) string {
	key := rapid.SampledFrom([]string{"lead.a", "lead.b"}).Draw(t, "key")
	n := rapid.IntRange(0, 3).Draw(t, "number")
	text := rapid.SampledFrom([]string{"vp", "vp sales", "sales", "/jobs", "/jobs/1"}).Draw(t, "text")
	return rapid.SampledFrom([]string{
		fmt.Sprintf("%s < %d", key, n), fmt.Sprintf("%s <= %d", key, n), fmt.Sprintf("%d < %s", n, key), fmt.Sprintf("%s >= %d", key, n),
		fmt.Sprintf("%s == %d", key, n), fmt.Sprintf("%s != %d", key, n), fmt.Sprintf("%s in [%d, %d]", key, n, n+1),
		fmt.Sprintf("%s == %q", key, text), fmt.Sprintf("%s != %q", key, text), fmt.Sprintf("hasWord(%s, %q)", key, text),
		fmt.Sprintf("%s.startsWith(%q)", key, text), fmt.Sprintf(`%s.matches("^/(jobs|pricing)")`, key), fmt.Sprintf("has(%s)", key), key,
	}).Draw(t, "question")
})

func sentence(t *rapid.T, deep int) string {
	if deep == 0 {
		return questions.Draw(t, "leaf")
	}
	switch rapid.IntRange(0, 3).Draw(t, "join") {
	case 0:
		return "!(" + sentence(t, deep-1) + ")"
	case 1:
		return "(" + sentence(t, deep-1) + " || " + sentence(t, deep-1) + ")"
	default:
		return "(" + sentence(t, deep-1) + " && " + sentence(t, deep-1) + ")"
	}
}

// What can never hold never does: no finding of the linter rests on a condition that some
// lead fulfils. And what follows, follows.
func TestImpossibleIsImpossible(t *testing.T) {
	values := []condition.Value{
		{},
		condition.Number(0), condition.Number(0.5), condition.Number(1), condition.Number(2), condition.Number(3.5),
		condition.Bool(true), condition.Bool(false), condition.Text("VP"), condition.Text("VP, sales"), condition.Text("sales"), condition.Text("vp"),
		condition.Text("/jobs"), condition.Text("/jobs/12"), condition.Text(""),
	}
	rapid.Check(t, func(t *rapid.T) {
		var claims []condition.Claim
		var compiled []*condition.Condition
		var texts []string
		for range 2 {
			text := sentence(t, rapid.IntRange(0, 3).Draw(t, "deep"))
			c, err := condition.Compile(text, condition.LeadVar)
			if err != nil {
				t.Fatalf("%s: %v", text, err)
			}
			claim, err := condition.ClaimOf(text, condition.Options{Vars: condition.LeadVar})
			if err != nil {
				t.Fatal(err)
			}
			compiled, claims, texts = append(compiled, c), append(claims, claim), append(texts, text)
		}
		first, both, second := possible(claims[0]), possible(claims...), follows(claims[0], claims[1])
		for _, a := range values {
			for _, b := range values {
				facts := &condition.Facts{Lead: condition.AttributeMap{"a": a, "b": b}}
				x, _ := compiled[0].Eval(facts)
				y, _ := compiled[1].Eval(facts)
				switch {
				case x == condition.True && !first:
					t.Fatalf("%s holds for %v, %v", texts[0], a, b)
				case x == condition.True && y == condition.True && !both:
					t.Fatalf("%s hold for %v, %v", strings.Join(texts, " and "), a, b)
				case x == condition.True && y == condition.False && second:
					t.Fatalf("%s does not follow for %v, %v", strings.Join(texts, " → "), a, b)
				}
			}
		}
	})
}
