package ingest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/activity"
	"github.com/assay-hq/assay/services/ingest/internal/effective"
	"github.com/assay-hq/assay/services/ingest/internal/identity"
	"github.com/assay-hq/assay/services/ingest/internal/lead"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// BatchRecordActivities implements the method.
func (a *ingestAPI) BatchRecordActivities(ctx context.Context, req *ingestv1.BatchRecordActivitiesRequest) (*ingestv1.BatchRecordActivitiesResponse, error) {
	received := a.now()
	switch n := len(req.GetActivities()); {
	case n == 0:
		return nil, apierr.InvalidField("activities", "at least one activity")
	case n > activity.MaxPerCall:
		return nil, apierr.TooLarge("activities", "2,500 activities")
	}
	requestID, v := checkRequestID(req.GetRequestId())
	if v != nil {
		return nil, invalid(v)
	}
	from, err := a.sender(ctx)
	if err != nil {
		return nil, err
	}
	if from.isBrowser() && req.GetHistorical() {
		return nil, invalid(notHistorical)
	}
	now := received.Truncate(time.Microsecond)
	said := newSaidByMany(len(req.GetActivities()), activity.Circumstances{
		Window:  effective.Window{Now: received, Historical: req.GetHistorical()},
		Default: now, RequestID: requestID, Trusted: trusted(ctx),
	}, a.judge)
	for i, record := range req.GetActivities() {
		if v := from.permitRecord(record); v != nil {
			said.results.reject(i, record.GetActivity().GetId(), refusalOf(v.At("activities", i)))
			continue
		}
		said.read(i, record)
	}
	capture := &store.Capture{
		RequestID: requestID, Received: received, Historical: req.GetHistorical(),
		Trace: telemetry.Traceparent(ctx), Subjects: said.subjects,
		Reply: func() ([]byte, error) { return proto.Marshal(said.response()) },
	}
	body := &ingestv1.BatchRecordActivitiesRequest{Activities: req.GetActivities(), Historical: req.GetHistorical()}
	if capture.Digest, err = bodyDigest(requestID, body); err != nil {
		return nil, err
	}
	// A single subject that is refused has its refusal also in its result.
	if err := a.store.Capture(ctx, capture); err != nil && !store.IsRefusal(err) {
		return nil, refused(err, "the lead", "")
	}
	if capture.Replayed != nil {
		response := &ingestv1.BatchRecordActivitiesResponse{}
		if err := proto.Unmarshal(capture.Replayed, response); err != nil {
			return nil, fmt.Errorf("ingest: stored reply: %w", err)
		}
		return from.recorded(response), nil
	}
	response := said.response()
	a.metrics.count(ctx, response.GetResults())
	return from.recorded(response), nil
}

// saidByMany is what a batch says of many leads.
type saidByMany struct {
	judge         func(a *activity.Activity, domain string)
	circumstances activity.Circumstances
	subjects      []*store.Subject
	results       activityResults
	byName        map[string]*store.Subject
	byIdentity    map[identity.Identity]*store.Subject
}

func newSaidByMany(n int, c activity.Circumstances, judge func(*activity.Activity, string)) *saidByMany {
	return &saidByMany{
		judge:         judge,
		circumstances: c, results: newActivityResults(n),
		byName: map[string]*store.Subject{}, byIdentity: map[identity.Identity]*store.Subject{},
	}
}

// read checks one activity of the batch and adds it to its lead's.
func (s *saidByMany) read(i int, record *ingestv1.ActivityRecord) {
	act, subject, v := s.check(i, record)
	if v != nil {
		s.results.reject(i, record.GetActivity().GetId(), refusalOf(v.At("activities", i)))
		return
	}
	subject.Activities = append(subject.Activities, act)
	s.results.expect(i, subject, len(subject.Activities)-1)
}

func (s *saidByMany) check(i int, record *ingestv1.ActivityRecord) (activity.Activity, *store.Subject, *violation.Violation) {
	if record.GetActivity() == nil {
		return activity.Activity{}, nil, violation.New("activity", "an activity")
	}
	act, v := activity.New(record.GetActivity(), i, s.circumstances)
	if v != nil {
		return act, nil, v.Under("activity")
	}
	switch hasLead, hasIdentity := record.GetLead() != "", record.GetIdentity() != nil; {
	case hasLead == hasIdentity:
		return act, nil, violation.New("", "either lead or identity")
	case hasLead:
		id, v := lead.ParseName("lead", record.GetLead())
		if v != nil {
			return act, nil, v
		}
		s.judge(&act, "")
		return act, s.named(id), nil
	}
	who, v := identity.New(record.GetIdentity())
	if v != nil {
		return act, nil, v.Under("identity")
	}
	s.judge(&act, who.Domain())
	return act, s.identified(who, act.Source), nil
}

func (s *saidByMany) named(id string) *store.Subject {
	subject := s.byName[id]
	if subject == nil {
		subject = &store.Subject{Lead: id, OnlyActivities: true, Effective: s.circumstances.Default}
		s.byName[id] = subject
		s.subjects = append(s.subjects, subject)
	}
	return subject
}

func (s *saidByMany) identified(who identity.Identity, source string) *store.Subject {
	subject := s.byIdentity[who]
	if subject == nil {
		subject = &store.Subject{
			Identities: []identity.Identity{who}, OnlyActivities: true, Effective: s.circumstances.Default, Source: source,
		}
		s.byIdentity[who] = subject
		s.subjects = append(s.subjects, subject)
	}
	return subject
}

func (s *saidByMany) response() *ingestv1.BatchRecordActivitiesResponse {
	r := &ingestv1.BatchRecordActivitiesResponse{Results: s.results.list()}
	for _, one := range r.GetResults() {
		switch one.GetState() {
		case ingestv1.ActivityResult_STATE_STORED:
			r.Stored++
		case ingestv1.ActivityResult_STATE_REJECTED:
			r.Rejected++
		}
	}
	return r
}

// activityResults are the results of a call's activities, by their position: those
// that were refused at once, and where to look for the others.
type activityResults []struct {
	refused *ingestv1.ActivityResult
	subject *store.Subject
	at      int
}

func newActivityResults(n int) activityResults { return make(activityResults, n) }

func (r activityResults) reject(i int, id string, why refusal) {
	r[i].refused = rejected(i, id, why)
}

func rejected(i int, id string, why refusal) *ingestv1.ActivityResult {
	// An id that is no valid text could not be sent back.
	if activity.CheckText("id", id, 200) != nil {
		id = ""
	}
	return &ingestv1.ActivityResult{
		Index: int32(i), State: ingestv1.ActivityResult_STATE_REJECTED, Id: id,
		ErrorReason: why.reason, ErrorField: why.field, ErrorMessage: why.message,
	}
}

func (r activityResults) expect(i int, s *store.Subject, at int) { r[i].subject, r[i].at = s, at }

// list returns the results once the store has answered.
func (r activityResults) list() []*ingestv1.ActivityResult {
	list := make([]*ingestv1.ActivityResult, len(r))
	for i, one := range r {
		if one.refused != nil {
			list[i] = one.refused
			continue
		}
		act := &one.subject.Activities[one.at]
		field := "activities[" + strconv.Itoa(i) + "]"
		switch err := one.subject.Result.Err; {
		case err == nil:
			list[i] = stored(i, field, act, one.subject.Result.Activities[one.at])
		case errors.Is(err, store.ErrSuppressed):
			list[i] = rejected(i, "", suppressed)
		case errors.Is(err, store.ErrBlocked):
			list[i] = rejected(i, act.ID, blocked(field+".identity"))
		default:
			list[i] = rejected(i, act.ID, refusal{reason(typev1.ErrorReason_ERROR_REASON_NOT_FOUND), field + ".lead", "expected a lead that exists"})
		}
	}
	return list
}

// stored is the result of an activity that the store took, now or before.
func stored(i int, field string, act *activity.Activity, outcome store.Outcome) *ingestv1.ActivityResult {
	result := &ingestv1.ActivityResult{Index: int32(i), Id: act.ID, Lead: lead.Name(outcome.Lead), TimeClamped: act.Clamped}
	switch outcome.State {
	case store.Stored:
		result.State = ingestv1.ActivityResult_STATE_STORED
	case store.Duplicate:
		result.State = ingestv1.ActivityResult_STATE_DUPLICATE
	case store.Conflict:
		result.State = ingestv1.ActivityResult_STATE_CONFLICT
		result.ErrorReason = reason(typev1.ErrorReason_ERROR_REASON_ID_CONFLICT)
		result.ErrorField, result.ErrorMessage = field+".id", "expected an id that no activity with another body has"
	}
	return result
}

// ListActivities implements the method.
func (a *ingestAPI) ListActivities(ctx context.Context, req *ingestv1.ListActivitiesRequest) (*ingestv1.ListActivitiesResponse, error) {
	id, err := leadID("parent", req.GetParent())
	if err != nil {
		return nil, err
	}
	list, next, err := page.List[store.StoredActivity]{
		Query: "activities of " + req.GetParent(), Numbers: 1, Texts: 2,
		Read: func(after page.Place, limit int) ([]store.StoredActivity, error) {
			var from *store.ActivityKey
			if after != nil {
				from = &store.ActivityKey{At: after.Number(0), Source: after.Text(1), ID: after.Text(2)}
			}
			return a.store.Timeline(ctx, id, from, limit)
		},
		At: func(a store.StoredActivity) page.Place { return page.Place{a.At, a.Source, a.ID} },
	}.Page(req)
	if err != nil {
		return nil, refused(err, req.GetParent(), "")
	}
	response := &ingestv1.ListActivitiesResponse{NextPageToken: next}
	for _, stored := range list {
		act, err := activityMessage(stored)
		if err != nil {
			return nil, err
		}
		response.Activities = append(response.Activities, act)
	}
	return response, nil
}

func activityMessage(a store.StoredActivity) (*ingestv1.Activity, error) {
	m := &ingestv1.Activity{
		Id: a.ID, Type: a.Type, Source: a.Source, Campaign: a.Campaign, Lead: lead.Name(a.Lead), TimeClamped: a.Clamped,
		OccurredTime: timestamppb.New(a.OccurredAt), ReceivedTime: timestamppb.New(a.Received),
		Correction: correctionKind(a.Mark.Kind()),
	}
	if a.Properties != nil {
		m.Properties = &structpb.Struct{}
		if err := protojson.Unmarshal(a.Properties, m.Properties); err != nil {
			return nil, fmt.Errorf("ingest: stored properties: %w", err)
		}
	}
	return m, nil
}
