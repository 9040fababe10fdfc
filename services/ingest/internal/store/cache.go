package store

import "sync"

// cache remembers what never changes once it is committed, so that an entry can be
// missing but not wrong: which lead is the home of a value, and which claims are known.
// Should a lead be gone, the capture that finds out drops the entry and looks again.
//
// There are two generations: when the young one is full it becomes the old one,
// and what is used there comes back.
type cache[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]V
}

// generation bounds a cache to about 20 MB.
const generation = 1 << 16

func newCache[K comparable, V any]() *cache[K, V] {
	return &cache[K, V]{young: map[K]V{}}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[key]
	if !ok {
		if v, ok = c.old[key]; ok {
			c.put(key, v)
		}
	}
	return v, ok
}

func (c *cache[K, V]) add(known map[K]V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, v := range known {
		c.put(key, v)
	}
}

func (c *cache[K, V]) put(key K, v V) {
	if len(c.young) >= generation {
		c.old, c.young = c.young, make(map[K]V, generation/4)
	}
	c.young[key] = v
}

func (c *cache[K, V]) drop(key K) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.young, key)
	delete(c.old, key)
}

// clear forgets everything.
func (c *cache[K, V]) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	clear(c.young)
	c.old = nil
}
