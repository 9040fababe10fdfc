package fit

import (
	"encoding/binary"
	"errors"
	"time"
)

// historyFormat is the first byte of an encoded history.
const historyFormat = 1

var errHistory = errors.New("not an encoded history of format 1")

// Encode returns the history as bytes: the same history, the same bytes. Times are
// kept to the microsecond.
func (h History) Encode() []byte {
	size := 1
	for i := range h {
		size += 16 + len(h[i].Source) + len(h[i].ID) + len(h[i].Key) + len(h[i].Value)
	}
	b := append(make([]byte, 0, size), historyFormat)
	previous := int64(0)
	for i := range h {
		at := h[i].EffectiveTime.UnixMicro()
		b = binary.AppendVarint(b, at-previous)
		previous = at
		b = appendText(b, h[i].Source)
		b = appendText(b, h[i].ID)
		b = appendText(b, h[i].Key)
		b = appendText(b, h[i].Value)
	}
	return b
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// DecodeHistory reads what Encode wrote. The history keeps a reference to the bytes.
// No bytes at all are the empty history.
func DecodeHistory(b []byte) (History, error) {
	if len(b) == 0 {
		return nil, nil
	}
	if b[0] != historyFormat {
		return nil, errHistory
	}
	var h History
	at := int64(0)
	for b = b[1:]; len(b) > 0; {
		delta, n := binary.Varint(b)
		if n <= 0 {
			return nil, errHistory
		}
		b = b[n:]
		at += delta
		var parts [4][]byte
		for i := range parts {
			length, n := binary.Uvarint(b)
			if n <= 0 || length > uint64(len(b)-n) {
				return nil, errHistory
			}
			parts[i], b = b[n:n+int(length)], b[n+int(length):]
		}
		h = append(h, Fact{
			EffectiveTime: time.UnixMicro(at).UTC(),
			Source:        string(parts[0]), ID: string(parts[1]), Key: string(parts[2]), Value: parts[3],
		})
	}
	return h, nil
}
