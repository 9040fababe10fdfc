package condition_test

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"testing"

	"github.com/assay-hq/assay/services/internal/condition"
)

func TestParseValue(t *testing.T) {
	for in, want := range map[string]string{
		`"DE"`:                `lead.v == "DE"`,
		` "D\u0045" `:         `lead.v == "DE"`,
		`"M\u00fcller"`:       `lead.v == "Müller"`,
		`250`:                 `lead.v == 250`,
		`2.5e2`:               `lead.v == 250`,
		`true`:                `lead.v`,
		`["a", "b"]`:          `lead.v == ["a", "b"]`,
		`[1, 2.5, null]`:      `size(lead.v) == 2 && 1 in lead.v && 2.5 in lead.v`,
		`[]`:                  `size(lead.v) == 0`,
		`null`:                `!has(lead.v)`,
		``:                    `!has(lead.v)`,
		`"quote \" and \\ x"`: `lead.v == "quote \" and \\ x"`,
	} {
		v, err := condition.ParseValue([]byte(in))
		if err != nil {
			t.Errorf("ParseValue(%s): %v", in, err)
			continue
		}
		if got, fault := ask(t, want, &condition.Facts{Lead: condition.AttributeMap{"v": v}}); got != condition.True {
			t.Errorf("%s with %s is %v (fault %v)", want, in, got, fault)
		}
	}
	for _, in := range []string{`{`, `"a`, `nul`, `{"a":1}`, `[[1]]`, `[{"a":1}]`, `1 2`, `01`} {
		if v, err := condition.ParseValue([]byte(in)); err == nil {
			t.Errorf("ParseValue(%s) = %v, want an error", in, v)
		}
	}
}

// What conditions see of properties is what encoding/json sees; of bytes that are no
// JSON object they see something, without a panic.
func FuzzProperties(f *testing.F) {
	for _, seed := range []string{
		`{"a":1}`, `{"a":"x","a":"y"}`, `{"a":{"a":[1,{"b":"}"}]}}`, ` { "a" : [ ] , "b" : null } `, `{"\u0061":"\ud800"}`,
		`{"a":1e400}`, `{"a":"\"}"}`, `{`, `{"a"`, `{"a":}`, `{,}`, `[1]`, `{"a":1}x`, "", "{\"a\":\"\x00\"}", "{\"a\":\"\xff\"}",
	} {
		f.Add([]byte(seed))
	}
	has, err := condition.Compile(`has(activity.properties.a)`, all)
	if err != nil {
		f.Fatal(err)
	}
	equal, err := condition.Compile(`activity.properties.a == lead.v`, all)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		facts := &condition.Facts{Activity: &condition.Activity{Properties: data}}
		got, _ := has.Eval(facts)
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil || object == nil {
			return
		}
		raw, present := object["a"]
		present = present && string(raw) != "null"
		if n, isNumber := number(raw); isNumber && math.IsInf(n, 0) {
			present = false
		}
		if (got == condition.True) != present {
			t.Fatalf("has(a) of %q is %v", data, got)
		}
		v, err := condition.ParseValue(raw)
		if !present || err != nil {
			return
		}
		facts.Lead = condition.AttributeMap{"v": v}
		if got, fault := equal.Eval(facts); got != condition.True {
			t.Fatalf("a of %q is not %s: %v, fault %v", data, raw, got, fault)
		}
	})
}

// number reads a JSON number as infinite if it is past the range of a double.
func number(raw json.RawMessage) (float64, bool) {
	var f float64
	err := json.Unmarshal(raw, &f)
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && len(raw) > 0 && raw[0] != '"' && raw[0] != '{' && raw[0] != '[' && e.Type == reflect.TypeFor[float64]() {
		return math.Inf(1), raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	}
	return f, err == nil
}

// Compile refuses or accepts whatever it is given, and what it accepts it can run.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{
		`lead.country in ["DE"]`, `hasWord(lead.t, ["vp", "cto"])`, `activity.properties["a b"].c[0] > 3.5`, `fit.score / 2 >= -1`,
		`lead.x.matches("a{1,9}")`, `has(lead.a) ? lead.b : !lead.c`, "lead.`a-b` == 1", `lead.a.map(x, x * 2).filter(y, y > 1).exists_one(z, z == 2)`,
		`timestamp("2020-01-01T00:00:00Z") < timestamp(lead.t)`, `type(lead.a) == string`, `{"a": 1}[lead.k] == 1`, `dyn([1])[lead.i] == b"x"`,
		`daysSince(lead.trial) > 3 && now > timestamp("2026-01-01T00:00:00Z")`, `ago(lead.employees, 30) < lead.employees`, `has(ago(account.tier, 1))`,
		`before.country != lead.country`, `lead.domain in lists.rivals || hasWord(lead.job_title, lists.leaders)`, `lists.nobody == lists.rivals`,
		`[1].map(x, daysSince(now) + x) == [1]`, `ago(ago(lead.a, 1), 2)`, `daysSince(daysSince(lead.a))`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := condition.CompileWith(text, condition.Options{Vars: all, Lists: lists})
		e, expressionErr := condition.CompileValue(text, condition.Options{Vars: all, Lists: lists})
		if expressionErr == nil {
			first, fault := e.Eval(ada())
			if again, faultAgain := e.Eval(ada()); again != first || faultAgain != fault {
				t.Fatalf("%q is %v and %v", text, first, again)
			}
			_, isNumber := first.AsNumber()
			if _, isText := first.AsText(); first.Known() != (isNumber || isText) || first.Known() && fault != condition.NoFault {
				t.Fatalf("%q is %v, fault %v", text, first, fault)
			}
		}
		if err != nil {
			if err.Error() == "" {
				t.Fatal("an error without words")
			}
			return
		}
		first, fault := c.Eval(ada())
		if again, faultAgain := c.Eval(ada()); again != first || faultAgain != fault {
			t.Fatalf("%q is %v and %v", text, first, again)
		}
		if truth, _ := c.Eval(&condition.Facts{}); len(c.Reads()) == 0 && truth != first {
			t.Fatalf("%q reads nothing, but is %v or %v", text, first, truth)
		}
	})
}
