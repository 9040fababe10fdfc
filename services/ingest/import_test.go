package ingest_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/unicode"
	"google.golang.org/protobuf/testing/protocmp"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
	"github.com/assay-hq/assay/services/internal/tabular"
)

// upload sends a file in small pieces.
func (h *house) upload(about *ingestv1.Import, file string) (*ingestv1.Import, error) {
	h.t.Helper()
	stream, err := h.imports.UploadImport(h.marketing())
	h.ok(err)
	pieces := slices.Collect(slices.Chunk([]byte(file), 64<<10))
	if len(pieces) == 0 {
		pieces = [][]byte{nil}
	}
	for i, piece := range pieces {
		req := &ingestv1.UploadImportRequest{Piece: piece}
		if i == 0 {
			req.Import = about
		}
		if err := stream.Send(req); err != nil {
			break // the answer says why
		}
	}
	return stream.CloseAndRecv()
}

func (h *house) uploaded(about *ingestv1.Import, file string) *ingestv1.Import {
	h.t.Helper()
	i, err := h.upload(about, file)
	h.ok(err)
	return i
}

// settled waits until no work is under way on an import.
func (h *house) settled(name string) *ingestv1.Import {
	h.t.Helper()
	for {
		i, err := h.imports.GetImport(h.marketing(), &ingestv1.GetImportRequest{Name: name})
		h.ok(err)
		switch i.GetState() {
		case ingestv1.Import_STATE_TRYING, ingestv1.Import_STATE_RUNNING, ingestv1.Import_STATE_UNDOING:
			time.Sleep(2 * time.Millisecond)
		default:
			return i
		}
	}
}

func (h *house) try(name string) *ingestv1.Import {
	h.t.Helper()
	_, err := h.imports.TryImport(h.marketing(), &ingestv1.TryImportRequest{Name: name})
	h.ok(err)
	return h.settled(name)
}

func (h *house) run(name string) *ingestv1.Import {
	h.t.Helper()
	_, err := h.imports.RunImport(h.marketing(), &ingestv1.RunImportRequest{Name: name})
	h.ok(err)
	return h.settled(name)
}

func (h *house) rejects(name string) string {
	h.t.Helper()
	var all strings.Builder
	for line := int32(0); ; {
		r, err := h.imports.GetImportRejects(h.marketing(), &ingestv1.GetImportRejectsRequest{Name: name, AfterLine: line})
		h.ok(err)
		all.WriteString(r.GetCsv())
		if line = r.GetNextLine(); line == 0 {
			return all.String()
		}
	}
}

func counted(i *ingestv1.Import) string {
	c := i.GetCounts()
	return fmt.Sprintf("%s %d/%d: %d created, %d updated, %d unchanged, %d rejected", strings.TrimPrefix(i.GetState().String(), "STATE_"),
		c.GetRows(), c.GetTotal(), c.GetCreated(), c.GetUpdated(), c.GetUnchanged(), c.GetRejected())
}

const contacts = "E-Mail-Adresse;Vorname;Titel;Mitarbeiter;Telefon;Erstellt am;Notiz\r\n" +
	"ana@example.com;Ana;CTO;250;+49 30 1;25.05.2025;\"zwei\r\nZeilen\"\r\n" +
	"bo@example.com;Bö;CIO;12;;26.05.2025;\r\n" +
	"ana@example.com;Ana;CEO;250;+49 30 1;27.05.2025;\r\n" +
	"bo@example.com;Bö;CIO;12;;26.05.2025;\r\n" +
	"nobody;Cy;CIO;1;=1+1;26.05.2025;\r\n" +
	"dee@example.com;Dee;CIO;3;;soon;\r\n" +
	"eve@example.com;\"Eve;CIO;4;;;\r\n" +
	"fay@example.com;Fay;CIO;4;;;\r\n"

// What a try counts is what becomes of it, and trying stores nothing.
func TestAFileIsTriedAndRun(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		file, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(contacts)
		h.ok(err)
		i := h.uploaded(&ingestv1.Import{DisplayName: `C:\Users\x\Messe Köln.csv`}, file)
		want := []*ingestv1.ImportColumn{
			{Header: "E-Mail-Adresse", Field: "email", ReadsAs: "text"},
			{Header: "Vorname", Field: "first_name", ReadsAs: "text"},
			{Header: "Titel", Field: "titel", ReadsAs: "text"},
			{Header: "Mitarbeiter", Field: "employees", ReadsAs: "number"},
			{Header: "Telefon", Field: "phone", ReadsAs: "text"},
			{Header: "Erstellt am", Field: "time", ReadsAs: "DD.MM.YYYY"},
			{Header: "Notiz", Field: "notiz", ReadsAs: "text"},
		}
		if diff := cmp.Diff(want, i.GetColumns(), protocmp.Transform()); diff != "" {
			t.Errorf("columns (-want +got):\n%s", diff)
		}
		if f := i.GetFormat(); f.GetEncoding() != "utf-16le" || f.GetDelimiter() != ";" || int(f.GetBytes()) != len(file) ||
			i.GetKind() != ingestv1.Import_KIND_LEADS || i.GetSource() != "import:messe-k-ln" || i.GetActor() != "test" {
			t.Errorf("the file is %v", i)
		}
		// A person says what nobody could know.
		_, err = h.imports.UpdateImport(h.marketing(), &ingestv1.UpdateImportRequest{Import: &ingestv1.Import{
			Name: i.GetName(), Columns: []*ingestv1.ImportColumn{{Header: "Titel", Field: "job_title"}, {Header: "Notiz"}},
		}})
		h.ok(err)
		const counts = "8/8: 3 created, 1 updated, 1 unchanged, 3 rejected"
		tried := h.try(i.GetName())
		if got := counted(tried); got != "TRIED "+counts {
			t.Errorf("tried: %s", got)
		}
		if samples := tried.GetColumns()[0].GetSamples(); len(samples) != 3 || samples[0] != "ana@example.com" {
			t.Errorf("samples %v", samples)
		}
		if list, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{}); err != nil || len(list.GetLeads()) != 0 {
			t.Errorf("a try stored %v %v", list, err)
		}
		done := h.run(i.GetName())
		if got := counted(done); got != "DONE "+counts {
			t.Errorf("run: %s", got)
		}
		found, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("ana@example.com")})
		h.ok(err)
		attributes := found.GetLead().GetAttributes().AsMap()
		delete(attributes, "email_domain")
		if diff := cmp.Diff(map[string]any{"first_name": "Ana", "job_title": "CEO", "employees": 250.0, "phone": "+49 30 1"}, attributes); diff != "" {
			t.Errorf("attributes (-want +got):\n%s", diff)
		}
		if claimed := h.claim(10); len(claimed) != 3 || !claimed[0].GetHistorical() {
			t.Errorf("claimed %v", claimed)
		}
		if got, _ := h.imports.GetImport(h.marketing(), &ingestv1.GetImportRequest{Name: i.GetName()}); got.GetCounts().GetUndecided() != 3 {
			t.Errorf("%d leads are undecided", got.GetCounts().GetUndecided())
		}

		rejects := h.rejects(i.GetName())
		wantRejects := "line,reason,E-Mail-Adresse,Vorname,Titel,Mitarbeiter,Telefon,Erstellt am,Notiz\n" +
			"7,lead.identities[0].value: expected an email address such as name@example.com,nobody,Cy,CIO,1,'=1+1,26.05.2025,\n" +
			"8,\"column \"\"Erstellt am\"\": expected a time as in the other rows: DD.MM.YYYY\",dee@example.com,Dee,CIO,3,,soon,\n" +
			"9,expected the quote that opens a cell to be closed,\"eve@example.com;\"\"Eve;CIO;4;;;\"\n"
		if diff := cmp.Diff(wantRejects, rejects); diff != "" {
			t.Errorf("rejects (-want +got):\n%s", diff)
		}
		// Corrected, the rejected rows are imported as they are; the others add nothing.
		corrected := strings.Replace(strings.Replace(rejects, ",nobody,", ",cy@example.com,", 1), ",soon,", ",28.05.2025,", 1)
		i = h.uploaded(&ingestv1.Import{Source: i.GetSource(), Columns: []*ingestv1.ImportColumn{{Header: "Notiz"}}}, corrected)
		if got := counted(h.run(i.GetName())); got != "DONE 3/3: 2 created, 0 updated, 0 unchanged, 1 rejected" {
			t.Errorf("the corrected rejects: %s", got)
		}
		found, err = h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("cy@example.com")})
		h.ok(err)
		if got := found.GetLead().GetAttributes().GetFields()["phone"].GetStringValue(); got != "=1+1" {
			t.Errorf("phone %q", got)
		}
		again := h.uploaded(&ingestv1.Import{Source: "import:messe-k-ln", Columns: []*ingestv1.ImportColumn{{Header: "Titel", Field: "job_title"}, {Header: "Notiz"}}}, file)
		for range 2 {
			if got := counted(h.try(again.GetName())); got != "TRIED 8/8: 0 created, 0 updated, 5 unchanged, 3 rejected" {
				t.Errorf("tried again: %s", got)
			}
		}
		if got := counted(h.run(again.GetName())); got != "DONE 8/8: 0 created, 0 updated, 5 unchanged, 3 rejected" {
			t.Errorf("run again: %s", got)
		}
	})
}

func TestAFileOfActivities(t *testing.T) {
	h := onSQLite(t)
	file := "Email,Event,Time,Page\n" +
		"ana@example.com,Page Viewed,2025-05-25 10:00,/pricing\n" +
		"ana@example.com,Page Viewed,2025-05-25 10:00,/pricing\n" + // said twice
		"ana@example.com,Page Viewed,2025-05-25 10:01,/pricing\n" +
		"bo@example.com,demo.requested,2025-05-26,\n" +
		"bo@example.com,lifecycle.won,2025-05-26,\n"
	for _, want := range []string{"5/5: 2 created, 1 updated, 1 unchanged, 1 rejected", "5/5: 0 created, 0 updated, 4 unchanged, 1 rejected"} {
		i := h.uploaded(&ingestv1.Import{DisplayName: "webinar.csv"}, file)
		if i.GetKind() != ingestv1.Import_KIND_ACTIVITIES {
			t.Fatalf("the file is of %s", i.GetKind())
		}
		if got := counted(h.try(i.GetName())); got != "TRIED "+want {
			t.Errorf("tried: %s, want %s", got, want)
		}
		if got := counted(h.run(i.GetName())); got != "DONE "+want {
			t.Errorf("run: %s, want %s", got, want)
		}
	}
	found, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email("ana@example.com")})
	h.ok(err)
	list, err := h.ListActivities(h.marketing(), &ingestv1.ListActivitiesRequest{Parent: found.GetLead().GetName()})
	h.ok(err)
	if n := len(list.GetActivities()); n != 2 || list.GetActivities()[1].GetType() != "page.viewed" || list.GetActivities()[1].GetSource() != "import:webinar" {
		t.Errorf("%d activities: %v", n, list.GetActivities())
	}
}

// A try counts what a run does, also of rows that are far apart in the file.
func TestATryKnowsTheRowsBefore(t *testing.T) {
	h := onSQLite(t)
	h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"job_title":"CTO"}`, email("p7@example.com")), Source: "import:big", Historical: true})
	var file strings.Builder
	file.WriteString("email,title,staff\n")
	for n := range 600 {
		fmt.Fprintf(&file, "p%d@example.com,%s,%d\n", n%350, []string{"CTO", "CIO"}[n%7%2], 5)
	}
	i := h.uploaded(&ingestv1.Import{DisplayName: "big.csv"}, file.String())
	tried := strings.TrimPrefix(counted(h.try(i.GetName())), "TRIED ")
	if done := strings.TrimPrefix(counted(h.run(i.GetName())), "DONE "); done != tried || !strings.Contains(done, "349 created") {
		t.Errorf("tried: %s\n  run: %s", tried, done)
	}
}

func TestFilesThatCannotBeImported(t *testing.T) {
	h := onSQLite(t)
	for name, c := range map[string]struct {
		about *ingestv1.Import
		file  string
		want  string
	}{
		"nothing":           {&ingestv1.Import{}, "", "file: expected a header row, found an empty file"},
		"lines of nothing":  {&ingestv1.Import{}, "\n \n\n", "file: expected a header row, found an empty file"},
		"a header":          {&ingestv1.Import{}, "email,title\n", "file: expected rows under the header, found none"},
		"no header":         {&ingestv1.Import{}, "CTO,ana@example.com\nCIO,bo@example.com\n", "file: expected a first row with the names of the columns: column 2 is an address"},
		"one name twice":    {&ingestv1.Import{}, "email,title,title\n1,2,3\n", `file: expected a file that can be read: column "title" stands in the file twice`},
		"no name":           {&ingestv1.Import{}, "email,,title\n1,2,3\n", "file: expected a file that can be read: column 2 has no name"},
		"201 columns":       {&ingestv1.Import{}, "email" + strings.Repeat(",b", 200) + "\n", "file: expected a file that can be read: the header row cannot be read: expected at most 200 columns, found 201"},
		"a broken header":   {&ingestv1.Import{}, "email,\"title\n", "file: expected a file that can be read: the header row cannot be read: expected the quote that opens a cell to be closed"},
		"a reserved source": {&ingestv1.Import{Source: "assay:handoff"}, "email\na@b.c\n", "import.source: expected no source of the reserved assay:*"},
		"a bad source":      {&ingestv1.Import{Source: "a b"}, "email\na@b.c\n", "source: expected"},
		"a bad encoding":    {&ingestv1.Import{Format: &ingestv1.FileFormat{Encoding: "ebcdic"}}, "email\na@b.c\n", "format.encoding: expected"},
		"no such column":    {&ingestv1.Import{Columns: []*ingestv1.ImportColumn{{Header: "Mail", Field: "email"}}}, "email\na@b.c\n", "import.columns[0].header: expected a column of the file"},
		"no mapping":        {&ingestv1.Import{Mapping: "source: x"}, "email\na@b.c\n", "import.mapping.identities: expected at least one"},
		"another mapping":   {&ingestv1.Import{Mapping: "source: x\nidentities: [{kind: email, column: Mail}]"}, "email\na@b.c\n", "import.mapping: expected one that fits the file: column"},
		"too many rows":     {&ingestv1.Import{}, "e\n" + strings.Repeat("1\n", 500_001), "500,000 rows"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.upload(c.about, c.file)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %s", err, c.want)
			}
		})
	}
	list, err := h.imports.ListImports(h.marketing(), &ingestv1.ListImportsRequest{})
	if err != nil || len(list.GetImports()) != 0 {
		t.Errorf("left %v %v", list, err)
	}
	var left int
	h.ok(h.db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM import_pieces`).Scan(&left))
	if left != 0 {
		t.Errorf("%d pieces are left", left)
	}
}

// What cannot be told is asked, not guessed.
func TestDatesThatReadInTwoWays(t *testing.T) {
	h := onSQLite(t)
	i := h.uploaded(&ingestv1.Import{}, "email,created\nana@example.com,04/05/2025\nbo@example.com,05/06/2025\n")
	if got := i.GetColumns()[1].GetReadsAs(); got != "DD/MM/YYYY or MM/DD/YYYY" || len(i.GetWarnings()) != 1 {
		t.Errorf("read as %s, with warnings %v", got, i.GetWarnings())
	}
	if _, err := h.imports.RunImport(h.marketing(), &ingestv1.RunImportRequest{Name: i.GetName()}); apierr.Reason(err) != "INVALID_FIELD" ||
		!strings.Contains(err.Error(), `import.format.dateOrder: expected dmy or mdy: the dates in column "created"`) {
		t.Errorf("run: %v", err)
	}
	i, err := h.imports.UpdateImport(h.marketing(), &ingestv1.UpdateImportRequest{Import: &ingestv1.Import{Name: i.GetName(), Format: &ingestv1.FileFormat{DateOrder: "mdy"}}})
	h.ok(err)
	if len(i.GetWarnings()) != 0 || i.GetColumns()[1].GetReadsAs() != "MM/DD/YYYY" {
		t.Errorf("said: %v", i)
	}
	if got := counted(h.run(i.GetName())); got != "DONE 2/2: 2 created, 0 updated, 0 unchanged, 0 rejected" {
		t.Error(got)
	}
}

func TestImportsInTheWrongState(t *testing.T) {
	h := onSQLite(t)
	i := h.uploaded(&ingestv1.Import{}, "email\nana@example.com\n")
	name := i.GetName()
	wrong := func(what string, err error) {
		t.Helper()
		if apierr.Reason(err) != "WRONG_STATE" {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := h.imports.UndoImport(h.marketing(), &ingestv1.UndoImportRequest{Name: name})
	wrong("undone before it ran", err)
	h.run(name)
	_, err = h.imports.RunImport(h.marketing(), &ingestv1.RunImportRequest{Name: name})
	wrong("run twice", err)
	_, err = h.imports.TryImport(h.marketing(), &ingestv1.TryImportRequest{Name: name})
	wrong("tried after it ran", err)
	_, err = h.imports.UpdateImport(h.marketing(), &ingestv1.UpdateImportRequest{Import: &ingestv1.Import{Name: name, DisplayName: "x"}})
	wrong("changed after it ran", err)
	_, err = h.imports.CancelImport(h.marketing(), &ingestv1.CancelImportRequest{Name: name})
	wrong("cancelled after it ran", err)

	i = h.uploaded(&ingestv1.Import{}, "title\nCTO\n")
	if len(i.GetWarnings()) != 1 || !strings.Contains(i.GetWarnings()[0], "to know who a row is about") {
		t.Errorf("warnings %v", i.GetWarnings())
	}
	if _, err := h.imports.TryImport(h.marketing(), &ingestv1.TryImportRequest{Name: i.GetName()}); apierr.Reason(err) != "INVALID_FIELD" {
		t.Errorf("a file of nobody: %v", err)
	}
	i, err = h.imports.CancelImport(h.marketing(), &ingestv1.CancelImportRequest{Name: i.GetName()})
	if err != nil || i.GetState() != ingestv1.Import_STATE_CANCELLED {
		t.Errorf("%v %v", i, err)
	}
	var seen []string
	for token := ""; ; {
		list, err := h.imports.ListImports(h.marketing(), &ingestv1.ListImportsRequest{PageSize: 1, PageToken: token})
		h.ok(err)
		for _, i := range list.GetImports() {
			seen = append(seen, i.GetState().String())
		}
		if token = list.GetNextPageToken(); token == "" {
			break
		}
	}
	if diff := cmp.Diff([]string{"STATE_CANCELLED", "STATE_DONE"}, seen); diff != "" {
		t.Errorf("list:\n%s", diff)
	}
	if _, err := h.imports.GetImport(h.marketing(), &ingestv1.GetImportRequest{Name: "imports/0197a000-0000-7000-8000-000000000000"}); apierr.Reason(err) != "NOT_FOUND" {
		t.Errorf("nothing: %v", err)
	}
	if _, err := h.imports.RunImport(h.as(typev1.Role_ROLE_SALES), &ingestv1.RunImportRequest{Name: name}); err == nil {
		t.Error("sales ran an import")
	}
}

// A service that stops in the middle goes on where it was: no row twice, none left out.
func TestAnImportGoesOnAfterAStop(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		const rows = 900
		var file strings.Builder
		file.WriteString("email,event,minutes\n")
		for n := range rows {
			fmt.Fprintf(&file, "p%d@example.com,page.viewed,%d\n", n%300, n)
		}
		db := migrated(t, url)
		h := newHouse(t, db, nil)
		name := h.uploaded(&ingestv1.Import{DisplayName: "big.csv"}, file.String()).GetName()
		_, err := h.imports.RunImport(h.marketing(), &ingestv1.RunImportRequest{Name: name})
		h.ok(err)
		for stops := 0; ; stops++ {
			i, err := h.imports.GetImport(h.marketing(), &ingestv1.GetImportRequest{Name: name})
			h.ok(err)
			if i.GetState() == ingestv1.Import_STATE_DONE {
				if got, want := counted(i), fmt.Sprintf("DONE %d/%d: 300 created, 600 updated, 0 unchanged, 0 rejected", rows, rows); got != want {
					t.Errorf("%s, want %s", got, want)
				}
				break
			}
			if stops < 3 {
				h.stop()
				h = newHouse(t, db, nil)
				h.pass(time.Duration(stops+1) * time.Minute) // a lease that was left has ended
			}
		}
		var activities int
		h.ok(db.Read().QueryRowContext(context.WithoutCancel(t.Context()), `SELECT count(*) FROM activities`).Scan(&activities))
		if activities != rows {
			t.Errorf("%d activities, want %d", activities, rows)
		}
	})
}

func TestRejectsComeInPages(t *testing.T) {
	h := onSQLite(t)
	var file bytes.Buffer
	file.WriteString("email,note\n")
	for range 1200 {
		fmt.Fprintf(&file, "nobody,%s\n", strings.Repeat("x", 900))
	}
	i := h.uploaded(&ingestv1.Import{}, file.String())
	h.run(i.GetName())
	table, err := tabular.NewTable(strings.NewReader(h.rejects(i.GetName())), ',')
	h.ok(err)
	n := 0
	for ; ; n++ {
		if _, err := table.Next(); err == io.EOF { //nolint:errorlint // as documented
			break
		}
	}
	if n != 1200 {
		t.Errorf("%d rows", n)
	}
}

// story is what is known of a lead: what it is, and what it did that counts.
func (h *house) story(address string) string {
	h.t.Helper()
	found, err := h.LookupLead(h.marketing(), &ingestv1.LookupLeadRequest{Identity: email(address)})
	if apierr.Reason(err) == "NOT_FOUND" {
		return "unknown"
	}
	h.ok(err)
	l := found.GetLead()
	var b strings.Builder
	values, err := l.GetAttributes().MarshalJSON()
	h.ok(err)
	fmt.Fprintf(&b, "%s %v %s\n", strings.Join(strings.Fields(string(values)), ""), l.GetLeadSource().GetChannel(), l.GetName())
	for _, i := range l.GetIdentities() {
		fmt.Fprintf(&b, "%s %s\n", i.GetKind(), i.GetValue())
	}
	claimed, err := h.pending.ClaimLeads(h.service(), &ingestv1.ClaimLeadsRequest{Leads: []string{l.GetName()}, WholeHistory: true, ReadOnly: true})
	h.ok(err)
	var facts []string
	for _, c := range claimed.GetLeads() {
		for _, f := range c.GetFacts() {
			if f.GetActivity().GetCorrection() == typev1.ActivityFact_CORRECTION_UNSPECIFIED {
				facts = append(facts, fmt.Sprint(f.GetSource(), " ", f.GetActivity().GetType(), f.GetAttribute().GetKey(), string(f.GetAttribute().GetValueJson())))
			}
		}
	}
	slices.Sort(facts)
	return b.String() + strings.Join(facts, "\n")
}

func TestAnImportIsUndone(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.capture(&ingestv1.CaptureLeadRequest{
			Lead:       &ingestv1.Lead{Identities: []*ingestv1.Identity{email("ana@example.com")}, Attributes: object(`{"job_title":"CTO","employees":12}`), LeadSource: &ingestv1.LeadSource{Channel: "web"}},
			Activities: []*ingestv1.Activity{{Id: "1", Type: "page.viewed"}},
		})
		// Two leads that only the file says are one.
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"job_title":"CTO"}`, email("dee@example.com"))})
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"country":"FR"}`, &ingestv1.Identity{Kind: ingestv1.Identity_KIND_CRM_ID, Value: "77"})})
		before, apart := h.story("ana@example.com"), h.story("dee@example.com")
		h.pass(time.Hour)
		const file = "id,email,title,staff,newsletter,source,event,date,url\n" +
			"7,ana@example.com,CEO,12,yes,fair,page.viewed,2026-01-02,/a\n" +
			"8,bo@example.com,CIO,5,no,fair,page.viewed,2026-01-02,/a\n" +
			"7,ana@example.com,CFO,12,yes,fair,page.viewed,2026-01-03,/b\n" +
			"9,cy@example.com,CIO,5,no,fair,page.viewed,2026-01-02,/a\n" +
			"77,dee@example.com,CTO,5,no,fair,page.viewed,2026-01-02,/a\n"
		columns := []*ingestv1.ImportColumn{
			{Header: "id", Field: "crm_id"},
			{Header: "title", Field: "job_title"},
			{Header: "staff", Field: "employees"},
			{Header: "newsletter", Field: "newsletter"},
			{Header: "source", Field: "lead_source"},
		}
		run := func() *ingestv1.Import {
			t.Helper()
			return h.run(h.uploaded(&ingestv1.Import{DisplayName: "fair.csv", Kind: ingestv1.Import_KIND_ACTIVITIES, Columns: columns}, file).GetName())
		}
		undo := func(i *ingestv1.Import) string {
			t.Helper()
			_, err := h.imports.UndoImport(h.marketing(), &ingestv1.UndoImportRequest{Name: i.GetName()})
			h.ok(err)
			u := h.settled(i.GetName())
			return fmt.Sprintf("%s: %d removed, %d restored, %d kept, %d activities", strings.TrimPrefix(u.GetState().String(), "STATE_"),
				u.GetUndoCounts().GetRemoved(), u.GetUndoCounts().GetRestored(), u.GetUndoCounts().GetKept(), u.GetUndoCounts().GetActivities())
		}
		i := run()
		if got := counted(i); got != "DONE 5/5: 2 created, 3 updated, 0 unchanged, 0 rejected" {
			t.Fatal(got)
		}
		after := h.story("ana@example.com")
		if joined := h.story("dee@example.com"); after == before || !strings.Contains(joined, "FR") {
			t.Fatalf("the import did not what it was to do:\n%s", joined)
		}
		// Something else happens to one of its leads.
		h.pass(time.Hour)
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(`{"country":"DE"}`, email("cy@example.com"))})
		for range 2 {
			if got := undo(i); got != "UNDONE: 1 removed, 2 restored, 1 kept, 5 activities" {
				t.Errorf("undone: %s", got)
			}
		}
		if got := h.story("ana@example.com"); got != before {
			t.Errorf("after the undo:\n%s\nbefore the import:\n%s", got, before)
		}
		if got := h.story("dee@example.com"); got != apart {
			t.Errorf("after the undo:\n%s\nbefore the import:\n%s", got, apart)
		}
		if got := h.story("bo@example.com"); got != "unknown" {
			t.Errorf("bo is still known: %s", got)
		}
		if got := h.story("cy@example.com"); strings.Contains(got, "page.viewed") || strings.Contains(got, "CIO") || !strings.Contains(got, `"country":"DE"`) {
			t.Errorf("cy:\n%s", got)
		}
		// The same file again does the same again.
		h.pass(time.Hour)
		if got := counted(run()); !strings.HasPrefix(got, "DONE 5/5: 1 created, 4 updated, 0 unchanged") {
			t.Errorf("again: %s", got)
		}
		if got := h.story("ana@example.com"); got != after {
			t.Errorf("imported again:\n%s\nthe first time:\n%s", got, after)
		}
	})
}

// Of a lead that only an undone import knew, nothing is listed from then on: whoever decides
// is told that it is gone, and ends it. That a verdict had moved it comes too late to matter.
func TestALeadOfAnUndoneImportIsGone(t *testing.T) {
	dbtest.EachURL(t, func(t *testing.T, url string) {
		db := migrated(t, url)
		h := newHouse(t, db, nil)
		i := h.run(h.uploaded(&ingestv1.Import{}, "email,title\nana@lovelace.example,CTO\n").GetName())
		name := h.lead("ana@lovelace.example").GetName()
		_, err := h.imports.UndoImport(h.marketing(), &ingestv1.UndoImportRequest{Name: i.GetName()})
		h.ok(err)
		h.settled(i.GetName())
		h.capture(&ingestv1.CaptureLeadRequest{Lead: lead(``, email("bo@lovelace.example"))}) // tells her company
		if list, err := h.ListLeads(h.marketing(), &ingestv1.ListLeadsRequest{}); err != nil || len(list.GetLeads()) != 1 {
			t.Errorf("listed: %v %v", list, err)
		}
		if _, err := h.GetLead(h.marketing(), &ingestv1.GetLeadRequest{Name: name}); apierr.Reason(err) != "NOT_FOUND" {
			t.Errorf("got: %v", err)
		}
		// What handoff decided before the undo is told after it.
		_, err = h.BatchRecordActivities(h.service(), &ingestv1.BatchRecordActivitiesRequest{Activities: []*ingestv1.ActivityRecord{
			{Lead: name, Activity: &ingestv1.Activity{Id: "m1", Type: "lifecycle.marketing_qualified", Source: "assay:handoff", Properties: object(`{"cause":"verdict"}`)}},
		}})
		h.ok(err)
		for _, c := range h.claim(10) {
			if c.GetGone() {
				t.Errorf("%s is gone although something was said of it", c.GetLead())
			}
			h.decide(c, typev1.Verdict_VERDICT_NURTURE)
		}
		h.stop()
		h = newHouse(t, db, nil) // which looks after what is left
		var gone *ingestv1.ClaimedLead
		h.eventually("it is told to be gone", func() bool {
			for _, c := range h.claim(10) {
				if c.GetGone() {
					gone = c
				}
			}
			return gone != nil
		})
		if gone.GetLead() != name || len(gone.GetFacts()) != 0 {
			t.Errorf("gone: %v", gone)
		}
		r, err := h.pending.Complete(h.service(), &ingestv1.CompleteRequest{Completions: []*ingestv1.Completion{{
			Lead: name, Fence: gone.GetFence(), Version: gone.GetToVersion(), Outcome: ingestv1.Completion_OUTCOME_FORGOTTEN,
		}}})
		if err != nil || r.GetStates()[0] != ingestv1.CompletionState_COMPLETION_STATE_DONE {
			t.Errorf("completed: %v %v", r, err)
		}
		for _, table := range []string{"leads", "pending"} {
			var n int
			h.ok(db.Read().QueryRowContext(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
			if n != 1 {
				t.Errorf("%d rows of %s", n, table)
			}
		}
	})
}
