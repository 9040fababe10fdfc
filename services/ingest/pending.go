package ingest

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

type pendingAPI struct {
	ingestv1.UnimplementedPendingServiceServer
	*Service
}

// Leases and waits.
const (
	defaultLease = 30 * time.Second
	maxLease     = time.Hour
	maxClaimWait = time.Minute
)

func leaseTime(d *durationpb.Duration) (time.Duration, error) {
	switch lease := d.AsDuration(); {
	case d == nil:
		return defaultLease, nil
	case d.CheckValid() != nil, lease <= 0, lease > maxLease:
		return 0, apierr.InvalidField("leaseDuration", "a duration of at most one hour")
	default:
		return lease, nil
	}
}

// ClaimPending implements the method.
func (a *pendingAPI) ClaimPending(ctx context.Context, req *ingestv1.ClaimPendingRequest) (*ingestv1.ClaimPendingResponse, error) {
	lease, err := leaseTime(req.GetLeaseDuration())
	if err != nil {
		return nil, err
	}
	wait := req.GetWaitDuration().AsDuration()
	if wait < 0 {
		return nil, apierr.InvalidField("waitDuration", "0 or more")
	}
	wait = min(wait, maxClaimWait)
	if end, ok := ctx.Deadline(); ok {
		// A lease that is given after the caller left would only have to expire.
		left := time.Until(end)
		wait = min(wait, left-min(left/4, 100*time.Millisecond))
	}
	claimed, err := a.store.Claim(ctx, max(1, int(req.GetMaxLeads())), lease, wait)
	if err != nil {
		return nil, err
	}
	return a.claimed(ctx, claimed)
}

// ClaimLead implements the method. The answer is empty while another worker has the
// lead, and while it is quarantined.
func (a *pendingAPI) ClaimLead(ctx context.Context, req *ingestv1.ClaimLeadRequest) (*ingestv1.ClaimPendingResponse, error) {
	id, err := leadID("lead", req.GetLead())
	if err != nil {
		return nil, err
	}
	lease, err := leaseTime(req.GetLeaseDuration())
	if err != nil {
		return nil, err
	}
	claimed, err := a.store.ClaimLead(ctx, id, lease)
	if err != nil {
		return nil, refused(err, req.GetLead(), "")
	}
	return a.claimed(ctx, claimed)
}

// claimed answers a claim, or gives it back if the caller has left.
func (a *pendingAPI) claimed(ctx context.Context, list []*store.Claimed) (*ingestv1.ClaimPendingResponse, error) {
	if err := ctx.Err(); err != nil {
		if releaseErr := a.store.Release(context.WithoutCancel(ctx), list); releaseErr != nil {
			a.log.Log.WarnContext(ctx, "leases could not be given back and will expire", "error", releaseErr, "leads", len(list))
		}
		return nil, err
	}
	return &ingestv1.ClaimPendingResponse{Leads: claimedMessages(list)}, nil
}

func claimedMessages(list []*store.Claimed) []*ingestv1.ClaimedLead {
	messages := make([]*ingestv1.ClaimedLead, len(list))
	for i, c := range list {
		m := &ingestv1.ClaimedLead{
			Lead: lead.Name(c.Lead), Fence: c.Fence, Attempt: int32(c.Attempts),
			FromVersion: int32(c.From), ToVersion: int32(c.Claimed), AsOfTime: timestamppb.New(sqldb.Time(c.AsOf)),
			Facts: c.Facts, FactsOmitted: c.Omitted, AttributesJson: c.Attributes, LeadSourceJson: c.LeadSource,
			Traceparent: c.Serving.Trace, Links: c.Serving.Links, Historical: c.Serving.Historical,
			IdentityVersion: int32(c.IdentityVersion), Gone: c.Gone,
		}
		for _, id := range c.Members {
			m.Members = append(m.Members, lead.Name(id))
		}
		if c.Serving.Accepted != 0 {
			m.AcceptedTime = timestamppb.New(sqldb.Time(c.Serving.Accepted))
			m.AcceptDuration = durationpb.New(c.Serving.Took)
		}
		messages[i] = m
	}
	return messages
}

// ClaimLeads implements the method.
func (a *pendingAPI) ClaimLeads(ctx context.Context, req *ingestv1.ClaimLeadsRequest) (*ingestv1.ClaimLeadsResponse, error) {
	lease, err := leaseTime(req.GetLeaseDuration())
	if err != nil {
		return nil, err
	}
	var ids []string
	for i, name := range req.GetLeads() {
		id, v := lead.ParseName("leads", name)
		if v != nil {
			return nil, invalid(v.At("leads", i))
		}
		ids = append(ids, id)
	}
	named := len(ids) > 0
	if !named {
		size := int(req.GetMaxLeads())
		if size == 0 {
			size = defaultAgain
		}
		if ids, err = a.store.Following(ctx, max(1, int(req.GetOneIn())), strings.TrimPrefix(req.GetAfterLead(), "leads/"), strings.TrimPrefix(req.GetToLead(), "leads/"), size); err != nil {
			return nil, err
		}
	}
	// Begun, it runs to its end: half of it would leave leases that nobody has.
	claimed, left, seen, err := a.store.ClaimLeads(context.WithoutCancel(ctx), ids, store.Again{Lease: lease, Whole: req.GetWholeHistory(), ReadOnly: req.GetReadOnly()})
	if err != nil {
		return nil, err
	}
	if !req.GetReadOnly() {
		if _, err := a.claimed(ctx, claimed); err != nil {
			return nil, err
		}
	}
	response := &ingestv1.ClaimLeadsResponse{Leads: claimedMessages(claimed)}
	for _, l := range left {
		response.Left = append(response.Left, &ingestv1.LeftLead{Lead: lead.Name(l.ID), Why: leftWhy[l.Why]})
	}
	switch {
	case named:
		for _, id := range ids[seen:] { // to be asked for again
			response.Left = append(response.Left, &ingestv1.LeftLead{Lead: lead.Name(id), Why: ingestv1.LeftLead_WHY_LEASED})
		}
	case seen > 0:
		response.LastLead = lead.Name(ids[seen-1])
	}
	response.Waiting, err = a.store.Waiting(ctx)
	return response, err
}

// defaultAgain is how many leads are looked at unless the caller says.
const defaultAgain = 100

var leftWhy = map[store.Left]ingestv1.LeftLead_Why{
	store.LeftPending:     ingestv1.LeftLead_WHY_PENDING,
	store.LeftLeased:      ingestv1.LeftLead_WHY_LEASED,
	store.LeftQuarantined: ingestv1.LeftLead_WHY_QUARANTINED,
	store.LeftNotFound:    ingestv1.LeftLead_WHY_NOT_FOUND,
}

// CountLeads implements the method.
func (a *pendingAPI) CountLeads(ctx context.Context, _ *ingestv1.CountLeadsRequest) (*ingestv1.CountLeadsResponse, error) {
	leads, last, err := a.store.Count(ctx)
	if err != nil || leads == 0 {
		return &ingestv1.CountLeadsResponse{}, err
	}
	return &ingestv1.CountLeadsResponse{Leads: int32(leads), LastLead: lead.Name(last)}, nil
}

// Complete implements the method.
func (a *pendingAPI) Complete(ctx context.Context, req *ingestv1.CompleteRequest) (*ingestv1.CompleteResponse, error) {
	ends := make([]store.Completion, len(req.GetCompletions()))
	for i, c := range req.GetCompletions() {
		end, v := readCompletion(c)
		if v != nil {
			return nil, invalid(v.At("completions", i))
		}
		ends[i] = end
	}
	states, err := a.store.Complete(ctx, ends)
	if err != nil {
		return nil, err
	}
	response := &ingestv1.CompleteResponse{States: make([]ingestv1.CompletionState, len(states))}
	for i, s := range states {
		response.States[i] = completionStates[s]
	}
	return response, nil
}

var completionStates = map[store.Ended]ingestv1.CompletionState{
	store.Done:         ingestv1.CompletionState_COMPLETION_STATE_DONE,
	store.StillPending: ingestv1.CompletionState_COMPLETION_STATE_PENDING,
	store.Fenced:       ingestv1.CompletionState_COMPLETION_STATE_FENCED,
	store.InQuarantine: ingestv1.CompletionState_COMPLETION_STATE_QUARANTINED,
}

func readCompletion(c *ingestv1.Completion) (end store.Completion, v *violation.Violation) {
	end = store.Completion{Fence: c.GetFence(), Version: int64(c.GetVersion())}
	if end.Lead, v = lead.ParseName("lead", c.GetLead()); v != nil {
		return end, v
	}
	switch c.GetOutcome() {
	case ingestv1.Completion_OUTCOME_DECIDED:
		d := c.GetDecision()
		if d == nil {
			d = &typev1.DecisionDigest{}
		}
		d.FactsVersion = c.GetVersion()
		digest, err := proto.Marshal(d)
		if err != nil {
			return end, violation.New("decision", "a decision")
		}
		end.Outcome, end.Digest = store.Decided, digest
	case ingestv1.Completion_OUTCOME_FORGOTTEN:
		end.Outcome = store.Forgotten
	case ingestv1.Completion_OUTCOME_RELEASED:
		end.Outcome = store.Released
	case ingestv1.Completion_OUTCOME_FAILED:
		end.Outcome, end.Error = store.Failed, c.GetError()
		return end, activity.CheckText("error", end.Error, 2000)
	default:
		return end, violation.New("outcome", "one of OUTCOME_DECIDED, OUTCOME_FORGOTTEN, OUTCOME_RELEASED, OUTCOME_FAILED")
	}
	return end, nil
}

// defaultChunk is how many facts a chunk of history has at least, if more follow.
const defaultChunk = 1000

// ListFacts implements the method.
func (a *pendingAPI) ListFacts(ctx context.Context, req *ingestv1.ListFactsRequest) (*ingestv1.ListFactsResponse, error) {
	id, err := leadID("lead", req.GetLead())
	if err != nil {
		return nil, err
	}
	size := int(req.GetChunkSize())
	if size <= 0 {
		size = defaultChunk
	}
	facts, version, more, err := a.store.Facts(ctx, id, int64(req.GetAfterVersion()), int64(req.GetToVersion()), size)
	if err != nil {
		return nil, refused(err, req.GetLead(), "")
	}
	return &ingestv1.ListFactsResponse{Facts: facts, Version: int32(version), More: more}, nil
}

// RetryQuarantined implements the method.
func (a *pendingAPI) RetryQuarantined(ctx context.Context, req *ingestv1.RetryQuarantinedRequest) (*ingestv1.RetryQuarantinedResponse, error) {
	id := ""
	if req.GetLead() != "" {
		var err error
		if id, err = leadID("lead", req.GetLead()); err != nil {
			return nil, err
		}
	}
	n, err := a.store.Retry(ctx, id)
	if err != nil {
		return nil, refused(err, req.GetLead(), "")
	}
	return &ingestv1.RetryQuarantinedResponse{Leads: int32(n)}, nil
}
