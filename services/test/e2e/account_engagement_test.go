package e2e

import (
	"strings"
	"testing"
)

// Leads belong to the company of their address, and its engagement is theirs together.
func TestTheEngagementOfAnAccount(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		hot := in.capture(t, person("ann@mail.acme-steel.com", did("trial.started"))).str("lead")
		cold := in.capture(t, with(person("bob@acme-steel.com"), "activities", []any{})).str("lead")
		in.capture(t, person("carl@gmail.com", did("trial.started")))
		account := in.must(t, "GET", "/v1/"+hot, nil).str("account")
		if !strings.HasPrefix(account, "accounts/") || in.must(t, "GET", "/v1/"+cold, nil).str("account") != account {
			t.Fatalf("ann belongs to %q", account)
		}
		a := in.must(t, "GET", "/v1/"+account+"/engagement", nil)
		if a.get("leadCount") != 2.0 || a.get("engagedCount") != 1.0 || a.get("truncated") != false {
			t.Errorf("%s", a.text)
		}
		if a.str("leads", 0, "lead") != hot || a.str("leads", 1, "lead") != cold || a.get("leads", 0, "engagementScore") != a.get("totalScore") || a.str("leads", 0, "standard") != "standards/default" {
			t.Errorf("%s", a.text)
		}
		if top := in.must(t, "GET", "/v1/"+account+"/engagement?pageSize=1", nil); top.get("leadCount") != 2.0 || top.get("leads", 1) != nil {
			t.Errorf("the first alone: %s", top.text)
		}
		if none := in.call(t, adminKey, "GET", "/v1/accounts/00000000-0000-0000-0000-000000000000/engagement", nil); none.status != 404 {
			t.Errorf("no such account: %d %s", none.status, none.text)
		}
	})
}
