package inlet

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
)

const (
	// maxPayload is how much of what was refused is kept, in bytes.
	maxPayload = 32 << 10
	// maxEventID is how much of a sender's id is kept, in bytes.
	maxEventID = 200
	// maxListed is how many rejections of one request are listed: a body of 500 KiB could
	// hold a hundred thousand.
	maxListed = 1000
)

// Rejection is something that is refused, or left out, and why.
type Rejection struct {
	// EventID is the sender's id, if it has one.
	EventID string
	// Reason is machine-readable, Field says where, Message what was expected: never what was
	// found.
	Reason, Field, Message string
	// Payload is what was sent. It is personal.
	Payload string
}

// Suppressed is the reason of what nothing is kept of, and nobody is told of.
const Suppressed = "SUPPRESSED"

// Rejections are what one request brought in vain.
type Rejections struct {
	door, source string
	listed       []Rejection
	count        int
}

// NewRejections returns those of a request that came by a door for a source.
func NewRejections(door, source string, first ...Rejection) *Rejections {
	return &Rejections{door: door, source: source, listed: first, count: len(first)}
}

// Add notes one.
func (v *Rejections) Add(r Rejection) {
	if v.count++; v.count <= maxListed {
		v.listed = append(v.listed, r)
	}
}

// Count is how many there are.
func (v *Rejections) Count() int { return v.count }

// Listed are the first of them.
func (v *Rejections) Listed() []Rejection { return v.listed }

// events are the rejections as they are kept. If there are more, the last one says how many.
func (v *Rejections) events(received time.Time) []*ingestv1.RejectedEvent {
	events := make([]*ingestv1.RejectedEvent, len(v.listed))
	for i, r := range v.listed {
		events[i] = &ingestv1.RejectedEvent{
			Source: v.source, Door: v.door, ReceivedTime: timestamppb.New(received), Reason: r.Reason, Field: r.Field, Message: r.Message,
		}
		if r.Reason != Suppressed {
			events[i].EventId, events[i].Payload = short(r.EventID, maxEventID), short(r.Payload, maxPayload)
		}
	}
	if more := v.count - len(events); more > 0 {
		events[len(events)-1].Message += "; and " + strconv.Itoa(more) + " more of this batch"
	}
	return events
}

// refusal returns why ingest refused a capture, nil if it took it. An id that is known with
// another body is that of a message that was sent again: the first one stands.
func refusal(result *ingestv1.BatchCaptureResult) *Rejection {
	r := &Rejection{Reason: result.GetErrorReason(), Field: result.GetErrorField(), Message: result.GetErrorMessage()}
	if r.Reason == "" {
		for _, a := range result.GetResponse().GetActivityResults() {
			if a.GetState() == ingestv1.ActivityResult_STATE_REJECTED {
				r.Reason, r.Field, r.Message = a.GetErrorReason(), a.GetErrorField(), a.GetErrorMessage()
				break
			}
		}
	}
	if r.Reason == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(r.Field, "requests["); ok {
		_, r.Field, _ = strings.Cut(rest, "]")
		r.Field = strings.TrimPrefix(r.Field, ".")
	}
	return r
}

// Within says that what is refused stands in something: `properties.x` in `batch[3]`.
func (r *Rejection) Within(outer string) {
	switch {
	case r.Field == "":
		r.Field = outer
	case outer != "":
		r.Field = outer + "." + r.Field
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
