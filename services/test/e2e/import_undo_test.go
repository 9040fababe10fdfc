package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// After the undo of an import nothing is listed of a lead that only it knew, also if a
// verdict had moved it; and a lead that was there before has the scores it had, line by
// line.
func TestAnUndoneImportNeverHappened(t *testing.T) {
	inBothModes(t, func(t *testing.T, in *installation) {
		known := in.capture(t, person("ana@lovelace.example", did("page.viewed", "path", "/pricing"))).str("lead")
		qualification := func() answer { return in.must(t, "GET", "/v1/"+known+"/qualification", nil) }
		score := func(q answer) string {
			checkSum(t, q, "fit")
			checkSum(t, q, "engagement")
			return fmt.Sprint(q.get("fit"), q.get("engagement", "score"), q.get("engagement", "contributions"), q.get("verdict"), q.get("reasons"))
		}
		before := score(qualification())

		const file = "email,job_title,event,kind\n" +
			"ana@lovelace.example,CTO,content.downloaded,ebook\n" +
			"bo@babbage.example,CTO,content.downloaded,ebook\n" + // nothing comes of it
			"cy@babbage.example,CTO,demo.requested,\n" // qualifies
		uploaded, err := in.try(t.Context(), adminKey, "POST", "/v1/imports:upload?displayName=fair.csv", file)
		if err != nil || uploaded.status != 200 {
			t.Fatal(uploaded.text, err)
		}
		made := uploaded.str("name")
		work := func(verb, state string) {
			t.Helper()
			in.must(t, "POST", "/v1/"+made+":"+verb, map[string]any{})
			eventually(t, "the import is "+state, func() bool {
				i := in.must(t, "GET", "/v1/"+made, nil)
				return i.str("state") == state && i.str("counts", "undecided") == "0"
			})
		}
		work("run", "STATE_DONE")
		var gone []string
		eventually(t, "all three are decided, and ingest knows that one of them qualifies", func() bool {
			gone = nil
			for _, address := range []string{"bo@babbage.example", "cy@babbage.example"} {
				gone = append(gone, in.must(t, "POST", "/v1/leads:lookup", map[string]any{"identity": map[string]any{"kind": "KIND_EMAIL", "value": address}}).str("lead", "name"))
			}
			return score(qualification()) != before && strings.Contains(in.must(t, "GET", "/v1/"+gone[1]+"/activities", nil).text, "lifecycle.marketing_qualified")
		})

		work("undo", "STATE_UNDONE")
		if got := in.must(t, "GET", "/v1/"+made, nil); got.str("undoCounts", "removed") != "2" || got.str("undoCounts", "restored") != "1" {
			t.Errorf("undone: %s", got.text)
		}
		if list := in.must(t, "GET", "/v1/leads", nil); list.get("leads", 1) != nil {
			t.Errorf("listed at once: %s", list.text)
		}
		eventually(t, "nothing is decided of those who are gone", func() bool {
			return in.must(t, "GET", "/v1/qualifications", nil).get("qualifications", 1) == nil
		})
		eventually(t, "the scores are as before", func() bool { return score(qualification()) == before })
		for _, lead := range gone {
			for _, path := range []string{"", "/qualification", "/fit", "/engagement"} {
				if a := in.call(t, adminKey, "GET", "/v1/"+lead+path, nil); a.status != 404 {
					t.Errorf("%s%s: %d %s", lead, path, a.status, a.text)
				}
			}
		}
		if text := in.must(t, "GET", "/v1/"+known+"/activities", nil).text; !strings.Contains(text, `"CORRECTION_WITHDRAWN"`) {
			t.Errorf("the timeline does not say what was withdrawn: %s", text)
		}
	})
}
