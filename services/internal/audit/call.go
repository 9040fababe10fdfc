package audit

import (
	"context"
	"sync"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// Call is a call from outside, which leaves one entry if it changes something.
type Call struct {
	// Actor and Role of who calls.
	Actor string
	Role  typev1.Role
	// Method is its full name, `assay.handoff.v1.HandoffService/AcceptHandoff`.
	Method string
	// Resource is what it is about: a resource name, or that of a collection.
	Resource string
	// Fields are the paths of the fields that were given, in lowerCamelCase.
	Fields []string
	// RequestID and TraceID of the call, empty if it has none.
	RequestID, TraceID string

	mu       sync.Mutex // held from before an entry is written until its transaction ended
	recorded bool
	about    sync.Mutex // guards Resource
}

type callKey struct{}

// With returns a context under which a change leaves an entry.
func With(ctx context.Context, c *Call) context.Context {
	return context.WithValue(ctx, callKey{}, c)
}

func from(ctx context.Context) *Call {
	c, _ := ctx.Value(callKey{}).(*Call)
	return c
}

// About says what a call is about where the request cannot: the name of what it creates.
// To be said in the transaction, before it ends.
func About(ctx context.Context, resource string) {
	if c := from(ctx); c != nil {
		c.about.Lock()
		defer c.about.Unlock()
		c.Resource = resource
	}
}

func (c *Call) resource() string {
	c.about.Lock()
	defer c.about.Unlock()
	return c.Resource
}
