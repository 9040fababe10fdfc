package identity

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAlike(t *testing.T) {
	const acme, gmail = "@lovelace.example", "@gmail.com"
	for name, c := range map[string]struct {
		a, b Addressee
		want Likeness
	}{
		"one address":              {Addressee{Email: "ada" + gmail}, Addressee{Email: "ada" + gmail}, Unlike},
		"dots at a provider":       {Addressee{Email: "ada.lovelace" + gmail}, Addressee{Email: "adalovelace@googlemail.com"}, SameMailbox},
		"a tag":                    {Addressee{Email: "ada+news@outlook.com"}, Addressee{Email: "ada@outlook.com"}, SameMailbox},
		"dots that mean something": {Addressee{Email: "a.da@outlook.com"}, Addressee{Email: "ada@outlook.com"}, Unlike},
		"another domain of one":    {Addressee{Email: "ada@me.com"}, Addressee{Email: "ada+x@icloud.com"}, SameMailbox},
		"another of a provider":    {Addressee{Email: "ada@hotmail.com"}, Addressee{Email: "ada@outlook.com"}, Unlike},
		"a tag elsewhere":          {Addressee{Email: "ada+x" + acme}, Addressee{Email: "ada" + acme}, Unlike},
		"only a tag":               {Addressee{Email: "+x" + gmail}, Addressee{Email: "+y" + gmail}, Unlike},
		"an edit at a provider":    {Addressee{"adalovelace" + gmail, "Ada", "Lovelace"}, Addressee{"adalovelac" + gmail, "Ada", "Lovelace"}, Unlike},
		"a letter wrong":           {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lovelase" + acme, "", " lovelace"}, OneEdit},
		"a letter missing":         {Addressee{"ada.lovelace" + acme, "Ada", "Lovelace"}, Addressee{"ada.lovelac" + acme, "", "LOVELACE"}, OneEdit},
		"two swapped":              {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lovealce" + acme, "", "Lovelace"}, OneEdit},
		"a dot":                    {Addressee{"ada.lovelace" + acme, "", "Lovelace"}, Addressee{"adalovelace" + acme, "", "Lovelace"}, OneEdit},
		"two letters wrong":        {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lavelase" + acme, "", "Lovelace"}, Unlike},
		"another initial":          {Addressee{"a.lovelace" + acme, "", "Lovelace"}, Addressee{"b.lovelace" + acme, "", "Lovelace"}, Unlike},
		"another initial behind":   {Addressee{"lovelace.a" + acme, "", "Lovelace"}, Addressee{"lovelace.b" + acme, "", "Lovelace"}, Unlike},
		"one initial more":         {Addressee{"lovelace.a" + acme, "", "Lovelace"}, Addressee{"lovelace.ab" + acme, "", "Lovelace"}, Unlike},
		"another number":           {Addressee{"lovelace1" + acme, "", "Lovelace"}, Addressee{"lovelace2" + acme, "", "Lovelace"}, Unlike},
		"a number":                 {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lovelace2" + acme, "", "Lovelace"}, Unlike},
		"another family":           {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lovelase" + acme, "", "Lovelase"}, Unlike},
		"no family known":          {Addressee{Email: "lovelace" + acme}, Addressee{Email: "lovelase" + acme}, Unlike},
		"a number for a name":      {Addressee{"lovelace" + acme, "", "7"}, Addressee{"lovelase" + acme, "", "7"}, Unlike},
		"another given name":       {Addressee{"hans.lovelace" + acme, "Hans", "Lovelace"}, Addressee{"hana.lovelace" + acme, "Hana", "Lovelace"}, Unlike},
		"another company":          {Addressee{"lovelace" + acme, "", "Lovelace"}, Addressee{"lovelase@babbage.example", "", "Lovelace"}, Unlike},
	} {
		t.Run(name, func(t *testing.T) {
			for _, pair := range [][2]Addressee{{c.a, c.b}, {c.b, c.a}} {
				if got := Alike(pair[0], pair[1]); got != c.want {
					t.Errorf("%s and %s: %d, want %d", pair[0].Email, pair[1].Email, got, c.want)
				}
			}
		})
	}
}

// Whoever looks only at the neighbours of an address misses none that is one edit apart.
func TestNeighboursAreThoseOneEditApart(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		local := rapid.StringMatching(`[a-c1][a-c1._-]{0,6}`)
		at := func(name string) Addressee {
			return Addressee{local.Draw(r, name) + "@lovelace.example", "", "Lovelace"}
		}
		a, b := at("a"), at("b")
		if near, alike := slices.Contains(Neighbours(a), b.Email), Alike(a, b) == OneEdit; near != alike {
			r.Fatalf("%s, %s: a neighbour %t, alike %t", a.Email, b.Email, near, alike)
		}
	})
}
