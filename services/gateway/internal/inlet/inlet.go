package inlet

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Sources finds sources, and counts what they send: see [sourcecache.Cache].
type Sources interface {
	ByID(ctx context.Context, id string) (*sourcecache.Source, error)
	ByKey(ctx context.Context, secret string) (*sourcecache.Source, caller.Caller, error)
	Take(s *sourcecache.Source, address netip.Addr, n int) error
}

// Sender stores captures in the name of the caller of ctx and returns a result for each,
// after the commit. An error says that it is not known what became of them.
type Sender interface {
	Send(ctx context.Context, captures []*ingestv1.CaptureLeadRequest) ([]*ingestv1.BatchCaptureResult, error)
}

// Inlet brings what doors receive to ingest.
type Inlet struct {
	// Sender stores captures.
	Sender Sender
	// Rejected keeps what is refused.
	Rejected ingestv1.RejectedEventServiceClient
	// Limiter counts what comes of strangers.
	Limiter *ratelimit.Limiter
	// Address says where a request comes from; what is not valid is not known.
	Address func(r *http.Request) netip.Addr
	// Now is the clock.
	Now func() time.Time
}

// strangers is how much one address may send of what nobody has signed yet: each message
// costs a look at a secret.
var strangers = ratelimit.Limits{Address: ratelimit.Limit{PerSecond: 100, Burst: 500}}

// AdmitStranger lets a message in that may be anybody's.
func (i *Inlet) AdmitStranger(from netip.Addr) error {
	if after, ok := i.Limiter.Take("", strangers, from, 1); !ok {
		return apierr.Overloaded("this address sends more than it may", after)
	}
	return nil
}

// Rejection is something that is refused, or left out, and why.
type Rejection struct {
	// EventID is the sender's id, if it has one.
	EventID string
	// Reason is machine-readable, Field says where, Message what was expected: never what was
	// found.
	Reason, Field, Message string
	// Payload is what was sent. It is personal.
	Payload []byte
}

// Item is something that was sent and can be stored.
type Item struct {
	// Capture is what it became.
	Capture *ingestv1.CaptureLeadRequest
	// Field is where it stood, e.g. `items[3]`; empty: it is all that was sent.
	Field string
	// Payload returns what was sent.
	Payload func() []byte
}

// Suppressed is the reason of what nothing is kept of, and nobody is told of.
const Suppressed = "SUPPRESSED"

// Store stores items and keeps what is refused: the rejections that were found before, and
// those of items, which it returns, one for each item at most.
//
// ctx carries in whose name.
func (i *Inlet) Store(ctx context.Context, door, source string, items []Item, rejections []Rejection) (refused []Rejection, err error) {
	if len(items) > 0 {
		captures := make([]*ingestv1.CaptureLeadRequest, len(items))
		for n := range items {
			captures[n] = items[n].Capture
		}
		results, err := i.Sender.Send(ctx, captures)
		if err != nil {
			return nil, away(err)
		}
		for n, result := range results {
			if r := refusal(result); r != nil {
				r.Field = under(items[n].Field, r.Field)
				for _, activity := range items[n].Capture.GetActivities() {
					r.EventID = activity.GetId()
				}
				if r.Reason == Suppressed {
					r.EventID = ""
				} else {
					r.Payload = items[n].Payload()
				}
				refused = append(refused, *r)
			}
		}
	}
	return refused, i.Record(ctx, door, source, append(rejections[:len(rejections):len(rejections)], refused...))
}

// away is an error of ingest as a sender should hear it: again later, in nearly all cases.
func away(err error) error {
	switch status.Code(err) {
	case codes.DeadlineExceeded, codes.Canceled, codes.Unavailable:
		return apierr.Unavailable("ingest")
	default:
		return err
	}
}

// refusal returns why ingest refused a capture, nil if it took it.
func refusal(result *ingestv1.BatchCaptureResult) *Rejection {
	if result.GetErrorReason() != "" {
		field := result.GetErrorField()
		if rest, ok := strings.CutPrefix(field, "requests["); ok {
			_, field, _ = strings.Cut(rest, "]")
		}
		return &Rejection{Reason: result.GetErrorReason(), Field: strings.TrimPrefix(field, "."), Message: result.GetErrorMessage()}
	}
	for _, a := range result.GetResponse().GetActivityResults() {
		if a.GetState() == ingestv1.ActivityResult_STATE_REJECTED {
			return &Rejection{Reason: a.GetErrorReason(), Field: a.GetErrorField(), Message: a.GetErrorMessage()}
		}
	}
	return nil
}

func under(outer, inner string) string {
	if outer == "" || inner == "" {
		return outer + inner
	}
	return outer + "." + inner
}

const (
	// maxPayload is how much of what was refused is kept, in bytes.
	maxPayload = 32 << 10
	// maxRecorded is how many rejections of one message are listed.
	maxRecorded = 1000
	// recordTimeout bounds the call that keeps them.
	recordTimeout = 30 * time.Second
)

// Record keeps what was refused.
func (i *Inlet) Record(ctx context.Context, door, source string, rejections []Rejection) error {
	if len(rejections) == 0 {
		return nil
	}
	now := timestamppb.New(i.Now())
	events := make([]*ingestv1.RejectedEvent, 0, len(rejections))
	for _, r := range rejections[:min(len(rejections), maxRecorded)] {
		events = append(events, &ingestv1.RejectedEvent{
			Source: source, Door: door, ReceivedTime: now, EventId: short(r.EventID, 200),
			Reason: r.Reason, Field: r.Field, Message: r.Message, Payload: short(string(r.Payload), maxPayload),
		})
	}
	ctx, cancel := context.WithTimeout(caller.With(context.WithoutCancel(ctx), caller.System("gateway")), recordTimeout)
	defer cancel()
	_, err := i.Rejected.RecordRejectedEvents(ctx, &ingestv1.RecordRejectedEventsRequest{RejectedEvents: events})
	if err != nil {
		return away(err)
	}
	return nil
}

// RecordForged keeps that something came for a source which is not the sender's: the reason
// alone, once a second at most, since a stranger made it.
func (i *Inlet) RecordForged(ctx context.Context, door, source, message string) {
	once := ratelimit.Limits{Source: ratelimit.Limit{PerSecond: 1, Burst: 5}}
	if _, ok := i.Limiter.Take("forged/"+source, once, netip.Addr{}, 1); ok {
		// The sender hears of it whether it is kept or not.
		_ = i.Record(ctx, door, source, []Rejection{{Reason: "BAD_SIGNATURE", Message: message}})
	}
}

// short cuts a text to at most so many bytes, between characters, and makes it UTF-8.
func short(s string, most int) string {
	s = strings.ToValidUTF8(s[:min(len(s), most+utf8.UTFMax)], "\ufffd")
	for len(s) > most {
		_, n := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-n]
	}
	return s
}
