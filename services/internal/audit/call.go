package audit

import (
	"cmp"
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
	// Describe says what it is about, a resource name or that of a collection, and the
	// paths of the fields that were given, in lowerCamelCase. It is asked only of a call
	// that changes something.
	Describe func() (resource string, fields []string)
	// RequestID and TraceID of the call, empty if it has none.
	RequestID, TraceID string

	mu       sync.Mutex // held from before an entry is written until its transaction ended
	recorded bool
	name     sync.Mutex // guards about
	about    string
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
		c.name.Lock()
		defer c.name.Unlock()
		c.about = resource
	}
}

// describe is what the entry says of the call.
func (c *Call) describe() (resource string, fields []string) {
	if c.Describe != nil {
		resource, fields = c.Describe()
	}
	c.name.Lock()
	defer c.name.Unlock()
	return cmp.Or(c.about, resource), fields
}
