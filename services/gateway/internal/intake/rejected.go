package intake

import (
	"context"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/intake/segment"
	"github.com/assay-hq/assay/services/internal/caller"
)

const (
	// maxPayload is how much of a rejected event is kept, in bytes.
	maxPayload = 32 << 10
	// maxRecorded is how many rejected events of one request are listed: a batch of 500 KiB
	// could hold a hundred thousand. The last one then says how many more there were.
	maxRecorded = 1000
	// doorName is what rejected events say of how they came.
	doorName = "segment"
)

// rejected gathers what a request brought in vain.
type rejected struct {
	source   string
	received time.Time
	batch    bool
	events   []*ingestv1.RejectedEvent
	count    int
}

// add notes a message, by its position in the batch.
func (r *rejected) add(index int, m *segment.Message, why *segment.Rejection) {
	if r.count++; r.count > maxRecorded {
		return
	}
	field := why.Field
	if r.batch && field != "batch" {
		field = "batch[" + strconv.Itoa(index) + "]"
		if why.Field != "" {
			field += "." + why.Field
		}
	}
	event := &ingestv1.RejectedEvent{
		Source: r.source, Door: doorName, ReceivedTime: timestamppb.New(r.received),
		Reason: why.Reason, Field: field, Message: "expected " + why.Expected,
	}
	if why.Reason != reasonSuppressed { // nothing of who is suppressed is kept
		event.EventId, event.Payload = short(m.ID, 200), short(string(m.Text), maxPayload)
	}
	r.events = append(r.events, event)
}

const reasonSuppressed = "SUPPRESSED"

// body notes a body that was refused as a whole.
func (r *rejected) body(text []byte, reason, message string) {
	r.count++
	r.events = append(r.events, &ingestv1.RejectedEvent{
		Source: r.source, Door: doorName, ReceivedTime: timestamppb.New(r.received),
		Reason: reason, Message: message, Payload: strings.ToValidUTF8(short(string(text[:min(len(text), maxPayload)]), maxPayload), "\ufffd"),
	})
}

// short cuts a text to at most so many bytes, between characters.
func short(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return s[:most]
}

// record has ingest keep them.
func (d *Door) record(ctx context.Context, r *rejected) error {
	if r.count == 0 {
		return nil
	}
	if more := r.count - len(r.events); more > 0 {
		last := r.events[len(r.events)-1]
		last.Message += "; and " + strconv.Itoa(more) + " more of this batch"
	}
	ctx, cancel := context.WithTimeout(caller.With(context.WithoutCancel(ctx), caller.System("gateway")), callTimeout)
	defer cancel()
	_, err := d.rejected.RecordRejectedEvents(ctx, &ingestv1.RecordRejectedEventsRequest{RejectedEvents: r.events})
	return err
}
