package inlet

import "sync"

// maxCached is how many sources are cached: more than an installation has.
const maxCached = 1000

// Cache keeps what is made of the configuration of sources, each as of one version. The zero
// value is ready.
type Cache[T any] struct {
	mu  sync.Mutex
	all map[string]cached[T]
}

type cached[T any] struct {
	version string
	made    T
}

// Get returns what make made of a source for the version.
func (c *Cache[T]) Get(source, version string, make func() (T, error)) (T, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if found, ok := c.all[source]; ok && found.version == version {
		return found.made, nil
	}
	made, err := make()
	if err != nil {
		return made, err
	}
	if c.all == nil || len(c.all) >= maxCached {
		c.all = map[string]cached[T]{}
	}
	c.all[source] = cached[T]{version, made}
	return made, nil
}
