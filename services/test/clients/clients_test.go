package clients

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/assay-hq/assay/services/test/process"
)

// clients are those that exist. Those in `always` run in every test.
var clients = []struct {
	visit
	run    func(t *testing.T, v visit, url, key string)
	always bool
}{
	{visit{"segment-node", false, true}, script("segment-node.mjs"), true},
	{visit{"segment-go", false, true}, segmentGo, true},
	{visit{"segment-browser", true, true}, page("segment.html", ""), true},
	{visit{"segment-browser-batching", true, true}, page("segment.html", "1"), false},
	{visit{"segment-node-legacy", false, true}, script("segment-node-legacy.cjs"), false},
	{visit{"rudder-node", false, true}, script("rudder-node.cjs"), false},
	{visit{"rudder-go", false, true}, rudderGo, false},
	{visit{"rudder-browser", true, true}, page("rudder.html", ""), false},
	{visit{"jitsu-node", false, false}, script("jitsu-node.mjs"), false},
	{visit{"jitsu-browser", true, false}, page("jitsu.html", ""), false},
}

// What a client says of a person is in the lead store, all of it and once, although the
// first two of its messages were refused.
func TestClientsWork(t *testing.T) {
	assay, _ := process.Run(t, process.Modes[0])
	for _, c := range clients {
		if !c.always && os.Getenv("ASSAY_CLIENTS") != "all" {
			continue
		}
		t.Run(c.client, func(t *testing.T) {
			t.Parallel()
			kind := "server"
			if c.browser {
				kind = "browser"
			}
			var made struct{ WriteKey string }
			text := assay.Run(t, "source", "create", c.client, "--kind", kind, "--output", "json")
			if err := json.Unmarshal([]byte(text), &made); err != nil || made.WriteKey == "" {
				t.Fatalf("%v: %s", err, text)
			}
			d := openDoor(t, assay)
			c.run(t, c.visit, d.url, made.WriteKey)
			c.held(t, assay, c.client)
			if n := d.messages.Load(); n < 3 {
				t.Errorf("%d messages were sent, of which two were refused", n)
			}
		})
	}
}
