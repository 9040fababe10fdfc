// Package upload captures many leads through the public API: in batches, a few in
// flight, each repeated while the server is away. Repeating is safe because every
// activity carries an id.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/cmd/assay/internal/api"
)

const (
	batchLeads      = 200
	batchActivities = 2000 // the API takes 2,500
	batchBytes      = 1 << 20
	inFlight        = 3
	firstPause      = 100 * time.Millisecond
	longestPause    = 5 * time.Second
)

// Item is one lead to capture, or one that cannot be.
type Item[T any] struct {
	// Request is the capture; nil if the item is rejected here.
	Request *ingestv1.CaptureLeadRequest
	// Reason says why the item is rejected, without a Request.
	Reason string
	// Tag is handed back with a rejected item.
	Tag T
}

// Summary counts what became of the items.
type Summary struct {
	Created   int `json:"created"`
	Updated   int `json:"updated"`
	Unchanged int `json:"unchanged"`
	Rejected  int `json:"rejected"`
}

// Leads is the number of leads that were captured.
func (s Summary) Leads() int { return s.Created + s.Updated + s.Unchanged }

// Uploader captures leads.
type Uploader[T any] struct {
	// Client calls the server.
	Client *api.Client
	// Next returns the next item, io.EOF after the last. It is called by one
	// goroutine.
	Next func() (Item[T], error)
	// Reject is told each rejected item, in order, and why. It is called by one
	// goroutine.
	Reject func(tag T, reason string) error
	// Progress is told the counts after each batch, in order.
	Progress func(Summary)
	// Patience is how long to repeat a batch while the server is away.
	Patience time.Duration
}

type batch[T any] struct {
	number   int
	items    []Item[T]
	requests *ingestv1.BatchCaptureLeadsRequest
	results  []*ingestv1.BatchCaptureResult
}

// Run captures everything. It returns the counts and, for each lead, the facts
// version that a decision must reach; also with an error, for what was done by then.
func (u *Uploader[T]) Run(ctx context.Context) (Summary, map[string]int32, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan *batch[T])
	done := make(chan *batch[T])
	go func() {
		defer close(todo)
		if err := u.fill(ctx, todo); err != nil {
			cancel(err)
		}
	}()
	var senders sync.WaitGroup
	for range inFlight {
		senders.Go(func() {
			for b := range todo {
				if err := u.send(ctx, b); err != nil {
					cancel(err)
					return
				}
				select {
				case done <- b:
				case <-ctx.Done():
					return
				}
			}
		})
	}
	go func() {
		senders.Wait()
		close(done)
	}()
	var sum Summary
	versions := map[string]int32{}
	waiting := map[int]*batch[T]{}
	for next := 0; ; {
		b, ok := <-done
		if !ok {
			break
		}
		waiting[b.number] = b
		for ; waiting[next] != nil; next++ {
			if err := u.count(waiting[next], &sum, versions); err != nil {
				cancel(err)
			}
			delete(waiting, next)
		}
	}
	return sum, versions, context.Cause(ctx)
}

// fill puts items into batches.
func (u *Uploader[T]) fill(ctx context.Context, todo chan<- *batch[T]) error {
	for number := 0; ; number++ {
		b := &batch[T]{number: number, requests: &ingestv1.BatchCaptureLeadsRequest{}}
		activities, bytes, end := 0, 0, false
		for len(b.items) < batchLeads && activities < batchActivities && bytes < batchBytes {
			item, err := u.Next()
			if errors.Is(err, io.EOF) {
				end = true
				break
			}
			if err != nil {
				return err
			}
			b.items = append(b.items, item)
			if item.Request != nil {
				b.requests.Requests = append(b.requests.Requests, item.Request)
				activities += len(item.Request.GetActivities())
				bytes += proto.Size(item.Request)
			}
		}
		if len(b.items) > 0 {
			select {
			case todo <- b:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		if end {
			return nil
		}
	}
}

// send captures a batch, again and again while the server is away.
func (u *Uploader[T]) send(ctx context.Context, b *batch[T]) error {
	if len(b.requests.GetRequests()) == 0 {
		return nil
	}
	var out ingestv1.BatchCaptureLeadsResponse
	err := Retry(ctx, u.Patience, func() error {
		_, err := u.Client.Post(ctx, "/v1/leads:batchCapture", b.requests, &out)
		return err
	})
	if err != nil {
		return err
	}
	if got, want := len(out.GetResults()), len(b.requests.GetRequests()); got != want {
		return fmt.Errorf("the server answered %d results to %d captures", got, want)
	}
	b.results = out.GetResults()
	return nil
}

// Retry calls until it succeeds, fails for good, or the server was away for longer
// than patience.
func Retry(ctx context.Context, patience time.Duration, call func() error) error {
	deadline := time.Now().Add(patience)
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		err := call()
		if err == nil || !api.Temporary(err) || time.Now().Add(pause).After(deadline) {
			return err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (u *Uploader[T]) count(b *batch[T], sum *Summary, versions map[string]int32) error {
	at := 0
	for _, item := range b.items {
		reason := item.Reason
		if item.Request != nil {
			result := b.results[at]
			at++
			reason = refusal(result)
			if reason == "" {
				versions[result.GetResponse().GetLead()] = result.GetResponse().GetFactsVersion()
				switch result.GetResponse().GetOutcome() {
				case ingestv1.CaptureLeadResponse_OUTCOME_CREATED:
					sum.Created++
				case ingestv1.CaptureLeadResponse_OUTCOME_UPDATED:
					sum.Updated++
				default:
					sum.Unchanged++
				}
				reason = refusedActivity(result.GetResponse())
			}
			if reason == "" {
				continue
			}
			if result.GetResponse() != nil {
				// The lead was stored and one of its activities was not: the row is
				// counted once, with the lead, and stands in the rejects too.
				if err := u.Reject(item.Tag, reason); err != nil {
					return err
				}
				continue
			}
		}
		sum.Rejected++
		if err := u.Reject(item.Tag, reason); err != nil {
			return err
		}
	}
	if u.Progress != nil {
		u.Progress(*sum)
	}
	return nil
}

func refusal(r *ingestv1.BatchCaptureResult) string {
	if r.GetErrorReason() == "" && r.GetResponse() != nil {
		return ""
	}
	return words(r.GetErrorReason(), r.GetErrorField(), r.GetErrorMessage())
}

func refusedActivity(r *ingestv1.CaptureLeadResponse) string {
	for _, a := range r.GetActivityResults() {
		switch a.GetState() {
		case ingestv1.ActivityResult_STATE_REJECTED:
			return "an activity was refused: " + words(a.GetErrorReason(), a.GetErrorField(), a.GetErrorMessage())
		case ingestv1.ActivityResult_STATE_CONFLICT:
			return "the activity " + a.GetId() + " was stored before with other content, which was kept"
		}
	}
	return ""
}

// batchPlace is where an item stood in a batch, which says nothing to the reader of a
// reject: the row is named beside it.
var batchPlace = regexp.MustCompile(`^requests\[\d+\]\.`)

func words(reason, field, message string) string {
	text := message
	field = batchPlace.ReplaceAllString(field, "")
	if field != "" {
		text = field + ": " + text
	}
	if text == "" {
		text = reason
	}
	return text
}
