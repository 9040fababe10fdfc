package e2e

import (
	"strings"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// A standard from draft to deciding, over REST, by two people.
func TestMarketingAndSalesAgreeOnAStandard(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		mia, sam := in.key(t, typev1.Role_ROLE_MARKETING), in.key(t, typev1.Role_ROLE_SALES)
		as := func(key, method, path string, body any, status int) answer {
			t.Helper()
			a := in.call(t, key, method, path, body)
			if a.status != status {
				t.Fatalf("%s %s: %d %s", method, path, a.status, a.text)
			}
			return a
		}
		spec := map[string]any{
			"id": "ours", "fit": map[string]any{"groups": []any{map[string]any{"id": "g", "criteria": []any{
				map[string]any{"id": "country", "when": `lead.country in ["DE", "AT"]`, "points": 10},
			}}}},
		}
		version := "/v1/" + as(mia, "POST", "/v1/standards/ours/versions", spec, 200).str("name")
		if a := as(mia, "POST", version+":publish", "{}", 409); a.str("reason") != "WRONG_STATE" {
			t.Errorf("published unsigned: %s", a.text)
		}
		as(mia, "POST", version+":signOff", map[string]any{"side": "SIDE_SALES"}, 403)
		as(mia, "POST", version+":signOff", map[string]any{"comment": "fine"}, 200)
		if a := as(sam, "POST", version+":signOff", "{}", 200); a.str("state") != "STATE_SIGNED_OFF" || a.str("signOffs", 1, "actor") != "sales" {
			t.Errorf("signed off: %s", a.text)
		}
		if a := as(mia, "POST", version+":publish", "{}", 200); a.str("state") != "STATE_PUBLISHED" {
			t.Errorf("published: %s", a.text)
		}
		for _, path := range []string{version + ":form", "/v1/standards/ours:form"} {
			if a := as(sam, "GET", path, nil, 200); a.str("fields", 0, "answers", 1, "value") != "AT" {
				t.Errorf("%s: %s", path, a.text)
			}
		}
		spec["displayName"] = "Ours"
		if a := as(sam, "POST", version+":diff", map[string]any{"toSpec": spec}, 200); a.str("changes", 0, "description") != "Standard: name added, Ours" {
			t.Errorf("diff: %s", a.text)
		}
		as(sam, "POST", "/v1/standards/ours/feedback", map[string]any{"text": "good", "rule": "country"}, 200)
		if a := as(mia, "GET", "/v1/standards/ours/feedback", nil, 200); a.str("feedback", 0, "text") != "good" {
			t.Errorf("feedback: %s", a.text)
		}
		log := as(sam, "GET", "/v1/standards/ours/log?pageSize=4", nil, 200)
		rest := as(sam, "GET", "/v1/standards/ours/log?pageToken="+log.str("nextPageToken"), nil, 200)
		var kinds []string
		for _, page := range []answer{log, rest} {
			entries, _ := page.get("entries").([]any)
			for _, e := range entries {
				kinds = append(kinds, e.(map[string]any)["kind"].(string))
			}
		}
		if got := strings.Join(kinds, " "); got != "KIND_CREATED KIND_SIGNED_OFF KIND_SIGNED_OFF KIND_PUBLISHED KIND_FEEDBACK" {
			t.Errorf("log: %s", got)
		}
	})
}
