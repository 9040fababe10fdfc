package pending

import (
	"sync/atomic"
	"time"
)

const (
	// crowded is from how many leads on captures crowd: fewer are on their way at once where
	// a thousand captures arrive in a second.
	crowded = 16
	// calm is for how long none may have crowded until it is over: who sends a batch now and
	// then is no crowd.
	calm = 20 * time.Millisecond
)

// Crowd tells when so many captures come that all else lets them go first: scoring takes
// the same processors and the same writer. What waits is done later but together: a lead
// that did ten things meanwhile is scored once. The zero value is ready.
type Crowd struct {
	size atomic.Int64
	last atomic.Int64 // when they crowded last, in nanoseconds since 1970
}

// Enter says that captures of n leads are on their way.
func (c *Crowd) Enter(n int) { c.size.Add(int64(n)) }

// Leave says that captures of n leads are through.
func (c *Crowd) Leave(n int, now time.Time) {
	if c.size.Add(int64(-n))+int64(n) >= crowded {
		c.last.Store(now.UnixNano())
	}
}

// Crowded says whether captures crowd.
func (c *Crowd) Crowded(now time.Time) bool {
	return c.size.Load() >= crowded || now.UnixNano()-c.last.Load() < int64(calm)
}

// Turns are those of work that lets captures go first. The zero value is ready.
type Turns struct{ last atomic.Int64 }

// Take says whether it may do a part now: always, but once in a while only if captures
// crowd.
func (t *Turns) Take(c *Crowd, now time.Time, while time.Duration) bool {
	if !c.Crowded(now) {
		return true
	}
	last := t.last.Load()
	return now.UnixNano()-last >= int64(while) && t.last.CompareAndSwap(last, now.UnixNano())
}
