package gateway

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/cloudevent"
	"github.com/assay-hq/assay/services/gateway/internal/hook"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
)

// tools are the doors for other people's tools.
type tools struct {
	clients  *intake.Door
	webhooks *hook.Door
	events   *cloudevent.Door
}

func newTools(d Deps, proxies remote.Proxies) tools {
	in := &inlet.Inlet{
		Sender:   inlet.NewSender(ingestv1.NewIngestServiceClient(d.Conns.Ingest)),
		Rejected: ingestv1.NewRejectedEventServiceClient(d.Conns.Ingest),
		Sources:  d.Keys, Limiter: ratelimit.New(nil), Address: proxies.Address, Now: time.Now,
		Refuse: func(w http.ResponseWriter, r *http.Request, err error) { writeProblem(r.Context(), w, r, err) },
	}
	return tools{
		clients: intake.New(in, ingestv1.NewAccountServiceClient(d.Conns.Ingest)), webhooks: hook.New(in), events: cloudevent.New(in),
	}
}

// routed names the route of a request of tracking clients.
func routed(door *intake.Door) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		nameRoute(r.Context(), r.Method, intake.Route(r.URL.Path))
		door.ServeHTTP(w, r)
	})
}

// bounded names the route of a request of a door and bounds its time.
func bounded(route string, door http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), callTimeout)
		defer cancel()
		nameRoute(ctx, r.Method, route)
		door.ServeHTTP(w, r.WithContext(ctx))
	})
}

// nameRoute tells what goes on under which pattern of a path: paths have keys and secrets in
// them.
func nameRoute(ctx context.Context, method, route string) {
	visitFrom(ctx).route = route
	span := trace.SpanFromContext(ctx)
	span.SetName(knownMethod(method) + " " + route)
	span.SetAttributes(attribute.String("http.route", route))
	if labeler, ok := otelhttp.LabelerFromContext(ctx); ok {
		labeler.Add(attribute.String("http.route", route))
	}
}

// withoutSecret hides the secret in the path of a webhook from all that follows.
func withoutSecret(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, hook.Hide(r)) })
}
