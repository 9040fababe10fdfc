package canonical_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/assay-hq/assay/services/ingest/internal/canonical"
)

func TestObject(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"nothing":          {"", `{}`},
		"white space":      {" \n{ \"a\" : [ 1 , true ] }\t", `{"a":[1,true]}`},
		"keys sorted":      {`{"b":1,"a":{"d":null,"c":false}}`, `{"a":{"c":false,"d":null},"b":1}`},
		"three keys":       {`{"c":1,"a":2,"b":3}`, `{"a":2,"b":3,"c":1}`},
		"escapes":          {`{"a":"\u00e4\/\u0001\n\"\\"}`, `{"a":"ä/\u0001\n\"\\"}`},
		"surrogates":       {`{"a":"\ud83d\ude00"}`, `{"a":"😀"}`},
		"html is kept":     {`{"a":"<b>&"}`, `{"a":"<b>&"}`},
		"whole numbers":    {`{"a":1.0,"b":-0,"c":123456789012345678,"d":1e3}`, `{"a":1,"b":0,"c":123456789012345678,"d":1000}`},
		"fractions":        {`{"a":0.10,"b":1e-9,"c":1E400000}`, ""},
		"fractions, short": {`{"a":0.10,"b":1e-9}`, `{"a":0.1,"b":1e-09}`},
		"empty inside":     {`{"a":{},"b":[]}`, `{"a":{},"b":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			got, v := canonical.Object([]byte(c.in))
			if c.want == "" {
				if v == nil {
					t.Fatalf("accepted as %s", got)
				}
				return
			}
			if v != nil || string(got) != c.want {
				t.Errorf("got %s, %v; want %s", got, v, c.want)
			}
		})
	}
}

func TestObjectRefuses(t *testing.T) {
	keys := make([]string, canonical.MaxKeys+1)
	for i := range keys {
		keys[i] = `"k` + strings.Repeat("x", i%90) + string(rune('a'+i%26)) + string(rune('0'+i/100)) + `":1`
	}
	for name, c := range map[string]struct{ in, field, expected string }{
		"a list":            {`[]`, "", "a JSON object"},
		"two values":        {`{} {}`, "", "nothing after"},
		"cut off":           {`{"a":`, "a", "well-formed"},
		"leading zero":      {`{"a":01}`, "", "well-formed"},
		"NUL":               {`{"a":{"b":["x","\u0000"]}}`, "a.b[1]", "NUL"},
		"raw NUL":           {"{\"a\":\"\x00\"}", "a", "control"},
		"NUL in a key":      {`{"\u0000":1}`, "", "NUL"},
		"invalid UTF-8":     {"{\"title\":\"\xff\"}", "title", "UTF-8"},
		"lone surrogate":    {`{"a":"\ud800"}`, "a", "surrogates"},
		"long text":         {`{"a":"` + strings.Repeat("ä", canonical.MaxChars+1) + `"}`, "a", "10,000"},
		"long key":          {`{"` + strings.Repeat("k", 101) + `":1}`, "", "100"},
		"empty key":         {`{"":1}`, "", "not empty"},
		"key twice":         {`{"a":1,"b":2,"a":3}`, "a", "once"},
		"key twice, escape": {`{"a":1,"\u0061":3}`, "a", "once"},
		"too deep":          {strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17), strings.TrimSuffix(strings.Repeat("a.", 16), "."), "16 levels"},
		"too deep a list":   {`{"a":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + `}`, "a" + strings.Repeat("[0]", 15), "16 levels"},
		"too many keys":     {"{" + strings.Join(keys, ",") + "}", "", "256"},
		"infinite":          {`{"a":1e999}`, "a", "number"},
	} {
		t.Run(name, func(t *testing.T) {
			got, v := canonical.Object([]byte(c.in))
			if v == nil {
				t.Fatalf("accepted as %.100s", got)
			}
			if v.Field != c.field || !strings.Contains(v.Expected, c.expected) {
				t.Errorf("got %v; want field %q and %q", v, c.field, c.expected)
			}
		})
	}
}

func TestLongestTextIsKept(t *testing.T) {
	in := `{"a":"` + strings.Repeat("ä", canonical.MaxChars) + `"}`
	if got, v := canonical.Object([]byte(in)); v != nil || string(got) != in {
		t.Fatal(v)
	}
}

// What is accepted is what encoding/json reads, in the same meaning; the form is
// a fixed point, and a protobuf value of the same content has the same form.
func FuzzObject(f *testing.F) {
	for _, seed := range []string{
		`{"b":[1,2.5,{"x":null}],"a":"\u00e4\ud83d\ude00"}`, `{"a":1e-7,"b":1e21,"c":-0.0}`, `{"":0}`, `{"a":"\ud800"}`, "{\"a\":\"\xff\"}", `{"a":01}`, `{"a":900719925474099312345}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		got, v := canonical.Object(in)
		if v != nil {
			return
		}
		if len(bytes.TrimSpace(in)) == 0 {
			return
		}
		var want, have any
		if err := json.Unmarshal(in, &want); err != nil {
			t.Fatalf("accepted %q, which is not JSON: %v", in, err)
		}
		if err := json.Unmarshal(got, &have); err != nil {
			t.Fatalf("wrote %q: %v", got, err)
		}
		if !reflect.DeepEqual(want, have) {
			t.Fatalf("%q became %q", in, got)
		}
		again, v := canonical.Object(got)
		if v != nil || !bytes.Equal(again, got) {
			t.Fatalf("%q became %q, %v", got, again, v)
		}
		s := &structpb.Struct{}
		if err := protojson.Unmarshal(got, s); err != nil {
			return // protojson is stricter about some numbers
		}
		fromStruct, v := canonical.FromStruct(s)
		if v != nil {
			t.Fatalf("the struct of %q: %v", got, v)
		}
		var same any
		if err := json.Unmarshal(fromStruct, &same); err != nil || !reflect.DeepEqual(have, same) {
			t.Fatalf("the struct of %q became %q", got, fromStruct)
		}
	})
}

func BenchmarkObject(b *testing.B) {
	in := []byte(`{"path":"/pricing","title":"Pricing and plans for teams of every size","referrer":"https://www.example.com/search?q=lead+scoring","utm_source":"newsletter","utm_campaign":"autumn","seconds":37.5,"scroll":0.85,"device":{"kind":"mobile","os":"android","width":412,"height":915},"tags":["a","b","c"],"text":"` + strings.Repeat("lorem ipsum ", 15) + `"}`)
	b.SetBytes(int64(len(in)))
	for b.Loop() {
		if _, v := canonical.Object(in); v != nil {
			b.Fatal(v)
		}
	}
}
