package gateway

import (
	"context"
	"net/http"
	"regexp"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

const (
	// hooksPath is where destinations say what became of handoffs.
	hooksPath  = "/hooks/crm/"
	hooksRoute = hooksPath + "{destination}"
	// maxHook is the most bytes of such a message.
	maxHook = 64 << 10
	// hooksPerSecond and hooksBurst bound what strangers may make the services do.
	hooksPerSecond, hooksBurst = 200, 400
)

var hookPath = regexp.MustCompile(`^/hooks/crm/([a-z][a-z0-9-]{0,62})$`)

// hooks takes what destinations say. They need no key: they sign, by Standard Webhooks.
type hooks struct {
	callbacks handoffv1.CallbackServiceClient
	rate      *bucket
}

func newHooks(conns Conns) *hooks {
	return &hooks{
		callbacks: handoffv1.NewCallbackServiceClient(headerConn{conns.Handoff}),
		rate:      &bucket{perSecond: hooksPerSecond, size: hooksBurst, tokens: hooksBurst},
	}
}

// ServeHTTP answers for one message.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(caller.With(r.Context(), caller.System("gateway")), callTimeout)
	defer cancel()
	visitFrom(ctx).route = hooksRoute
	span := trace.SpanFromContext(ctx)
	span.SetName(r.Method + " " + hooksRoute)
	span.SetAttributes(attribute.String("http.route", hooksRoute))
	result, err := h.receive(ctx, w, r)
	if err != nil {
		writeProblem(ctx, w, r, err)
		return
	}
	body, err := newCodec().Marshal(result)
	if err != nil {
		writeProblem(ctx, w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(body)
}

func (h *hooks) receive(ctx context.Context, w http.ResponseWriter, r *http.Request) (*handoffv1.OutcomeResult, error) {
	match := hookPath.FindStringSubmatch(r.URL.Path)
	switch {
	case match == nil:
		return nil, apierr.UnknownPath()
	case r.Method != http.MethodPost:
		w.Header().Set("Allow", http.MethodPost)
		return nil, apierr.MethodNotAllowed(http.MethodPost)
	case !h.rate.take(time.Now()):
		return nil, apierr.Overloaded("the hook", time.Second)
	}
	body, err := readBody(w, r, hooksRoute)
	if err != nil {
		return nil, err
	}
	return h.callbacks.ReceiveOutcome(ctx, &handoffv1.ReceiveOutcomeRequest{
		Destination:      "destinations/" + match[1],
		WebhookId:        r.Header.Get("webhook-id"),
		WebhookTimestamp: r.Header.Get("webhook-timestamp"),
		WebhookSignature: r.Header.Get("webhook-signature"),
		Body:             body,
	})
}
