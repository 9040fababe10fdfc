package account_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

func said(kind, key string, at int64, value string) account.Said {
	return account.Said{Kind: kind, Key: key, Value: []byte(value), At: lead.Place{At: at, Source: "crm", ID: fmt.Sprint(at, value)}}
}

// show writes a timeline as `1=A 5=B`; what holds before any instant has no instant.
func show(steps []account.Step) string {
	var b strings.Builder
	for _, s := range steps {
		if s.At > 0 {
			fmt.Fprintf(&b, "%d", s.At)
		}
		fmt.Fprintf(&b, "=%s ", s.Value)
	}
	return strings.TrimSpace(b.String())
}

func TestFold(t *testing.T) {
	for name, c := range map[string]struct {
		said []account.Said
		key  string
		want string
	}{
		"an attribute":             {[]account.Said{said("", "industry", 1, `"A"`), said("", "industry", 5, `"B"`)}, "industry", `1="A" 5="B"`},
		"said again":               {[]account.Said{said("", "industry", 1, `"A"`), said("", "industry", 5, `"A"`)}, "industry", `1="A"`},
		"removed":                  {[]account.Said{said("", "industry", 5, `null`), said("", "industry", 1, `"A"`)}, "industry", `1="A" 5=null`},
		"two of one instant":       {[]account.Said{said("", "industry", 1, `"B"`), said("", "industry", 1, `"A"`)}, "industry", `1="B"`},
		"nothing is said":          {nil, "opportunities_open", `=0`},
		"one opportunity":          {[]account.Said{said("opportunities", "x", 3, `"open"`)}, "opportunities_open", `=0 3=1`},
		"it closes":                {[]account.Said{said("opportunities", "x", 3, `"open"`), said("opportunities", "x", 9, `"closed_won"`)}, "opportunities_open", `=0 3=1 9=0`},
		"as won":                   {[]account.Said{said("opportunities", "x", 3, `"open"`), said("opportunities", "x", 9, `"closed_won"`)}, "opportunities_closed_won", `=0 9=1`},
		"two":                      {[]account.Said{said("opportunities", "x", 3, `"open"`), said("opportunities", "y", 4, `"open"`)}, "opportunities_open", `=0 3=1 4=2`},
		"one comes, one goes":      {[]account.Said{said("opportunities", "x", 3, `"open"`), said("opportunities", "y", 9, `"open"`), said("opportunities", "x", 9, `null`)}, "opportunities_open", `=0 3=1`},
		"a late one":               {[]account.Said{said("opportunities", "y", 4, `"open"`), said("opportunities", "x", 3, `"open"`)}, "opportunities_open", `=0 3=1 4=2`},
		"removed and back":         {[]account.Said{said("opportunities", "x", 3, `"open"`), said("opportunities", "x", 4, `null`), said("opportunities", "x", 5, `"open"`)}, "opportunities_open", `=0 3=1 4=0 5=1`},
		"another kind":             {[]account.Said{said("seats", "x", 3, `"used"`)}, "seats_used", `=0 3=1`},
		"a count before attribute": {[]account.Said{said("", "seats_used", 1, `7`), said("seats", "x", 3, `"used"`)}, "seats_used", `=0 3=1`},
		"an attribute of the name": {[]account.Said{said("", "seats_used", 1, `7`)}, "seats_used", `1=7`},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(account.Fold(c.said)[c.key]); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestView(t *testing.T) {
	accounts := map[string]account.Timelines{
		"one": {"k": {{At: 1, Value: []byte(`"A"`)}, {At: 5, Value: []byte(`"B"`)}}, "only": {{At: 2, Value: []byte(`1`)}}},
		"two": {"k": {{At: 3, Value: []byte(`"B"`)}, {At: 9, Value: []byte(`"C"`)}}},
	}
	for name, c := range map[string]struct {
		stays []account.Stay
		key   string
		want  string
	}{
		"from the start":             {[]account.Stay{{0, "one"}}, "k", `1="A" 5="B"`},
		"who comes late has it then": {[]account.Stay{{3, "one"}}, "k", `3="A" 5="B"`},
		"who leaves loses it":        {[]account.Stay{{3, "one"}, {4, ""}}, "k", `3="A" 4=null`},
		"the change counts":          {[]account.Stay{{3, "one"}, {5, ""}}, "k", `3="A" 5=null`},
		"to another":                 {[]account.Stay{{1, "one"}, {4, "two"}}, "k", `1="A" 4="B" 9="C"`},
		"of the same value":          {[]account.Stay{{1, "one"}, {6, "two"}}, "k", `1="A" 5="B" 9="C"`},
		"which does not know it":     {[]account.Stay{{1, "one"}, {6, "two"}}, "only", `2=1 6=null`},
		"and back":                   {[]account.Stay{{1, "one"}, {4, "two"}, {6, "one"}}, "k", `1="A" 4="B"`},
		"to none at all":             {nil, "k", ``},
	} {
		t.Run(name, func(t *testing.T) {
			if got := show(account.View(c.stays, accounts)[c.key]); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

// at is the value of steps at an instant, the last one that begins not after it.
func at(steps []account.Step, instant int64) string {
	value := "null"
	for _, s := range steps {
		if s.At <= instant {
			value = string(s.Value)
		}
	}
	return value
}

// What was told and what is missing together give what is wanted at every instant,
// whatever was told, and then nothing is missing.
func TestMissing(t *testing.T) {
	timeline := func(r *rapid.T, name string) (steps []account.Step) {
		values := rapid.MapOfN(rapid.Int64Range(0, 6), rapid.SampledFrom([]string{`1`, `2`, `null`}), 0, 5).Draw(r, name)
		for _, instant := range slices.Sorted(maps.Keys(values)) {
			steps = append(steps, account.Step{At: instant, Value: []byte(values[instant])})
		}
		return steps
	}
	rapid.Check(t, func(r *rapid.T) {
		var told []account.Step
		for range rapid.IntRange(1, 4).Draw(r, "rounds") {
			want := timeline(r, "want")
			missing := account.Missing(told, want)
			// What is said now comes after all that was told of its instant.
			told = append(told, missing...)
			slices.SortStableFunc(told, func(a, b account.Step) int { return int(a.At - b.At) })
			for instant := int64(-1); instant < 8; instant++ {
				if got, want := at(told, instant), at(want, instant); got != want {
					r.Fatalf("at %d: %s, want %s", instant, got, want)
				}
			}
			if again := account.Missing(told, want); len(again) > 0 {
				r.Fatalf("said, and still missing: %v", again)
			}
		}
	})
}

// The fold depends on the set of what was said alone.
func TestFoldInAnyOrder(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		all := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) account.Said {
			kind := rapid.SampledFrom([]string{"", "opportunities"}).Draw(r, "kind")
			value := rapid.SampledFrom([]string{`"open"`, `"closed_won"`, `null`}).Draw(r, "value")
			return said(kind, rapid.SampledFrom([]string{"a", "b"}).Draw(r, "key"), rapid.Int64Range(1, 5).Draw(r, "at"), value)
		}), 0, 12).Draw(r, "said")
		other := rapid.Permutation(all).Draw(r, "other")
		// Said twice is said once.
		if len(other) > 0 {
			other = append(other, other[0])
		}
		one, two := account.Fold(slices.Clone(all)), account.Fold(other)
		if !one.Equal(two) {
			r.Fatalf("%v\n%v", one, two)
		}
		total := map[string]int{}
		for _, s := range account.Current(slices.Clone(all)) {
			total[s.Kind+"_"+strings.Trim(string(s.Value), `"`)]++
		}
		_, counts := one.Now()
		for key, n := range counts {
			if string(n) != fmt.Sprint(total[key]) {
				r.Fatalf("%s is %s, of %d", key, n, total[key])
			}
		}
		if _, err := json.Marshal(counts); err != nil {
			r.Fatal(err)
		}
	})
}
