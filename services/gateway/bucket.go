package gateway

import (
	"sync"
	"time"
)

// bucket lets so many through in a second, and some more at once after a rest.
type bucket struct {
	perSecond, size float64

	mu     sync.Mutex
	tokens float64
	last   time.Time
}

// take takes one of what is left; false: nothing is.
func (b *bucket) take(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.last.IsZero() {
		b.tokens = min(b.size, b.tokens+now.Sub(b.last).Seconds()*b.perSecond)
	}
	b.last = now
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}
