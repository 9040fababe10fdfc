package segment

import "time"

// maxTimeText is the longest text that is read, or kept, as a time.
const maxTimeText = 40

// moment reads a time as clients write it: ISO 8601, with or without a zone. ok is false
// where there is none, or where it cannot be read.
func moment(text string) (t time.Time, ok bool) {
	if text == "" || len(text) > maxTimeText {
		return time.Time{}, false
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02T15:04:05Z0700", "2006-01-02 15:04:05", "2006-01-02"} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, t.Year() > 0
		}
	}
	return time.Time{}, false
}

// Correct returns when a message happened by our clock. The client's clock may be wrong,
// but it is as wrong when the message is sent as when it happened:
//
//	timestamp = received - (sent - original)
//
// Without a time of sending the client's word stands. What would lie in the future is
// held to when it was received, and clamped says so. Of two messages of one request the
// one that was earlier by the client's clock is never later here.
func Correct(received, original, sent time.Time) (at time.Time, clamped bool) {
	at = original
	if !sent.IsZero() {
		at = received.Add(-sent.Sub(original))
	}
	if at.After(received) {
		return received, true
	}
	return at, false
}
