package store

import (
	"bytes"
	"time"
)

// Once makes a call safe to repeat: what was done under a request id is found again and not
// done again. Its zero value is a call that is done each time.
type Once struct {
	// RequestID of the call; empty: it is not repeatable.
	RequestID string
	// Digest is of the body of the call.
	Digest []byte
}

// done returns what became of the call when it was first made; nil: it was not. Errors:
// [ErrRequestIDReused].
func (c *commit) done(o Once) ([]byte, error) {
	if o.RequestID == "" {
		return nil, nil
	}
	if err := c.readReplies([]*Capture{{RequestID: o.RequestID}}); err != nil {
		return nil, err
	}
	known, ok := c.replies[o.RequestID]
	switch {
	case !ok:
		return nil, nil
	case !bytes.Equal(known.digest, o.Digest):
		return nil, ErrRequestIDReused
	}
	return known.reply, nil
}

// note notes what became of the call.
func (c *commit) note(o Once, at time.Time, became string) error {
	if o.RequestID == "" {
		return nil
	}
	r := requestTable.rows()
	r.add(o.RequestID, o.Digest, at.UnixMicro(), []byte(became))
	return c.writeNoneTwice(r)
}
