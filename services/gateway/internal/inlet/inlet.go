package inlet

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

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

// MaxSources is of how many sources a door remembers what it made of their configuration: more
// than an installation has.
const MaxSources = 1000

// Inlet brings what doors receive to ingest. All of it is required.
type Inlet struct {
	// Sender stores captures.
	Sender *Sender
	// Rejected keeps what is refused.
	Rejected ingestv1.RejectedEventServiceClient
	// Sources knows who sends.
	Sources Sources
	// Limiter counts what comes of strangers.
	Limiter *ratelimit.Limiter
	// Address says where a request comes from; what is not valid is not known.
	Address func(r *http.Request) netip.Addr
	// Refuse answers with an error.
	Refuse func(w http.ResponseWriter, r *http.Request, err error)
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

// Store stores captures and keeps what is refused: what is in vain already, and those of the
// captures, which it returns. about adds to a rejection of the n-th capture what the door
// knows of it: where it stood, what was sent. ctx carries in whose name.
func (i *Inlet) Store(ctx context.Context, captures []*ingestv1.CaptureLeadRequest, vain *Rejections, about func(n int, r *Rejection)) ([]Rejection, error) {
	var refused []Rejection
	if len(captures) > 0 {
		results, err := i.Sender.Send(ctx, captures)
		if err != nil {
			return nil, away(err)
		}
		for n, result := range results {
			if r := refusal(result); r != nil {
				for _, activity := range captures[n].GetActivities() {
					r.EventID = activity.GetId()
				}
				about(n, r)
				refused = append(refused, *r)
				vain.Add(*r)
			}
		}
	}
	return refused, i.Record(ctx, vain)
}

// Record keeps what was refused.
func (i *Inlet) Record(ctx context.Context, vain *Rejections) error {
	if vain.Count() == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(caller.With(context.WithoutCancel(ctx), caller.System("gateway")), CallTimeout)
	defer cancel()
	_, err := i.Rejected.RecordRejectedEvents(ctx, &ingestv1.RecordRejectedEventsRequest{RejectedEvents: vain.events(i.Now())})
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
		_ = i.Record(ctx, NewRejections(door, source, Rejection{Reason: "BAD_SIGNATURE", Message: message}))
	}
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
