package leadfile

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// table is a file as text: a header and rows, with semicolons.
func table(t *testing.T, text string) (header []string, rows [][]string, cells []tabular.Column) {
	t.Helper()
	in, err := tabular.NewTable(strings.NewReader(text), ';')
	if err != nil {
		t.Fatal(err)
	}
	cells = make([]tabular.Column, len(in.Header))
	for {
		row, err := in.Next()
		if err != nil {
			return in.Header, rows, cells
		}
		rows = append(rows, row.Cells)
		for i, c := range row.Cells {
			cells[i].Add(c)
		}
	}
}

func TestWhatHeadersMean(t *testing.T) {
	for name, c := range map[string]struct {
		file       string
		activities bool
		said       map[string]string
		want       []Column
	}{
		"HubSpot": {
			"Record ID;First Name;Last Name;Email;Phone Number;Job Title;Company name;Country/Region;Number of Employees;Create Date;Original Source\n" +
				"151;Ana;Ng;ana@example.com;49301234;CTO;Acme;Germany;250;2026-05-04 10:00;Organic Search\n",
			false,
			nil,
			[]Column{
				{"Record ID", "crm_id", "text"},
				{"First Name", "first_name", "text"},
				{"Last Name", "last_name", "text"},
				{"Email", "email", "text"},
				{"Phone Number", "phone", "text"},
				{"Job Title", "job_title", "text"},
				{"Company name", "company", "text"},
				{"Country/Region", "country", "text"},
				{"Number of Employees", "employees", "number"},
				{"Create Date", "time", "text"},
				{"Original Source", "lead_source", "text"},
			},
		},
		"German, with what nobody knows": {
			"E-Mail-Adresse;Vorname;Größe;PLZ;Newsletter;Erstellt am;Zuletzt geändert;account;2. Kontakt;E-Mail\nana@example.com;Ana;L;10115;ja;01.02.2026;02.02.2026;x;;\n",
			false,
			nil,
			[]Column{
				{"E-Mail-Adresse", "email", "text"},
				{"Vorname", "first_name", "text"},
				{"Größe", "grosse", "text"},
				{"PLZ", "plz", "text"},
				{"Newsletter", "newsletter", "text"},
				{"Erstellt am", "erstellt_am", "text"},
				{"Zuletzt geändert", "time", "text"},
				{"account", "file_account", "text"},
				{"2. Kontakt", "column_9_2_kontakt", "text"},
				{"E-Mail", "e_mail", "text"},
			},
		},
		"what somebody said": {
			"Email;Mail 2;Title;Notes\n;;;\n",
			false,
			map[string]string{"Mail 2": "email", "Notes": "", "Title": "anrede"},
			[]Column{{"Email", "email_1", "text"}, {"Mail 2", "email", "text"}, {"Title", "anrede", "text"}, {"Notes", "", "text"}},
		},
		"activities": {
			"Email;Activity Type;Time;Campaign;Id;URL;Minutes;Company;Vip\nana@example.com;Page Viewed;05/25/2026 3:04 PM;spring;a1;/pricing;12.5;Acme;yes\n",
			true,
			nil,
			[]Column{
				{"Email", "email", "text"},
				{"Activity Type", "activity.type", "text"},
				{"Time", "activity.time", "text"},
				{"Campaign", "activity.campaign", "text"},
				{"Id", "activity.id", "text"},
				{"URL", "property.url", "text"},
				{"Minutes", "property.minutes", "number"},
				{"Company", "property.company", "text"},
				{"Vip", "property.vip", "boolean"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			header, _, cells := table(t, c.file)
			if got := IsActivities(header); got != c.activities {
				t.Errorf("activities: %v", got)
			}
			if diff := cmp.Diff(c.want, Suggest(header, cells, c.activities, c.said)); diff != "" {
				t.Errorf("columns (-want +got):\n%s", diff)
			}
		})
	}
}

func TestARowOfASuggestedFile(t *testing.T) {
	header, rows, cells := table(t, "Email;Activity;Date;URL;Minutes\nana@example.com;Page Viewed;25/05/2026 15:04;/pricing;12.5\nana@example.com;Page Viewed;25/05/2026 15:04;/about;\n"+
		"ana@example.com;page.viewed;26/05/2026;/pricing;3\nana@example.com;lifecycle.won;26/05/2026;;\nana@example.com;demo.requested;soon;;\n")
	m, err := Of("import:test", Suggest(header, cells, true, nil), true, "")
	if err != nil {
		t.Fatal(err)
	}
	b, err := m.Bind(header)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"Date"}, b.Times()); diff != "" {
		t.Errorf("times:\n%s", diff)
	}
	format, _ := cells[2].TimeFormat()
	b.ReadTimes("Date", format)
	first, err := b.Capture(rows[0])
	if err != nil {
		t.Fatal(err)
	}
	a := first.GetActivities()[0]
	want := `{"type":"page.viewed","source":"import:test","occurredTime":"2026-05-25T15:04:00Z","properties":{"url":"/pricing","minutes":12.5}}`
	id := a.GetId()
	a.Id = ""
	var wanted ingestv1.Activity
	if err := protojson.Unmarshal([]byte(want), &wanted); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(a, &wanted) {
		t.Errorf("%s\nwant %s", protojson.Format(a), want)
	}
	if again, _ := b.Capture(rows[0]); again.GetActivities()[0].GetId() != id || len(id) != 32 {
		t.Errorf("the same row has the id %s, then %s", id, again.GetActivities()[0].GetId())
	}
	if other, err := b.Capture(rows[1]); err != nil || other.GetActivities()[0].GetId() == id {
		t.Errorf("another row has the same id: %v", err)
	}
	if _, err := b.Capture(rows[3]); err == nil || !strings.Contains(err.Error(), `column "Activity"`) {
		t.Errorf("a reserved type: %v", err)
	}
	if _, err := b.Capture(rows[4]); err == nil || !strings.Contains(err.Error(), "DD/MM/YYYY") {
		t.Errorf("no time: %v", err)
	}
}

func TestColumnsThatDoNotFit(t *testing.T) {
	columns := func(fields ...string) (list []Column) {
		for i, f := range fields {
			list = append(list, Column{Header: string(rune('A' + i)), Field: f})
		}
		return list
	}
	for name, c := range map[string]struct {
		columns    []Column
		activities bool
		typ        string
		want       string
	}{
		"nobody":        {columns("job_title", ""), false, "", "expected one to be email, user_id, crm_id or anonymous_id"},
		"twice":         {columns("email", "email"), false, "", `expected one column to be email; "A" and "B" are`},
		"two accounts":  {columns("email", "account_id", "account_domain"), false, "", "expected either account_domain or account_id"},
		"no type":       {columns("email", "activity.time"), true, "", "expected one to be activity.type"},
		"one type":      {columns("email"), true, "event.attended", ""},
		"a bad type":    {columns("email"), true, "Event", "expected a dotted type"},
		"an attribute":  {columns("email", "Job Title"), false, "", "expected a name in snake_case"},
		"a property":    {columns("email", "activity.type", "property.Über"), true, "", "expected a name in snake_case"},
		"the strongest": {columns("anonymous_id", "email", "user_id"), false, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := Of("import:test", c.columns, c.activities, c.typ)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Fatalf("error %v, want %q", err, c.want)
			}
			if name == "the strongest" && m.Identities[0].Kind != "user_id" {
				t.Errorf("identities %v", m.Identities)
			}
		})
	}
}

func TestTypeOf(t *testing.T) {
	for cell, want := range map[string]string{
		"page.viewed": "page.viewed", "Email Opened": "email.opened", "Booked a demo call": "booked_a_demo_call",
		"Signup": "signup", "": "", "lifecycle.won": "", "Lifecycle Won": "", "日本": "", strings.Repeat("x", 101): "",
	} {
		if got := TypeOf(cell); got != want {
			t.Errorf("%q is of type %q, want %q", cell, got, want)
		}
	}
}

func FuzzSuggest(f *testing.F) {
	f.Add("Email;Activity;Date", "a@b.c;x.y;2026-01-01")
	f.Add("line;reason;É", ";;")
	f.Fuzz(func(t *testing.T, header, row string) {
		in, err := tabular.NewTable(strings.NewReader(header+"\n"+row), ';')
		if err != nil {
			return
		}
		cells := make([]tabular.Column, len(in.Header))
		for _, activities := range []bool{true, false} {
			m, err := Of("s", Suggest(in.Header, cells, activities, nil), activities, "")
			if err != nil {
				continue
			}
			b, err := m.Bind(in.Header)
			if err != nil {
				t.Fatalf("a suggested mapping does not fit its file: %v", err)
			}
			if r, err := in.Next(); err == nil && r.Err == nil {
				_, _ = b.Capture(r.Cells)
			}
		}
	})
}
