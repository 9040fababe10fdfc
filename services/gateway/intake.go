package gateway

import (
	"net/http"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
)

// newIntake makes the door for tracking clients.
func newIntake(d Deps, proxies remote.Proxies) *intake.Door {
	return intake.New(intake.Deps{
		Ingest: d.Conns.Ingest, Sources: d.Keys, Address: proxies.Address,
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) { writeProblem(r.Context(), w, r, err) },
	})
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
