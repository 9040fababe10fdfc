// Package ratelimit bounds how much a source, and an address that sends for it, may bring.
//
// It counts events, not requests: a batch of a hundred takes a hundred. A limit is a rate and
// a burst, what may come at once after a rest. What is too much is refused with the pause
// after which it would pass, and takes nothing.
//
// No address is kept, and memory is fixed, however many there are: an address is hashed,
// with a seed of this process, to one slot in each of two rows. Two that share a slot count
// together in it, and each passes if its other slot lets it. So an address is never let more
// through than its limit says, and hardly ever less.
package ratelimit

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"
)

// The pauses that are answered, in whole seconds: what the header Retry-After can say that
// clients keep to.
const (
	minPause = time.Second
	maxPause = 5 * time.Minute
)

// Limit is how many events may come.
type Limit struct {
	// PerSecond is how many in the long run. 0: there is no limit.
	PerSecond float64
	// Burst is how many at once after a rest, at least 1.
	Burst int
}

// Limits are those of a source.
type Limits struct {
	// Source bounds all that comes for it.
	Source Limit
	// Address bounds what comes for it from one address.
	Address Limit
}

// slots is how many slots a row has: for some thousand addresses at a time, those that are
// busy in both slots of another are one in many thousand.
const slots = 1 << 15

// Limiter counts. It is safe for concurrent use.
type Limiter struct {
	now   func() time.Time
	start time.Time
	seed  maphash.Seed

	mu        sync.Mutex
	sources   rows
	addresses rows
}

// New returns a limiter in which nothing has come yet. now is the clock; nil is time.Now.
func New(now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{now: now, start: now(), seed: maphash.MakeSeed(), sources: newRows(slots), addresses: newRows(slots)}
}

// Take takes n events that an address brings for a source. If that is too much nothing is
// taken, and the same may be tried again after the pause: whole seconds from 1 to 300. An
// address that is not valid is bounded with its source alone.
//
// More events at once than a burst pass when a whole burst would, and what comes next waits
// the longer.
func (l *Limiter) Take(source string, limits Limits, address netip.Addr, n int) (retryAfter time.Duration, ok bool) {
	if n <= 0 {
		return 0, true
	}
	now := l.now().Sub(l.start)
	all := entry{rows: &l.sources, limit: limits.Source, places: l.places(source, netip.Addr{})}
	one := entry{rows: &l.addresses, limit: limits.Address, places: l.places(source, address)}
	if !address.IsValid() {
		one.limit = Limit{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if wait := max(all.wait(now, n), one.wait(now, n)); wait > 0 {
		seconds := (wait + time.Second - 1).Truncate(time.Second)
		return min(max(seconds, minPause), maxPause), false
	}
	all.take(now, n)
	one.take(now, n)
	return 0, true
}

// places returns the slots of an address that sends for a source. Networks of IPv6 are given
// out by 64 bits: who has one has all addresses in it.
func (l *Limiter) places(source string, address netip.Addr) [2]int {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(source)
	if address = address.Unmap(); address.Is6() {
		if network, err := address.WithZone("").Prefix(64); err == nil {
			address = network.Addr()
		}
	}
	bytes := address.AsSlice()
	_ = h.WriteByte(byte(len(bytes)))
	_, _ = h.Write(bytes)
	sum := h.Sum64()
	return [2]int{int(sum % slots), int(sum >> 32 % slots)}
}

// rows hold, for each slot, until when what came has used up what it may: the instant, since
// the start, at which its bucket is full again. In instants, limits that differ share a slot.
type rows [2][]time.Duration

func newRows(n int) rows { return rows{make([]time.Duration, n), make([]time.Duration, n)} }

// entry is a bucket: a limit and its slots.
type entry struct {
	rows   *rows
	limit  Limit
	places [2]int
}

// cost is how long it takes until so many events may come again.
func (e entry) cost(n int) time.Duration {
	return time.Duration(float64(n) / e.limit.PerSecond * float64(time.Second))
}

// wait is how long until n events may be taken; 0: now.
func (e entry) wait(now time.Duration, n int) time.Duration {
	if e.limit.PerSecond <= 0 {
		return 0
	}
	burst := max(e.limit.Burst, 1)
	full := min(e.rows[0][e.places[0]], e.rows[1][e.places[1]])
	return max(max(full, now)+e.cost(min(n, burst))-now-e.cost(burst), 0)
}

// take takes n events.
func (e entry) take(now time.Duration, n int) {
	if e.limit.PerSecond <= 0 {
		return
	}
	for i, place := range e.places {
		e.rows[i][place] = max(e.rows[i][place], now) + e.cost(n)
	}
}
