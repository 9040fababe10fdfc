package pagetoken_test

import (
	"slices"
	"testing"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/pagetoken"
	"pgregory.net/rapid"
)

type query struct{ Filter, OrderBy string }

func TestEveryKeyComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.StringMatching(`[^\x00]*`), 1, 5).Draw(t, "key")
		q := query{rapid.String().Draw(t, "filter"), "create_time"}
		got, err := pagetoken.Decode(pagetoken.Encode(q, key...), q)
		if err != nil || !slices.Equal(got, key) {
			t.Fatalf("%q %v, want %q", got, err, key)
		}
	})
}

func TestTokenIsBoundToItsQuery(t *testing.T) {
	q := query{`stage = "LEAD"`, "create_time"}
	token := pagetoken.Encode(q, "a", "b")
	for name, err := range map[string]error{
		"another filter":   second(pagetoken.Decode(token, query{"", "create_time"})),
		"another order":    second(pagetoken.Decode(token, query{q.Filter, "create_time desc"})),
		"garbled":          second(pagetoken.Decode("x"+token, q)),
		"cut":              second(pagetoken.Decode(token[:len(token)-1], q)),
		"changed":          second(pagetoken.Decode(token[:len(token)-2]+"Z"+token[len(token)-1:], q)),
		"with a NUL":       second(pagetoken.Decode(pagetoken.Encode(q, "a\x00"), q)),
		"not UTF-8":        second(pagetoken.Decode(pagetoken.Encode(q, "a\xff"), q)),
		"another key size": second(pagetoken.DecodeN(token, q, 3)),
	} {
		if apierr.Reason(err) != "PAGE_TOKEN_MISMATCH" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if key, err := pagetoken.DecodeN("", q, 2); key != nil || err != nil {
		t.Errorf("first page: %v %v", key, err)
	}
	if key, err := pagetoken.DecodeN(token, q, 2); len(key) != 2 || err != nil {
		t.Errorf("%v %v", key, err)
	}
}

func second(_ []string, err error) error { return err }

// What decodes encodes to the same token: there is one token for a key.
func FuzzDecode(f *testing.F) {
	q := query{"", "create_time"}
	f.Add(pagetoken.Encode(q, "a", ""))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		key, err := pagetoken.Decode(token, q)
		if err != nil || key == nil {
			return
		}
		again, err := pagetoken.Decode(pagetoken.Encode(q, key...), q)
		if err != nil || !slices.Equal(again, key) {
			t.Errorf("%q %v, want %q", again, err, key)
		}
	})
}
