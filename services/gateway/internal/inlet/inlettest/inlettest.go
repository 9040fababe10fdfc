// Package inlettest stands for ingest behind a door: it keeps what comes, and answers as it
// is told.
package inlettest

import (
	"context"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/gateway/internal/inlet"
	"github.com/assay-hq/assay/services/gateway/internal/ratelimit"
	"github.com/assay-hq/assay/services/gateway/internal/remote"
	"github.com/assay-hq/assay/services/gateway/internal/sourcecache"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// Ingest keeps what doors bring.
type Ingest struct {
	ingestv1.IngestServiceClient
	ingestv1.RejectedEventServiceClient

	// Now is the clock of the doors.
	Now time.Time
	// Sources are those that there are, by id; the write key of one is its id and `-key`.
	Sources map[string]*sourcecache.Source

	once   sync.Once
	limits *ratelimit.Limiter

	mu       sync.Mutex
	down     error
	refuse   map[string]*ingestv1.BatchCaptureResult
	captures []*ingestv1.CaptureLeadRequest
	rejected []*ingestv1.RejectedEvent
	callers  []caller.Caller
}

// Inlet returns an inlet to it, without limits but those of its sources. refuse answers with
// errors.
func (f *Ingest) Inlet(refuse func(http.ResponseWriter, *http.Request, error)) *inlet.Inlet {
	now := func() time.Time { return f.Now }
	return &inlet.Inlet{
		Sender: inlet.NewSender(f), Rejected: f, Sources: f, Limiter: ratelimit.New(now),
		Address: remote.Proxies(nil).Address, Refuse: refuse, Now: now,
	}
}

// Source makes a source that there is.
func (f *Ingest) Source(id, secret string, config *ingestv1.Source) *sourcecache.Source {
	config.Name, config.Etag = "sources/"+id, "1"
	s := &sourcecache.Source{
		ID: id, Kind: config.GetKind(), Config: config, Secret: secret,
		Limits: ratelimit.Limits{Source: ratelimit.Limit{PerSecond: 1000, Burst: 5000}},
	}
	if f.Sources == nil {
		f.Sources = map[string]*sourcecache.Source{}
	}
	f.Sources[id] = s
	return s
}

// Fail has every call fail from now on; nil: none.
func (f *Ingest) Fail(err error) { f.mu.Lock(); defer f.mu.Unlock(); f.down = err }

// Refuse has captures of an email address refused.
func (f *Ingest) Refuse(email string, result *ingestv1.BatchCaptureResult) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.refuse == nil {
		f.refuse = map[string]*ingestv1.BatchCaptureResult{}
	}
	f.refuse[email] = result
}

// Captures returns what was stored since the last time it was asked, and Rejected what was
// refused.
func (f *Ingest) Captures() []*ingestv1.CaptureLeadRequest {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.captures
	f.captures = nil
	return got
}

// Rejected returns what was refused since the last time it was asked.
func (f *Ingest) Rejected() []*ingestv1.RejectedEvent {
	f.mu.Lock()
	defer f.mu.Unlock()
	got := f.rejected
	f.rejected = nil
	return got
}

// Callers returns who sent captures.
func (f *Ingest) Callers() []caller.Caller { f.mu.Lock(); defer f.mu.Unlock(); return f.callers }

// BatchCaptureLeads implements the client of ingest.
func (f *Ingest) BatchCaptureLeads(ctx context.Context, in *ingestv1.BatchCaptureLeadsRequest, _ ...grpc.CallOption) (*ingestv1.BatchCaptureLeadsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	who, _ := caller.From(ctx)
	f.callers = append(f.callers, who)
	response := &ingestv1.BatchCaptureLeadsResponse{}
	for i, c := range in.GetRequests() {
		result := &ingestv1.BatchCaptureResult{Index: int32(i), Response: &ingestv1.CaptureLeadResponse{}}
		for _, identity := range c.GetLead().GetIdentities() {
			if refusal := f.refuse[identity.GetValue()]; refusal != nil {
				result = refusal
			}
		}
		if result.GetErrorReason() == "" {
			f.captures = append(f.captures, proto.CloneOf(c))
		}
		response.Results = append(response.Results, result)
	}
	return response, nil
}

// RecordRejectedEvents implements the client of rejected events.
func (f *Ingest) RecordRejectedEvents(_ context.Context, in *ingestv1.RecordRejectedEventsRequest, _ ...grpc.CallOption) (*ingestv1.RecordRejectedEventsResponse, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down != nil {
		return nil, f.down
	}
	f.rejected = append(f.rejected, in.GetRejectedEvents()...)
	return &ingestv1.RecordRejectedEventsResponse{}, nil
}

// ByID implements inlet.Sources.
func (f *Ingest) ByID(_ context.Context, id string) (*sourcecache.Source, error) {
	s := f.Sources[id]
	if s == nil {
		return nil, apierr.NotFound("sources/" + id)
	}
	return s, nil
}

// ByKey implements inlet.Sources.
func (f *Ingest) ByKey(ctx context.Context, key string) (*sourcecache.Source, caller.Caller, error) {
	id, ok := strings.CutSuffix(key, "-key")
	if s, err := f.ByID(ctx, id); ok && err == nil {
		return s, s.Caller(), nil
	}
	return nil, caller.Caller{}, apierr.Unauthenticated()
}

// Take implements inlet.Sources.
func (f *Ingest) Take(s *sourcecache.Source, address netip.Addr, n int) error {
	if pause, ok := f.limiter().Take(s.ID, s.Limits, address, n); !ok {
		return apierr.Overloaded("sources/"+s.ID+" sends more than it may", pause)
	}
	return nil
}

func (f *Ingest) limiter() *ratelimit.Limiter {
	f.once.Do(func() { f.limits = ratelimit.New(func() time.Time { return f.Now }) })
	return f.limits
}
