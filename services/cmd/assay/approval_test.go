package main

import (
	"strings"
	"testing"
	"time"
)

func TestApprovals(t *testing.T) {
	s := newShell(t)
	ask := []string{
		"approval", "capture", "--email", "eva@example.com", "-a", "job_title=Engineer", "-t", "event.attended",
		"--reason", "wants a quote", "--evidence", "notes", "--link", "https://example.com/17", "--valid", "72h", "--request-id", "stand-17", "--output", "json",
	}
	asked := object(t, s.must(ask...))
	name, lead := asked["name"].(string), asked["lead"].(string)
	if asked["state"] != "STATE_REQUESTED" {
		t.Fatalf("asked %v", asked)
	}
	if code, _, errs := s.do("approval", "approve", name); code == exitOK || !strings.Contains(errs, "nobody decides on their own request") {
		t.Errorf("one's own: exit %d, %s", code, errs)
	}
	if out := s.must("approval", "list", "--state", "requested", "--lead", lead); !strings.Contains(out, name) || !strings.Contains(out, "wants a quote") {
		t.Errorf("list:\n%s", out)
	}

	manager := strings.TrimSpace(s.must("key", "create", "--actor", "maria", "--role", "manager", "--secret-only"))
	as := func(key string, args ...string) string {
		s.env["ASSAY_KEY"] = key
		defer func() { s.env["ASSAY_KEY"] = adminKey }()
		return s.must(args...)
	}
	if out := as(manager, "approval", "approve", name, "--comment", "call today"); !strings.Contains(out, "maria") {
		t.Errorf("approve:\n%s", out)
	}
	for deadline := time.Now().Add(20 * time.Second); !strings.Contains(s.must("approval", "show", name), "CONSUMED"); {
		if time.Now().After(deadline) {
			t.Fatal("the approval was not used within 20 s")
		}
		time.Sleep(10 * time.Millisecond)
	}
	out := s.must("approval", "show", strings.TrimPrefix(name, "approvals/"))
	for _, want := range []string{"wants a quote", "notes", "https://example.com/17", "maria", "call today", "handoffs/"} {
		if !strings.Contains(out, want) {
			t.Errorf("show does not say %q:\n%s", want, out)
		}
	}
	if out := s.must("lead", "explain", lead); !strings.Contains(out, "approved by maria: call today") {
		t.Errorf("explain:\n%s", out)
	}
	if code, _, errs := s.do("approval", "request", lead, "--reason", "again"); code == exitOK || !strings.Contains(errs, "handed off already") {
		t.Errorf("once more: exit %d, %s", code, errs)
	}

	other := object(t, s.must("lead", "capture", "--email", "finn@example.com", "--output", "json", "--wait", "20s"))["lead"].(string)
	declined := object(t, s.must("approval", "request", other, "--reason", "a friend", "--output", "json"))["name"].(string)
	if out := as(manager, "approval", "decline", declined, "--comment", "no budget"); !strings.Contains(out, "DECLINED") {
		t.Errorf("decline:\n%s", out)
	}
	revoked := object(t, s.must("approval", "request", other, "--reason", "a friend", "--output", "json"))["name"].(string)
	if out := s.must("approval", "revoke", revoked, "--comment", "a mistake"); !strings.Contains(out, "REVOKED") || !strings.Contains(out, "a mistake") {
		t.Errorf("revoke:\n%s", out)
	}
	report := lines(s.must("report", "exceptions", "--from", "2020-01-01T00:00:00Z", "--track", "sales"))
	if len(report) != 3 || !strings.HasPrefix(report[1], "gates") || !strings.HasPrefix(report[2], "approval") {
		t.Errorf("report:\n%s", strings.Join(report, "\n"))
	}
}
