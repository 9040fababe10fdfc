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
	{visit{client: "segment-node", alias: true, group: true}, script("segment-node.mjs"), true},
	{visit{client: "segment-go", alias: true, group: true}, segmentGo, true},
	{visit{client: "segment-browser", browser: true, alias: true, group: true}, page("segment.html", ""), true},
	{visit{client: "segment-browser-batching", browser: true, alias: true, group: true}, page("segment.html", "1"), false},
	{visit{client: "segment-node-legacy", alias: true, group: true}, script("segment-node-legacy.cjs"), false},
	{visit{client: "rudder-node", alias: true, group: true}, script("rudder-node.cjs"), false},
	{visit{client: "rudder-go", alias: true, group: true}, rudderGo, false},
	{visit{client: "rudder-browser", browser: true, alias: true, group: true}, page("rudder.html", ""), false},
	{visit{client: "jitsu-node", group: true}, script("jitsu-node.mjs"), false},
	{visit{client: "jitsu-browser", browser: true, group: true}, page("jitsu.html", ""), false},
	{visit{client: "cloudevents-node"}, script("cloudevents-node.mjs"), false},
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
