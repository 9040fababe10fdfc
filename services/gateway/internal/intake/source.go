package intake

import (
	"context"
	"strings"

	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Source is what the door knows of where messages come from.
type Source struct {
	// ID is the source of all that comes with its keys.
	ID string
	// Caller is in whose name ingest is called.
	Caller caller.Caller
	// Browser says that its keys are public.
	Browser bool
	// Origins may send: `https://www.example.com` or `https://*.example.com`. Empty: any.
	Origins []string
	// Limits are how much may come.
	Limits ratelimit.Limits
	// MaxBatch is the most bytes of a batch; 0: the default.
	MaxBatch int
	// Mapping is what the source says of its events; nil: nothing.
	Mapping *segment.Mapping
}

// Sources knows the sources by their write keys.
type Sources interface {
	// Of returns the source of a write key. Nobody's key is UNAUTHENTICATED; other errors
	// say why a source takes nothing, or that it could not be found out.
	Of(ctx context.Context, key string) (*Source, error)
}

// takes reports whether pages of an origin may send. Who names no origin is no page.
func (s *Source) takes(origin string) bool {
	if origin == "" || len(s.Origins) == 0 {
		return true
	}
	for _, allowed := range s.Origins {
		if strings.EqualFold(allowed, origin) {
			return true
		}
		before, after, wild := strings.Cut(strings.ToLower(allowed), "*")
		if o := strings.ToLower(origin); wild && len(o) > len(before)+len(after) && strings.HasPrefix(o, before) && strings.HasSuffix(o, after) &&
			!strings.ContainsAny(o[len(before):len(o)-len(after)], "/:@") {
			return true
		}
	}
	return false
}
