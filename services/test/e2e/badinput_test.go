package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

const nobody = "leads/01937b1e-0000-7000-8000-000000000001"

func TestBadInputIsRefusedWithTheFieldAndWhatWasExpected(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		lead := in.must(t, "POST", "/v1/leads:capture", person("fay@example.com")).str("lead")
		in.must(t, "POST", "/v1/leads:capture", person("gus@example.com"))
		token := in.must(t, "GET", "/v1/leads?pageSize=1", nil).str("nextPageToken")
		long := strings.Repeat("x", 10_000)
		bodyOver := func(n int) string { return `{"source": "` + strings.Repeat("x", n) + `"}` }
		good := `{"kind": "KIND_EMAIL", "value": "fay@example.com"}`
		for name, c := range map[string]struct {
			method, path string
			body         any
			status       int
			reason       string
			field        string
		}{
			"malformed JSON":      {"POST", "/v1/leads:capture", `{"lead": {`, 400, "MALFORMED_BODY", ""},
			"unknown field":       {"POST", "/v1/leads:capture", `{"lead": {"identities": [` + good + `], "colour": "red"}}`, 400, "MALFORMED_BODY", "lead.colour"},
			"wrong type":          {"POST", "/v1/leads:capture", `{"lead": {"identities": {}}}`, 400, "MALFORMED_BODY", "lead.identities"},
			"no lead":             {"POST", "/v1/leads:capture", `{}`, 400, "INVALID_FIELD", "lead"},
			"missing identity":    {"POST", "/v1/leads:capture", `{"lead": {"attributes": {"a": 1}}}`, 400, "INVALID_FIELD", "lead.identities"},
			"body over 1 MiB":     {"POST", "/v1/leads:capture", bodyOver(1 << 20), 413, "TOO_LARGE", ""},
			"batch over 4 MiB":    {"POST", "/v1/activities:batchRecord", bodyOver(4 << 20), 413, "TOO_LARGE", ""},
			"invalid UTF-8":       {"POST", "/v1/leads:capture", "{\"source\": \"\xff\"}", 400, "MALFORMED_BODY", ""},
			"NUL":                 {"POST", "/v1/leads:capture", `{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "a\u0000b@example.com"}]}}`, 400, "INVALID_FIELD", "lead.identities[0].value"},
			"long identity":       {"POST", "/v1/leads:capture", `{"lead": {"identities": [{"kind": "KIND_EMAIL", "value": "` + long + `"}]}}`, 400, "INVALID_FIELD", "lead.identities[0].value"},
			"unknown lead":        {"GET", "/v1/" + nobody, nil, 404, "NOT_FOUND", ""},
			"unknown handoff":     {"POST", "/v1/handoffs/" + nobody[6:] + ":accept", "{}", 404, "NOT_FOUND", ""},
			"unknown standard":    {"GET", "/v1/standards/none", nil, 404, "NOT_FOUND", ""},
			"unknown path":        {"GET", "/v1/prospects", nil, 404, "NOT_FOUND", ""},
			"no such name":        {"GET", "/v1/leads/17", nil, 400, "INVALID_FIELD", "name"},
			"wrong method":        {"DELETE", "/v1/" + lead, nil, 405, "METHOD_NOT_ALLOWED", "method"},
			"stale etag":          {"PATCH", "/v1/" + lead, `{"attributes": {"a": 1}, "etag": "stale"}`, 412, "ETAG_MISMATCH", ""},
			"foreign page token":  {"GET", "/v1/leads?orderBy=update_time&pageToken=" + token, nil, 400, "PAGE_TOKEN_MISMATCH", "pageToken"},
			"garbled page token":  {"GET", "/v1/leads?pageToken=x", nil, 400, "PAGE_TOKEN_MISMATCH", "pageToken"},
			"filter":              {"GET", "/v1/qualifications?filter=colour%20%3D%20%22red%22", nil, 400, "INVALID_FIELD", "filter"},
			"order":               {"GET", "/v1/leads?orderBy=colour", nil, 400, "INVALID_FIELD", "orderBy"},
			"negative page size":  {"GET", "/v1/leads?pageSize=-1", nil, 400, "INVALID_FIELD", "pageSize"},
			"unknown parameter":   {"GET", "/v1/leads?colour=red", nil, 400, "INVALID_FIELD", "colour"},
			"activities over cap": {"POST", "/v1/activities:batchRecord", `{"activities": [` + strings.Repeat(`{},`, 2500) + `{}]}`, 400, "TOO_LARGE", "activities"},
			"no such operation":   {"GET", "/v1/operations/" + nobody[6:], nil, 404, "NOT_FOUND", ""},
			"nothing to cancel":   {"POST", "/v1/operations/" + nobody[6:] + ":cancel", "{}", 404, "NOT_FOUND", ""},
			"preview of nothing":  {"POST", "/v1/standards/default/versions/000000000000:preview", "{}", 404, "NOT_FOUND", ""},
			"sample of a preview": {"POST", "/v1/standards/default/versions/000000000000:preview", `{"sampleSize": 201}`, 400, "INVALID_FIELD", "sampleSize"},
			"nobody to release":   {"POST", "/v1/heldLeads:release", "{}", 400, "INVALID_FIELD", "leads"},
			"release by address":  {"POST", "/v1/heldLeads:release", `{"leads": ["fay@example.com"]}`, 400, "INVALID_FIELD", "leads[0]"},
			"release rate":        {"PATCH", "/v1/tracks/sales/releaseRate", `{"perHour": 0}`, 400, "INVALID_FIELD", "releaseRate.perHour"},
			"track":               {"GET", "/v1/tracks/No%20Track/releaseRate", nil, 400, "INVALID_FIELD", "name"},
			"standard":            {"POST", "/v1/standards/bad/versions", `{"id": "bad", "fit": {"groups": [{"id": "g", "criteria": [{"id": "c", "when": "lead.x ==", "points": 1}]}]}}`, 400, "INVALID_STANDARD", "spec.fit.groups[0].criteria[0].when"},
		} {
			t.Run(name, func(t *testing.T) {
				a := in.call(t, adminKey, c.method, c.path, c.body)
				field := a.str("fieldViolations", 0, "field")
				if a.status != c.status || a.str("reason") != c.reason || c.field != "" && field != c.field {
					t.Errorf("%d %s %q, want %d %s %q: %.600s", a.status, a.str("reason"), field, c.status, c.reason, c.field, a.text)
				}
				if strings.Contains(a.text, "@example.com") {
					t.Error("the answer repeats an address")
				}
			})
		}
	})
}

// In a batch the good are stored and each bad one is reported by its index.
// A mask of which nothing is left names no field; it does not stand for all of them.
func TestAMaskThatNamesNothingToChangeIsRefused(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		in.userKey(t, "jane", typev1.Role_ROLE_SALES)
		if a := in.call(t, adminKey, "PATCH", "/v1/users/jane?updateMask=name", map[string]any{"displayName": "N"}); a.status != 400 || !strings.Contains(a.text, "updateMask") {
			t.Errorf("%d %s", a.status, a.text)
		}
		if name := in.must(t, "GET", "/v1/users/jane", nil).str("displayName"); name == "N" {
			t.Error("it changed what it did not name")
		}
	})
}

func TestABatchStoresTheGoodAndReportsTheBad(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		who := map[string]any{"kind": "KIND_EMAIL", "value": "hal@example.com"}
		record := func(activity map[string]any) map[string]any {
			return map[string]any{"identity": who, "activity": activity}
		}
		now := time.Now().UTC()
		a := in.must(t, "POST", "/v1/activities:batchRecord", map[string]any{"activities": []any{
			record(with(did("page.viewed"), "id", "1")),
			record(did("No Type")),
			map[string]any{"activity": did("page.viewed")},
			record(with(did("page.viewed"), "id", "1")),
			record(with(did("page.viewed", "path", "/other"), "id", "1")),
			record(with(did("page.viewed"), "occurredTime", now.AddDate(5, 0, 0).Format(time.RFC3339))),
			record(with(did("page.viewed"), "occurredTime", now.AddDate(-5, 0, 0).Format(time.RFC3339))),
			record(did("lifecycle.won")),
			record(did("page.viewed", "text", strings.Repeat("y", 10_000))),
			record(did("page.viewed", "text", strings.Repeat("y", 40_000))),
			record(did("page.viewed", "text", "a\u0000b")),
		}})
		want := []string{"STORED", "REJECTED", "REJECTED", "DUPLICATE", "CONFLICT", "STORED", "STORED", "REJECTED", "STORED", "REJECTED", "REJECTED"}
		for i, state := range want {
			got := strings.TrimPrefix(a.str("results", i, "state"), "STATE_")
			if got != state {
				t.Errorf("activity %d: %s, want %s: %v", i, got, state, a.get("results", i))
			}
			if state == "REJECTED" {
				field, expected := a.str("results", i, "errorField"), a.str("results", i, "errorMessage")
				if !strings.HasPrefix(field, fmt.Sprintf("activities[%d]", i)) || expected == "" {
					t.Errorf("activity %d: field %q, expected %q", i, field, expected)
				}
			}
		}
		for _, i := range []int{5, 6} {
			if a.get("results", i, "timeClamped") != true {
				t.Errorf("activity %d: the time was not clamped", i)
			}
		}
		if a.str("stored") != "4" || a.str("rejected") != "5" {
			t.Errorf("stored %s, rejected %s", a.str("stored"), a.str("rejected"))
		}

		b := in.must(t, "POST", "/v1/leads:batchCapture", map[string]any{"requests": []any{
			person("ida@example.com", did("page.viewed")),
			map[string]any{"lead": map[string]any{}},
			with(person("jon@example.com"), "waitForDecision", true),
		}})
		if b.str("results", 0, "response", "outcome") != "OUTCOME_CREATED" {
			t.Errorf("the good one: %v", b.get("results", 0))
		}
		for i, field := range map[int]string{1: "requests[1].lead.identities", 2: "requests[2].waitForDecision"} {
			if got := b.str("results", i, "errorField"); got != field {
				t.Errorf("capture %d names %q, want %q: %v", i, got, field, b.get("results", i))
			}
		}
	})
}

// A batch over its cap stores nothing of it.
func TestABatchOverItsCapStoresNothing(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		var records []any
		for i := range 2501 {
			records = append(records, map[string]any{
				"identity": map[string]any{"kind": "KIND_USER_ID", "value": "u"},
				"activity": with(did("page.viewed"), "id", fmt.Sprint(i)),
			})
		}
		if a := in.call(t, adminKey, "POST", "/v1/activities:batchRecord", map[string]any{"activities": records}); a.status != 400 || a.str("reason") != "TOO_LARGE" {
			t.Errorf("%d %s", a.status, a.text)
		}
		a := in.call(t, adminKey, "POST", "/v1/leads:lookup", map[string]any{"identity": map[string]any{"kind": "KIND_USER_ID", "value": "u"}})
		if a.status != 404 {
			t.Errorf("something was stored: %d %s", a.status, a.text)
		}
	})
}
