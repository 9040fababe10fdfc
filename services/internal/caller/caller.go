// Package caller says who is calling: in a context, and between the services of an
// installation in a signed token.
//
// A person or machine proves who it is once, at the door, with an API key. From
// there on each call carries an internal token, signed with the installation's
// secret, so that a service knows the actor without looking a key up. One process
// with all services makes a secret by itself; many processes share one.
package caller

import (
	"context"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// Caller is who calls and what it may do.
type Caller struct {
	// Actor is the name that records show: the name of a key, e.g. `ana@crm`, or
	// `system:<service>`.
	Actor string
	// Role is what the actor may do.
	Role typev1.Role
	// Source is the id of the source whose write key this is, e.g. `web`; empty for people,
	// services and other keys. Whoever has one may only capture, for this source.
	Source string
	// Browser says that the key stands in web pages and apps, and so is public: what it says
	// is not trusted.
	Browser bool
}

// System returns a service calling for itself, not for somebody.
func System(service string) Caller {
	return Caller{Actor: "system:" + service, Role: typev1.Role_ROLE_SERVICE}
}

type contextKey struct{}

// With returns a context that says who calls.
func With(ctx context.Context, c Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns who calls, and whether that is known.
func From(ctx context.Context) (Caller, bool) {
	c, ok := ctx.Value(contextKey{}).(Caller)
	return c, ok
}
