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
	woken, err := w.rest(ctx, w.pause)
	if w.pause = min(2*w.pause, w.most); woken {
		w.pause = w.shortest
	}
	return err
}

// WaitUntil is like [Waker.Wait] for work that says when it is due: next is how long that
// is from now, false if nothing is, or nobody knows. It returns then, at a wake-up, or
// after the longest pause: what other processes set, or a clock that was put forward, is
// seen by that.
func (w *Waker) WaitUntil(ctx context.Context, found bool, next func() (time.Duration, bool)) error {
	if err := ctx.Err(); err != nil || found {
		return err
	}
	pause := w.most
	if due, known := next(); known {
		pause = max(min(pause, due), 0)
	}
	_, err := w.rest(ctx, pause)
	return err
}

// rest waits for a wake-up, no longer than the pause.
func (w *Waker) rest(ctx context.Context, pause time.Duration) (woken bool, err error) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case <-w.signal:
		return true, nil
	case <-timer.C:
		return false, nil
	}
}
