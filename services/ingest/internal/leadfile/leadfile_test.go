package leadfile

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

const small = `
source: trade-fair
identities:
  - {kind: email, column: Email}
  - {kind: crm_id, column: Id}
missing: ["", n/a]
constants: {imported: true}
attributes:
  - {column: Title, key: job_title}
  - {column: Staff, key: employees, type: number}
  - {column: News, key: newsletter, type: boolean}
leadSource:
  channel: {value: event}
  detail: {column: Booth}
occurredTime: {column: Day}
activities:
  - type: event.attended
    id: booth
    properties: {booth: {column: Booth}, minutes: {column: Minutes, type: number}}
  - type: demo.watched
    id: demo
    when: {column: Minutes, above: 10}
  - column: Asked
    id: asked
    types: {Price: pricing.requested}
outcome: {column: Deal, won: ["yes"], lost: ["no"]}
ignored: [Notes]
`

var smallHeader = []string{"Id", "Email", "Title", "Staff", "News", "Booth", "Day", "Minutes", "Asked", "Deal", "Notes"}

func bound(t *testing.T, mapping string, header []string) *Binding {
	t.Helper()
	m, err := Decode([]byte(mapping))
	if err != nil {
		t.Fatalf("Decode: %v", err)
	}
	b, err := m.Bind(header)
	if err != nil {
		t.Fatalf("Bind: %v", err)
	}
	return b
}

func TestARowBecomesACapture(t *testing.T) {
	b := bound(t, small, smallHeader)
	got, err := b.Capture([]string{"17", " Ana@Example.com ", "CTO", "250", "Yes", "Hall 3", "2026-05-04", "12.5", "Price", "yes", "likes tea"})
	if err != nil {
		t.Fatal(err)
	}
	key := rowKey(got.GetLead().GetIdentities()[0])
	if strings.Contains(key, "@") {
		t.Errorf("an address stands in the activity id %q", key)
	}
	want := `{
	  "lead": {
	    "identities": [{"kind": "KIND_EMAIL", "value": "Ana@Example.com"}, {"kind": "KIND_CRM_ID", "value": "17"}],
	    "attributes": {"job_title": "CTO", "employees": 250, "newsletter": true, "imported": true},
	    "leadSource": {"channel": "event", "detail": "Hall 3"}
	  },
	  "source": "trade-fair",
	  "defaultTime": "2026-05-04T00:00:00Z",
	  "activities": [
	    {"id": "KEY/booth", "type": "event.attended", "source": "trade-fair", "occurredTime": "2026-05-04T00:00:00Z", "properties": {"booth": "Hall 3", "minutes": 12.5}},
	    {"id": "KEY/demo", "type": "demo.watched", "source": "trade-fair", "occurredTime": "2026-05-04T00:00:00Z"},
	    {"id": "KEY/asked", "type": "pricing.requested", "source": "trade-fair", "occurredTime": "2026-05-04T00:00:00Z"},
	    {"id": "KEY/outcome", "type": "sales.won", "source": "trade-fair", "occurredTime": "2026-05-04T00:00:00Z"}
	  ]
	}`
	var wantReq ingestv1.CaptureLeadRequest
	if err := protojson.Unmarshal([]byte(strings.ReplaceAll(want, "KEY", key)), &wantReq); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(canonical(t, &wantReq), canonical(t, got)); diff != "" {
		t.Errorf("capture (-want +got):\n%s", diff)
	}
}

func canonical(t *testing.T, m *ingestv1.CaptureLeadRequest) string {
	t.Helper()
	return protojson.Format(m)
}

func TestMissingCellsSayNothing(t *testing.T) {
	b := bound(t, small, smallHeader)
	got, err := b.Capture([]string{"17", "", "n/a", "", "n/a", "", "", "n/a", "", "", ""})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(got.GetLead().GetAttributes().GetFields()); n != 1 {
		t.Errorf("%d attributes, want only the constant one", n)
	}
	if got.GetDefaultTime() != nil {
		t.Error("a missing time must leave the time to the first import")
	}
	if len(got.GetActivities()) != 1 || got.GetActivities()[0].GetId() != "17/booth" {
		t.Errorf("activities = %v, want the unconditional one alone, named by the first identity that is there", got.GetActivities())
	}
}

func TestAnOutcomeInNeitherListMayBeNone(t *testing.T) {
	mapping := strings.Replace(small, `lost: ["no"]`, `lost: ["no"], otherwise: none`, 1)
	got, err := bound(t, mapping, smallHeader).Capture([]string{"17", "", "", "", "", "", "", "", "", "perhaps", ""})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range got.GetActivities() {
		if strings.HasPrefix(a.GetType(), "sales.") {
			t.Errorf("an outcome was made up: %v", a)
		}
	}
}

func TestABrokenRowNamesItsColumn(t *testing.T) {
	good := []string{"17", "", "CTO", "250", "Yes", "Hall 3", "2026-05-04", "12.5", "Price", "yes", ""}
	for name, c := range map[string]struct {
		at       int
		cell     string
		column   string
		expected string
	}{
		"number":   {3, "many", "Staff", "a number"},
		"infinity": {3, "Inf", "Staff", "a number"},
		"boolean":  {4, "maybe", "News", "Yes or No"},
		"time":     {6, "May", "Day", "a time"},
		"above":    {7, "long", "Minutes", "a number"},
		"type":     {8, "Weather", "Asked", "lists under `types`"},
		"outcome":  {9, "perhaps", "Deal", "lists under `won` and `lost`"},
		"nobody":   {0, "n/a", "Email", "names no one"},
	} {
		t.Run(name, func(t *testing.T) {
			row := append([]string(nil), good...)
			row[c.at] = c.cell
			_, err := bound(t, small, smallHeader).Capture(row)
			if err == nil || !strings.Contains(err.Error(), `"`+c.column+`"`) || !strings.Contains(err.Error(), c.expected) {
				t.Errorf("error %v, want column %q and %q", err, c.column, c.expected)
			}
			if err != nil && len(c.cell) > 3 && strings.Contains(err.Error(), c.cell) {
				t.Errorf("the error repeats the cell: %v", err)
			}
		})
	}
	if _, err := bound(t, small, smallHeader).Capture(good[:5]); err == nil || !strings.Contains(err.Error(), "expected 11 cells, found 5") {
		t.Errorf("short row: %v", err)
	}
}

func TestAHeaderThatDoesNotFitIsRefusedWithEveryColumn(t *testing.T) {
	m, err := Decode([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.Bind([]string{"Id", "Email", "Title", "Staff", "Staff", "News", "Booth", "Day", "Asked", "Deal", "Shoe size", ""})
	if err == nil {
		t.Fatal("no error")
	}
	want := strings.Join([]string{
		"column \"Minutes\" of the mapping is not in the file",
		"column \"Notes\" of the mapping is not in the file",
		"column \"Shoe size\" of the file is not in the mapping: map it or list it under `ignored`",
		"column \"Staff\" stands in the file twice",
		"column 12 has no name",
	}, "\n")
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
}

func TestABrokenMappingNamesThePath(t *testing.T) {
	for name, c := range map[string]struct{ mapping, want string }{
		"empty":           {"", "the mapping is empty"},
		"unknown field":   {small + "colour: red\n", "colour"},
		"twice":           {small + "source: x\n", "source"},
		"no source":       {"identities: [{kind: email, column: E}]", "source: expected a name"},
		"reserved source": {"source: assay:x\nidentities: [{kind: email, column: E}]", "source: expected no source of the reserved assay:*"},
		"no identity":     {"source: a", "identities: expected at least one"},
		"kind":            {"source: a\nidentities: [{kind: phone, column: E}]", "identities[0].kind: expected one of anonymous_id, crm_id, email, user_id"},
		"column":          {"source: a\nidentities: [{kind: email}]", "identities[0].column: expected the name"},
		"key":             {"source: a\nidentities: [{kind: email, column: E}]\nattributes: [{column: T, key: JobTitle}]", "attributes[0].key: expected a name in snake_case"},
		"reserved key":    {"source: a\nidentities: [{kind: email, column: E}]\nattributes: [{column: T, key: create_time}]", "attributes[0].key: expected another name"},
		"key twice":       {"source: a\nidentities: [{kind: email, column: E}]\nattributes: [{column: T, key: t}, {column: U, key: t}]", "given twice"},
		"cell type":       {"source: a\nidentities: [{kind: email, column: E}]\nattributes: [{column: T, key: t, type: date}]", "attributes[0].type: expected string, number or boolean"},
		"constant":        {"source: a\nidentities: [{kind: email, column: E}]\nconstants: {t: [1]}", "constants.t: expected a string"},
		"activity type":   {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: a, type: Page Viewed}]", "activities[0].type: expected a dotted type"},
		"reserved":        {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: a, type: lifecycle.won}]", "reserved"},
		"no type":         {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: a}]", "expected either `type` or `column` with `types`"},
		"id":              {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{type: a.b}]", "activities[0].id: expected a short name"},
		"id twice":        {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: x, type: a.b}, {id: x, type: a.b}]", `activities[1].id: "x" is given twice`},
		"condition":       {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: x, type: a.b, when: {column: C}}]", "expected exactly one of `above` and `equals`"},
		"above":           {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: x, type: a.b, when: {column: C, above: many}}]", "line 3"},
		"property":        {"source: a\nidentities: [{kind: email, column: E}]\nactivities: [{id: x, type: a.b, properties: {p: {}}}]", "expected either `column` or `value`"},
		"outcome":         {"source: a\nidentities: [{kind: email, column: E}]\noutcome: {column: C}", "expected `won` or `lost`"},
		"outcome else":    {"source: a\nidentities: [{kind: email, column: E}]\noutcome: {column: C, won: [x], otherwise: lost}", "outcome.otherwise: expected none"},
		"outcome twice":   {"source: a\nidentities: [{kind: email, column: E}]\noutcome: {column: C, won: [x], lost: [x]}", "under both"},
		"used and not":    {"source: a\nidentities: [{kind: email, column: E}]\nignored: [E]", `column "E" is also used`},
		"not a mapping":   {"- a\n- b", "not what was expected"},
		"not even yaml":   {"a: [", "not what was expected"},
		"not a document":  {"\x00\xff", "not what was expected"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Decode([]byte(c.mapping))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want it to say %q", err, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "leadfile.") {
				t.Errorf("the error speaks of Go: %v", err)
			}
		})
	}
}

func TestTheShippedMappingIsRight(t *testing.T) {
	data, err := os.ReadFile("../../../../examples/x-education/mapping.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Decode(data); err != nil {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	// Short seeds: the fuzzer spends its time on inputs, not on making them smaller.
	f.Add([]byte("source: a\nidentities: [{kind: email, column: E}]"))
	f.Add([]byte("activities: [{type: a.b, id: x, when: {column: C, above: 1}}]"))
	f.Add([]byte("activities: [{column: C, id: x, types: {A: a.b}, otherwise: c}]"))
	f.Add([]byte("outcome: {column: C, won: [a], lost: [b]}\nignored: [D]"))
	f.Add([]byte("a: &a [*a, *a]"))
	f.Add([]byte("source: a\nidentities: [{kind: email, column: E}]\nconstants: {t: 2026-01-01}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil {
			return
		}
		header := []string{"E"}
		for column := range m.columns() {
			header = append(header, column)
		}
		if b, err := m.Bind(header); err == nil {
			_, _ = b.Capture(make([]string, len(header)))
		}
	})
}
