package hook

import (
	"crypto/sha256"

	"github.com/assay-hq/assay/services/internal/recent"
	"github.com/assay-hq/assay/services/internal/webhook"
)

// maxSeen is how many messages are remembered.
const maxSeen = 1 << 16

// seen remembers messages. What a message says did happen has ids of its own and is stored
// once, however often it comes; but what it says of a person, if not even since when, would
// become true anew. So a recording of such a one, sent again, does nothing.
type seen = recent.Map[messageKey, struct{}]

type messageKey [sha256.Size]byte

// keyOf tells one message from another.
func keyOf(source string, m *webhook.Message) messageKey {
	h := sha256.New()
	_, _ = h.Write([]byte(source + "\x00" + m.Header.Get("webhook-id") + "\x00"))
	_, _ = h.Write(m.Body)
	return messageKey(h.Sum(nil))
}

// undated reports whether something in a message has no time of its own.
func undated(result webhook.Result) bool {
	for i := range result.Items {
		if c := result.Items[i].Capture; c != nil && c.GetDefaultTime() == nil {
			return true
		}
	}
	return false
}
