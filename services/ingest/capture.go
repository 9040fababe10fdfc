package ingest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/account"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/canonical"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

type ingestAPI struct {
	ingestv1.UnimplementedIngestServiceServer
	*Service
}

// CaptureLead implements the method.
func (a *ingestAPI) CaptureLead(ctx context.Context, req *ingestv1.CaptureLeadRequest) (*ingestv1.CaptureLeadResponse, error) {
	received := a.now()
	wait, v := waitTime(req)
	if v != nil {
		return nil, invalid(v)
	}
	requestID, v := checkRequestID(req.GetRequestId())
	if v != nil {
		return nil, invalid(v)
	}
	if len(req.GetActivities()) > activity.MaxPerCall {
		return nil, apierr.TooLarge("activities", "2,500 activities")
	}
	from, err := a.sender(ctx)
	if err != nil {
		return nil, err
	}
	left, v := from.permit(req)
	if v != nil {
		return nil, invalid(v)
	}
	said, v := a.read(req, requestID, received, trusted(ctx))
	if v != nil {
		return nil, invalid(v)
	}
	said.subject.Untrusted = from.isBrowser()
	capture := &store.Capture{
		RequestID: requestID, Received: received, Historical: req.GetHistorical(),
		Trace: telemetry.Traceparent(ctx), Subjects: []*store.Subject{said.subject},
		Reply: func() ([]byte, error) { return proto.Marshal(said.response()) },
	}
	if capture.Digest, err = bodyDigest(requestID, withoutWait(req)); err != nil {
		return nil, err
	}
	if err := a.store.Capture(ctx, capture); errors.Is(err, store.ErrSuppressed) && from.isBrowser() {
		return from.suppressedAnswer(req), nil
	} else if err != nil {
		return nil, refused(err, "the lead", "")
	}
	response, person, changed := &ingestv1.CaptureLeadResponse{}, said.subject.Result.Person, said.subject.Result.Changed
	if capture.Replayed == nil {
		response = said.response()
		a.metrics.count(ctx, response.GetActivityResults())
		a.report(ctx, from, []*withheld{left})
	} else if err := proto.Unmarshal(capture.Replayed, response); err != nil {
		return nil, fmt.Errorf("ingest: stored reply: %w", err)
	}
	if req.GetWaitForDecision() {
		if person == "" {
			if person, err = a.personOf(ctx, response.GetLead()); err != nil {
				return nil, err
			}
		}
		if err := a.await(ctx, response, person, changed, wait); err != nil {
			return nil, err
		}
	}
	return from.answer(response), nil
}

func (a *ingestAPI) personOf(ctx context.Context, name string) (string, error) {
	id, err := leadID("lead", name)
	if err != nil {
		return "", err
	}
	return a.store.Person(ctx, id)
}

// withoutWait is the part of a capture that is stored.
func withoutWait(req *ingestv1.CaptureLeadRequest) *ingestv1.CaptureLeadRequest {
	return &ingestv1.CaptureLeadRequest{
		Lead: req.GetLead(), Activities: req.GetActivities(), Historical: req.GetHistorical(),
		DefaultTime: req.GetDefaultTime(), Source: req.GetSource(), Account: req.GetAccount(), Consent: req.GetConsent(),
		PreviousIdentities: req.GetPreviousIdentities(),
	}
}

// How long a capture waits for its decision.
const (
	defaultWait = 2 * time.Second
	maxWait     = 30 * time.Second
)

func waitTime(req *ingestv1.CaptureLeadRequest) (time.Duration, *violation.Violation) {
	if req.GetWaitTimeout() == nil {
		return defaultWait, nil
	}
	d := req.GetWaitTimeout()
	if d.CheckValid() != nil || d.AsDuration() < 0 {
		return 0, violation.New("waitTimeout", "a duration from 0 to 30 s")
	}
	return min(d.AsDuration(), maxWait), nil
}

// await waits for the decision and sets it, or says that it is to come. It leaves
// time to answer before the call's deadline.
func (a *ingestAPI) await(ctx context.Context, response *ingestv1.CaptureLeadResponse, person string, changed bool, wait time.Duration) error {
	if end, ok := ctx.Deadline(); ok {
		left := time.Until(end)
		wait = min(wait, left-min(left/4, 100*time.Millisecond))
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	// What brought nothing new may be decided already.
	d, ok := a.store.Await(waiting, person, int64(response.GetFactsVersion()), !changed)
	if !ok {
		response.DecisionPending = true
		return ctx.Err()
	}
	response.Decision = &typev1.DecisionDigest{}
	if err := proto.Unmarshal(d.Digest, response.Decision); err != nil {
		return fmt.Errorf("ingest: stored decision: %w", err)
	}
	return nil
}

// saidOfLead is what a capture says of a lead: what to store, and what was refused.
type saidOfLead struct {
	subject *store.Subject
	results activityResults
}

// read checks a capture. A bad lead refuses it; a bad activity only itself.
func (a *ingestAPI) read(req *ingestv1.CaptureLeadRequest, requestID string, received time.Time, trusted bool) (*saidOfLead, *violation.Violation) {
	window := effective.Window{Now: received, Historical: req.GetHistorical()}
	s := &store.Subject{Effective: received.Truncate(time.Microsecond), Source: req.GetSource()}
	clamped := false
	if req.GetDefaultTime() != nil {
		t, v := effective.Time("defaultTime", req.GetDefaultTime())
		if v != nil {
			return nil, v
		}
		s.Dated = true
		s.Effective, clamped = window.Clamp(t)
	}
	if v := activity.CheckSource("source", s.Source, trusted); v != nil {
		return nil, v
	}
	if s.Source == "" {
		s.Source = activity.DefaultSource
	}
	if v := readLead(s, req.GetLead()); v != nil {
		return nil, v.Under("lead")
	}
	if v := readConsent(s, req.GetConsent()); v != nil {
		return nil, v
	}
	if len(req.GetPreviousIdentities()) > 10 {
		return nil, violation.New("previousIdentities", "at most 10 identities")
	}
	var v *violation.Violation
	if s.Previous, v = identity.NewList("previousIdentities", req.GetPreviousIdentities()); v != nil {
		return nil, v
	}
	if req.GetAccount() != nil {
		if s.Account != "" {
			return nil, violation.New("account", "either account or lead.account")
		}
		who, v := account.NewIdentity(req.GetAccount())
		if v != nil {
			return nil, v.Under("account")
		}
		s.AccountIdentity = &who
	}
	said := &saidOfLead{subject: s, results: newActivityResults(len(req.GetActivities()))}
	c := activity.Circumstances{Window: window, Default: s.Effective, DefaultClamped: clamped, RequestID: requestID, Trusted: trusted}
	s.Activities = make([]activity.Activity, 0, len(req.GetActivities()))
	domain := domainOf(s.Identities)
	for i, in := range req.GetActivities() {
		act, v := activity.New(in, i, c)
		if v != nil {
			said.results.reject(i, in.GetId(), refusalOf(v.At("activities", i)))
			continue
		}
		a.judge(&act, domain)
		s.Activities = append(s.Activities, act)
		said.results.expect(i, s, len(s.Activities)-1)
	}
	return said, nil
}

// domainOf returns the domain of the address among identities, or nothing.
func domainOf(list []identity.Identity) string {
	for _, i := range list {
		if d := i.Domain(); d != "" {
			return d
		}
	}
	return ""
}

func readLead(s *store.Subject, in *ingestv1.Lead) (v *violation.Violation) {
	if len(in.GetIdentities()) == 0 {
		return violation.New("identities", "at least one identity")
	}
	if s.Identities, v = identity.NewList("identities", in.GetIdentities()); v != nil {
		return v
	}
	said, v := lead.Attributes(in.GetAttributes())
	if v != nil {
		return v.Under("attributes")
	}
	if in.GetAccount() != "" {
		if s.Account, v = account.ParseName("account", in.GetAccount()); v != nil {
			return v
		}
	}
	return readSource(s, in, said)
}

// readSource reads attributes and lead source: files and forms often have the source
// among the attributes.
func readSource(s *store.Subject, in *ingestv1.Lead, said []lead.Attribute) (v *violation.Violation) {
	from := &ingestv1.LeadSource{}
	if s.Attributes, from.Channel, from.Campaign, from.Detail, v = lead.SplitSource(said); v != nil {
		return v.Under("attributes")
	}
	if said := in.GetLeadSource(); said.GetChannel() != "" || said.GetCampaign() != "" || said.GetDetail() != "" {
		from = said
	}
	s.LeadSource, v = leadSource(from)
	return v.Under("leadSource")
}

// leadSource returns a lead source as it is stored, nil if it says nothing.
func leadSource(in *ingestv1.LeadSource) ([]byte, *violation.Violation) {
	if v := lead.CheckSource(in); v != nil {
		return nil, v
	}
	if in.GetChannel() == "" && in.GetCampaign() == "" && in.GetDetail() == "" {
		return nil, nil
	}
	text, err := protojson.Marshal(in)
	if err != nil {
		return nil, violation.New("", "texts in valid UTF-8")
	}
	return canonical.Object(text) // protojson varies its white space
}

// response says what became of a capture that was stored.
func (s *saidOfLead) response() *ingestv1.CaptureLeadResponse {
	r := s.subject.Result
	outcome := ingestv1.CaptureLeadResponse_OUTCOME_UNCHANGED
	switch {
	case r.Created:
		outcome = ingestv1.CaptureLeadResponse_OUTCOME_CREATED
	case r.Changed:
		outcome = ingestv1.CaptureLeadResponse_OUTCOME_UPDATED
	}
	return &ingestv1.CaptureLeadResponse{
		Lead: lead.Name(r.Person), Outcome: outcome, FactsVersion: int32(r.Version), ActivityResults: s.results.list(),
	}
}
