package fold_test

import (
	"strings"
	"testing"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/fold"
)

func TestWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		" -- ":                      "",
		"VP, Sales":                 " vp sales ",
		"Directeur Général":         " directeur general ",
		"GESCHÄFTSFÜHRER":           " geschaftsfuhrer ",
		"Straße":                    " strasse ",
		"Łódź, Ørsted":              " lodz orsted ",
		"women's":                   " womens ",
		"C++ & C#":                  " c++ c# ",
		"営業部長":                      " 営 業 部 長 ",
		"ᎠᏂ ꭰꮒ":                     " ꭰꮒ ꭰꮒ ", // Cherokee
		"Head of R\u2011D\u00a0Lab": " head of r d lab ",
	} {
		if got := fold.Words(text); got != want {
			t.Errorf("Words(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestFoldingIsIdempotentAndKnowsNoForms(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "text")
		folded := fold.Words(text)
		if again := fold.Words(folded); again != folded {
			t.Fatalf("Words(%q) = %q, and again %q", text, folded, again)
		}
		if composed := fold.Words(norm.NFC.String(text)); composed != folded {
			t.Fatalf("composed %q folds to %q, not to %q", text, composed, folded)
		}
		if folded != "" && (!strings.HasPrefix(folded, " ") || !strings.HasSuffix(folded, " ")) {
			t.Fatalf("Words(%q) = %q", text, folded)
		}
	})
}
