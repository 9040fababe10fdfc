package main

import (
	"strings"
	"testing"
)

func TestPeopleByTheCLI(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	has := func(printed string, wants ...string) {
		t.Helper()
		for _, want := range wants {
			if !strings.Contains(printed, want) {
				t.Errorf("want %q in\n%s", want, printed)
			}
		}
	}
	has(s.must("user", "create", "jane", "--role", "sales", "--email", "Jane@Example.com", "--capacity", "30", "--remote", "tryton=7",
		"--time-zone", "Europe/Berlin", "--hours", "mon-thu=09:00-17:00,fri=09:00-15:00", "--holidays", "2026-12-25"),
		"users/jane", "jane@example.com", "0 of 30", "Europe/Berlin", "mon tue wed thu, 09:00 to 17:00", "fri, 09:00 to 15:00", "in tryton")
	s.must("user", "create", "max", "--role", "manager")
	has(s.must("user", "update", "jane", "--name", "Jane Doe", "--role", "manager"), "Jane Doe", "MANAGER", "0 of 30", "Europe/Berlin")
	has(s.must("user", "away", "jane", "2026-07-01..2026-07-14", "2026-08-01"), "2026-07-01", "2026-08-01")
	if printed := s.must("user", "away", "jane"); strings.Contains(printed, "2026-07-01") {
		t.Errorf("still away:\n%s", printed)
	}
	has(s.must("team", "create", "dach", "--manager", "max", "--member", "jane=2,max"), "teams/dach", "users/jane, weight 2", "users/max, weight 1")
	has(s.must("team", "update", "dach", "--member", "jane=0"), "users/jane, paused", "users/max")
	has(s.must("team", "list"), "teams/dach", "users/max")
	has(s.must("user", "list", "--team", "dach", "--role", "manager"), "users/jane")
	has(s.must("user", "leave", "jane"), "no")
	if printed := s.must("user", "list"); strings.Contains(printed, "users/jane") {
		t.Errorf("who left is listed:\n%s", printed)
	}
	has(s.must("user", "list", "--all"), "users/jane")
	has(s.must("user", "return", "jane"), "yes")

	has(s.must("key", "create", "--actor", "web-form", "--role", "ingest", "--expires", "2160h"), "ends")
	has(s.must("key", "list"), "LAST USE", "ENDS", "web-form")

	has(s.must("audit", "list", "--resource", "users/jane"), "UserService/UpdateUser", "user.inactive", "UserService/SetAbsences", "admin")
	has(s.must("audit", "verify"), "entries are as they were written")

	for name, args := range map[string][]string{
		"a machine's role":  {"user", "create", "x", "--role", "ingest"},
		"no such day":       {"user", "create", "x", "--role", "sales", "--hours", "funday=09:00-17:00"},
		"days back to back": {"user", "away", "jane", "2026-07-14..2026-07-01"},
		"nothing to change": {"user", "update", "jane"},
		"no weight":         {"team", "update", "dach", "--member", "jane=much"},
	} {
		if code, _, stderr := s.do(args...); code != exitUsage {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
	if _, _, stderr := s.do("user", "create", "x", "--role", "boss"); !strings.Contains(stderr, "expected one of sales, marketing, manager, admin, auditor\n") {
		t.Errorf("a role that is none: %s", stderr)
	}
	for name, args := range map[string][]string{
		"taken":    {"user", "create", "jane", "--role", "sales"},
		"nobody":   {"user", "show", "nobody"},
		"stranger": {"team", "update", "dach", "--member", "nobody"},
		"ended":    {"key", "create", "--actor", "x", "--role", "ingest", "--expires=-1h"},
	} {
		if code, _, stderr := s.do(args...); code != exitRefused {
			t.Errorf("%s: exit %d: %s", name, code, stderr)
		}
	}
}
