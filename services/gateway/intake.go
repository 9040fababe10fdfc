package gateway

import (
	"cmp"
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/rpc"
)

// newIntake makes the door for tracking clients.
func newIntake(d Deps) *intake.Door {
	return intake.New(intake.Deps{
		Ingest: d.Conns.Ingest, Sources: keySources{d.Keys}, Limiter: ratelimit.New(nil),
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) { writeProblem(r.Context(), w, r, err) },
	})
}

// keySources knows of a source what its keys say.
type keySources struct{ keys rpc.KeyVerifier }

// Of returns the source of a key, see [intake.Sources].
func (k keySources) Of(ctx context.Context, key string) (*intake.Source, error) {
	who, _, err := k.keys.Verify(ctx, key)
	switch {
	case errors.Is(err, rpc.ErrUnknownKey):
		return nil, apierr.UnauthenticatedFor("expected a write key that is known")
	case err != nil:
		return nil, err
	case who.Role != typev1.Role_ROLE_INGEST:
		return nil, apierr.PermissionDeniedFor("expected a write key: this key is for other things")
	}
	return &intake.Source{ID: cmp.Or(who.Source, "segment"), Caller: who, Browser: who.Browser}, nil
}

// routed names the route of a request of the door's: some of its paths have a key in them.
func routed(door *intake.Door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, route := r.Context(), intake.Route(r.URL.Path)
		visitFrom(ctx).route = route
		span := trace.SpanFromContext(ctx)
		span.SetName(knownMethod(r.Method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
		if labeler, ok := otelhttp.LabelerFromContext(ctx); ok {
			labeler.Add(attribute.String("http.route", route))
		}
		door.ServeHTTP(w, r)
	})
}
