package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestImportOutcomes(t *testing.T) {
	s := newShell(t)
	// Three leads that asked for a demo and were handed off.
	var leads []string
	for _, email := range []string{"ana@example.com", "bo@example.com", "cy@example.com"} {
		out := s.must("lead", "capture", "--email", email, "--activity", "demo.requested", "--wait=20s", "--output", "json")
		leads = append(leads, object(t, lines(out)[0])["lead"].(string))
	}
	handoffOf := func(lead string) map[string]any {
		return object(t, lines(s.must("handoff", "list", "--lead", lead, "--output", "json"))[0])
	}
	third := handoffOf(leads[2])["name"].(string)
	file := s.file("outcomes.csv", strings.Join([]string{
		"email,lead,handoff,outcome,reason,amount,currency,time,notes",
		"ana@example.com,,,opportunity,,,,,",
		"ana@example.com,,,won,,12500.00,EUR,2026-01-01,hello",
		"," + leads[1] + ",,lost,no_budget,,,,",
		",," + third + ",recycled,,,,,",
		"nobody@example.com,,,won,,,,,",
		"ana@example.com,,,maybe,,,,,",
		",," + third + ",won,,12500.00,,,",
	}, "\n"))

	if code, _, errs := s.do("import", "outcomes", file); code != exitUsage || !strings.Contains(errs, `"notes"`) {
		t.Errorf("an unknown column: exit %d, %s", code, errs)
	}
	count := func(want string, args ...string) {
		t.Helper()
		out := s.must(append([]string{"import", "outcomes", file, "--ignore", "notes"}, args...)...)
		if !strings.HasPrefix(out, want) {
			t.Errorf("%s\nwant %s", out, want)
		}
	}
	count("would record 3, unchanged 0, rejected 4", "--dry-run")
	if got := handoffOf(leads[0])["state"]; got != "STATE_OPEN" {
		t.Errorf("a dry run changed the handoff: %v", got)
	}
	count("recorded 3, unchanged 0, rejected 4")
	first := handoffOf(leads[0])
	outcome, _ := first["outcome"].(map[string]any)
	if first["state"] != "STATE_WON" || fmt.Sprint(outcome["amount"], outcome["currencyCode"]) != "12500.00EUR" ||
		!strings.HasPrefix(fmt.Sprint(outcome["occurredTime"]), "2026-01-01") {
		t.Errorf("ana: %v", first)
	}
	if got := handoffOf(leads[1]); got["state"] != "STATE_LOST" || got["outcomeReason"] != "no_budget" {
		t.Errorf("bo: %v", got)
	}
	count("recorded 0, unchanged 3, rejected 4") // again

	rejects, err := os.ReadFile(file + ".rejects.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"5,the handoff is OPEN", "6,email: expected that of a lead", "7,outcome: expected", "8,amount: expected"} {
		if !strings.Contains(strings.ReplaceAll(string(rejects), `"`, ""), want) {
			t.Errorf("the rejects lack %q:\n%s", want, rejects)
		}
	}
	// What is corrected in that file is imported from there.
	corrected := s.file("corrected.csv", strings.Replace(string(rejects),
		"nobody@example.com,,,won,,,,", "ana@example.com,,,won,,12500.00,EUR,2026-01-01", 1))
	out := s.must("import", "outcomes", corrected, "--ignore", "notes", "--dry-run")
	if !strings.HasPrefix(out, "would record 0, unchanged 1, rejected 3") {
		t.Errorf("the corrected rejects: %s", out)
	}
}
