package rpc

import (
	"context"
	"crypto/sha256"
	"sync"
	"time"

	"github.com/assay-hq/assay/services/internal/caller"
)

// KeyCacheLife is how long an answer about a secret is kept: a key that is revoked
// works no longer than that. One that ends sooner is kept until then.
const KeyCacheLife = 5 * time.Second

// Bounds of the cache. Unknown keys are kept apart, so that guessing pushes out no
// key that works.
const (
	maxKnownKeys   = 10_000
	maxUnknownKeys = 10_000
)

// CacheKeys keeps the answers of a verifier for [KeyCacheLife]. Errors that leave the
// answer open are not kept. now is the clock; nil is time.Now.
func CacheKeys(keys KeyVerifier, now func() time.Time) KeyVerifier {
	if now == nil {
		now = time.Now
	}
	return &keyCache{keys: keys, now: now, known: newGenerations(maxKnownKeys), unknown: newGenerations(maxUnknownKeys)}
}

// keyHash stands for the secret, which is not kept in memory.
type keyHash [sha256.Size]byte

type answer struct {
	caller  caller.Caller
	ends    time.Time // when the secret ends; zero: never
	refusal error
	until   time.Time
}

type keyCache struct {
	keys           KeyVerifier
	now            func() time.Time
	mu             sync.Mutex
	known, unknown *generations
}

func (c *keyCache) Verify(ctx context.Context, secret string) (caller.Caller, time.Time, error) {
	hash := keyHash(sha256.Sum256([]byte(secret)))
	now := c.now()
	c.mu.Lock()
	known, isKnown := c.known.get(hash, now)
	unknown, isUnknown := c.unknown.get(hash, now)
	c.mu.Unlock()
	if isKnown {
		return known.caller, known.ends, nil
	}
	if isUnknown {
		return caller.Caller{}, time.Time{}, unknown.refusal
	}
	// The life counts from before the question, so that it bounds a revocation.
	who, ends, err := c.keys.Verify(ctx, secret)
	if err != nil && !isRefusal(err) {
		return caller.Caller{}, time.Time{}, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	until := now.Add(KeyCacheLife)
	if err != nil {
		c.known.remove(hash)
		c.unknown.put(hash, answer{refusal: err, until: until})
		return caller.Caller{}, time.Time{}, err
	}
	if !ends.IsZero() && ends.Before(until) {
		until = ends
	}
	c.unknown.remove(hash)
	c.known.put(hash, answer{caller: who, ends: ends, until: until})
	return who, ends, nil
}

// generations is a bounded map: when the young generation is full it becomes the old
// one, and the old one is forgotten. Nothing is searched for what to forget.
type generations struct {
	most       int
	young, old map[keyHash]answer
}

func newGenerations(most int) *generations {
	return &generations{most: most / 2, young: map[keyHash]answer{}}
}

func (g *generations) get(h keyHash, now time.Time) (answer, bool) {
	a, ok := g.young[h]
	if !ok {
		a, ok = g.old[h]
	}
	return a, ok && now.Before(a.until)
}

func (g *generations) put(h keyHash, a answer) {
	if len(g.young) >= g.most {
		g.old, g.young = g.young, map[keyHash]answer{}
	}
	g.young[h] = a
}

func (g *generations) remove(h keyHash) {
	delete(g.young, h)
	delete(g.old, h)
}
