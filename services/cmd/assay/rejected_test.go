package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// post sends JSON to the server of the shell and returns the answer, which must be 200.
func (s *shell) post(path, key, body string) (answer map[string]any, header http.Header) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.env["ASSAY_SERVER"]+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		s.t.Fatalf("%s: %d %s %v", path, response.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		s.t.Fatal(err)
	}
	return answer, response.Header
}

// What a tracking client sends in vain can be looked up, and the rest is there.
func TestRejectedByTheCLI(t *testing.T) {
	t.Parallel()
	s := newShell(t)
	s.post("/v1/sources?sourceId=shop", adminKey, `{"kind":"KIND_SERVER"}`)
	created, _ := s.post("/v1/apiKeys", adminKey, `{"actor":"shop","role":"ROLE_INGEST","source":"sources/shop"}`)
	key, _ := created["secret"].(string)
	for range 3 { // sent again, it changes nothing
		_, header := s.post("/v1/batch", key, `{"batch":[
			{"type":"identify","userId":"u1","traits":{"email":"ada@example.com","title":"CTO"},"timestamp":"2026-03-01T12:00:00Z"},
			{"type":"track","userId":"u1","event":"Trial Started","messageId":"m1","timestamp":"2026-03-01T12:00:01Z"},
			{"type":"track","userId":"u1","messageId":"m2"},
			{"type":"page","anonymousId":"a1","messageId":"m3","properties":{"x":[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}}
		],"sentAt":"2026-03-01T12:00:02Z"}`)
		if got := header.Get("X-Rejected"); got != "2" {
			t.Errorf("%s rejected", got)
		}
	}
	found := object(t, s.must("lead", "lookup", "--email", "ada@example.com", "--output", "json"))
	if shown := s.must("lead", "show", found["lead"].(map[string]any)["name"].(string)); !strings.Contains(shown, "CTO") || strings.Count(shown, "trial.started") > 1 {
		t.Errorf("%s", shown)
	}
	printed := lines(s.must("rejected", "list", "--source", "shop", "--reason", "INVALID_FIELD", "--since", "1h"))
	if len(printed) != 7 || !strings.Contains(strings.Join(printed, "\n"), "batch[2].event") || !strings.Contains(strings.Join(printed, "\n"), "batch[3].properties") {
		t.Fatalf("%s", strings.Join(printed, "\n"))
	}
	for _, line := range printed[1:] {
		if !strings.Contains(line, "batch[2].event") {
			continue
		}
		shown := s.must("rejected", "show", strings.Fields(line)[0])
		for _, want := range []string{"m2 by shop (segment)", "INVALID_FIELD batch[2].event: expected the name of the event", `{"type":"track","userId":"u1","messageId":"m2"}`} {
			if !strings.Contains(shown, want) {
				t.Errorf("want %q in\n%s", want, shown)
			}
		}
	}
	if printed := lines(s.must("rejected", "list", "--door", "webhook")); len(printed) != 1 {
		t.Errorf("%q", printed)
	}
}
