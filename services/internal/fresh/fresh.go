// Package fresh keeps answers for a while, so that what is asked with every call is looked
// up once in that time.
package fresh

import (
	"context"
	"sync"
	"time"
)

// Cache keeps answers by key. It is safe for concurrent use.
type Cache[V any] struct {
	life time.Duration
	most int
	now  func() time.Time
	load func(context.Context, string) (V, error)

	mu      sync.Mutex
	entries map[string]*entry[V]
}

type entry[V any] struct {
	until time.Time
	ready chan struct{} // closed once value and err are there
	value V
	err   error
}

// New returns an empty cache. An answer of load is kept for a life, counted from before it
// was asked for, and at most so many answers are; an error is not kept. now is the clock;
// nil is time.Now.
func New[V any](life time.Duration, most int, now func() time.Time, load func(ctx context.Context, key string) (V, error)) *Cache[V] {
	if now == nil {
		now = time.Now
	}
	return &Cache[V]{life: life, most: most, now: now, load: load, entries: map[string]*entry[V]{}}
}

// Get returns the answer for a key. Those who ask for one that is being looked up wait for
// it, or for the end of ctx.
func (c *Cache[V]) Get(ctx context.Context, key string) (V, error) {
	c.mu.Lock()
	now := c.now()
	e, ok := c.entries[key]
	if !ok || !now.Before(e.until) {
		if len(c.entries) >= c.most && !ok {
			clear(c.entries) // nothing is searched for what to forget: the rest is asked again
		}
		e = &entry[V]{until: now.Add(c.life), ready: make(chan struct{})}
		c.entries[key] = e
		// Others wait for it: who asked first may go away.
		go c.fill(context.WithoutCancel(ctx), key, e)
	}
	c.mu.Unlock()
	select {
	case <-e.ready:
		return e.value, e.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// patience is how long an answer is waited for.
const patience = 3 * time.Second

func (c *Cache[V]) fill(ctx context.Context, key string, e *entry[V]) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e.value, e.err = c.load(ctx, key)
	if e.err != nil {
		c.mu.Lock()
		if c.entries[key] == e {
			delete(c.entries, key)
		}
		c.mu.Unlock()
	}
	close(e.ready)
}

// Forget drops the answer for a key: it changed here.
func (c *Cache[V]) Forget(key string) {
	c.mu.Lock()
	delete(c.entries, key)
	c.mu.Unlock()
}
