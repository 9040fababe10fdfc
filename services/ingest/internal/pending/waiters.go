package pending

import (
	"context"
	"sync"
	"time"
)

// How often the store is asked for decisions that others wait for. All who wait
// share one question.
const (
	firstAsk = 20 * time.Millisecond
	lastAsk  = 500 * time.Millisecond
)

// Decision is a decision as it is stored for those who wait.
type Decision struct {
	// Version is the facts version that was decided.
	Version int64
	// Digest is what is told.
	Digest []byte
}

// Waiters are captures that wait for the decision of their lead. They hear of it
// from this process at once, and of decisions taken in another by asking the store:
// one question for all of them, at growing intervals, while anybody waits.
type Waiters struct {
	// ask returns the last decisions of leads; leads without one are missing.
	ask func(ctx context.Context, leads []string) (map[string]Decision, error)

	mu      sync.Mutex
	waiting map[string]map[*waiter]struct{}
	asking  bool
	closed  bool
	fresh   chan struct{} // somebody new waits
	cancel  context.CancelFunc
	asker   sync.WaitGroup
}

type waiter struct {
	version int64
	told    chan Decision // buffered
}

// NewWaiters returns waiters that ask the store with ask.
func NewWaiters(ask func(ctx context.Context, leads []string) (map[string]Decision, error)) *Waiters {
	return &Waiters{ask: ask, waiting: map[string]map[*waiter]struct{}{}, fresh: make(chan struct{}, 1)}
}

// Await returns the decision of a version of a lead or of a later one; false when
// ctx ends first.
func (w *Waiters) Await(ctx context.Context, lead string, version int64) (Decision, bool) {
	one := &waiter{version: version, told: make(chan Decision, 1)}
	if !w.enter(lead, one) {
		return Decision{}, false
	}
	defer w.leave(lead, one)
	select {
	case d := <-one.told:
		return d, true
	case <-ctx.Done():
		return Decision{}, false
	}
}

// Tell wakes those who wait for a decision of a lead.
func (w *Waiters) Tell(lead string, d Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for one := range w.waiting[lead] {
		if d.Version >= one.version {
			select {
			case one.told <- d:
			default: // was told before
			}
		}
	}
}

// Close stops asking. Who waits then hears nothing more.
func (w *Waiters) Close() {
	w.mu.Lock()
	w.closed = true
	if w.cancel != nil {
		w.cancel()
	}
	w.mu.Unlock()
	w.asker.Wait()
}

func (w *Waiters) enter(lead string, one *waiter) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return false
	}
	if w.waiting[lead] == nil {
		w.waiting[lead] = map[*waiter]struct{}{}
	}
	w.waiting[lead][one] = struct{}{}
	select {
	case w.fresh <- struct{}{}:
	default:
	}
	if !w.asking {
		w.asking = true
		ctx, cancel := context.WithCancel(context.Background())
		w.cancel = cancel
		w.asker.Go(func() { defer cancel(); w.run(ctx) })
	}
	return true
}

func (w *Waiters) leave(lead string, one *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.waiting[lead], one)
	if len(w.waiting[lead]) == 0 {
		delete(w.waiting, lead)
	}
}

// leads returns for whom somebody waits; none ends the asking.
func (w *Waiters) leads() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	list := make([]string, 0, len(w.waiting))
	for lead := range w.waiting {
		list = append(list, lead)
	}
	if len(list) == 0 || w.closed {
		w.asking = false
		return nil
	}
	return list
}

func (w *Waiters) run(ctx context.Context) {
	pause := firstAsk
	for {
		if !w.sleep(ctx, pause) {
			pause = firstAsk
		} else {
			pause = min(2*pause, lastAsk)
		}
		leads := w.leads()
		if leads == nil {
			return
		}
		// An error leaves them waiting: the next question may be answered.
		decisions, _ := w.ask(ctx, leads)
		for lead, d := range decisions {
			w.Tell(lead, d)
		}
	}
}

// sleep waits for a pause; false when somebody new cut it short.
func (w *Waiters) sleep(ctx context.Context, pause time.Duration) bool {
	end := time.NewTimer(pause)
	defer end.Stop()
	select {
	case <-end.C:
		return true
	case <-ctx.Done():
		return true
	case <-w.fresh:
	}
	// However many come, the store is asked no more often than this.
	first := time.NewTimer(min(pause, firstAsk))
	defer first.Stop()
	select {
	case <-first.C:
	case <-ctx.Done():
	}
	return false
}
