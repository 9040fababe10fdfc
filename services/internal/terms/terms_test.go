package terms_test

import (
	"strings"
	"testing"
	"time"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/terms"
	"github.com/google/go-cmp/cmp"
)

var allowed = map[string]terms.Kind{
	"create_time": terms.Time,
	"owner":       terms.Text,
	"stage":       terms.OneOf("LEAD", "NURTURE"),
}

func TestParse(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for filter, want := range map[string][]terms.Term{
		``:                              nil,
		"  \t":                          nil,
		`stage=LEAD`:                    {{Field: "stage", Op: "=", Text: "LEAD"}},
		` stage = "LEAD" `:              {{Field: "stage", Op: "=", Text: "LEAD"}},
		`owner = ""`:                    {{Field: "owner", Op: "="}},
		`owner = "a \"b\" \\ AND c"`:    {{Field: "owner", Op: "=", Text: `a "b" \ AND c`}},
		`owner = AND AND stage=NURTURE`: {{Field: "owner", Op: "=", Text: "AND"}, {Field: "stage", Op: "=", Text: "NURTURE"}},
		`create_time >= 2026-01-01T13:00:00+01:00 AND create_time<"2026-01-01T12:00:00Z"`: {
			{Field: "create_time", Op: ">=", Text: "2026-01-01T13:00:00+01:00", Time: noon},
			{Field: "create_time", Op: "<", Text: "2026-01-01T12:00:00Z", Time: noon},
		},
	} {
		got, err := terms.Parse(filter, allowed)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Errorf("%s: %v\n%s", filter, err, diff)
		}
	}
}

func TestErrorsPointAtTheColumn(t *testing.T) {
	for filter, want := range map[string]string{
		`email = x`:                    "one of the fields `create_time`, `owner`, `stage` at column 1",
		`stage = LEAD and owner = x`:   "`AND` at column 14",
		`stage = LEAD AND`:             "one of the fields `create_time`, `owner`, `stage` at column 17",
		`stage > LEAD`:                 "`=` at column 7",
		`stage LEAD`:                   "`=` at column 7",
		`create_time LEAD`:             "`=`, `<`, `<=`, `>` or `>=` at column 13",
		`stage = HOT`:                  "one of `LEAD`, `NURTURE` at column 9",
		`stage =`:                      "a value at column 8",
		`stage = = LEAD`:               "a value at column 9",
		`owner = "é" AND owner = "x`:   "a closing quote for the one at column 25",
		`owner = "a\n"`:                "`\\\"` or `\\\\` after a backslash at column 11",
		`create_time = yesterday`:      "an RFC 3339 time such as \"2026-01-31T00:00:00Z\" at column 15",
		`stage = LEAD OR stage = LEAD`: "`AND` at column 14",
	} {
		_, err := terms.Parse(filter, allowed)
		v := apierr.Violations(err)
		if len(v) != 1 || v[0].Field != "filter" || v[0].Expected != want {
			t.Errorf("%s:\n got  %+v\n want %s", filter, v, want)
		}
	}
}

// Quoted text comes back as it was, and no text makes the parser fail badly.
func FuzzParse(f *testing.F) {
	f.Add(`stage = LEAD AND owner = "x"`)
	f.Add(`"\`)
	quote := strings.NewReplacer(`"`, `\"`, `\`, `\\`)
	f.Fuzz(func(t *testing.T, text string) {
		_, err := terms.Parse(text, allowed)
		if err != nil && apierr.Reason(err) != "INVALID_FIELD" {
			t.Errorf("%q: %v", text, err)
		}
		got, err := terms.Parse(`owner = "`+quote.Replace(text)+`"`, allowed)
		if err != nil || len(got) != 1 || got[0].Text != text {
			t.Errorf("%q: %v %v", text, got, err)
		}
	})
}
