package identity_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/internal/lawtest"
)

func TestMain(m *testing.M) {
	lawtest.Cases(2000)
	m.Run()
}

// value reads `u1`, `e1`, `c1`, `a1`: a user id, an address, a CRM id, an anonymous id.
func value(text string) identity.Identity {
	kind := map[byte]identity.Kind{'u': identity.UserID, 'e': identity.Email, 'c': identity.CRMID, 'a': identity.AnonymousID}[text[0]]
	return identity.Identity{Kind: kind, Value: text}
}

// known reads what is known, a word each:
//
//	u1           facts arrived with u1
//	u1>a1        u1 claims a1; ~> untrusted, x> severed
//	u1=e2        their leads were merged by a person
//
// The lead of u1 is "U1"; it was made in the order of the words.
func known(text string) identity.Known {
	var k identity.Known
	for i, word := range strings.Fields(text) {
		if a, b, ok := strings.Cut(word, "="); ok {
			k.Merges = append(k.Merges, identity.Merge{A: strings.ToUpper(a), B: strings.ToUpper(b)})
			continue
		}
		by, v, ok := strings.Cut(word, ">")
		if !ok {
			k.Homes = append(k.Homes, identity.Home{Lead: strings.ToUpper(word), Value: value(word), CreatedAt: int64(i)})
			continue
		}
		c := identity.Claim{Trusted: true}
		if by, ok = strings.CutSuffix(by, "~"); ok {
			c.Trusted = false
		}
		if by, ok = strings.CutSuffix(by, "x"); ok {
			c.Severed = true
		}
		c.Value, c.By = value(v), value(by)
		k.Claims = append(k.Claims, c)
	}
	return k
}

// persons writes a partition: the members of each person, the one it is named by first.
func persons(p *identity.Partition) string {
	var list []string
	for _, person := range p.Persons() {
		members := slices.DeleteFunc(slices.Clone(p.Members(person)), func(m string) bool { return m == person })
		list = append(list, strings.Join(append([]string{person}, members...), "+"))
	}
	return strings.Join(list, " ")
}

func TestResolve(t *testing.T) {
	two := identity.Settings{Limits: map[identity.Kind]int{identity.AnonymousID: 2}}
	for _, c := range []struct {
		why, known, want string
		settings         identity.Settings
	}{
		{"nothing", "", "", identity.Settings{}},
		{"strangers", "u1 e1 a1", "A1 E1 U1", identity.Settings{}},
		{"a visitor becomes known", "a1 e1 e1>a1", "E1+A1", identity.Settings{}},
		{"a visitor becomes known by two ids of one person", "a1 e1 u1 u1>e1 e1>a1 u1>a1", "E1+A1+U1", identity.Settings{}},
		{"a known lead keeps its name, though younger", "a1 a2 u9 u9>a1 u9>a2", "U9+A1+A2", identity.Settings{}},
		{"of two known leads the older gives the name", "u2 u1 u1>u2", "U2+U1", identity.Settings{}},
		{"a shared device links nobody", "a1 u1 u2 u1>a1 u2>a1", "A1 U1 U2", identity.Settings{}},
		{"a family address links nobody", "e1 u1 u2 u1>e1 u2>e1", "E1 U1 U2", identity.Settings{}},
		{"not even what it claims itself", "e1 u1 u2 u1>e1 u2>e1 a1 e1>a1", "A1 E1 U1 U2", identity.Settings{}},
		{"what a shared address claims is another's", "e1 u1 u2 u1>e1 u2>e1 a1 e1>a1 u1>a1", "E1 U1+A1 U2", identity.Settings{}},
		{"claimed by two who are one", "a1 u1 e1 u1>a1 e1>a1 u1>e1", "U1+A1+E1", identity.Settings{}},
		{"claimed by two whom a person merged", "a1 u1 u2 u1>a1 u2>a1 u1=u2", "U1+A1+U2", identity.Settings{}},
		{"as many as the limit", "a1 u1 u2 u1>a1 u2>a1", "U1+A1+U2", two},
		{"more than the limit", "a1 u1 u2 u3 u1>a1 u2>a1 u3>a1", "A1 U1 U2 U3", two},
		{"a severed claim links nobody", "a1 e1 e1x>a1", "A1 E1", identity.Settings{}},
		{"a severed claim does not count", "a1 u1 u2 u1>a1 u2x>a1", "U1+A1 U2", identity.Settings{}},
		{"severed and said again", "a1 e1 e1x>a1 e1>a1", "A1 E1", identity.Settings{}},
		{"an alias", "u1 u2 u2>u1", "U1+U2", identity.Settings{}},
		{"many aliases of one", "u1 u2 u3 u2>u1 u3>u1", "U1+U2+U3", identity.Settings{}},
		{"two addresses said together", "e1 e2 e1>e2", "E1+E2", identity.Settings{}},
		{"in either order", "e1 e2 e1>e2 e2>e1", "E1+E2", identity.Settings{}},
		{"a second address of two people", "e1 e2 e3 e1>e3 e2>e3", "E1 E2 E3", identity.Settings{}},
		{"a second address of two who are one user", "e1 e2 e3 u1 u1>e1 u1>e2 e1>e3 e2>e3", "E1+E2+E3+U1", identity.Settings{}},
		{"a user's address that somebody else has second", "u1 e1 e2 u1>e1 e2>e1", "E1 E2 U1", identity.Settings{}},
		{"a browser joins a visitor to an address", "a1 e1 e1~>a1", "E1+A1", identity.Settings{}},
		{"a browser does not join two known leads", "e1 u1 u1~>e1", "E1 U1", identity.Settings{}},
		{"nor two users", "u1 u2 u1~>u2", "U1 U2", identity.Settings{}},
		{"a browser names an address without facts", "u1 u1~>e1 e1>a1 a1", "U1+A1", identity.Settings{}},
		{"a browser does not take an address from its user", "u1 u2 u1>e1 u2~>e1 e1>a1 a1", "U1+A1 U2", identity.Settings{}},
		{"a merge", "e1 e2 e1=e2", "E1+E2", identity.Settings{}},
		{"a merge of an anonymous lead", "a1 e2 a1=e2", "E2+A1", identity.Settings{}},
		{"a merge reaches the lead of a shared value", "e1 u1 u2 u1>e1 u2>e1 e1=u1", "E1+U1 U2", identity.Settings{}},
		{"a merge with one who is not there", "e1 e1=e9", "E1", identity.Settings{}},
		{"a chain", "u1 e1 c1 a1 u1>e1 e1>c1 c1>a1", "U1+A1+C1+E1", identity.Settings{}},
	} {
		t.Run(c.why, func(t *testing.T) {
			if got := persons(identity.Resolve(known(c.known), c.settings)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestOwner(t *testing.T) {
	for _, c := range []struct{ known, value, want string }{
		{"u1 u1>e1", "e1", "U1"},
		{"u1 u2 u1>e1 u2>e1", "e1", ""},
		{"u1 u2 e1 u1>e1 u2>e1", "e1", "E1"},
		{"u1 e1 u1>e1", "e1", "E1"},
		{"u2 e1 u2>e1 e1>a1 u2>a1", "a1", "U2"},
		{"e1 e1x>a1", "a1", ""},
		{"u1 u2 u2>u1 u1>a1 a1", "a1", "A1"},
	} {
		if got := identity.Resolve(known(c.known), identity.Settings{}).Owner(value(c.value)); got != c.want {
			t.Errorf("%s: %s leads to %q, want %q", c.known, c.value, got, c.want)
		}
	}
}

func TestWithheld(t *testing.T) {
	p := identity.Resolve(known("u1 u2 u3 e1 e2 a1 u1~>e1 u2>e2 u3>e2 u1>a1 u2>a1"), identity.Settings{})
	var got []string
	for _, c := range p.Withheld {
		got = append(got, c.By.Value+">"+c.Value.Value)
	}
	if want := []string{"u1>e1", "u2>e2", "u3>e2"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q: an anonymous id proposes nothing", got, want)
	}
}

func TestACrowdedValueLinksNobody(t *testing.T) {
	k := known("a1 u1=u2")
	for i := range identity.MaxClaimants + 1 {
		user := value(fmt.Sprint("u", i))
		k.Homes = append(k.Homes, identity.Home{Lead: strings.ToUpper(user.Value), Value: user})
		k.Claims = append(k.Claims, identity.Claim{Value: value("a1"), By: user, Trusted: true})
		if i > 0 {
			k.Merges = append(k.Merges, identity.Merge{A: "U0", B: strings.ToUpper(user.Value)})
		}
		p := identity.Resolve(k, identity.Settings{})
		if joined := p.Person("A1") == p.Person("U0"); joined != (i < identity.MaxClaimants) {
			t.Fatalf("with %d claimants, all one person: joined %v", i+1, joined)
		}
	}
	k.Claims = nil
	k.Crowded = []identity.Identity{value("a1")}
	if p := identity.Resolve(k, identity.Settings{}); !p.Shared(value("a1")) {
		t.Error("what is not listed does not count")
	}
}

// anything draws a small world in which most things are connected.
func anything(r *rapid.T) identity.Known {
	values := []string{"u1", "u2", "u3", "e1", "e2", "e3", "c1", "c2", "a1", "a2", "a3"}
	var words []string
	for _, v := range values {
		if rapid.IntRange(0, 3).Draw(r, v) > 0 {
			words = append(words, v)
		}
	}
	for range rapid.IntRange(0, 14).Draw(r, "claims") {
		by, v := rapid.SampledFrom(values).Draw(r, "by"), rapid.SampledFrom(values).Draw(r, "value")
		if value(by).Kind > value(v).Kind {
			by, v = v, by
		}
		if by != v {
			words = append(words, by+rapid.SampledFrom([]string{"", "", "", "~", "x"}).Draw(r, "how")+">"+v)
		}
	}
	for range rapid.IntRange(0, 2).Draw(r, "merges") {
		words = append(words, rapid.SampledFrom(values).Draw(r, "a")+"="+rapid.SampledFrom(values).Draw(r, "b"))
	}
	return known(strings.Join(words, " "))
}

func settings(r *rapid.T) identity.Settings {
	return identity.Settings{Limits: map[identity.Kind]int{
		identity.AnonymousID: rapid.IntRange(0, 2).Draw(r, "limit"), identity.Email: rapid.IntRange(0, 2).Draw(r, "limit of addresses"),
	}}
}

func describe(p *identity.Partition, k identity.Known) string {
	values := map[identity.Identity]bool{}
	for _, c := range k.Claims {
		values[c.Value], values[c.By] = true, true
	}
	var list []string
	for v := range values {
		list = append(list, fmt.Sprintf("%s→%s %v", v.Value, p.Owner(v), p.Shared(v)))
	}
	slices.Sort(list)
	return persons(p) + fmt.Sprint(list, p.Withheld)
}

// The order in which things are said, and saying them again, change nothing.
func TestAFunctionOfTheSet(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k, s := anything(r), settings(r)
		again := identity.Known{
			Homes:  rapid.Permutation(k.Homes).Draw(r, "homes"),
			Claims: rapid.Permutation(k.Claims).Draw(r, "claims"),
			Merges: rapid.Permutation(k.Merges).Draw(r, "merges"),
		}
		for _, c := range k.Claims {
			if rapid.Bool().Draw(r, "again") {
				again.Claims = append(again.Claims, c)
			}
		}
		for _, m := range k.Merges {
			again.Merges = append(again.Merges, identity.Merge{A: m.B, B: m.A})
		}
		if a, b := describe(identity.Resolve(k, s), k), describe(identity.Resolve(again, s), k); a != b {
			r.Fatalf("%s\nin another order\n%s", a, b)
		}
	})
}

// What has nothing to do with each other is resolved apart: it is enough to read the
// values that are connected.
func TestARegionIsEnough(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k, s := anything(r), settings(r)
		all := identity.Resolve(k, s)
		from := rapid.SampledFrom([]string{"u1", "e1", "a1"}).Draw(r, "from")
		near := region(k, value(from))
		part := identity.Known{}
		for _, h := range k.Homes {
			if near[h.Value] {
				part.Homes = append(part.Homes, h)
			}
		}
		for _, c := range k.Claims {
			if near[c.Value] {
				part.Claims = append(part.Claims, c)
			}
		}
		for _, m := range k.Merges {
			if near[value(strings.ToLower(m.A))] {
				part.Merges = append(part.Merges, m)
			}
		}
		some := identity.Resolve(part, s)
		for v := range near {
			if all.Owner(v) != some.Owner(v) || all.Shared(v) != some.Shared(v) || all.Person(all.Owner(v)) != some.Person(some.Owner(v)) {
				r.Fatalf("%s in %s, alone in %s", v.Value, describe(all, k), describe(some, part))
			}
		}
	})
}

func region(k identity.Known, from identity.Identity) map[identity.Identity]bool {
	near := map[identity.Identity]bool{from: true}
	for grown := true; grown; {
		size := len(near)
		add := func(a, b identity.Identity) {
			if near[a] || near[b] {
				near[a], near[b] = true, true
			}
		}
		for _, c := range k.Claims {
			add(c.Value, c.By)
		}
		for _, m := range k.Merges {
			add(value(strings.ToLower(m.A)), value(strings.ToLower(m.B)))
		}
		grown = len(near) > size
	}
	return near
}

// What a browser says never joins two leads that others know.
func TestABrowserNeverMergesKnownLeads(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		k, s := anything(r), settings(r)
		k.Claims = slices.DeleteFunc(k.Claims, func(c identity.Claim) bool { return c.Value.Kind == identity.AnonymousID })
		without := k
		without.Claims = slices.DeleteFunc(slices.Clone(k.Claims), func(c identity.Claim) bool { return !c.Trusted })
		a, b := identity.Resolve(without, s), identity.Resolve(k, s)
		homes := map[string]identity.Home{}
		for _, h := range k.Homes {
			homes[h.Lead] = h
		}
		for _, one := range slices.Sorted(maps.Keys(homes)) {
			for _, two := range slices.Sorted(maps.Keys(homes)) {
				if known := homes[one].Value.Kind != identity.AnonymousID && homes[two].Value.Kind != identity.AnonymousID; !known {
					continue
				}
				if b.Person(one) == b.Person(two) && a.Person(one) != a.Person(two) && !throughNobody(k) {
					r.Fatalf("%s and %s are one only through a browser: %s", one, two, describe(b, k))
				}
			}
		}
	})
}

// throughNobody reports whether values without a lead of their own could join others:
// an address that only browsers name joins the user it is named with, and through it
// what is claimed by it.
func throughNobody(k identity.Known) bool {
	for _, c := range k.Claims {
		home := slices.ContainsFunc(k.Homes, func(h identity.Home) bool { return h.Value == c.Value })
		if !home && !c.Trusted {
			return true
		}
	}
	return false
}

func TestBlocked(t *testing.T) {
	s := identity.Settings{Blocked: []string{"test@test.com"}}
	for text, want := range map[string]bool{
		"0": true, "000-000": true, "-1": true, "NULL": true, "undefined": true, "Anonymous": true, "test@test.com": true,
		"1": false, "-2": false, "nullable": false, "ada@x.example": false,
	} {
		if got := s.IsBlocked(identity.Identity{Kind: identity.UserID, Value: text}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
	list := s.Allowed([]identity.Identity{value("u1"), {Kind: identity.UserID, Value: "null"}})
	if len(list) != 1 || list[0] != value("u1") {
		t.Error(list)
	}
}
