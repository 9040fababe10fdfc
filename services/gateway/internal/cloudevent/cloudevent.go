package cloudevent

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/pattern"
	"github.com/assay-hq/assay/services/internal/recent"
	"github.com/assay-hq/assay/services/internal/webhook"
)

const (
	// Path is where events come in.
	Path = "/v1/events:cloudevents"
	// maxBody is the most bytes of a request.
	maxBody = 4 << 20
	// maxEvents is how many events a batch may have.
	maxEvents = 2500
	// doorName is what rejected events say of how they came.
	doorName = "cloudevents"
)

// Door answers senders of CloudEvents.
type Door struct {
	inlet    *inlet.Inlet
	mappings *recent.Map[string, *webhook.Mapping]
}

// New makes the door.
func New(in *inlet.Inlet) *Door {
	return &Door{inlet: in, mappings: recent.New[string, *webhook.Mapping](inlet.MaxSources)}
}

// ServeHTTP answers for one request.
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		handshake(w, r)
		return
	}
	answer, err := d.receive(w, r)
	if err != nil {
		d.inlet.Refuse(w, r, err)
		return
	}
	if answer.Rejected > 0 {
		w.Header().Set("X-Rejected", strconv.Itoa(answer.Rejected))
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(answer)
}

// handshake tells who asks that it may send, as HTTP 1.1 Web Hooks for Event Delivery has it.
// It is no promise: whoever sends needs a key, and how much each may send, its limits say.
func handshake(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Allow", "POST, OPTIONS")
	if origin := r.Header.Get("WebHook-Request-Origin"); origin != "" {
		h.Set("WebHook-Allowed-Origin", origin)
		if r.Header.Get("WebHook-Request-Rate") != "" {
			h.Set("WebHook-Allowed-Rate", "*")
		}
	}
	w.WriteHeader(http.StatusOK)
}

// taken is the answer to a request.
type taken struct {
	Captured int `json:"captured"`
	Rejected int `json:"rejected"`
	Skipped  int `json:"skipped"`
}

func (d *Door) receive(w http.ResponseWriter, r *http.Request) (*taken, error) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", "POST, OPTIONS")
		return nil, apierr.MethodNotAllowed(http.MethodPost)
	}
	ctx, from := r.Context(), d.inlet.Address(r)
	source, who, err := d.source(ctx, r)
	if err != nil {
		return nil, err
	}
	if origin := r.Header.Get("Origin"); source.Browser() && origin != "" && !source.AllowsOrigin(origin) {
		return nil, apierr.WrongOrigin()
	}
	mapping, err := d.mapping(source)
	if err != nil {
		return nil, err
	}
	body, err := inlet.ReadBody(r, maxBody, "4 MiB")
	if err != nil {
		return nil, err
	}
	events, batch, err := Decode(r.Header, body)
	switch {
	case errors.Is(err, ErrFormat):
		return nil, &runtime.HTTPStatusError{
			HTTPStatus: http.StatusUnsupportedMediaType,
			Err:        apierr.InvalidField("Content-Type", structured+", "+batched+", or the type of the data with ce- headers"),
		}
	case err != nil:
		_ = d.inlet.Record(ctx, inlet.NewRejections(doorName, source.ID, inlet.Rejection{Reason: "MALFORMED_BODY", Message: "expected a list of events", Payload: string(body)}))
		return nil, apierr.MalformedBody(apierr.Violation{Expected: "a JSON list of events"})
	case len(events) > maxEvents:
		return nil, &runtime.HTTPStatusError{HTTPStatus: http.StatusRequestEntityTooLarge, Err: apierr.TooLarge("", "2,500 events")}
	}
	if err := d.inlet.Sources.Take(source, from, max(1, len(events))); err != nil {
		return nil, err
	}
	reading := reading{source: source, mapping: mapping, batch: batch, vain: inlet.NewRejections(doorName, source.ID)}
	for i := range events {
		linkTo(ctx, &events[i])
		reading.event(i, &events[i])
	}
	refused, err := d.inlet.Store(caller.With(ctx, who), reading.captures, reading.vain, func(n int, r *inlet.Rejection) {
		i := reading.from[n]
		reading.about(i, &events[i], r)
	})
	if err != nil {
		return nil, err
	}
	if !batch && len(reading.captures) == 0 && reading.skipped == 0 {
		refused = reading.vain.Listed()
	}
	if !batch && len(refused) > 0 && refused[0].Reason != inlet.Suppressed {
		return nil, apierr.InvalidField(refused[0].Field, strings.TrimPrefix(refused[0].Message, "expected "))
	}
	captured := len(reading.captures) - len(refused)
	return &taken{Captured: max(captured, 0), Rejected: len(events) - reading.skipped - max(captured, 0), Skipped: reading.skipped}, nil
}

// source returns the source of the write key of a request.
func (d *Door) source(ctx context.Context, r *http.Request) (*sourcecache.Source, caller.Caller, error) {
	user, token := inlet.Credentials(r.Header)
	key := cmp.Or(user, token)
	if key == "" || len(key) > inlet.MaxKey {
		return nil, caller.Caller{}, errNoKey
	}
	source, who, err := d.inlet.Sources.ByKey(ctx, key)
	if status.Code(err) == codes.Unauthenticated {
		err = errNoKey
	}
	return source, who, err
}

var errNoKey = apierr.UnauthenticatedFor("expected a write key: `Authorization: Bearer <key>`, or as the user of Basic authentication")

// mapping returns that of the source, or the preset's.
func (d *Door) mapping(source *sourcecache.Source) (*webhook.Mapping, error) {
	return d.mappings.GetOrMake(source.ID+"\x00"+source.Config.GetEtag(), func() (*webhook.Mapping, error) {
		config := &ingestv1.WebhookConfig{Preset: "cloudevents"}
		if own := source.Config.GetWebhook(); own != nil {
			config = own
		}
		mapping, wrong := webhook.NewMapping(config)
		if len(wrong) > 0 {
			return nil, apierr.WrongState("sources/"+source.ID, "not ready: webhook."+wrong[0].Field+": expected "+wrong[0].Expected, "a mapping that compiles")
		}
		return mapping, nil
	})
}

// reading gathers what the events of a request become.
type reading struct {
	source   *sourcecache.Source
	mapping  *webhook.Mapping
	batch    bool
	captures []*ingestv1.CaptureLeadRequest
	from     []int // the event of each capture
	vain     *inlet.Rejections
	skipped  int
}

// about adds to a rejection which event it is of.
func (r *reading) about(i int, e *Event, rejection *inlet.Rejection) {
	if r.batch {
		rejection.Within("events[" + strconv.Itoa(i) + "]")
	}
	rejection.Payload = string(e.raw)
}

func (r *reading) event(i int, e *Event) {
	reject := func(reason, field, message string) {
		rejection := inlet.Rejection{EventID: e.Key, Reason: reason, Field: field, Message: message}
		r.about(i, e, &rejection)
		r.vain.Add(rejection)
	}
	if e.Wrong != nil {
		reject("INVALID_FIELD", e.Wrong.Field, "expected "+e.Wrong.Expected)
		return
	}
	result := r.mapping.Map(e.Document, r.source.ID, e.Key)
	if len(result.Items) == 0 {
		r.skipped++
	}
	for n := range result.Items {
		item := &result.Items[n]
		for _, p := range item.Problems {
			reject(p.Reason, p.Field, p.Message)
		}
		if item.Capture == nil {
			continue
		}
		switch wrong := r.settle(item.Capture, e.Type); {
		case wrong == errDropped:
			r.skipped++
		case wrong != "":
			reject("INVALID_FIELD", "type", wrong)
		default:
			r.captures, r.from = append(r.captures, item.Capture), append(r.from, i)
		}
	}
}

const errDropped = "dropped"

// settle gives activities a type that they may have: what a rule of the source says, else the
// type of the event in the form of ours.
func (r *reading) settle(capture *ingestv1.CaptureLeadRequest, event string) (wrong string) {
	for _, a := range capture.GetActivities() {
		for _, rule := range r.source.Config.GetEventRules() {
			if !pattern.Matches(rule.GetEvent(), event) {
				continue
			}
			if rule.GetDrop() {
				return errDropped
			}
			if rule.GetType() != "" {
				a.Type = rule.GetType()
			}
			fields := a.GetProperties().GetFields()
			for from, to := range rule.GetProperties() {
				if v, ok := fields[from]; ok {
					delete(fields, from)
					if to != "" {
						fields[to] = v
					}
				}
			}
			break
		}
		if !activityType.MatchString(a.GetType()) {
			a.Type = typeOf(a.GetType())
		}
		if a.GetType() == "" {
			return "expected a type with a letter in it"
		}
	}
	return ""
}

var activityType = regexp.MustCompile(`^[a-z][a-z0-9_]*(\.[a-z0-9_]+)*$`)

var notType = regexp.MustCompile(`[^a-z0-9_.]+`)

// typeOf writes the type of an event as that of an activity: `com.acme.Page-Viewed` is
// com.acme.page_viewed. "" if nothing is left.
func typeOf(event string) string {
	var parts []string
	for part := range strings.SplitSeq(notType.ReplaceAllString(strings.ToLower(event), "_"), ".") {
		if part = strings.Trim(part, "_"); len(parts) == 0 {
			part = strings.TrimLeft(part, "0123456789_")
		}
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ".")
}

// linkTo links the request to what the sender was at when an event happened.
func linkTo(ctx context.Context, e *Event) {
	if e.Traceparent == "" {
		return
	}
	of := propagation.TraceContext{}.Extract(context.Background(), propagation.MapCarrier{"traceparent": e.Traceparent})
	if sc := trace.SpanContextFromContext(of); sc.IsValid() {
		trace.SpanFromContext(ctx).AddLink(trace.Link{SpanContext: sc})
	}
}
