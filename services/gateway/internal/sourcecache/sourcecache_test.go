package sourcecache

import (
	"context"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// ingest has some sources.
type ingest struct {
	grpc.ClientConnInterface
	sources map[string]*ingestv1.Source
	away    bool
	asked   atomic.Int32
}

// Invoke implements grpc.ClientConnInterface.
func (i *ingest) Invoke(ctx context.Context, _ string, request, reply any, _ ...grpc.CallOption) error {
	i.asked.Add(1)
	if i.away {
		return apierr.Unavailable("ingest")
	}
	name := request.(*ingestv1.ResolveSourceRequest).GetName()
	s, ok := i.sources[name]
	if who, _ := caller.From(ctx); who.Role != typev1.Role_ROLE_SERVICE {
		return apierr.PermissionDenied()
	}
	if !ok {
		return apierr.NotFound(name)
	}
	proto.Merge(reply.(proto.Message), &ingestv1.ResolveSourceResponse{Source: s, WebhookSecret: "hush"})
	return nil
}

// keys are secrets and who holds them.
type keys map[string]caller.Caller

func (k keys) Verify(_ context.Context, secret string) (caller.Caller, time.Time, error) {
	who, ok := k[secret]
	if !ok {
		return who, time.Time{}, rpc.ErrUnknownKey
	}
	return who, time.Time{}, nil
}

func cache() (*Cache, *ingest, *time.Time) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	house := &ingest{sources: map[string]*ingestv1.Source{
		"sources/web": {
			Name: "sources/web", Kind: ingestv1.Source_KIND_BROWSER, AllowedOrigins: []string{"https://*.example.com"},
		},
		"sources/shop": {
			Name: "sources/shop", Kind: ingestv1.Source_KIND_SERVER, Limits: &ingestv1.SourceLimits{EventsPerSecond: 0.5, MaxBatchBytes: 1000},
		},
		"sources/old": {Name: "sources/old", Kind: ingestv1.Source_KIND_SERVER, Disabled: true},
	}}
	known := keys{
		"web-key":   {Actor: "site", Role: typev1.Role_ROLE_INGEST, Source: "web"},
		"shop-key":  {Actor: "shop", Role: typev1.Role_ROLE_INGEST, Source: "shop"},
		"old-key":   {Actor: "old", Role: typev1.Role_ROLE_INGEST, Source: "old"},
		"lost-key":  {Actor: "lost", Role: typev1.Role_ROLE_INGEST, Source: "lost"},
		"admin-key": {Actor: "root", Role: typev1.Role_ROLE_ADMIN},
	}
	return New(house, known, func() time.Time { return now }), house, &now
}

func TestByKey(t *testing.T) {
	c, _, _ := cache()
	s, who, err := c.ByKey(t.Context(), "web-key")
	if err != nil || s.ID != "web" || !s.Browser() || !who.Browser || who.Source != "web" || who.Actor != "site" {
		t.Errorf("%+v, %+v, %v", s, who, err)
	}
	if s, who, err := c.ByKey(t.Context(), "shop-key"); err != nil || s.Browser() || who.Browser || s.Secret != "hush" {
		t.Errorf("%+v, %+v, %v", s, who, err)
	}
	for secret, reason := range map[string]string{
		"":           "UNAUTHENTICATED",
		"nobody's":   "UNAUTHENTICATED",
		"lost-key":   "UNAUTHENTICATED",
		"admin-key":  "PERMISSION_DENIED",
		"old-key":    "SOURCE_DISABLED",
		"web-key:x:": "UNAUTHENTICATED",
	} {
		if _, _, err := c.ByKey(t.Context(), secret); apierr.Reason(err) != reason {
			t.Errorf("%q: %v, want %s", secret, err, reason)
		}
	}
	if who, _, err := c.Verify(t.Context(), "admin-key"); err != nil || who.Actor != "root" {
		t.Errorf("a key of a person: %+v, %v", who, err)
	}
}

func TestByID(t *testing.T) {
	c, house, now := cache()
	for range 3 {
		if _, err := c.ByID(t.Context(), "web"); err != nil {
			t.Fatal(err)
		}
		if _, err := c.ByID(t.Context(), "nothing"); apierr.Reason(err) != "NOT_FOUND" {
			t.Errorf("%v", err)
		}
	}
	if asked := house.asked.Load(); asked != 2 {
		t.Errorf("asked %d times", asked)
	}
	house.sources["sources/web"].Disabled = true
	*now = now.Add(5 * time.Second)
	if _, err := c.ByID(t.Context(), "web"); apierr.Reason(err) != "SOURCE_DISABLED" {
		t.Errorf("after five seconds: %v", err)
	}
	house.away = true
	*now = now.Add(5 * time.Second)
	if _, err := c.ByID(t.Context(), "web"); apierr.Reason(err) != "UNAVAILABLE" {
		t.Errorf("ingest is away: %v", err)
	}
}

func TestWhatASourceMay(t *testing.T) {
	c, _, _ := cache()
	web, _ := c.ByID(t.Context(), "web")
	want := ratelimit.Limits{Source: ratelimit.Limit{PerSecond: 100, Burst: 500}, Address: ratelimit.Limit{PerSecond: 20, Burst: 100}}
	if web.Limits != want || web.MaxBatchBytes != 500<<10 {
		t.Errorf("%+v, %d", web.Limits, web.MaxBatchBytes)
	}
	for page, may := range map[string]bool{"https://www.example.com": true, "https://evil.example": false, "null": false} {
		if web.AllowsOrigin(page) != may {
			t.Errorf("%s may: %v", page, !may)
		}
	}
	shop, _ := c.ByID(t.Context(), "shop")
	if shop.Limits != (ratelimit.Limits{Source: ratelimit.Limit{PerSecond: 0.5, Burst: 2}}) || shop.MaxBatchBytes != 1000 || !shop.AllowsOrigin("https://anywhere.example") {
		t.Errorf("%+v", shop)
	}
	if err := c.Take(shop, netip.Addr{}, 2); err != nil {
		t.Error(err)
	}
	if err := c.Take(shop, netip.Addr{}, 1); apierr.Reason(err) != "OVERLOADED" {
		t.Errorf("%v", err)
	}
}
