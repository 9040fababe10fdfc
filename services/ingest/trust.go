package ingest

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/ingest/internal/source"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/ingest/internal/violation"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// How long what is said of a source holds here without asking again, and of how many.
const (
	sourceLife = 5 * time.Second
	maxSources = 10_000
)

// sender is the source whose write key a call comes with; nil: it comes with another key,
// or from a service.
type sender struct {
	id string
	// browser says that the key is public.
	browser bool
	// protected are the attributes that the source may not say.
	protected []string
}

// sender returns whose write key a call comes with. What is said of a source is at most five
// seconds old, so that no call waits for it.
func (s *Service) sender(ctx context.Context) (*sender, error) {
	who, _ := caller.From(ctx)
	if who.Source == "" {
		return nil, nil
	}
	known, err := s.sources.Get(ctx, who.Source)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, apierr.PermissionDeniedFor("the source of this key does not exist")
	case err != nil:
		return nil, err
	case known.Said.GetDisabled():
		return nil, apierr.SourceDisabled(source.Name(who.Source))
	}
	browser := who.Browser || known.Said.GetKind() == ingestv1.Source_KIND_BROWSER
	return &sender{id: who.Source, browser: browser, protected: known.Said.GetProtectedAttributes()}, nil
}

// isBrowser reports whether the key of the sender is public.
func (s *sender) isBrowser() bool { return s != nil && s.browser }

// may reports whether the sender may say an attribute.
func (s *sender) may(key string) bool {
	return !slices.Contains(s.protected, key) && (!s.browser || !source.Protected(key))
}

// withheld is what a sender said and may not say.
type withheld struct {
	event      string // the id of the first activity that came with it
	field      string // where the attributes stood
	attributes map[string]*structpb.Value
}

var notHistorical = violation.New("historical", "false: the key of a browser brings what happens now")

// permit makes a capture one of the sender's source, whatever it claims, and takes out of it
// what the sender may not say. A browser may refuse to be observed, but not consent to it:
// else whoever has the key could, for anybody.
func (s *sender) permit(req *ingestv1.CaptureLeadRequest) (*withheld, *violation.Violation) {
	if s == nil {
		return nil, nil
	}
	if s.browser && req.GetHistorical() {
		return nil, notHistorical
	}
	req.Source = s.id
	for _, a := range req.GetActivities() {
		if a != nil {
			a.Source = s.id
		}
	}
	if s.browser {
		maps.DeleteFunc(req.GetConsent(), func(_ string, given bool) bool { return given })
	}
	out := s.withhold("lead.attributes", req.GetLead().GetAttributes().GetFields())
	if out != nil && len(req.GetActivities()) > 0 {
		out.event = req.GetActivities()[0].GetId()
	}
	return out, nil
}

// withhold takes out of attributes what the sender may not say; nil: nothing.
func (s *sender) withhold(field string, said map[string]*structpb.Value) *withheld {
	var out *withheld
	for key, value := range said {
		if s.may(key) {
			continue
		}
		if out == nil {
			out = &withheld{field: field, attributes: map[string]*structpb.Value{}}
		}
		out.attributes[key] = value
		delete(said, key)
	}
	return out
}

// permitAccount is permit for what is said of an account: it counts for each of its leads.
func (s *sender) permitAccount(req *ingestv1.CaptureAccountRequest) *withheld {
	if s == nil {
		return nil
	}
	req.Source = s.id
	return s.withhold("account.attributes", req.GetAccount().GetAttributes().GetFields())
}

// permitRecord is permit for an activity of a batch.
func (s *sender) permitRecord(record *ingestv1.ActivityRecord) *violation.Violation {
	if s == nil || record.GetActivity() == nil {
		return nil
	}
	record.GetActivity().Source = s.id
	if s.browser && record.GetLead() != "" {
		return violation.New("lead", "nothing: the key of a browser knows people by their identities alone")
	}
	return nil
}

// report lets people look up what a sender may not say.
func (s *Service) report(ctx context.Context, from *sender, list []*withheld) {
	var events []store.RejectedEvent
	for _, w := range list {
		if w == nil {
			continue
		}
		keys := slices.Sorted(maps.Keys(w.attributes))
		payload, _ := protojson.Marshal(&structpb.Struct{Fields: w.attributes})
		events = append(events, store.RejectedEvent{
			ID: uuid.Must(uuid.NewV7()).String(), Source: from.id, Door: "capture", Received: s.now(), EventID: kept(w.event, 200),
			Reason:  reason(typev1.ErrorReason_ERROR_REASON_NOT_TRUSTED),
			Field:   kept(w.field+"."+keys[0], 500),
			Message: kept("expected nothing of "+strings.Join(keys, ", ")+": this source may not say it; the rest was stored", 1000),
			Payload: kept(string(payload), maxRejectedPayload),
		})
	}
	if events == nil {
		return
	}
	if err := s.store.AddRejected(ctx, events); err != nil {
		s.log.Log.WarnContext(ctx, "what a source may not say was left out and not noted", "error", err)
		return
	}
	for _, e := range events {
		s.metrics.reject(ctx, e.Door, e.Reason)
	}
}

// answer leaves of an answer what the sender may learn: a browser what its page does next,
// and what became of its activities.
func (s *sender) answer(r *ingestv1.CaptureLeadResponse) *ingestv1.CaptureLeadResponse {
	if !s.isBrowser() {
		return r
	}
	out := &ingestv1.CaptureLeadResponse{DecisionPending: r.GetDecisionPending(), ActivityResults: s.results(r.GetActivityResults())}
	if d := r.GetDecision(); d != nil {
		out.Decision = &typev1.DecisionDigest{NextStep: d.GetNextStep(), Questions: d.GetQuestions()}
	}
	return out
}

// suppressedAnswer is what a browser learns of somebody who is suppressed: that nothing is
// left to do.
func (s *sender) suppressedAnswer(req *ingestv1.CaptureLeadRequest) *ingestv1.CaptureLeadResponse {
	out := &ingestv1.CaptureLeadResponse{}
	for i, a := range req.GetActivities() {
		out.ActivityResults = append(out.ActivityResults, &ingestv1.ActivityResult{
			Index: int32(i), Id: a.GetId(), State: ingestv1.ActivityResult_STATE_STORED,
		})
	}
	if req.GetWaitForDecision() {
		out.Decision = &typev1.DecisionDigest{NextStep: typev1.NextStep_NEXT_STEP_NONE}
	}
	return out
}

// recorded leaves of an answer what the sender may learn.
func (s *sender) recorded(r *ingestv1.BatchRecordActivitiesResponse) *ingestv1.BatchRecordActivitiesResponse {
	if !s.isBrowser() {
		return r
	}
	out := &ingestv1.BatchRecordActivitiesResponse{Results: s.results(r.GetResults())}
	for _, one := range out.GetResults() {
		switch one.GetState() {
		case ingestv1.ActivityResult_STATE_STORED:
			out.Stored++
		case ingestv1.ActivityResult_STATE_REJECTED:
			out.Rejected++
		}
	}
	return out
}

// results leaves of results what the sender may learn: not which lead it was, nor that
// somebody is suppressed.
func (s *sender) results(list []*ingestv1.ActivityResult) []*ingestv1.ActivityResult {
	if !s.isBrowser() {
		return list
	}
	out := make([]*ingestv1.ActivityResult, len(list))
	for i, r := range list {
		out[i] = &ingestv1.ActivityResult{Index: r.GetIndex(), State: r.GetState(), Id: r.GetId(), TimeClamped: r.GetTimeClamped()}
		if r.GetErrorReason() == suppressed.reason {
			out[i].State = ingestv1.ActivityResult_STATE_STORED
			continue
		}
		out[i].ErrorReason, out[i].ErrorField, out[i].ErrorMessage = r.GetErrorReason(), r.GetErrorField(), r.GetErrorMessage()
	}
	return out
}
