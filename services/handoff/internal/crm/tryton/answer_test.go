package tryton

import (
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/assay-hq/assay/services/handoff/internal/crm"
)

func TestAmounts(t *testing.T) {
	for raw, want := range map[string]string{
		`null`:                                   "",
		`{"__class__":"Decimal","decimal":"12"}`: "12.00",
		`{"__class__":"Decimal","decimal":"12.5"}`:                "12.50",
		`{"__class__":"Decimal","decimal":"0.005"}`:               "0.01",
		`{"__class__":"Decimal","decimal":"-3"}`:                  "",
		`{"__class__":"Decimal","decimal":"1E+9"}`:                "",
		`{"__class__":"Decimal","decimal":"1e999999999"}`:         "",
		`{"__class__":"Decimal","decimal":"NaN"}`:                 "",
		`{"__class__":"Decimal","decimal":"999999999999999.999"}`: "",
		`{"__class__":"Decimal","decimal":"1/3"}`:                 "",
	} {
		var a amount
		if err := json.Unmarshal([]byte(raw), &a); err != nil || string(a) != want {
			t.Errorf("%s: %q, %v; want %q", raw, a, err, want)
		}
	}
	for _, raw := range []string{`12`, `"12"`, `[]`, `{"decimal":"12"}`, `{"__class__":"date"}`} {
		var a amount
		if err := json.Unmarshal([]byte(raw), &a); err == nil {
			t.Errorf("%s: %q", raw, a)
		}
	}
}

func TestInstants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		at := instant{time.UnixMicro(rapid.Int64Range(0, 253402300799_999999).Draw(t, "µs")).UTC()}
		raw, err := json.Marshal(at)
		if err != nil {
			t.Fatal(err)
		}
		var back instant
		if err := json.Unmarshal(raw, &back); err != nil || !back.Equal(at.Time) {
			t.Fatalf("%s is read as %s, %v", raw, back, err)
		}
	})
	for _, raw := range []string{
		`"2026-03-01"`, `{"__class__":"date","year":2026,"month":3,"day":1}`,
		`{"__class__":"datetime","year":2026,"month":13,"day":1}`,
		`{"__class__":"datetime","year":2026,"month":2,"day":30}`,
		`{"__class__":"datetime","year":2026,"month":3,"day":1,"hour":25}`,
		`{"__class__":"datetime","year":2026,"month":3,"day":1,"microsecond":1000000}`,
		`{"__class__":"datetime","year":99999999999,"month":3,"day":1}`,
	} {
		var at instant
		if err := json.Unmarshal([]byte(raw), &at); err == nil {
			t.Errorf("%s is read as %s", raw, at)
		}
	}
}

var apiAmount = regexp.MustCompile(`^([0-9]{1,15}(\.[0-9]{1,2})?)?$`)

// Whatever a CRM answers, it is an error of ours or a change within our ranges.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"id":1,"result":[{"id":7,"party":4,"reference":"assay:handoffs/x","state":"won","lost_reason":"a\nb",` +
		`"amount":{"__class__":"Decimal","decimal":"12.5"},"write_date":{"__class__":"datetime","year":2026,"month":3,"day":1},` +
		`"company.":{"currency.":{"code":"EUR"}}}]}`))
	f.Add([]byte(`{"id":1,"error":["UserError",["The value for \"Ada\" is wrong","",null]]}`))
	f.Add([]byte(`{"id":1,"result":[3,"0a1b"]}`))
	f.Add([]byte(`{"id":1,"result":[7]}`))
	f.Add([]byte(strings.Repeat("[", 1000)))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var list opportunities
		var made ids
		var in login
		for _, out := range []any{&list, &made, &in} {
			err := read(raw, true, out)
			var e *crm.Error
			if err != nil && !errors.As(err, &e) {
				t.Fatalf("an error of another kind: %v", err)
			}
			if e != nil && (len(e.Reason) > 500 || !utf8.ValidString(e.Reason) || strings.ContainsAny(e.Reason, "\r\n")) {
				t.Fatalf("reason %q", e.Reason)
			}
		}
		for i := range list {
			c := list[i].change()
			if c.Remote.Opportunity == "" || c.State == "" || !apiAmount.MatchString(c.Amount) || (c.Amount == "") != (c.Currency == "") ||
				len(c.Reason) > 200 || !utf8.ValidString(c.Reason) {
				t.Fatalf("change %+v", c)
			}
		}
	})
}
