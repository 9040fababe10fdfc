package inlet

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/status"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

const (
	// maxCaptures is how many captures one call brings.
	maxCaptures = 1000
	// maxCalls is how many calls for one caller run at a time: ingest stores what one
	// brought while the next is read.
	maxCalls = 2
	// CallTimeout bounds a call to ingest.
	CallTimeout = 30 * time.Second
)

// Sender brings captures to ingest. What several requests bring for one caller at a time
// goes in one call: an idle sender calls at once, and what arrives while calls run goes into
// the next one together. A request that goes away takes nothing from the others.
type Sender struct {
	ingest ingestv1.IngestServiceClient

	mu    sync.Mutex
	lanes map[caller.Caller]*lane
}

// NewSender returns a sender that is idle.
func NewSender(ingest ingestv1.IngestServiceClient) *Sender {
	return &Sender{ingest: ingest, lanes: map[caller.Caller]*lane{}}
}

// lane is what waits for one caller.
type lane struct {
	waiting []*shipment
	calls   int
}

// shipment is what one request brings, or a part of it.
type shipment struct {
	captures []*ingestv1.CaptureLeadRequest
	trace    trace.SpanContext
	results  []*ingestv1.BatchCaptureResult
	err      error
	done     chan struct{}
}

// Send stores captures in the name of the caller of ctx and returns a result for each, after
// the commit. They are stored in their order; more than one call can bring go one call after
// the other. An error says that it is not known what became of them; all can be sent again.
func (s *Sender) Send(ctx context.Context, captures []*ingestv1.CaptureLeadRequest) ([]*ingestv1.BatchCaptureResult, error) {
	who, _ := caller.From(ctx)
	var results []*ingestv1.BatchCaptureResult
	for part := range slices.Chunk(captures, maxCaptures) {
		sh := &shipment{captures: part, trace: trace.SpanContextFromContext(ctx), done: make(chan struct{})}
		s.enqueue(who, sh)
		select {
		case <-sh.done:
		case <-ctx.Done():
			return nil, status.FromContextError(ctx.Err()).Err()
		}
		switch {
		case sh.err != nil:
			return nil, sh.err
		case results == nil:
			results = sh.results
		default:
			results = append(results, sh.results...)
		}
	}
	return results, nil
}

func (s *Sender) enqueue(who caller.Caller, sh *shipment) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.lanes[who]
	if l == nil {
		l = &lane{}
		s.lanes[who] = l
	}
	l.waiting = append(l.waiting, sh)
	if l.calls < maxCalls {
		l.calls++
		go s.run(who, l)
	}
}

// run calls until nothing waits.
func (s *Sender) run(who caller.Caller, l *lane) {
	for {
		batch := s.take(who, l)
		if batch == nil {
			return
		}
		s.call(who, batch)
	}
}

// take returns what goes into one call, nil if nothing waits: the call then ends, and the
// lane with the last one.
func (s *Sender) take(who caller.Caller, l *lane) []*shipment {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, captures := 0, 0
	for n < len(l.waiting) && (n == 0 || captures+len(l.waiting[n].captures) <= maxCaptures) {
		captures += len(l.waiting[n].captures)
		n++
	}
	if n == 0 {
		if l.calls--; l.calls == 0 {
			delete(s.lanes, who)
		}
		return nil
	}
	batch := l.waiting[:n:n]
	if l.waiting = l.waiting[n:]; len(l.waiting) == 0 {
		l.waiting = nil
	}
	return batch
}

func (s *Sender) call(who caller.Caller, batch []*shipment) {
	ctx, cancel := context.WithTimeout(caller.With(context.Background(), who), CallTimeout)
	defer cancel()
	captures := batch[0].captures
	if len(batch) == 1 {
		// Its facts are traced from its request on; those of many requests from here.
		ctx = trace.ContextWithRemoteSpanContext(ctx, batch[0].trace)
	} else {
		captures = make([]*ingestv1.CaptureLeadRequest, 0, maxCaptures)
		for _, sh := range batch {
			captures = append(captures, sh.captures...)
		}
	}
	response, err := s.ingest.BatchCaptureLeads(ctx, &ingestv1.BatchCaptureLeadsRequest{Requests: captures, Deferrable: true})
	results := response.GetResults()
	for _, sh := range batch {
		if sh.err = err; err == nil {
			sh.results, results = results[:len(sh.captures):len(sh.captures)], results[len(sh.captures):]
		}
		close(sh.done)
	}
}
