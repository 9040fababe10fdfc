package suppression_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/suppression"
)

var key = suppression.Key("0123456789abcdef0123456789abcdef")

func email(value string) identity.Identity {
	return identity.Identity{Kind: identity.Email, Value: value}
}

func domain(t *testing.T, value string) identity.Identity {
	t.Helper()
	d, ok := suppression.NewDomain(value)
	if !ok {
		t.Fatalf("%q is no domain", value)
	}
	return d
}

func TestWhomAnEntryConcerns(t *testing.T) {
	list := suppression.NewList(key, map[suppression.Hash]suppression.Entry{
		key.Of(email("ann@a.example")):                                       {ID: "1", Mode: suppression.HandOff, Reason: "customer"},
		key.Of(domain(t, " @A.example")):                                     {ID: "2", Mode: suppression.Capture, Reason: "competitor"},
		key.Of(identity.Identity{Kind: identity.UserID, Value: "u1"}):        {ID: "3", Mode: suppression.HandOff, Reason: "partner", CreatedAt: 5},
		key.Of(identity.Identity{Kind: identity.AnonymousID, Value: "anon"}): {ID: "4", Mode: suppression.HandOff, Reason: "opt_out", CreatedAt: 4},
	})
	for name, c := range map[string]struct {
		ids  []identity.Identity
		want string
	}{
		"nobody":                              {nil, ""},
		"somebody else":                       {[]identity.Identity{email("ann@b.example")}, ""},
		"the strictest counts":                {[]identity.Identity{email("ann@a.example")}, "2"},
		"a domain is that of addresses only":  {[]identity.Identity{{Kind: identity.UserID, Value: "a.example"}}, ""},
		"no domain below it":                  {[]identity.Identity{email("ann@mail.a.example")}, ""},
		"another kind is somebody else":       {[]identity.Identity{{Kind: identity.CRMID, Value: "u1"}}, ""},
		"of equally strict ones the oldest":   {[]identity.Identity{{Kind: identity.UserID, Value: "u1"}, {Kind: identity.AnonymousID, Value: "anon"}}, "4"},
		"one of several identities is enough": {[]identity.Identity{email("x@y.example"), {Kind: identity.UserID, Value: "u1"}}, "3"},
	} {
		if e, ok := list.Find(c.ids); e.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s: %+v, want entry %q", name, e, c.want)
		}
	}
	if _, ok := suppression.NewList(key, nil).Find([]identity.Identity{email("ann@a.example")}); ok {
		t.Error("an empty list has somebody on it")
	}
}

func TestWhatIsNoDomain(t *testing.T) {
	for _, bad := range []string{"", "@", "a@b.example", "a b", "a,b"} {
		if _, ok := suppression.NewDomain(bad); ok {
			t.Errorf("%q passes", bad)
		}
	}
}

// The order of the identities changes nothing, and another key finds nobody.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfNDistinct(rapid.StringMatching(`[a-c]@[a-c]`), 1, 5, rapid.ID[string]).Draw(t, "values")
		entries := map[suppression.Hash]suppression.Entry{}
		other := map[suppression.Hash]suppression.Entry{}
		var ids []identity.Identity
		for i, value := range values {
			ids = append(ids, email(value))
			e := suppression.Entry{
				ID: string(rune('a' + i)), Mode: suppression.Mode(rapid.IntRange(1, 2).Draw(t, "mode")),
				CreatedAt: rapid.Int64Range(0, 2).Draw(t, "at"),
			}
			if rapid.Bool().Draw(t, "listed") {
				entries[key.Of(email(value))] = e
			}
			other[suppression.Key("another").Of(email(value))] = e
		}
		list := suppression.NewList(key, entries)
		found, ok := list.Find(ids)
		if ok != (len(entries) > 0) {
			t.Fatalf("found %v of %d", ok, len(entries))
		}
		again, _ := list.Find(rapid.Permutation(ids).Draw(t, "order"))
		if again != found {
			t.Fatalf("%+v and in another order %+v", found, again)
		}
		if e, ok := suppression.NewList(key, other).Find(ids); ok {
			t.Fatalf("found %+v with another key", e)
		}
	})
}
