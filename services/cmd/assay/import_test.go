package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// importName finds the name of an import in what a command printed.
func importName(t *testing.T, out string) string {
	t.Helper()
	name := regexp.MustCompile(`imports/[0-9a-f-]{36}`).FindString(out)
	if name == "" {
		t.Fatalf("no import is named in\n%s", out)
	}
	return name
}

// A file is tried, run, its rejected rows are corrected and imported.
func TestImportOfAFileWithoutAMapping(t *testing.T) {
	s := newShell(t)
	file := s.file("Messe 2026.csv", "E-Mail;Vorname;Titel;Land\r\nana@example.com;Ana;CTO;DE\r\nbo@example.com;B\xf6;CIO;DE\r\nnobody;Cy;+1;DE\r\n")
	tried := s.must("import", "leads", file, "--column", "Titel=job_title", "--dry-run")
	for _, want := range []string{"would create 2, update 0, leave 0 unchanged, reject 1", "Titel", "job_title", "Nothing was imported."} {
		if !strings.Contains(tried, want) {
			t.Errorf("the try does not say %q:\n%s", want, tried)
		}
	}
	if code, _, _ := s.do("lead", "lookup", "--email", "ana@example.com"); code != exitRefused {
		t.Errorf("a try imported somebody: exit %d", code)
	}
	name := importName(t, tried)
	out := s.must("import", "run", name, "--rejects", file+".rejects.csv")
	if !strings.HasPrefix(out, "created 2, updated 0, unchanged 0, rejected 1 in ") || !strings.Contains(out, "Rejected rows are in ") || importName(t, out) != name {
		t.Errorf("the run says %s", out)
	}
	if found := s.must("lead", "lookup", "--email", "bo@example.com", "--output", "json"); !strings.Contains(found, `"first_name":"Bö"`) {
		t.Errorf("found %s", found)
	}
	rejects, err := os.ReadFile(file + ".rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	want := "line,reason,E-Mail,Vorname,Titel,Land\n4,lead.identities[0].value: expected an email address such as name@example.com,nobody,Cy,'+1,DE\n"
	if string(rejects) != want {
		t.Errorf("rejects:\n%s\nwant:\n%s", rejects, want)
	}
	corrected := s.file("corrected.csv", strings.Replace(string(rejects), "nobody", "cy@example.com", 1))
	if out := s.must("import", "leads", corrected, "--column", "Titel=job_title", "--source", "import:messe-2026"); !strings.HasPrefix(out, "created 1, updated 0, unchanged 0, rejected 0") {
		t.Errorf("the corrected rows: %s", out)
	}
	s.must("import", "rejects", name, file+".again.csv")
	if again, _ := os.ReadFile(file + ".again.csv"); string(again) != want {
		t.Errorf("the rejects again:\n%s", again)
	}
	if list := lines(s.must("import", "list")); len(list) != 3 || !strings.Contains(list[2], "Messe 2026.csv") || !strings.Contains(list[2], "DONE") {
		t.Errorf("list:\n%s", strings.Join(list, "\n"))
	}
	if shown := s.must("import", "show", name); !strings.Contains(shown, "windows-1252") || !strings.Contains(shown, `separated by ";"`) {
		t.Errorf("show:\n%s", shown)
	}
}

func TestImportOfActivities(t *testing.T) {
	s := newShell(t)
	file := s.file("visits.csv", "email,event,when?,date,url\nana@example.com,Page Viewed,x,05/25/2026,/pricing\nana@example.com,Demo Requested,x,05/26/2026,\n")
	if out := s.must("import", "activities", file, "--column", "when?="); !strings.HasPrefix(out, "created 1, updated 1, unchanged 0, rejected 0") {
		t.Errorf("the import says %s", out)
	}
	if out := s.must("import", "activities", file, "--column", "when?=", "--output", "json"); !strings.Contains(out, `"created":0,"updated":0,"unchanged":2,"rejected":0`) {
		t.Errorf("again: %s", out)
	}
	// The command says what the file is of, whatever its headers are, and no other flag is needed.
	attended := s.file("attended.csv", "email\nana@example.com\nbo@example.com\n")
	if code, _, errs := s.do("import", "activities", attended); code == exitOK || !strings.Contains(errs, "activity.type, or activityType") {
		t.Errorf("activities of no type: exit %d: %s", code, errs)
	}
	if out := s.must("import", "activities", attended, "--type", "event.attended"); !strings.HasPrefix(out, "created 1, updated 1") {
		t.Errorf("attended: %s", out)
	}
	typed := s.file("typed.csv", "email,type,path\nana@example.com,Demo Requested,/demo\n")
	if out := s.must("import", "activities", typed, "--dry-run"); !strings.Contains(out, "activity.type") || !strings.Contains(out, "property.path") {
		t.Errorf("a column that says the type:\n%s", out)
	}
	dates := s.file("dates.csv", "email,event,date\nana@example.com,page.viewed,04/05/2026\n")
	if code, _, errs := s.do("import", "activities", dates); code == exitOK || !strings.Contains(errs, "dateOrder: expected dmy or mdy") {
		t.Errorf("dates of two ways: exit %d: %s", code, errs)
	}
	if out := s.must("import", "activities", dates, "--date-order", "dmy"); !strings.HasPrefix(out, "created 0, updated 1") {
		t.Errorf("dates said: %s", out)
	}
	if code, _, errs := s.do("import", "leads", s.file("broken.csv", "email,name,name\n1,2,3\n")); code != exitUsage || !strings.Contains(errs, `column "name" stands in the file twice`) {
		t.Errorf("a broken header: exit %d: %s", code, errs)
	}
}

func TestImportIsUndone(t *testing.T) {
	s := newShell(t)
	before := object(t, s.must("lead", "capture", "--email", "ana@example.com", "-a", "job_title=Head of IT", "-t", "demo.requested", "--wait", "20s", "--output", "json"))
	lead := before["lead"].(string)
	file := s.file("fair.csv", "email,job title,employees,country\nana@example.com,Student,3,FR\nbo@example.com,CIO,5,DE\n")
	out := s.must("import", "leads", file)
	if !strings.HasPrefix(out, "created 1, updated 1, unchanged 0, rejected 0") {
		t.Fatalf("the import says %s", out)
	}
	for range 2 {
		if undone := s.must("import", "undo", importName(t, out)); undone != "removed 1 leads, restored 1, kept 0; withdrew 0 activities\n" {
			t.Errorf("the undo says %s", undone)
		}
	}
	shown := s.must("lead", "show", lead)
	if !strings.Contains(shown, "Head of IT") || strings.Contains(shown, "Student") || strings.Contains(shown, "FR") {
		t.Errorf("after the undo:\n%s", shown)
	}
	if code, _, _ := s.do("lead", "lookup", "--email", "bo@example.com"); code != exitRefused {
		t.Errorf("bo is still known: exit %d", code)
	}
	if shown := s.must("import", "show", importName(t, out)); !strings.Contains(shown, "UNDONE") {
		t.Errorf("show:\n%s", shown)
	}
	if code, _, _ := s.do("import", "run", importName(t, out)); code != exitRefused {
		t.Errorf("an undone import ran: exit %d", code)
	}
}
