package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/assay-hq/assay/services/test/process"
)

// door is a way by which what somebody did comes in: always the same for one person.
type door int

const (
	rest  door = iota // all at once, by email
	batch             // a tracking client that knows its user
	track             // one that sends each by itself, and says who the visitor is besides
	doors
)

// newWriteKey makes the source of the load and returns a key for its tracking clients.
func newWriteKey(t *testing.T, assay *process.Assay) string {
	t.Helper()
	var source struct{ WriteKey string }
	out := assay.Run(t, "source", "create", "load", "--kind=server", "--output=json")
	if err := json.Unmarshal([]byte(out), &source); err != nil || source.WriteKey == "" {
		t.Fatalf("%v: %s", err, out)
	}
	return source.WriteKey
}

// tell sends what somebody did as tracking clients do. The messages that were answered with
// 200 are acknowledged; the others are to be sent again.
func (l *ledger) tell(ctx context.Context, assay *process.Assay, e *entry, activities []map[string]any) {
	who := map[string]any{"userId": "user-of-" + e.email, "anonymousId": "visitor-" + e.email}
	identify := with(who, map[string]any{"type": "identify", "messageId": "who-" + e.email, "traits": with(e.attributes(), map[string]any{"email": e.email})})
	if e.door == track {
		// Who it is is said after something was done, and maybe never.
		who = map[string]any{"anonymousId": "visitor-" + e.email}
	}
	messages := make([]map[string]any, len(activities))
	for i, a := range activities {
		messages[i] = with(who, map[string]any{
			"type": "track", "event": a["type"], "messageId": a["id"], "timestamp": a["occurredTime"], "properties": a["properties"],
		})
	}
	if e.door == batch {
		if err := l.post(ctx, assay, "/v1/batch", map[string]any{"batch": append(messages, identify)}); err != nil {
			e.retry = activities
			return
		}
		l.acknowledge(e, activities)
		return
	}
	for i, m := range messages {
		if err := l.post(ctx, assay, "/v1/track", m); err != nil {
			e.retry = append(e.retry, activities[i])
			continue
		}
		l.acknowledge(e, activities[i:i+1])
	}
	e.unnamed = l.post(ctx, assay, "/v1/identify", identify) != nil
}

func (l *ledger) acknowledge(e *entry, activities []map[string]any) {
	for _, a := range activities {
		e.acked[a["id"].(string)] = true
		l.acknowledged.Add(1)
	}
}

// post sends to the door of tracking clients; what it rejects of a message is an error too.
func (l *ledger) post(ctx context.Context, assay *process.Assay, path string, in any) error {
	content, err := json.Marshal(in)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+assay.HTTP+path, bytes.NewReader(content))
	if err != nil {
		return err
	}
	request.SetBasicAuth(l.writeKey, "")
	response, err := process.Client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if rejected := response.Header.Get("X-Rejected"); err == nil && (response.StatusCode != http.StatusOK || rejected != "") {
		err = fmt.Errorf("HTTP %d, rejected %s: %s", response.StatusCode, rejected, body)
	}
	return err
}

// with returns an object with the members of others, the later before the earlier.
func with(objects ...map[string]any) map[string]any {
	all := map[string]any{}
	for _, o := range objects {
		for key, value := range o {
			if value != nil {
				all[key] = value
			}
		}
	}
	return all
}
