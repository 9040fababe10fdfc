package lead_test

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
)

func TestAttributes(t *testing.T) {
	in, err := structpb.NewStruct(map[string]any{
		"job_title": "VP  <Engineering>", "employees": 250, "trial": true, "tags": []any{"a", 1.5}, "phone": nil,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, v := lead.Attributes(in)
	if v != nil {
		t.Fatal(v)
	}
	var b strings.Builder
	for _, a := range got {
		b.WriteString(a.Key + "=" + string(a.Value) + " ")
	}
	if want := `employees=250 job_title="VP  <Engineering>" phone=null tags=["a",1.5] trial=true `; b.String() != want {
		t.Errorf("got %s, want %s", &b, want)
	}
}

func TestAttributesRefuses(t *testing.T) {
	many := map[string]any{}
	for i := range 201 {
		many["k"+strings.Repeat("x", i/26)+string(rune('a'+i%26))] = 1
	}
	for name, c := range map[string]struct {
		in              map[string]any
		field, expected string
	}{
		"camelCase":        {map[string]any{"jobTitle": 1}, "", "snake_case"},
		"a space":          {map[string]any{"job title": 1}, "", "snake_case"},
		"a digit in front": {map[string]any{"1st": 1}, "", "snake_case"},
		"a long key":       {map[string]any{strings.Repeat("k", 64): 1}, "", "63"},
		"an object":        {map[string]any{"company": map[string]any{"name": "x"}}, "company", "no object"},
		"a list of lists":  {map[string]any{"tags": []any{"a", []any{}}}, "tags[1]", "text, number or boolean"},
		"null in a list":   {map[string]any{"tags": []any{nil}}, "tags[0]", "text, number or boolean"},
		"a long list":      {map[string]any{"tags": make([]any, 257)}, "tags", "256"},
		"NUL":              {map[string]any{"title": "a\x00"}, "title", "NUL"},
		"a long value":     {map[string]any{"title": strings.Repeat("ä", 10_001)}, "title", "10,000"},
		"201 attributes":   {many, "", "200"},
	} {
		t.Run(name, func(t *testing.T) {
			in, err := structpb.NewStruct(c.in)
			if err != nil {
				t.Fatal(err)
			}
			_, v := lead.Attributes(in)
			if v == nil || v.Field != c.field || !strings.Contains(v.Expected, c.expected) {
				t.Errorf("got %v; want field %q and %q", v, c.field, c.expected)
			}
		})
	}
}

func TestProfileSet(t *testing.T) {
	p := lead.NewProfile()
	steps := []struct {
		why    string
		value  string
		at     lead.Place
		change lead.Change
		now    string
	}{
		{"removing what is not there", `null`, lead.Place{At: 1, Source: "api", ID: "0"}, lead.Repeated, `null`},
		{"the first value", `"a"`, lead.Place{At: 10, Source: "api", ID: "1"}, lead.Current, `"a"`},
		{"the same again", `"a"`, lead.Place{At: 10, Source: "api", ID: "1"}, lead.Known, `"a"`},
		{"the same again with another id", `"a"`, lead.Place{At: 10, Source: "api", ID: "2"}, lead.Known, `"a"`},
		{"another at the same instant", `"b"`, lead.Place{At: 10, Source: "api", ID: "3"}, lead.Current, `"b"`},
		{"another at the same instant with a lesser id", `"c"`, lead.Place{At: 10, Source: "api", ID: "2"}, lead.Late, `"b"`},
		{"another at the same instant from a lesser source", `"c"`, lead.Place{At: 10, Source: "aaa", ID: "4"}, lead.Late, `"b"`},
		{"the same at the same instant from a lesser source", `"b"`, lead.Place{At: 10, Source: "aaa", ID: "5"}, lead.Late, `"b"`},
		{"an earlier one", `"z"`, lead.Place{At: 5, Source: "api", ID: "6"}, lead.Late, `"b"`},
		{"the same later", `"b"`, lead.Place{At: 20, Source: "aaa", ID: "6"}, lead.Repeated, `"b"`},
		{"another between", `"a"`, lead.Place{At: 15, Source: "web", ID: "6"}, lead.Late, `"b"`},
		{"removal", `null`, lead.Place{At: 30, Source: "api", ID: "7"}, lead.Current, `null`},
		{"removal later", `null`, lead.Place{At: 35, Source: "api", ID: "7"}, lead.Repeated, `null`},
		{"one before the removal", `"b"`, lead.Place{At: 33, Source: "api", ID: "8"}, lead.Late, `null`},
	}
	for _, s := range steps {
		if got := p.Set("k", []byte(s.value), s.at); got != s.change || string(p.Value("k")) != s.now {
			t.Errorf("%s: got %v and %s; want %v and %s", s.why, got, p.Value("k"), s.change, s.now)
		}
		read, err := lead.ParseProfile(p.Values(), p.Places())
		if err != nil || string(read.Values()) != string(p.Values()) || string(read.Places()) != string(p.Places()) {
			t.Fatalf("stored and read: %v, %s, %s", err, p.Values(), p.Places())
		}
		p = read
	}
}

func TestFactID(t *testing.T) {
	said := lead.Attribute{Key: "k", Value: []byte(`1`)}
	id := lead.FactID(said, 5, "api")
	if id != lead.FactID(said, 5, "api") || len(id) != 36 {
		t.Errorf("said twice it is another fact: %s", id)
	}
	for why, other := range map[string]string{
		"time":   lead.FactID(said, 6, "api"),
		"source": lead.FactID(said, 5, "web"),
		"key":    lead.FactID(lead.Attribute{Key: "l", Value: said.Value}, 5, "api"),
		"value":  lead.FactID(lead.Attribute{Key: "k", Value: []byte(`2`)}, 5, "api"),
	} {
		if other == id {
			t.Errorf("another %s is the same fact", why)
		}
	}
}

func TestProfileFull(t *testing.T) {
	p := lead.NewProfile()
	for i := range lead.MaxAttributes {
		p.Set("k"+string(rune('a'+i/26))+string(rune('a'+i%26)), []byte(`1`), lead.Place{At: 1})
	}
	if p.Full() {
		t.Error("200 attributes are allowed")
	}
	full := p.Clone()
	full.Set("one_more", []byte(`1`), lead.Place{At: 1})
	if !full.Full() || p.Full() {
		t.Error("201 attributes are too many, and a clone changes alone")
	}
}

func TestNames(t *testing.T) {
	id := lead.NewID()
	if got, v := lead.ParseName("name", lead.Name(id)); v != nil || got != id {
		t.Error(got, v)
	}
	for _, name := range []string{"", "leads/", "leads/1", id, "lead/" + id, lead.Name(strings.ToUpper(id)), lead.Name(strings.Repeat("-", 36)), "leads/{" + id[2:] + "}"} {
		if _, v := lead.ParseName("name", name); v == nil || v.Field != "name" {
			t.Errorf("%q: %v", name, v)
		}
	}
}

func TestETagChangesWithVersionAndRevision(t *testing.T) {
	seen := map[string]bool{}
	for _, tag := range []string{lead.ETag("a", 1, 1), lead.ETag("a", 2, 1), lead.ETag("a", 1, 2), lead.ETag("b", 1, 1), lead.ETag("a", 11, 1), lead.ETag("a", 1, 11)} {
		if seen[tag] {
			t.Error("two states with one etag")
		}
		seen[tag] = true
	}
}

func TestCheckSource(t *testing.T) {
	for field, s := range map[string]*ingestv1.LeadSource{
		"channel":  {Channel: strings.Repeat("x", 201)},
		"campaign": {Campaign: "a\x00"},
		"detail":   {Detail: strings.Repeat("x", 501)},
	} {
		if v := lead.CheckSource(s); v == nil || v.Field != field {
			t.Errorf("%s: %v", field, v)
		}
	}
	if v := lead.CheckSource(nil); v != nil {
		t.Error(v)
	}
}

func FuzzParseProfile(f *testing.F) {
	f.Add([]byte(`{"a":1}`), []byte(`{"a":[1,"api","x"]}`))
	f.Fuzz(func(_ *testing.T, values, places []byte) {
		if p, err := lead.ParseProfile(values, places); err == nil {
			p.Set("a", []byte(`2`), lead.Place{At: 2})
			p.Values()
			p.Places()
		}
	})
}
