package rawjson_test

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/assay-hq/assay/services/gateway/internal/intake/rawjson"
)

func TestParse(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[", n) + strings.Repeat("]", n) }
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"object":                {`{"a": 1, "b": [true, null, "x"]}`, nil},
		"white space around":    {"\n {} \t", nil},
		"nothing":               {``, rawjson.ErrBroken},
		"cut off":               {`{"a": 1`, rawjson.ErrBroken},
		"two values":            {`{} {}`, rawjson.ErrBroken},
		"trailing comma":        {`{"a": 1,}`, rawjson.ErrBroken},
		"no JSON":               {`a=1&b=2`, rawjson.ErrBroken},
		"NaN":                   {`{"a": NaN}`, rawjson.ErrBroken},
		"not UTF-8":             {"{\"a\": \"\xff\"}", rawjson.ErrBroken},
		"control character":     {"{\"a\": \"\x01\"}", rawjson.ErrBroken},
		"half a surrogate pair": {`{"a": "\ud83d"}`, nil},
		"a key twice":           {`{"a": 1, "a": 2}`, rawjson.ErrDuplicate},
		"twice, once escaped":   {`{"a": 1, "\u0061": 2}`, rawjson.ErrDuplicate},
		"twice, deep inside":    {`[{"x": {"a": 1, "b": 2, "a": 3}}]`, rawjson.ErrDuplicate},
		"the same in two":       {`[{"a": 1}, {"a": 1}]`, nil},
		"as deep as may be":     {deep(rawjson.MaxDepth), nil},
		"one too deep":          {deep(rawjson.MaxDepth + 1), rawjson.ErrDeep},
		"braces in a text":      {`"` + strings.Repeat("{", 100) + `"`, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := rawjson.Parse([]byte(c.text)); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func TestWhatIsWrongSaysWhere(t *testing.T) {
	_, err := rawjson.Parse([]byte(`{"secret": 1, "secret": 2}`))
	if got := err.Error(); got != "each key once (byte 14)" {
		t.Error(got)
	}
}

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		`"plain"`:           "plain",
		`"a\"b\\c\n\u00e9"`: "a\"b\\c\né",
		`"\ud83d\ude00"`:    "😀",
		`"x\ud83dy"`:        "x\ufffdy",
		`12.50`:             "12.50",
		`-7`:                "-7",
		`true`:              "",
		`null`:              "",
		`{"a": "b"}`:        "",
	} {
		v, err := rawjson.Parse([]byte(text))
		if err != nil || v.Text() != want {
			t.Errorf("%s: %q %v, want %q", text, v.Text(), err, want)
		}
	}
}

// Whatever encoding/json takes is taken but for what is refused by intent, and the
// pieces are those that encoding/json finds.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"batch":[{"type":"track","event":"A \"b\"","properties":{"n":1.5e3,"l":[1, "x",{}]}}],"sentAt":"2026"}`,
		`[]`, `{}`, `"x"`, `0`, ` { "a" : [ ] , "b" : { } } `, `{"\u0061":"\ud800"}`, `{"a":1,"a":2}`, `[[[[`, "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := rawjson.Parse(text)
		if err != nil {
			if json.Valid(text) && errors.Is(err, rawjson.ErrBroken) && strings.ToValidUTF8(string(text), "") == string(text) {
				t.Fatalf("refused: %q: %v", text, err)
			}
			return
		}
		if !json.Valid(text) {
			t.Fatalf("taken: %q", text)
		}
		compare(t, v)
	})
}

func compare(t *testing.T, v rawjson.Value) {
	t.Helper()
	if !json.Valid([]byte(v)) {
		t.Fatalf("no value: %q", v)
	}
	switch {
	case v.IsObject():
		var want map[string]json.RawMessage
		if err := json.Unmarshal([]byte(v), &want); err != nil {
			t.Fatal(err)
		}
		got := maps.Collect(v.Members())
		if len(got) != len(want) {
			t.Fatalf("%q has %d members, not %d", v, len(want), len(got))
		}
		for key, inner := range got {
			if string(want[key]) != string(inner) || v.Member(key) != inner {
				t.Fatalf("%q: %q of %q", inner, key, v)
			}
			compare(t, inner)
		}
	case v.IsList():
		var want []json.RawMessage
		if err := json.Unmarshal([]byte(v), &want); err != nil {
			t.Fatal(err)
		}
		got := slices.Collect(v.Elements())
		if !slices.EqualFunc(got, want, func(a rawjson.Value, b json.RawMessage) bool { return string(a) == string(b) }) {
			t.Fatalf("%q of %q", got, v)
		}
		for _, inner := range got {
			compare(t, inner)
		}
	case v.IsText():
		var want string
		if err := json.Unmarshal([]byte(v), &want); err != nil || v.Text() != want {
			t.Fatalf("%q: %q, want %q", v, v.Text(), want)
		}
	}
}
