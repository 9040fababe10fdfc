package store_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
)

// saying is an attribute that a source says of a time.
type saying struct {
	key, value string
	hour       int
	source     string
}

func (s saying) at() time.Time { return start.Add(time.Duration(s.hour) * time.Hour) }

// subject is a capture of a saying with a time of its own.
func (s saying) subject(ids ...identity.Identity) *store.Subject {
	return &store.Subject{
		Identities: ids, Attributes: attributes(s.key, s.value),
		Effective: s.at(), Dated: true, Source: s.source,
	}
}

// fact is the saying as scorers get it.
func (s saying) fact() fact {
	a := lead.Attribute{Key: s.key, Value: []byte(s.value)}
	return fact{s, lead.FactID(a, s.at().UnixMicro(), s.source)}
}

// fact is an attribute of a history.
type fact struct {
	saying
	id string
}

func factOf(f *typev1.Fact) fact {
	hour := int(f.GetEffectiveTime().AsTime().Sub(start) / time.Hour)
	return fact{saying{f.GetAttribute().GetKey(), string(f.GetAttribute().GetValueJson()), hour, f.GetSource()}, f.GetId()}
}

// fold is how scorers read a history: the values after each hour at which something
// was said, and at last the current ones.
func fold(facts []fact) (changes []string, current string) {
	ordered := slices.SortedFunc(slices.Values(facts), func(a, b fact) int {
		return cmp.Or(cmp.Compare(a.hour, b.hour), cmp.Compare(a.source, b.source), cmp.Compare(a.id, b.id))
	})
	values, current := map[string]json.RawMessage{}, "{}"
	for i, f := range ordered {
		values[f.key] = json.RawMessage(f.value)
		if i+1 < len(ordered) && ordered[i+1].hour == f.hour {
			continue
		}
		known := maps.Clone(values)
		maps.DeleteFunc(known, func(_ string, v json.RawMessage) bool { return string(v) == "null" })
		text, _ := json.Marshal(known)
		if string(text) != current {
			current = string(text)
			changes = append(changes, fmt.Sprint(f.hour, " ", current))
		}
	}
	return changes, current
}

// permutations calls try with every order of a list.
func permutations[T any](list []T, try func([]T)) {
	var place func(n int)
	place = func(n int) {
		if n == len(list) {
			try(slices.Clone(list))
			return
		}
		for i := n; i < len(list); i++ {
			list[n], list[i] = list[i], list[n]
			place(n + 1)
			list[n], list[i] = list[i], list[n]
		}
	}
	place(0)
}

func TestAttributesDoNotDependOnTheOrderOfArrival(t *testing.T) {
	for _, c := range []struct {
		why  string
		said []saying
		want string
	}{
		{"A, B, and A again", []saying{{"k", `"A"`, 1, "form"}, {"k", `"B"`, 2, "enrich"}, {"k", `"A"`, 3, "form"}}, `{"k":"A"}`},
		{"A, A again, B between", []saying{{"k", `"A"`, 1, "form"}, {"k", `"A"`, 4, "form"}, {"k", `"B"`, 2, "form"}, {"k", `"A"`, 3, "form"}}, `{"k":"A"}`},
		{"removed twice", []saying{{"k", `null`, 1, "form"}, {"k", `"A"`, 2, "form"}, {"k", `null`, 3, "form"}}, `{}`},
		{"the greater source at one instant", []saying{{"k", `"A"`, 2, "b"}, {"k", `"B"`, 2, "a"}, {"k", `"B"`, 1, "z"}}, `{"k":"A"}`},
		{"the same of two sources at one instant", []saying{{"k", `"A"`, 1, "b"}, {"k", `"A"`, 1, "a"}, {"k", `"B"`, 1, "aa"}}, `{"k":"A"}`},
		{"two values of one source at one instant", []saying{{"k", `"A"`, 1, "b"}, {"k", `"B"`, 1, "b"}, {"k", `"A"`, 1, "b"}}, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			each(t, func(t *testing.T, f *fixture) {
				f.pass(100 * time.Hour)
				facts := map[fact]bool{}
				for _, s := range c.said {
					facts[s.fact()] = true
				}
				_, want := fold(slices.Collect(maps.Keys(facts)))
				if c.want != "" && want != c.want {
					t.Fatalf("the fold gives %s, want %s", want, c.want)
				}
				n := 0
				permutations(c.said, func(said []saying) {
					n++
					who := anonymous(fmt.Sprint("v", n))
					var id string
					for _, s := range said {
						id = f.capture(s.subject(who)).Lead
					}
					if got := string(f.lead(id).Attributes); got != want {
						t.Errorf("%v: %s, want %s", said, got, want)
					}
				})
			})
		})
	}
}

// Any set of what sources say of any times, some of it repeatedly, in any order, in
// transactions of any size, with claims between: the current attributes are those of
// the fold, and so is what scorers got.
func TestAnyOrderOfArrival(t *testing.T) {
	law(t, "30", checkOrder)
}

func checkOrder(r *rapid.T, f *fixture, n int) {
	said := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) saying {
		return saying{
			rapid.SampledFrom([]string{"a", "b", lead.EmailDomain}).Draw(r, "key"), rapid.SampledFrom([]string{`"A"`, `"B"`, `null`}).Draw(r, "value"),
			rapid.IntRange(0, 3).Draw(r, "hour"), rapid.SampledFrom([]string{"form", "enrich"}).Draw(r, "source"),
		}
	}), 1, 9).Draw(r, "said")
	facts := map[fact]bool{}
	who := user(fmt.Sprint("p", n))
	var subjects []*store.Subject
	for _, s := range said {
		if s.key != lead.EmailDomain {
			subjects = append(subjects, s.subject(who))
			facts[s.fact()] = true
			continue
		}
		// It follows from addresses, of which there are two of one domain.
		domain := map[string]string{`"A"`: "a.example", `"B"`: "b.example", `null`: "b.example"}[s.value]
		one := s.subject(who, email(fmt.Sprintf("p%d%d@%s", n, len(s.value), domain)))
		one.Attributes = nil
		subjects = append(subjects, one)
		s.value = `"` + domain + `"`
		facts[s.fact()] = true
	}
	var id string
	var got []fact
	claim := func() {
		claimed, err := f.ClaimLead(f.t.Context(), id, time.Minute)
		f.ok(err)
		for _, c := range claimed {
			for _, x := range sayings(c.Facts) {
				got = append(got, factOf(x))
			}
			f.complete(store.Decided, c)
		}
	}
	for len(subjects) > 0 {
		size := rapid.IntRange(1, len(subjects)).Draw(r, "together")
		before := f.state(id)
		f.ok(f.Capture(f.t.Context(), &store.Capture{Received: f.now(), Subjects: subjects[:size]}))
		changed := false
		for _, s := range subjects[:size] {
			id, changed = s.Result.Lead, changed || s.Result.Changed
		}
		if after := f.state(id); changed == (after == before) {
			r.Fatalf("changed %v, before %+v, after %+v", changed, before, after)
		}
		subjects = subjects[size:]
		if rapid.Bool().Draw(r, "claim") {
			claim()
		}
	}
	claim()

	history, current := fold(slices.Collect(maps.Keys(facts)))
	if have := string(f.lead(id).Attributes); have != current {
		r.Fatalf("%s, want %s", have, current)
	}
	if have, _ := fold(got); !slices.Equal(have, history) {
		r.Fatalf("claims gave %q, want %q", have, history)
	}
	list, _, _, err := f.Facts(f.t.Context(), id, 0, 0, 1<<20)
	f.ok(err)
	var all []fact
	for _, x := range sayings(list) {
		all = append(all, factOf(x))
	}
	if have, _ := fold(all); !slices.Equal(have, history) || len(all) != len(got) {
		r.Fatalf("the history is %q, want %q (%d facts, %d claimed)", have, history, len(all), len(got))
	}
	if rows := f.count(`SELECT count(*) FROM attributes WHERE lead_id = $1`, id); rows != len(facts) {
		r.Fatalf("%d facts are stored, want %d", rows, len(facts))
	}
}

// state is what a capture changes that changes anything.
type state struct {
	version, etag, updated string
	pending                int
}

func (f *fixture) state(id string) state {
	f.t.Helper()
	if id == "" {
		return state{}
	}
	l := f.lead(id)
	return state{
		fmt.Sprint(l.Version), l.ETag, l.UpdatedAt.String(),
		f.count(`SELECT count(*) FROM pending WHERE lead_id = $1 AND state <> 0`, id),
	}
}

func TestARepetitionWaitsForAFact(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		say := func(value string, hour int) store.Result {
			t.Helper()
			f.pass(time.Second)
			return f.capture(saying{"k", value, hour, "form"}.subject(anonymous("v1")))
		}
		id := say(`"A"`, 1).Lead
		f.complete(store.Decided, f.claim(1)...)
		before := f.state(id)
		for _, hour := range []int{5, 9, 3, 5} {
			if got := say(`"A"`, hour); got.Changed || got.Version != 1 {
				t.Fatalf("%+v", got)
			}
		}
		if after := f.state(id); after != before || len(f.claim(1)) != 0 || len(f.history(id)) != 1 {
			t.Fatalf("a repetition changed the lead: %+v, %+v", before, after)
		}
		if got := say(`"B"`, 2); !got.Changed || got.Version != 2 {
			t.Fatalf("%+v", got)
		}
		c := f.claim(1)
		if len(c) != 1 || c[0].From != 1 || c[0].Claimed != 2 || len(c[0].Facts) != 4 || string(c[0].Attributes) != `{"create_time":"2026-03-01T13:00:00.000000Z","k":"A"}` || c[0].Serving.Facts != 4 {
			t.Fatalf("%+v", c)
		}
		// While it is claimed, repetitions are of the version after.
		say(`"A"`, 10)
		if state := f.complete(store.Decided, c...)[0]; state != store.Done {
			t.Errorf("%v", state)
		}
		f.capture(func() *store.Subject { // any fact delivers them
			s := subject(anonymous("v1"))
			s.Activities = append(s.Activities, act("e1", 0))
			return s
		}())
		if c = f.claim(1); len(c) != 1 || c[0].From != 2 || len(sayings(c[0].Facts)) != 2 || c[0].Serving.Facts != 2 {
			t.Fatalf("%+v", c)
		}
	})
}

// What waits unseen goes into one message: when it is much, the lead is decided.
func TestManyRepetitionsAreAFact(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		var subjects []*store.Subject
		for hour := range 1300 {
			subjects = append(subjects, saying{"k", `"A"`, hour, "form"}.subject(anonymous("v1")))
		}
		capture := func(subjects []*store.Subject) {
			f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Subjects: subjects}))
		}
		capture(subjects[:1])
		f.complete(store.Decided, f.claim(1)...)
		capture(subjects[1:900])
		if len(f.claim(1)) != 0 {
			t.Fatal("899 repetitions made it pending")
		}
		capture(subjects[900:])
		if c := f.claim(1); len(c) != 1 || c[0].Claimed != 2 || len(c[0].Facts) != 1299 || c[0].Serving.Facts != 1299 {
			t.Fatalf("%+v", c)
		}
	})
}

func TestImportingAFileAgainStoresNothing(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		for _, timed := range []bool{false, true} {
			rows := func() (n int) {
				for day := range 2 {
					s := saying{"k", `"A"`, 7, "file"}.subject(email(fmt.Sprintf("%v@x.example", timed)))
					if s.Dated = timed; !timed {
						s.Effective = start.Add(time.Duration(day) * 24 * time.Hour)
					}
					f.ok(f.Capture(t.Context(), &store.Capture{Received: f.now(), Historical: true, Subjects: []*store.Subject{s}}))
					if day == 1 && s.Result.Changed {
						t.Errorf("with times %v: %+v", timed, s.Result)
					}
				}
				return f.count(`SELECT count(*) FROM attributes`)
			}
			if first, again := rows(), rows(); first != again {
				t.Errorf("with times %v: %d rows, then %d", timed, first, again)
			}
		}
	})
}

// Whoever writes all attributes says of each name that was ever known that it has a
// value or none, so that what comes late of an earlier time does not come back.
func TestReplacingSaysAllThatIsKnown(t *testing.T) {
	each(t, func(t *testing.T, f *fixture) {
		id := f.capture(saying{"old", `"A"`, 1, "form"}.subject(anonymous("v1"))).Lead
		f.capture(saying{"old", `null`, 2, "form"}.subject(anonymous("v1")))
		f.pass(10 * time.Hour)
		f.capture(&store.Subject{Lead: id, Replace: true, Attributes: attributes("k", `1`), Effective: f.now(), Source: "api"})
		before := f.state(id)
		f.pass(time.Hour)
		f.capture(&store.Subject{Lead: id, Replace: true, Attributes: attributes("k", `1`), Effective: f.now(), Source: "api"})
		if after := f.state(id); after != before {
			t.Errorf("the same again: %+v, %+v", before, after)
		}
		f.capture(saying{"old", `"B"`, 5, "form"}.subject(anonymous("v1")))
		f.capture(saying{"k", `2`, 10, "zzz"}.subject(anonymous("v1")))
		if got := string(f.lead(id).Attributes); got != `{"k":1}` {
			t.Errorf("%s", got)
		}
	})
}
