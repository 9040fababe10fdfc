// Package sourcecache knows the sources at the edge: whose write key a secret is, what a
// source may send, and how what it sends is read. Nothing it answers is older than five
// seconds, so that a key that is revoked and a source that is disabled stop by then.
package sourcecache

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/fresh"
	"github.com/assay-hq/assay/services/internal/origin"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// What a source may send unless it says otherwise, see assay.ingest.v1.SourceLimits.
const (
	browserRate   = 100
	otherRate     = 5000
	addressRate   = 20
	burstSeconds  = 5
	maxBatchBytes = 500 << 10
)

// most is how many answers are kept: sources that exist, and names that strangers try.
const most = 10_000

// Source is a source as the edge needs it. It is shared: change nothing in it.
type Source struct {
	// ID is its id, e.g. `web`: the `source` of all that it sends.
	ID string
	// Kind is what sends.
	Kind ingestv1.Source_Kind
	// Config is all that is said of it: event rules, webhook. It has no secret.
	Config *ingestv1.Source
	// Secret is what its webhook is verified with; empty: none is set.
	Secret string
	// Limits bound what it sends, its own or the defaults.
	Limits ratelimit.Limits
	// MaxBatchBytes is the most bytes of a batch, inflated.
	MaxBatchBytes int

	origins []origin.Pattern
}

// Browser reports whether its keys are public.
func (s *Source) Browser() bool { return s.Kind == ingestv1.Source_KIND_BROWSER }

// AllowsOrigin reports whether pages of an origin, as the header Origin names it, may send
// with its keys. Without a list all may.
func (s *Source) AllowsOrigin(page string) bool {
	if len(s.origins) == 0 {
		return true
	}
	for _, p := range s.origins {
		if p.Matches(page) {
			return true
		}
	}
	return false
}

// Caller is who calls for a source that sends without a key, as a webhook does.
func (s *Source) Caller() caller.Caller {
	return caller.Caller{Actor: s.ID, Role: typev1.Role_ROLE_INGEST, Source: s.ID, Browser: s.Browser()}
}

// Cache keeps sources. It is safe for concurrent use.
type Cache struct {
	keys    rpc.KeyVerifier
	sources *fresh.Cache[*Source]
	limiter *ratelimit.Limiter
}

// New returns a cache that asks ingest for sources. keys says whose a secret is, see
// [rpc.CacheKeys]; now is the clock, nil is time.Now.
func New(ingest grpc.ClientConnInterface, keys rpc.KeyVerifier, now func() time.Time) *Cache {
	api := ingestv1.NewSourceServiceClient(ingest)
	load := func(ctx context.Context, id string) (*Source, error) {
		ctx = caller.With(ctx, caller.System("gateway"))
		got, err := api.ResolveSource(ctx, &ingestv1.ResolveSourceRequest{Name: "sources/" + id})
		switch status.Code(err) {
		case codes.OK:
			return newSource(id, got), nil
		case codes.NotFound, codes.InvalidArgument:
			return nil, nil // kept: strangers try names
		}
		return nil, err
	}
	return &Cache{keys: keys, sources: fresh.New(rpc.KeyCacheLife, most, now, load), limiter: ratelimit.New(now)}
}

func newSource(id string, got *ingestv1.ResolveSourceResponse) *Source {
	config := got.GetSource()
	s := &Source{ID: id, Kind: config.GetKind(), Config: config, Secret: got.GetWebhookSecret()}
	said, rate := config.GetLimits(), float64(otherRate)
	if s.Browser() {
		rate = browserRate
		s.Limits.Address = limit(cmp.Or(said.GetAddressEventsPerSecond(), addressRate), said.GetAddressBurst())
	}
	s.Limits.Source = limit(cmp.Or(said.GetEventsPerSecond(), rate), said.GetBurst())
	s.MaxBatchBytes = cmp.Or(int(said.GetMaxBatchBytes()), maxBatchBytes)
	for _, text := range config.GetAllowedOrigins() {
		if p, ok := origin.Parse(text); ok {
			s.origins = append(s.origins, p)
		}
	}
	if len(config.GetAllowedOrigins()) > 0 && s.origins == nil {
		s.origins = []origin.Pattern{{}} // a list of which nothing can be read allows nothing
	}
	return s
}

func limit(rate float64, burst int32) ratelimit.Limit {
	return ratelimit.Limit{PerSecond: rate, Burst: max(cmp.Or(int(burst), int(burstSeconds*rate)), 1)}
}

// ByID returns a source that may send. Errors for the caller: NOT_FOUND, and
// PERMISSION_DENIED (`SOURCE_DISABLED`).
func (c *Cache) ByID(ctx context.Context, id string) (*Source, error) {
	s, err := c.sources.Get(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case s == nil:
		return nil, apierr.NotFound("sources/" + id)
	case s.Config.GetDisabled():
		return nil, apierr.SourceDisabled("sources/" + id)
	}
	return s, nil
}

// ByKey returns the source whose write key a secret is, and who calls with it. Errors for
// the caller: UNAUTHENTICATED for a secret that nobody holds, PERMISSION_DENIED for a key
// that is no write key (PERMISSION_DENIED) or whose source is disabled (`SOURCE_DISABLED`).
func (c *Cache) ByKey(ctx context.Context, secret string) (*Source, caller.Caller, error) {
	who, _, err := c.Verify(ctx, secret)
	switch {
	case errors.Is(err, rpc.ErrUnknownKey):
		return nil, caller.Caller{}, apierr.Unauthenticated()
	case err != nil:
		return nil, caller.Caller{}, err
	case who.Source == "":
		return nil, caller.Caller{}, apierr.PermissionDeniedFor("this key is none of a source: expected a write key, as `assay source create` prints it")
	}
	s, err := c.ByID(ctx, who.Source)
	return s, who, err
}

// Verify returns who holds a secret, see [rpc.KeyVerifier]; of a write key also whether it
// is public.
func (c *Cache) Verify(ctx context.Context, secret string) (caller.Caller, time.Time, error) {
	if len(secret) == 0 || len(secret) > rpc.MaxSecret {
		return caller.Caller{}, time.Time{}, rpc.ErrUnknownKey
	}
	who, until, err := c.keys.Verify(ctx, secret)
	if err != nil || who.Source == "" {
		return who, until, err
	}
	s, err := c.ByID(ctx, who.Source)
	if status.Code(err) == codes.NotFound {
		err = rpc.ErrUnknownKey
	}
	if err != nil {
		return caller.Caller{}, time.Time{}, err
	}
	who.Browser = s.Browser()
	return who, until, nil
}

// Take takes n events that an address sends for a source, see [ratelimit.Limiter.Take]; the
// error is RESOURCE_EXHAUSTED with the pause.
func (c *Cache) Take(s *Source, address netip.Addr, n int) error {
	if pause, ok := c.limiter.Take(s.ID, s.Limits, address, n); !ok {
		return apierr.Overloaded("sources/"+s.ID+" sends more than it may", pause)
	}
	return nil
}
