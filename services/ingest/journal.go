package ingest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/duework"
)

// journalPause bounds the rests of the worker while the store is away.
const journalPause = 5 * time.Second

// postpone puts captures into the journal, but those that were refused before. They are
// checked when they are stored: then what is wrong with one is found among the rejected
// events.
func (a *ingestAPI) postpone(ctx context.Context, requests []*ingestv1.CaptureLeadRequest, bad []*violation.Violation, around store.Circumstances) ([]*ingestv1.BatchCaptureResult, error) {
	results := make([]*ingestv1.BatchCaptureResult, len(requests))
	calls := map[bool]*ingestv1.BatchCaptureLeadsRequest{} // historical or not: these wait apart
	for i, item := range requests {
		results[i] = &ingestv1.BatchCaptureResult{Index: int32(i)}
		if bad[i] != nil {
			setRefusal(results[i], refusalOf(bad[i].At("requests", i)))
			continue
		}
		call := calls[item.GetHistorical()]
		if call == nil {
			call = &ingestv1.BatchCaptureLeadsRequest{}
			calls[item.GetHistorical()] = call
		}
		call.Requests = append(call.Requests, item)
	}
	for _, call := range calls {
		content, err := proto.Marshal(call)
		if err != nil {
			return nil, fmt.Errorf("ingest: journal: %w", err)
		}
		if err := a.store.Defer(ctx, &store.Entry{Circumstances: around, Captures: len(call.GetRequests()), Content: content}); err != nil {
			return nil, refused(err, "the captures", "")
		}
	}
	return results, nil
}

// journalWorker stores what was acknowledged while captures crowded.
type journalWorker struct {
	*ingestAPI
	duework.Background
}

func (w *journalWorker) start(ctx context.Context) {
	w.Begin(ctx, "ingest", func(ctx context.Context) {
		duework.Loop{
			Wait: w.store.WaitForDeferred, Pass: w.step, LongestPause: journalPause,
			Failed: func(err error, first bool) {
				if first {
					w.log.Log.WarnContext(ctx, "what waits in the journal could not be stored", "error", err)
				}
			},
		}.Run(ctx)
	})
}

// step stores the oldest calls, which share their transactions.
func (w *journalWorker) step(ctx context.Context) (found bool, err error) {
	entries, err := w.store.Deferred(ctx)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	var group errgroup.Group
	for i := range entries {
		group.Go(func() error { return w.keep(ctx, &entries[i]) })
	}
	return true, group.Wait()
}

// keep stores one call. What is refused of it is found among the rejected events.
func (w *journalWorker) keep(ctx context.Context, e *store.Entry) error {
	call := &ingestv1.BatchCaptureLeadsRequest{}
	if err := proto.Unmarshal(e.Content, call); err != nil {
		return fmt.Errorf("ingest: entry %d of the journal: %w", e.Seq, err)
	}
	b := w.readBatch(call.GetRequests(), nil, e.Circumstances)
	var only *store.Capture // a call in the journal is historical as a whole, or not
	for _, c := range b.captures {
		only = c
	}
	stored, err := w.store.StoreDeferred(ctx, e, only)
	if err != nil || !stored {
		return err
	}
	b.settle(ctx)
	var events []store.RejectedEvent
	for i, result := range b.results {
		said := call.GetRequests()[i]
		if result.GetErrorReason() != "" {
			events = append(events, rejectedEvent(said, refusal{result.GetErrorReason(), result.GetErrorField(), result.GetErrorMessage()}, e.Received))
			continue
		}
		for _, a := range result.GetResponse().GetActivityResults() { // a bad activity refuses only itself
			if a.GetState() == ingestv1.ActivityResult_STATE_REJECTED {
				events = append(events, rejectedEvent(said, refusal{a.GetErrorReason(), a.GetErrorField(), a.GetErrorMessage()}, e.Received))
			}
		}
	}
	if events == nil {
		return nil
	}
	if err := w.store.AddRejected(ctx, events); err != nil {
		w.log.Log.WarnContext(ctx, "captures of the journal were refused and not noted", "captures", len(events), "error", err)
		return nil // they are gone from the journal: trying again brings nothing
	}
	for _, e := range events {
		w.metrics.reject(ctx, e.Door, e.Reason)
	}
	return nil
}

// rejectedEvent is a capture that was acknowledged, and of which something was refused later.
func rejectedEvent(said *ingestv1.CaptureLeadRequest, why refusal, received time.Time) store.RejectedEvent {
	e := store.RejectedEvent{
		ID: uuid.Must(uuid.NewV7()).String(), Source: kept(said.GetSource(), 100), Door: "journal", Received: received,
		Reason: why.reason,
	}
	field := why.field
	if _, within, ok := strings.Cut(field, "]."); ok && strings.HasPrefix(field, "requests[") {
		field = within // which one of the call it was says nothing now
	}
	e.Field = kept(field, 500)
	if e.Reason == suppressed.reason { // nothing of the person is kept
		return e
	}
	payload, _ := protojson.Marshal(said)
	e.Message, e.Payload = kept(why.message, 1000), kept(string(payload), maxRejectedPayload)
	if len(said.GetActivities()) > 0 {
		e.EventID = kept(said.GetActivities()[0].GetId(), 200)
	}
	return e
}
