package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/gen/openapi"
	"github.com/assay-hq/assay/services/gateway/internal/cloudevent"
	"github.com/assay-hq/assay/services/gateway/internal/hook"
	"github.com/assay-hq/assay/services/gateway/internal/intake"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/bodycheck"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/rpc"
)

const (
	// maxBody and maxBatch are the most bytes of a body; batches may be larger.
	maxBody  = 1 << 20
	maxBatch = 4 << 20
	// callTimeout bounds every call: the longest wait for a decision and a little.
	callTimeout = 40 * time.Second
)

// batchRoutes are the routes whose body may be as large as maxBatch.
var batchRoutes = []string{"/v1/leads:batchCapture", "/v1/activities:batchRecord", "/v1/handoffs:batchRecordOutcomes"}

// setQueryParser has queries read by ours. grpc-gateway keeps one parser for the whole
// process, whichever mux it is given to, and several gateways may start at once.
var setQueryParser = sync.OnceFunc(func() {
	runtime.NewServeMux(runtime.SetQueryParameterParser(&queryParser{}))
})

// newMux registers the methods of all services, with our codec and errors.
func newMux(conns Conns, sources *Keyring) (*runtime.ServeMux, error) {
	setQueryParser()
	json := newCodec()
	mux := runtime.NewServeMux(
		runtime.WithMarshalerOption(runtime.MIMEWildcard, json),
		runtime.WithErrorHandler(func(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, err error) {
			writeProblem(ctx, w, r, explain(ctx, r, err))
		}),
		runtime.WithRoutingErrorHandler(routingError),
		runtime.WithForwardResponseOption(setETag),
		runtime.WithMiddlewares(route),
		// No header of the caller reaches a service and no metadata of a service
		// the caller, but for those that this package names.
		runtime.WithIncomingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingHeaderMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithMetadata(func(ctx context.Context, _ *http.Request) metadata.MD {
			return metadata.Pairs(rpc.RequestIDHeader, requestID(ctx))
		}),
		runtime.WithDisablePathLengthFallback(),
		runtime.WithDisableHTTPMethodOverride(),
		runtime.WithWriteContentLength(),
	)
	ctx := context.Background()
	return mux, errors.Join(
		ingestv1.RegisterIngestServiceHandlerClient(ctx, mux, ingestv1.NewIngestServiceClient(headerConn{captureConn{conns.Ingest, sources}})),
		ingestv1.RegisterAccountServiceHandlerClient(ctx, mux, ingestv1.NewAccountServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterSourceServiceHandlerClient(ctx, mux, ingestv1.NewSourceServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterRejectedEventServiceHandlerClient(ctx, mux, ingestv1.NewRejectedEventServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterIdentityServiceHandlerClient(ctx, mux, ingestv1.NewIdentityServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterCorrectionServiceHandlerClient(ctx, mux, ingestv1.NewCorrectionServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterImportServiceHandlerClient(ctx, mux, ingestv1.NewImportServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterSuppressionServiceHandlerClient(ctx, mux, ingestv1.NewSuppressionServiceClient(headerConn{conns.Ingest})),
		ingestv1.RegisterPermissionServiceHandlerClient(ctx, mux, ingestv1.NewPermissionServiceClient(headerConn{conns.Ingest})),
		profilefitv1.RegisterProfileFitServiceHandlerClient(ctx, mux, profilefitv1.NewProfileFitServiceClient(headerConn{conns.ProfileFit})),
		behaviorv1.RegisterBehaviorScoringServiceHandlerClient(ctx, mux, behaviorv1.NewBehaviorScoringServiceClient(headerConn{conns.Behavior})),
		handoffv1.RegisterHandoffServiceHandlerClient(ctx, mux, handoffv1.NewHandoffServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterStandardServiceHandlerClient(ctx, mux, handoffv1.NewStandardServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterDictionaryServiceHandlerClient(ctx, mux, handoffv1.NewDictionaryServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterOperationServiceHandlerClient(ctx, mux, handoffv1.NewOperationServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterHeldLeadServiceHandlerClient(ctx, mux, handoffv1.NewHeldLeadServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterAccessServiceHandlerClient(ctx, mux, handoffv1.NewAccessServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterUserServiceHandlerClient(ctx, mux, handoffv1.NewUserServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterTeamServiceHandlerClient(ctx, mux, handoffv1.NewTeamServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterAuditServiceHandlerClient(ctx, mux, handoffv1.NewAuditServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterApprovalServiceHandlerClient(ctx, mux, handoffv1.NewApprovalServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterReportServiceHandlerClient(ctx, mux, handoffv1.NewReportServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterPrivacyServiceHandlerClient(ctx, mux, handoffv1.NewPrivacyServiceClient(headerConn{conns.Handoff})),
		handoffv1.RegisterDestinationServiceHandlerClient(ctx, mux, handoffv1.NewDestinationServiceClient(headerConn{conns.Handoff})),
	)
}

// explain turns an error of decoding, which has no details, into one that names the
// field. Errors of the services pass as they are.
func explain(ctx context.Context, r *http.Request, err error) error {
	if st := status.Convert(err); st.Code() == codes.InvalidArgument && len(st.Proto().GetDetails()) == 0 {
		return malformed(ctx, r, err)
	}
	return err
}

// routingError answers for paths and methods that do not exist.
func routingError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, w http.ResponseWriter, r *http.Request, httpStatus int) {
	if httpStatus == http.StatusMethodNotAllowed {
		allowed := allowedMethods(r.URL.Path)
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(ctx, w, r, apierr.MethodNotAllowed(allowed...))
		return
	}
	writeProblem(ctx, w, r, apierr.UnknownPath())
}

type bodyKey struct{}

// bodyFrom returns the body that was read for the request.
func bodyFrom(ctx context.Context) []byte {
	body, _ := ctx.Value(bodyKey{}).([]byte)
	return body
}

// route is what happens between finding a method and decoding its body.
func route(next runtime.HandlerFunc) runtime.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request, params map[string]string) {
		ctx := r.Context()
		pattern, _ := runtime.HTTPPattern(ctx)
		name := pattern.String()
		visitFrom(ctx).route = name
		span := trace.SpanFromContext(ctx)
		span.SetName(r.Method + " " + name)
		span.SetAttributes(attribute.String("http.route", name))
		if labeler, ok := otelhttp.LabelerFromContext(ctx); ok {
			labeler.Add(attribute.String("http.route", name))
		}
		if _, ok := caller.From(ctx); !ok {
			writeProblem(ctx, w, r, whyUnknown(ctx))
			return
		}
		for name, value := range params {
			if !utf8.ValidString(value) {
				writeProblem(ctx, w, r, apierr.InvalidField(name, "valid UTF-8"))
				return
			}
		}
		preconditions, err := readPreconditions(r)
		if err != nil {
			writeProblem(ctx, w, r, err)
			return
		}
		body, err := readBody(w, r, name)
		if err != nil {
			writeProblem(ctx, w, r, err)
			return
		}
		ctx = context.WithValue(ctx, bodyKey{}, body)
		ctx = context.WithValue(ctx, preconditionsKey{}, preconditions)
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(w, r, params)
	}
}

// readBody reads the body up to its limit.
func readBody(w http.ResponseWriter, r *http.Request, route string) ([]byte, error) {
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return nil, httpError(http.StatusUnsupportedMediaType, apierr.InvalidField("Content-Encoding", "no encoding: send plain JSON"))
	}
	limit, words := int64(maxBody), "1 MiB"
	if slices.Contains(batchRoutes, route) {
		limit, words = maxBatch, "4 MiB"
	} else if route == hooksRoute {
		limit, words = maxHook, "64 KiB"
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, httpError(http.StatusRequestEntityTooLarge, apierr.TooLarge("", words))
	case err != nil:
		return nil, apierr.MalformedBody(apierr.Violation{Expected: "a whole body: the connection broke off"})
	case bodycheck.TooDeep(body):
		return nil, apierr.MalformedBody(apierr.Violation{Expected: fmt.Sprintf("at most %d levels of nesting", bodycheck.MaxDepth)})
	}
	return body, nil
}

// recovered turns a panic into an error, so that one request harms no other.
func (s *Service) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if p := recover(); p != nil {
				if p == http.ErrAbortHandler { //nolint:errorlint // the very value, by its documentation
					panic(p)
				}
				// The panic's value may hold anything; the stack does not.
				s.log.ErrorContext(r.Context(), "panic in a request",
					"request_id", requestID(r.Context()), "kind", fmt.Sprintf("%T", p), "stack", string(debug.Stack()))
				writeProblem(r.Context(), w, r, status.Error(codes.Internal, "panic"))
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// observed opens the request's span: a child of the caller's, if we know the caller,
// else a new trace with a link.
func (s *Service) observed(next http.Handler) http.Handler {
	answered := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sc := trace.SpanContextFromContext(r.Context()); sc.IsValid() {
			w.Header().Set("Traceresponse", fmt.Sprintf("00-%s-%s-%s", sc.TraceID(), sc.SpanID(), sc.TraceFlags()))
		}
		next.ServeHTTP(w, r)
	})
	return otelhttp.NewHandler(answered, "",
		otelhttp.WithTracerProvider(s.telemetry.TracerProvider),
		otelhttp.WithMeterProvider(s.telemetry.MeterProvider),
		otelhttp.WithPropagators(propagation.TraceContext{}),
		// Else the name is the Host header: whoever calls could make up time series.
		otelhttp.WithServerName("assay"),
		otelhttp.WithSpanNameFormatter(func(_ string, r *http.Request) string { return r.Method }),
		otelhttp.WithPublicEndpointFn(func(r *http.Request) bool {
			_, known := caller.From(r.Context())
			return !known
		}),
	)
}

// Handler serves REST, /openapi.json, the links in messages, what destinations say and what
// tracking clients send.
func (s *Service) Handler() http.Handler {
	rest := withRequestID(s.recovered(s.withSender(s.authenticated(s.observed(s.logged(s.mux))))))
	uploads := withRequestID(s.recovered(s.withSender(s.authenticated(s.observed(s.logged(newUploads(s.conns)))))))
	// Not observed: the path is a secret, and spans would tell it.
	links := withRequestID(s.recovered(s.links))
	hooks := withRequestID(s.recovered(s.observed(s.logged(s.hooks))))
	clients := withRequestID(s.recovered(s.observed(s.logged(routed(s.tools.clients)))))
	webhooks := withoutSecret(withRequestID(s.recovered(s.observed(s.logged(bounded(hook.Route, s.tools.webhooks))))))
	events := withRequestID(s.recovered(s.observed(s.logged(bounded(cloudevent.Path, s.tools.events)))))
	// Not observed either: their paths have write keys in them.
	settings := withRequestID(s.recovered(s.logged(routed(s.tools.clients))))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "no-store")
		if r.URL.Path == "/openapi.json" && r.Method == http.MethodGet {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(openapi.JSON)
			return
		}
		next := rest
		switch path := r.URL.Path; {
		case path == uploadPath:
			next = uploads
		case strings.HasPrefix(path, linksPath):
			next = links
		case strings.HasPrefix(path, hooksPath):
			next = hooks
		case strings.HasPrefix(path, hook.Path):
			next = webhooks
		case path == cloudevent.Path:
			next = events
		case intake.TakesMessages(path):
			next = clients
		case intake.HasSettings(path):
			next = settings
		}
		next.ServeHTTP(w, r)
	})
}

// Server returns an HTTP server for the handler, with every limit set.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       60 * time.Second,
		WriteTimeout:      callTimeout + 20*time.Second,
		IdleTimeout:       120 * time.Second,
		MaxHeaderBytes:    16 << 10,
	}
}
