package ingest

import (
	"context"
	"fmt"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// maxCaptures is how many captures one batch may bring.
const maxCaptures = 1000

// BatchCaptureLeads implements the method.
func (a *ingestAPI) BatchCaptureLeads(ctx context.Context, req *ingestv1.BatchCaptureLeadsRequest) (*ingestv1.BatchCaptureLeadsResponse, error) {
	received := a.now()
	switch n := len(req.GetRequests()); {
	case n == 0:
		return nil, apierr.InvalidField("requests", "at least one capture")
	case n > maxCaptures:
		return nil, apierr.TooLarge("requests", "1,000 captures")
	}
	from, err := a.sender(ctx)
	if err != nil {
		return nil, err
	}
	left := make([]*withheld, len(req.GetRequests()))
	refused := make([]*violation.Violation, len(left))
	for i, item := range req.GetRequests() {
		left[i], refused[i] = from.permit(item)
	}
	around := store.Circumstances{Received: received, Browser: from.isBrowser(), Trusted: trusted(ctx), Trace: telemetry.Traceparent(ctx)}
	if req.GetDeferrable() && a.store.MayDefer() {
		results, err := a.postpone(ctx, req.GetRequests(), refused, around)
		if err == nil {
			a.report(ctx, from, left)
		}
		return &ingestv1.BatchCaptureLeadsResponse{Results: results}, err
	}
	b := a.readBatch(req.GetRequests(), refused, around)
	if err := b.capture(ctx); err != nil {
		return nil, err
	}
	for i, result := range b.results {
		if result.GetErrorReason() != "" {
			left[i] = nil // all of it was refused, and the sender is told
			continue
		}
		result.Response = from.answer(result.GetResponse())
	}
	a.report(ctx, from, left)
	return &ingestv1.BatchCaptureLeadsResponse{Results: b.results}, nil
}

// batch is what one call says of several leads.
type batch struct {
	api     *ingestAPI
	said    []*saidOfLead // nil: it was refused
	results []*ingestv1.BatchCaptureResult
	// captures are what is to be stored. Those that are historical and those that are not
	// wait apart.
	captures map[bool]*store.Capture
}

// readBatch checks captures one by one, but those that were refused before.
func (a *ingestAPI) readBatch(requests []*ingestv1.CaptureLeadRequest, refused []*violation.Violation, around store.Circumstances) *batch {
	b := &batch{
		api:      a,
		said:     make([]*saidOfLead, len(requests)),
		results:  make([]*ingestv1.BatchCaptureResult, len(requests)),
		captures: map[bool]*store.Capture{},
	}
	for i, item := range requests {
		b.results[i] = &ingestv1.BatchCaptureResult{Index: int32(i)}
		v := (*violation.Violation)(nil)
		if refused != nil {
			v = refused[i]
		}
		if v == nil {
			b.said[i], v = a.readItem(item, around.Received, around.Trusted)
		}
		if v != nil {
			setRefusal(b.results[i], refusalOf(v.At("requests", i)))
			continue
		}
		b.said[i].subject.Untrusted = around.Browser
		c := b.captures[item.GetHistorical()]
		if c == nil {
			c = &store.Capture{Received: around.Received, Historical: item.GetHistorical(), Trace: around.Trace}
			b.captures[item.GetHistorical()] = c
		}
		c.Subjects = append(c.Subjects, b.said[i].subject)
	}
	return b
}

// readItem reads a capture of a batch.
func (a *ingestAPI) readItem(req *ingestv1.CaptureLeadRequest, received time.Time, trusted bool) (*saidOfLead, *violation.Violation) {
	switch {
	case req.GetRequestId() != "":
		return nil, violation.New("requestId", "nothing in a batch")
	case req.GetWaitForDecision():
		return nil, violation.New("waitForDecision", "nothing in a batch")
	case req.GetWaitTimeout() != nil:
		return nil, violation.New("waitTimeout", "nothing in a batch")
	case len(req.GetActivities()) > activity.MaxPerCall:
		return nil, violation.New("activities", "at most 2,500 activities")
	}
	return a.read(req, "", received, trusted)
}

// capture stores the captures and says what became of each.
func (b *batch) capture(ctx context.Context) error {
	for _, c := range b.captures {
		// A single subject that is refused has its refusal also in its result.
		if err := b.api.store.Capture(ctx, c); err != nil && !store.IsRefusal(err) {
			return refused(err, "the lead", "")
		}
	}
	b.settle(ctx)
	return nil
}

// settle says what became of what was stored.
func (b *batch) settle(ctx context.Context) {
	for i, s := range b.said {
		switch {
		case s == nil:
		case s.subject.Result.Err != nil:
			setRefusal(b.results[i], refusedItem(s.subject.Result.Err, fmt.Sprintf("requests[%d]", i)))
		default:
			b.results[i].Response = s.response()
			b.api.metrics.count(ctx, b.results[i].GetResponse().GetActivityResults())
		}
	}
}

func setRefusal(r *ingestv1.BatchCaptureResult, why refusal) {
	r.ErrorReason, r.ErrorField, r.ErrorMessage = why.reason, why.field, why.message
}
