// Package recent keeps what was used last, of anything that can be asked for again.
package recent

import "sync"

// Map is a bounded map of two generations: when the young one is full it becomes the old one,
// and what is used there comes back. So nothing is searched for what to forget. It is safe for
// concurrent use.
type Map[K comparable, V any] struct {
	most int // of a generation

	mu         sync.Mutex
	young, old map[K]V
}

// New returns an empty map of about so many entries at most.
func New[K comparable, V any](most int) *Map[K, V] {
	return &Map[K, V]{most: most / 2, young: map[K]V{}}
}

// Get returns what is kept under a key.
func (m *Map[K, V]) Get(key K) (V, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v, ok := m.young[key]
	if !ok {
		if v, ok = m.old[key]; ok {
			m.put(key, v)
		}
	}
	return v, ok
}

// GetOrMake returns what is kept under a key, or keeps what is made for it. An error is not
// kept.
func (m *Map[K, V]) GetOrMake(key K, make func() (V, error)) (V, error) {
	if v, ok := m.Get(key); ok {
		return v, nil
	}
	v, err := make()
	if err == nil {
		m.Put(key, v)
	}
	return v, err
}

// Put keeps something under a key.
func (m *Map[K, V]) Put(key K, v V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.put(key, v)
}

// Add keeps all of a map.
func (m *Map[K, V]) Add(all map[K]V) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, v := range all {
		m.put(key, v)
	}
}

func (m *Map[K, V]) put(key K, v V) {
	if len(m.young) >= m.most {
		m.old, m.young = m.young, make(map[K]V, m.most/4)
	}
	m.young[key] = v
}

// Drop forgets a key.
func (m *Map[K, V]) Drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.young, key)
	delete(m.old, key)
}

// Clear forgets everything.
func (m *Map[K, V]) Clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.young)
	m.old = nil
}
