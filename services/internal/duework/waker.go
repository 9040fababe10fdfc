package duework

import (
	"context"
	"time"
)

// Waker tells one polling worker that there is work. Who schedules in this process
// wakes it after the commit; work of other processes is found by polling, soon after
// there was some and more rarely the longer there is none.
type Waker struct {
	signal         chan struct{}
	shortest, most time.Duration
	pause          time.Duration
}

// NewWaker returns a waker that polls every shortest at first and no rarer than
// longest. 5 ms and 250 ms suit most work.
func NewWaker(shortest, longest time.Duration) *Waker {
	return &Waker{signal: make(chan struct{}, 1), shortest: shortest, most: longest, pause: shortest}
}

// Wake ends a wait, the running one or else the next. It never blocks.
func (w *Waker) Wake() {
	select {
	case w.signal <- struct{}{}:
	default: // a wake-up that nobody has seen yet will do
	}
}

// Wait is called by the worker between polls and returns when it is time for the
// next: at once if the last one found something, else at a wake-up or after the
// pause. It returns the error of ctx when that ends.
func (w *Waker) Wait(ctx context.Context, found bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if found {
		w.pause = w.shortest
		return nil
	}
	timer := time.NewTimer(w.pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.signal:
		w.pause = w.shortest
	case <-timer.C:
		w.pause = min(2*w.pause, w.most)
	}
	return nil
}
