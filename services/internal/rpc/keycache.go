package rpc

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/recent"
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
	return &keyCache{keys: keys, now: now, known: recent.New[keyHash, answer](maxKnownKeys), unknown: recent.New[keyHash, answer](maxUnknownKeys)}
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
	known, unknown *recent.Map[keyHash, answer]
}

func (c *keyCache) Verify(ctx context.Context, secret string) (caller.Caller, time.Time, error) {
	hash := keyHash(sha256.Sum256([]byte(secret)))
	now := c.now()
	if a, ok := c.known.Get(hash); ok && now.Before(a.until) {
		return a.caller, a.ends, nil
	}
	if a, ok := c.unknown.Get(hash); ok && now.Before(a.until) {
		return caller.Caller{}, time.Time{}, a.refusal
	}
	// The life counts from before the question, so that it bounds a revocation.
	who, ends, err := c.keys.Verify(ctx, secret)
	if err != nil && !isRefusal(err) {
		return caller.Caller{}, time.Time{}, err
	}
	until := now.Add(KeyCacheLife)
	if err != nil {
		c.known.Drop(hash)
		c.unknown.Put(hash, answer{refusal: err, until: until})
		return caller.Caller{}, time.Time{}, err
	}
	if !ends.IsZero() && ends.Before(until) {
		until = ends
	}
	c.unknown.Drop(hash)
	c.known.Put(hash, answer{caller: who, ends: ends, until: until})
	return who, ends, nil
}
