package crm_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
	"pgregory.net/rapid"
)

func TestKeys(t *testing.T) {
	const id = "01900000-0000-7000-8000-0000000000f1"
	if got, ok := crm.HandoffOf(crm.Key(id)); !ok || got != id {
		t.Errorf("%q, %v", got, ok)
	}
	for _, other := range []string{
		"", "PO-4711", "assay:handoffs/", "assay:handoffs/1", "assay:leads/" + id, "assay:handoffs/" + strings.ToUpper("abc") + id[3:],
		"assay:handoffs/" + id + " ", "assay:handoffs/" + id[:35] + "'",
	} {
		if got, ok := crm.HandoffOf(other); ok {
			t.Errorf("%q is the key of %q", other, got)
		}
	}
}

func TestTheWordsOfACRMAreMadePlain(t *testing.T) {
	for words, want := range map[string]string{
		"":                                   "",
		"User in\n companies":                "User in companies",
		`The value of "Ada Lovelace" is bad`: `The value of "…" is bad`,
		`never "closed`:                      `never "…"`,
		"a\x00b\x7fc":                        "a b c",
	} {
		if got := crm.Plain(words); got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		got := crm.Plain(rapid.String().Draw(t, "words"))
		if len(got) > 200 || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\t") {
			t.Fatalf("%q", got)
		}
	})
}
