package page

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/internal/apierr"
)

type query struct{ Filter, OrderBy string }

func TestEveryKeyComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.StringMatching(`[^\x00]*`), 1, 5).Draw(t, "key")
		q := query{rapid.String().Draw(t, "filter"), "create_time"}
		got, err := decode(encode(q, key...), q)
		if err != nil || !slices.Equal(got, key) {
			t.Fatalf("%q %v, want %q", got, err, key)
		}
	})
}

func TestTokenIsBoundToItsQuery(t *testing.T) {
	q := query{`stage = "LEAD"`, "create_time"}
	token := encode(q, "a", "b")
	for name, err := range map[string]error{
		"another filter":   second(decode(token, query{"", "create_time"})),
		"another order":    second(decode(token, query{q.Filter, "create_time desc"})),
		"garbled":          second(decode("x"+token, q)),
		"cut":              second(decode(token[:len(token)-1], q)),
		"changed":          second(decode(token[:len(token)-2]+"Z"+token[len(token)-1:], q)),
		"with a NUL":       second(decode(encode(q, "a\x00"), q)),
		"not UTF-8":        second(decode(encode(q, "a\xff"), q)),
		"another key size": second(decodeN(token, q, 3)),
	} {
		if apierr.Reason(err) != "PAGE_TOKEN_MISMATCH" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if key, err := decodeN("", q, 2); key != nil || err != nil {
		t.Errorf("first page: %v %v", key, err)
	}
	if key, err := decodeN(token, q, 2); len(key) != 2 || err != nil {
		t.Errorf("%v %v", key, err)
	}
}

func second(_ []string, err error) error { return err }

// What decodes encodes to the same token: there is one token for a key.
func FuzzDecode(f *testing.F) {
	q := query{"", "create_time"}
	f.Add(encode(q, "a", ""))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		key, err := decode(token, q)
		if err != nil || key == nil {
			return
		}
		again, err := decode(encode(q, key...), q)
		if err != nil || !slices.Equal(again, key) {
			t.Errorf("%q %v, want %q", again, err, key)
		}
	})
}
