package e2e

import (
	"fmt"
	"testing"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// looks is a standard by which so many points for a look at the prices qualify.
func looks(points int) string {
	return fmt.Sprintf(`{"id": "default", "engagement": {"groups": [{"id": "what", "rules": [{"id": "looked", "activities": ["page.viewed"], "points": %d}]}]},
		"qualification": {"gates": {"engagementScore": {"atLeast": 50}}}}`, points)
}

// publish makes a version decide that both sides agree to; sales is the key of theirs.
func (in *installation) publish(t *testing.T, sales, spec string) {
	t.Helper()
	in.agree(t, sales, in.must(t, "POST", "/v1/standards/default/versions", spec).str("name"))
}

// agree has both sides sign a version off, and publishes it.
func (in *installation) agree(t *testing.T, sales, version string) {
	t.Helper()
	in.must(t, "POST", "/v1/"+version+":signOff", `{"side": "SIDE_MARKETING"}`)
	if a := in.call(t, sales, "POST", "/v1/"+version+":signOff", "{}"); a.status != 200 {
		t.Fatalf("sign-off: %d %s", a.status, a.text)
	}
	in.must(t, "POST", "/v1/"+version+":publish", "{}")
}

// From a draft over its preview to the last lead that it hands off.
func TestFromADraftToTheLeadsItQualifies(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		manager, sales := in.key(t, typev1.Role_ROLE_MANAGER), in.key(t, typev1.Role_ROLE_SALES)
		var leads []string
		for i := range 3 {
			captured := in.capture(t, person(fmt.Sprintf("lead%d@example.com", i), did("page.viewed", "path", "/")))
			leads = append(leads, captured.str("lead"))
		}
		version := in.must(t, "POST", "/v1/standards/default/versions", looks(60)).str("name")
		ended := func(name string) answer {
			t.Helper()
			eventually(t, name+" ends", func() bool { return in.must(t, "GET", "/v1/"+name, nil).get("done") == true })
			o := in.must(t, "GET", "/v1/"+name, nil)
			if o.str("state") != "STATE_SUCCEEDED" || o.str("progress", "done") != "3" || o.str("progress", "newlyQualified") != "3" {
				t.Errorf("%s", o.text)
			}
			return o
		}
		preview := ended(in.must(t, "POST", "/v1/"+version+":preview", "{}").str("name"))
		if preview.str("preview", "sample", 0, "after", "verdict") != "VERDICT_QUALIFIED" || preview.str("preview", "verdicts", 0, "leads") != "3" {
			t.Errorf("preview: %s", preview.text)
		}

		in.agree(t, sales, version)
		operation := in.must(t, "GET", "/v1/operations?pageSize=1", nil)
		if operation.str("operations", 0, "kind") != "KIND_RESCORE" || operation.str("operations", 0, "standardVersion") != version {
			t.Fatalf("operations: %s", operation.text)
		}
		ended(operation.str("operations", 0, "name"))

		if held := in.call(t, sales, "GET", "/v1/heldLeads?track=sales", nil); len(held.get("heldLeads").([]any)) != 3 {
			t.Errorf("held: %s", held.text)
		}
		q := in.must(t, "GET", "/v1/"+leads[0]+"/qualification", nil)
		if q.str("verdict") != "VERDICT_QUALIFIED" || q.str("stage") != "LIFECYCLE_STAGE_NURTURE" || q.str("heldUntilTime") == "" {
			t.Errorf("held: %s", q.text)
		}
		// Sales may look, a manager may release.
		release := map[string]any{"leads": []any{leads[0]}}
		if a := in.call(t, sales, "POST", "/v1/heldLeads:release", release); a.status != 403 {
			t.Errorf("released by sales: %d %s", a.status, a.text)
		}
		if a := in.call(t, manager, "POST", "/v1/heldLeads:release", release); a.status != 200 || a.str("released") != "1" {
			t.Errorf("released by a manager: %d %s", a.status, a.text)
		}
		eventually(t, "the released lead is handed off", func() bool {
			return in.must(t, "GET", "/v1/"+leads[0]+"/qualification", nil).str("handoff") != ""
		})
		if a := in.call(t, manager, "PATCH", "/v1/tracks/sales/releaseRate", `{"perHour": 36000}`); a.status != 200 || a.str("perHour") != "36000" {
			t.Errorf("rate: %d %s", a.status, a.text)
		}
		eventually(t, "all are handed off", func() bool {
			return len(in.must(t, "GET", "/v1/handoffs", nil).get("handoffs").([]any)) == 3
		})
	})
}
