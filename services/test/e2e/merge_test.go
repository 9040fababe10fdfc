package e2e

import (
	"slices"
	"strings"
	"testing"
)

// Two leads that sales has turn out to be one person, and later that they are not: the
// handoff that sales works on goes on, the other closes; afterwards each lead has its own
// again, what was decided in between is marked, and sales hears of both.
func TestTwoLeadsAreOnePersonAndAreNot(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		inbox := newInbox(t)
		in.must(t, "POST", "/v1/destinations?destinationId=hook", map[string]any{
			"kind": "KIND_WEBHOOK", "url": inbox.URL, "eventTypes": []any{"lead.merged", "lead.unmerged", "handoff.closed"},
		})
		ana, waits := in.handedOff(t, person("ana@example.com", did("demo.requested")))
		bob, works := in.handedOff(t, person("bob@example.com", did("demo.requested")))
		in.must(t, "POST", "/v1/"+works+":accept", map[string]any{})

		merged := in.must(t, "POST", "/v1/"+ana+":merge", map[string]any{"other": bob, "reason": "the same phone"})
		who, link := merged.str("lead", "name"), merged.str("link")
		for _, lead := range []string{ana, bob} {
			eventually(t, "the handoff that sales works on is that of the person", func() bool {
				q := in.must(t, "GET", "/v1/"+lead+"/qualification", nil)
				return q.str("lead") == who && q.str("handoff") == works && q.str("stage") == "LIFECYCLE_STAGE_SALES_ACCEPTED"
			})
			if got := in.handoffsOf(t, lead); !slices.Equal(got, sorted(waits+" STATE_MERGED", works+" STATE_ACCEPTED")) {
				t.Errorf("of %s: %v", lead, got)
			}
		}
		if h := in.must(t, "GET", "/v1/"+works, nil); h.str("lead") != bob || (h.str("person") != who && bob != who) {
			t.Errorf("the handoff that goes on: %s", h.text)
		}
		eventually(t, "sales hears of it", func() bool {
			return len(inbox.of("lead.merged")) == 1 && len(inbox.of("handoff.closed")) == 1
		})
		if told := inbox.of("lead.merged")[0].text; !strings.Contains(told, works) || !strings.Contains(told, ana) || !strings.Contains(told, bob) {
			t.Errorf("told: %s", told)
		}

		in.must(t, "POST", "/v1/"+who+":unmerge", map[string]any{"link": link, "reason": "sisters"})
		eventually(t, "each has its own again", func() bool {
			a, b := in.must(t, "GET", "/v1/"+ana+"/qualification", nil), in.must(t, "GET", "/v1/"+bob+"/qualification", nil)
			return a.str("lead") == ana && b.str("lead") == bob && b.str("handoff") == works &&
				b.str("stage") == "LIFECYCLE_STAGE_SALES_ACCEPTED" && a.str("stage") == "LIFECYCLE_STAGE_MARKETING_QUALIFIED" && a.str("cycle") == "2"
		})
		if got := in.handoffsOf(t, bob); !slices.Equal(got, []string{works + " STATE_ACCEPTED"}) {
			t.Errorf("of %s: %v", bob, got)
		}
		if got := in.handoffsOf(t, ana); len(got) != 2 || !slices.Contains(got, waits+" STATE_MERGED") {
			t.Errorf("of %s: %v", ana, got)
		}
		eventually(t, "what was decided while they were merged is marked", func() bool {
			return strings.Contains(in.must(t, "GET", "/v1/"+bob+"/decisions", nil).text, `"madeWhileMerged":true`)
		})
		eventually(t, "sales hears of that, too", func() bool { return len(inbox.of("lead.unmerged")) > 0 })
	})
}

// handoffsOf are the handoffs of a lead with their states, sorted.
func (in *installation) handoffsOf(t *testing.T, lead string) []string {
	t.Helper()
	list := in.must(t, "GET", "/v1/handoffs?filter=lead%20%3D%20%22"+lead+"%22", nil)
	var out []string
	for i := range 10 {
		if name := list.str("handoffs", i, "name"); name != "" {
			out = append(out, name+" "+list.str("handoffs", i, "state"))
		}
	}
	return sorted(out...)
}

func sorted(texts ...string) []string {
	slices.Sort(texts)
	return texts
}
