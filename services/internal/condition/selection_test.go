package condition_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-hq/assay/services/internal/condition"
)

const form = `{
	"id": 90071992547409931, "seq": 85746065432, "sent": "2026-05-01T10:00:00Z", "score": 7.5, "ok": true, "none": null,
	"tags": "a, b", "minutes": 90, "empty": "", "noneYet": [],
	"user": {"email": " Ana@Example.com ", "name": "Ana"},
	"answers": [
		{"ref": "mail", "type": "email", "email": "ana@example.com"},
		{"ref": "title", "type": "text", "text": "CTO"},
		{"ref": "seats", "type": "number", "number": 40}
	]
}`

func TestSelection(t *testing.T) {
	type object = map[string]any
	type list = []any
	for text, want := range map[string]any{
		// What is there, in its own kind.
		`body.user.name`:                  "Ana",
		`body["user"]["name"]`:            "Ana",
		`body.minutes`:                    90.0,
		`body.ok`:                         true,
		`body.user`:                       object{"email": " Ana@Example.com ", "name": "Ana"},
		`body.answers.map(a, a.ref)`:      list{"mail", "title", "seats"},
		`item.user.name`:                  "Ana", // without items the body is the item
		`"form.submitted"`:                "form.submitted",
		`{"a": body.minutes, "b": ["x"]}`: object{"a": 90.0, "b": list{"x"}},
		`timestamp(body.sent)`:            time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC),
		// What is not.
		`body.nothing`:                          nil,
		`body.nothing.of.it`:                    nil,
		`body.none`:                             nil,
		`body.nothing + "x"`:                    nil,
		`has(body.nothing)`:                     false,
		`has(body.user.name)`:                   true,
		`has(body.none) || body.ok`:             true,
		`has(body.user.x) ? body.user.x : "y"`:  "y",
		`first(body.noneYet)`:                   nil,
		`firstOf(body.nothing, body.user.name)`: "Ana",
		`firstOf(body.empty, body.nothing.x, body.noneYet[0], "last")`: "last",
		`firstOf(body.nothing, body.none)`:                             nil,
		// A long id keeps its digits, and a number its looks.
		`body.id`:              "90071992547409931",
		`text(body.seq)`:       "85746065432",
		`text(body.score)`:     "7.5",
		`text(body.user.name)`: "Ana",
		`text(body.nothing)`:   nil,
		`"w" + text(body.seq)`: "w85746065432",
		// Calculations.
		`body.minutes / 60`:                                       1.5,
		`body.minutes * 2 + 1`:                                    181.0,
		`body.answers[2].number == 40`:                            true,
		`body.answers.map(a, has(a.number) ? a.number * 2 : 0.0)`: list{0.0, 0.0, 80.0},
		`(timestamp("2026-05-01T11:30:00Z") - timestamp(body.sent)).getMinutes()`: 90.0,
		`duration("90s")`: 90.0,
		// Texts, lists, objects.
		`body.user.email.trim().lowerAscii()`:                                                                   "ana@example.com",
		`body.tags.split(",").map(s, s.trim())`:                                                                 list{"a", "b"},
		`first(body.answers.filter(a, a.type == "email")).email`:                                                "ana@example.com",
		`first(body.answers.filter(a, a.type == "phone")).phone`:                                                nil,
		`body.answers.filter(a, a.type != "email").transformMapEntry(i, a, {a.ref: firstOf(a.text, a.number)})`: object{"title": "CTO", "seats": 40.0},
		`body.user.transformMap(k, v, k != "email", v)`:                                                         object{"name": "Ana"},
		`countryCode("Germany")`:                                                                                "DE",
	} {
		selection, err := condition.CompileSelection(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		document, err := condition.ParseDocument([]byte(form))
		if err != nil {
			t.Fatal(err)
		}
		got, fault := selection.Select(document)
		if diff := cmp.Diff(want, got); diff != "" || fault != condition.NoFault {
			t.Errorf("%s: fault %v %s", text, fault, diff)
		}
	}
}

func TestSelectionFaults(t *testing.T) {
	for text, want := range map[string]condition.Fault{
		`body.user + 1`:             condition.TypeFault,
		`body.minutes / 0`:          condition.TypeFault,
		`body.noneYet[3]`:           condition.TypeFault,
		`timestamp(body.user.name)`: condition.TypeFault,
		`body.many.all(a, body.many.all(b, a + b >= 0))`: condition.CostFault,
	} {
		selection, err := condition.CompileSelection(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		document, _ := condition.ParseDocument([]byte(`{"minutes": 1, "noneYet": [], "user": {"name": "Ana"}, "many": [` + strings.Repeat("1,", 999) + `1]}`))
		if got, fault := selection.Select(document); got != nil || fault != want {
			t.Errorf("%s: %v with fault %v, want %v", text, got, fault, want)
		}
	}
}

func TestSelectionIsChecked(t *testing.T) {
	for text, want := range map[string]string{
		``:                       "is empty",
		`body.`:                  "line 1, column 6",
		`bdy.email`:              "undeclared reference to 'bdy'",
		`lead.email`:             "undeclared reference to 'lead'",
		`now`:                    "undeclared reference",
		`body.a.matches(body.b)`: "must be a literal text",
		`body.a.sha1()`:          "undeclared reference",
	} {
		if _, err := condition.CompileSelection(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{`body.a == "x"`, `item.a`, `first(["a"])`, `text(1)`} {
		if _, err := condition.Compile(text, condition.LeadVar); err == nil {
			t.Errorf("%s: a condition can say it", text)
		}
	}
}

func TestSelectionItems(t *testing.T) {
	for text, want := range map[string][]any{
		`body.answers`: {"mail", "title", "seats"},
		`body.answers.filter(a, a.type == "text")`: {"title"},
		`body.nothing`:                       nil,
		`[body.user, {"ref": body.minutes}]`: {nil, 90.0},
	} {
		items, err := condition.CompileSelection(text)
		if err != nil {
			t.Fatal(text, err)
		}
		ref, err := condition.CompileSelection(`has(body.id) ? item.ref : ""`)
		if err != nil {
			t.Fatal(err)
		}
		document, _ := condition.ParseDocument([]byte(form))
		documents, fault := items.Items(document)
		if fault != condition.NoFault {
			t.Errorf("%s: fault %v", text, fault)
		}
		var got []any
		for _, d := range documents {
			value, _ := ref.Select(d)
			got = append(got, value)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
	noList, err := condition.CompileSelection(`body.user`)
	if err != nil {
		t.Fatal(err)
	}
	document, _ := condition.ParseDocument([]byte(form))
	if got, fault := noList.Items(document); got != nil || fault != condition.TypeFault {
		t.Errorf("an object as list: %d items, fault %v", len(got), fault)
	}
}

func TestDocumentsAreStrict(t *testing.T) {
	for data, want := range map[string]string{
		``:                        "breaks off",
		`{"a": `:                  "breaks off",
		`{} {}`:                   "not one JSON value",
		`a=1`:                     "not one JSON value",
		"{\"a\": \"\xff\"}":       "UTF-8",
		`{"a": {"b": 1, "b": 2}}`: "twice",
		strings.Repeat("[", 65) + strings.Repeat("]", 65): "64 levels",
		strings.Repeat(`{"a":`, 100_000):                  "64 levels",
	} {
		if _, err := condition.ParseDocument([]byte(data)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", data, err, want)
		}
	}
	if _, err := condition.ParseDocument([]byte(strings.Repeat("[", 64) + strings.Repeat("]", 64))); err != nil {
		t.Errorf("64 levels: %v", err)
	}
}

func TestDocumentHasOneForm(t *testing.T) {
	a, _ := condition.ParseDocument([]byte(`{"b": [1, 2.50, null], "a": {"y": "ü", "x": 12345678901234567890}}`))
	b, _ := condition.ParseDocument([]byte(` {"a":{"x":12345678901234567890,"y":"\u00fc"},"b":[1.0,2.5]}`))
	if string(a.JSON()) != string(b.JSON()) {
		t.Errorf("%s and %s", a.JSON(), b.JSON())
	}
}

// FuzzSelection holds that no document makes a selection fail, or answer with what is no
// value of JSON.
func FuzzSelection(f *testing.F) {
	f.Add(`body.a.b`, `{"a": {"b": [1, "x", null, true]}}`)
	f.Add(`firstOf(body.a[0], text(body.b), item)`, `[{"a": 1e400}]`)
	f.Add(`body.transformMap(k, v, v)`, `{"a": 123456789012345678901234567890}`)
	f.Fuzz(func(t *testing.T, text, data string) {
		selection, err := condition.CompileSelection(text)
		if err != nil {
			return
		}
		document, err := condition.ParseDocument([]byte(data))
		if err != nil {
			return
		}
		got, _ := selection.Select(document)
		switch got.(type) {
		case nil, string, float64, bool, time.Time, []any, map[string]any:
		default:
			t.Errorf("%s of %s: %T", text, data, got)
		}
		_, _ = selection.Items(document)
	})
}
