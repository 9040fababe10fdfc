package delivery

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/assay-hq/assay/services/handoff/internal/event"
)

const (
	// MaxBody is the most bytes of a webhook's body, as Standard Webhooks suggests.
	MaxBody = 20_000
	// Timeout bounds an attempt, from the first look at the name to the last byte of the
	// answer that is read.
	Timeout = 15 * time.Second
	// maxAnswer is the most of an answer that is read, so that the connection can serve
	// the next delivery. Nothing in it counts.
	maxAnswer = 64 << 10
	// farewell bounds the reading of an answer whose status is known.
	farewell = time.Second
)

// WebhookTransport delivers by Standard Webhooks 1.0, with the headers of CloudEvents 1.0
// on the same request.
type WebhookTransport struct {
	// Client sends: that of a [Guard].
	Client *http.Client
	// Source is the `ce-source`: what tells this installation from another.
	Source string
}

var _ Transport = (*WebhookTransport)(nil)

// Render writes type, time and data, with the packet where the destination wants it.
func (w *WebhookTransport) Render(d *Delivery) ([]byte, error) {
	var packet []byte
	if d.Packet != nil {
		var err error
		if packet, err = packetJSON(d.Packet, MaxBody-len(d.Event.Data)-len(d.Event.Type)-100); err != nil {
			return nil, err
		}
	}
	body := event.Body(d.Event.Type, d.Event.Time, d.Event.Data, packet)
	if len(body) > MaxBody {
		return nil, errors.New("the event has more than 20 KB")
	}
	return body, nil
}

// Deliver makes one POST. Any 2xx is an arrival; everything else is tried again, but for
// 410, which ends the destination.
func (w *WebhookTransport) Deliver(ctx context.Context, d *Delivery) Result {
	signature, err := Sign(d.Destination.Secrets, d.Key, d.Now, d.Body)
	if err != nil || signature == "" {
		return Result{Outcome: Failed, Reason: "no secret to sign with"}
	}
	return post(ctx, w.Client, d, http.Header{
		"Webhook-Id":        {d.Key},
		"Webhook-Timestamp": {strconv.FormatInt(d.Now.Unix(), 10)},
		"Webhook-Signature": {signature},
		"Ce-Specversion":    {"1.0"},
		"Ce-Id":             {d.Key},
		"Ce-Source":         {w.Source},
		"Ce-Type":           {"assay." + d.Event.Type},
		"Ce-Time":           {d.Event.Time.UTC().Format(time.RFC3339Nano)},
		"Ce-Subject":        {subject(&d.Event)},
	})
}

// subject is what an event is about, the most exactly.
func subject(e *Event) string {
	switch {
	case e.Handoff != "":
		return e.Handoff
	case e.Lead != "":
		return e.Lead
	}
	return e.Type
}

// post makes one POST of a delivery's body with some headers, and says what came of it.
func post(ctx context.Context, client *http.Client, d *Delivery, header http.Header) Result {
	// Once the headers are out, nobody knows what the receiver made of them until it says so.
	var out atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaders: func() { out.Store(true) }})
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, d.Destination.URL, bytes.NewReader(d.Body))
	if err != nil {
		return Result{Outcome: Rejected, Reason: "the URL of the destination is none"}
	}
	r.Header = header
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "Assay-Webhooks/1.0")
	if d.Event.Traceparent != "" {
		r.Header.Set("Traceparent", d.Event.Traceparent)
	}
	answer, err := client.Do(r)
	if err != nil {
		result := Result{Outcome: Failed, Reason: trouble(ctx, err)}
		if out.Load() {
			result.Outcome = Unknown
		}
		return result
	}
	drain(answer)
	return judge(answer)
}

// drain reads what is left of an answer, within bounds, and closes it.
func drain(answer *http.Response) {
	late := time.AfterFunc(farewell, func() { _ = answer.Body.Close() })
	_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	late.Stop()
	_ = answer.Body.Close()
}

// judge says what a status means.
func judge(answer *http.Response) Result {
	result := Result{Code: answer.StatusCode, Reason: "it answered " + strconv.Itoa(answer.StatusCode) + " " + http.StatusText(answer.StatusCode)}
	after := retryAfter(answer)
	switch code := answer.StatusCode; {
	case code >= 200 && code < 300:
		return Result{Outcome: Delivered, Code: code}
	case code == http.StatusGone:
		result.Outcome = Gone
	case (code == http.StatusTooManyRequests || code == http.StatusServiceUnavailable) && after > 0:
		result.Outcome, result.After = Throttled, after
	case code >= 300 && code < 400:
		result.Outcome, result.Reason = Failed, result.Reason+"; redirects are not followed"
	default:
		result.Outcome = Failed
	}
	return result
}

// retryAfter is how long an answer asks to wait, in seconds or until a date; 0: it does not.
func retryAfter(answer *http.Response) time.Duration {
	text := answer.Header.Get("Retry-After")
	if seconds, err := strconv.ParseInt(text, 10, 32); err == nil {
		return time.Duration(max(seconds, 0)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		// By the receiver's clock where it tells it: ours may differ.
		now := time.Now()
		if theirs, err := http.ParseTime(answer.Header.Get("Date")); err == nil {
			now = theirs
		}
		return max(at.Sub(now), 0)
	}
	return 0
}

// trouble says why a request got no answer, in words of ours: errors of the network quote
// addresses and URLs.
func trouble(ctx context.Context, err error) string {
	var (
		dns *net.DNSError
		op  *net.OpError
	)
	switch {
	case errors.Is(err, ErrGuarded):
		return ErrGuarded.Error()
	case errors.Is(err, errPlain):
		return errPlain.Error()
	case errors.Is(err, errPort):
		return errPort.Error()
	case errors.Is(err, context.Canceled):
		return "the sender was stopped"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		return "no answer in time"
	case errors.As(err, &dns):
		return "its name has no address"
	case strings.Contains(err.Error(), "tls:"), strings.Contains(err.Error(), "x509:"), strings.Contains(err.Error(), "certificate"):
		return "no TLS with a valid certificate"
	case errors.As(err, &op) && op.Op == "dial":
		return "nobody listens there"
	}
	return "the connection broke off"
}

// protoJSON writes packets as the API does.
var protoJSON = protojson.MarshalOptions{}
