package intake

import (
	"sync/atomic"

	"github.com/assay-hq/assay/services/internal/apierr"
)

// Limits of what is read.
const (
	// maxMessage is the most bytes of one message.
	maxMessage = 32 << 10
	// maxBatch is the most bytes of a batch, inflated, unless the source says otherwise.
	maxBatch = 500 << 10
	// maxMessages is how many messages of a batch are taken; the others are rejected.
	maxMessages = 2500
)

// tooLarge says that a body has more bytes than it may have.
func tooLarge(most int) error {
	words := "32 KiB for one message"
	if most > maxMessage {
		words = "500 KiB for a batch, or what the source says"
	}
	return apierr.TooLarge("", words)
}

// budget bounds the bytes of all bodies that are held at a time.
type budget struct {
	most int64
	held atomic.Int64
}

// take holds so many bytes, or none if they are too many now.
func (b *budget) take(n int64) bool {
	if b.held.Add(n) > b.most {
		b.held.Add(-n)
		return false
	}
	return true
}

func (b *budget) give(n int64) { b.held.Add(-n) }
