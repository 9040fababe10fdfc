package pending

import (
	"context"
	"sync"
	"time"
)

// How often the queue is looked at while nobody rings: by other processes' captures
// and by leases that end.
const (
	firstPoll = 5 * time.Millisecond
	lastPoll  = 250 * time.Millisecond
)

// Bell wakes those in this process who wait for the queue. The zero value is ready.
type Bell struct {
	mu   sync.Mutex
	rung chan struct{}
}

// Ring wakes everybody who waits.
func (b *Bell) Ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung != nil {
		close(b.rung)
		b.rung = nil
	}
}

func (b *Bell) next() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rung == nil {
		b.rung = make(chan struct{})
	}
	return b.rung
}

// Poll calls try until it returns true or an error, no longer than wait: at once,
// at each ring, and otherwise at growing intervals. A ring while try runs is not
// lost. It returns nil when the time is up, and the error of ctx when that ends.
func (b *Bell) Poll(ctx context.Context, wait time.Duration, try func() (bool, error)) error {
	end := time.Now().Add(wait)
	pause := firstPoll
	for {
		rung := b.next()
		done, err := try()
		left := time.Until(end)
		if done || err != nil || left <= 0 {
			return err
		}
		timer := time.NewTimer(min(pause, left))
		select {
		case <-rung:
			pause = firstPoll
		case <-timer.C:
			pause = min(2*pause, lastPoll)
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}
