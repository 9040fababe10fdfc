package qualifier

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"

	"github.com/assay-hq/assay/services/handoff/internal/store"
)

// world is the other three services, in memory and by their contract: ingest with
// its leases, and two scorers that are checkpoints with compare-and-set. Fit is 50
// points for a known country, engagement 20 for each activity of the lead's own.
type world struct {
	ingestv1.PendingServiceClient
	profilefitv1.ProfileFitServiceClient
	behaviorv1.BehaviorScoringServiceClient

	mu    sync.Mutex
	now   func() time.Time
	leads map[string]*known
	fit   scorerState
	act   scorerState
	// before is asked before each call; its error is the call's.
	before func(method string, request any) error
	calls  []string
	ended  []*ingestv1.Completion
}

// known is a lead as ingest knows it.
type known struct {
	facts       []*typev1.Fact
	version     int32
	done        int32
	fence       int64
	attempt     int32
	leased      bool
	quarantined bool
	historical  bool
	// omit facts from claims.
	omit bool
}

// scorerState is what a scorer stores.
type scorerState struct {
	models map[string]bool
	leads  map[string]*checkpoint
}

type checkpoint struct {
	version int32
	facts   []*typev1.Fact
}

func newWorld(now func() time.Time) *world {
	empty := func() scorerState {
		return scorerState{models: map[string]bool{}, leads: map[string]*checkpoint{}}
	}
	return &world{now: now, leads: map[string]*known{}, fit: empty(), act: empty()}
}

// capture stores a fact of a lead, each in a version of its own.
func (w *world) capture(lead string, facts ...*typev1.Fact) *known {
	w.mu.Lock()
	defer w.mu.Unlock()
	k := w.leads[lead]
	if k == nil {
		k = &known{}
		w.leads[lead] = k
	}
	for _, f := range facts {
		k.version++
		f.FactsVersion, f.Lead = k.version, lead
		f.ReceivedTime = timestamppb.New(w.now())
		if f.Id == "" {
			f.Id = fmt.Sprintf("%s-%d", lead, k.version)
		}
		if f.Source == "" {
			f.Source = "web"
		}
		if f.EffectiveTime == nil {
			f.EffectiveTime = f.ReceivedTime
		}
		k.facts = append(k.facts, f)
	}
	return k
}

func did(kind string) *typev1.Fact {
	return &typev1.Fact{Activity: &typev1.ActivityFact{Type: kind}}
}

func knows(key, value string) *typev1.Fact {
	b, _ := json.Marshal(value)
	return &typev1.Fact{Attribute: &typev1.AttributeFact{Key: key, ValueJson: b}}
}

func (w *world) called(method string, request any) error {
	w.calls = append(w.calls, method)
	if w.before == nil {
		return nil
	}
	return w.before(method, request)
}

func (w *world) ClaimPending(_ context.Context, in *ingestv1.ClaimPendingRequest, _ ...grpc.CallOption) (*ingestv1.ClaimPendingResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("ClaimPending", in); err != nil {
		return nil, err
	}
	out := &ingestv1.ClaimPendingResponse{}
	for _, name := range slices.Sorted(maps.Keys(w.leads)) {
		k := w.leads[name]
		if k.leased || k.quarantined || k.done == k.version || len(out.Leads) == int(in.GetMaxLeads()) {
			continue
		}
		claimed := w.claimed(name, k, k.done)
		if k.omit {
			claimed.Facts, claimed.FactsOmitted = nil, true
		}
		out.Leads = append(out.Leads, claimed)
	}
	return out, nil
}

// claimed leases a lead with the facts after a version.
func (w *world) claimed(name string, k *known, after int32) *ingestv1.ClaimedLead {
	k.leased = true
	k.fence++
	k.attempt++
	attributes := map[string]json.RawMessage{}
	var delta []*typev1.Fact
	for _, f := range k.facts {
		if f.GetAttribute() != nil {
			attributes[f.GetAttribute().GetKey()] = f.GetAttribute().GetValueJson()
		}
		if f.GetFactsVersion() > after {
			delta = append(delta, f)
		}
	}
	attributesJSON, _ := json.Marshal(attributes)
	return &ingestv1.ClaimedLead{
		Lead: name, Fence: k.fence, Attempt: k.attempt, FromVersion: after, ToVersion: k.version,
		AsOfTime: timestamppb.New(w.now()), Facts: delta, AttributesJson: attributesJSON,
		AcceptedTime: timestamppb.New(w.now()), Historical: k.historical,
	}
}

// ClaimLeads leases leads by name, or only reads them.
func (w *world) ClaimLeads(_ context.Context, in *ingestv1.ClaimLeadsRequest, _ ...grpc.CallOption) (*ingestv1.ClaimLeadsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := &ingestv1.ClaimLeadsResponse{}
	for _, name := range in.GetLeads() {
		k := w.leads[name]
		after := k.version
		if in.GetWholeHistory() {
			after = 0
		}
		out.Leads = append(out.Leads, w.claimed(name, k, after))
		k.leased = k.leased && !in.GetReadOnly()
	}
	return out, nil
}

func (w *world) ListFacts(_ context.Context, in *ingestv1.ListFactsRequest, _ ...grpc.CallOption) (*ingestv1.ListFactsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("ListFacts", in); err != nil {
		return nil, err
	}
	out := &ingestv1.ListFactsResponse{}
	for _, f := range w.leads[in.GetLead()].facts {
		switch v := f.GetFactsVersion(); {
		case v <= in.GetAfterVersion() || v > in.GetToVersion():
		case len(out.Facts) >= 2: // small chunks, whatever is asked for
			out.More = true
		default:
			out.Facts, out.Version = append(out.Facts, f), v
		}
	}
	return out, nil
}

func (w *world) Complete(_ context.Context, in *ingestv1.CompleteRequest, _ ...grpc.CallOption) (*ingestv1.CompleteResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("Complete", in); err != nil {
		return nil, err
	}
	out := &ingestv1.CompleteResponse{}
	for _, c := range in.GetCompletions() {
		w.ended = append(w.ended, c)
		out.States = append(out.States, w.leads[c.GetLead()].end(c))
	}
	return out, nil
}

func (k *known) end(c *ingestv1.Completion) ingestv1.CompletionState {
	if k.fence != c.GetFence() || !k.leased {
		return ingestv1.CompletionState_COMPLETION_STATE_FENCED
	}
	k.leased = false
	switch c.GetOutcome() {
	case ingestv1.Completion_OUTCOME_DECIDED:
		k.done, k.attempt = c.GetVersion(), 0
	case ingestv1.Completion_OUTCOME_RELEASED:
		k.attempt--
	case ingestv1.Completion_OUTCOME_FAILED:
		if k.attempt >= 5 {
			k.quarantined = true
			return ingestv1.CompletionState_COMPLETION_STATE_QUARANTINED
		}
	}
	if k.done < k.version {
		return ingestv1.CompletionState_COMPLETION_STATE_PENDING
	}
	return ingestv1.CompletionState_COMPLETION_STATE_DONE
}

// step is the rule of a checkpoint.
func (s *scorerState) step(lead, revision string, from, to int32, facts []*typev1.Fact, reset bool) (typev1.CheckpointState, *checkpoint) {
	if !s.models[revision] {
		return typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION, nil
	}
	key := lead + " " + revision
	stored := s.leads[key]
	if stored == nil || reset {
		stored = &checkpoint{}
	}
	switch {
	case stored.version == to:
		return typev1.CheckpointState_CHECKPOINT_STATE_OK, stored
	case stored.version > to:
		return typev1.CheckpointState_CHECKPOINT_STATE_STALE, nil
	case stored.version != from:
		return typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH, nil
	}
	next := &checkpoint{version: to, facts: append(slices.Clone(stored.facts), facts...)}
	s.leads[key] = next
	return typev1.CheckpointState_CHECKPOINT_STATE_OK, next
}

func (w *world) RegisterFitModel(_ context.Context, in *profilefitv1.RegisterFitModelRequest, _ ...grpc.CallOption) (*profilefitv1.RegisterFitModelResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.called("RegisterFitModel", in)
	w.fit.models[in.GetRevision()] = err == nil
	return &profilefitv1.RegisterFitModelResponse{}, err
}

func (w *world) RegisterEngagementModel(_ context.Context, in *behaviorv1.RegisterEngagementModelRequest, _ ...grpc.CallOption) (*behaviorv1.RegisterEngagementModelResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	err := w.called("RegisterEngagementModel", in)
	w.act.models[in.GetRevision()] = err == nil
	return &behaviorv1.RegisterEngagementModelResponse{}, err
}

func (w *world) AssessFit(_ context.Context, in *profilefitv1.AssessFitRequest, _ ...grpc.CallOption) (*profilefitv1.AssessFitResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("AssessFit", in); err != nil {
		return nil, err
	}
	out := &profilefitv1.AssessFitResponse{}
	for _, a := range in.GetAssessments() {
		state, stored := w.fit.step(a.GetLead(), a.GetRevision(), a.GetFromVersion(), a.GetToVersion(), a.GetFacts(), a.GetReset_())
		r := &profilefitv1.FitResult{State: state}
		if stored != nil {
			score := 0.0
			for _, f := range stored.facts {
				if f.GetAttribute().GetKey() == "country" {
					score = 50
				}
			}
			r.Fit = &typev1.Fit{Status: typev1.Fit_STATUS_SCORED, Score: &score, FitClass: "A"}
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}

func (w *world) ApplyFacts(_ context.Context, in *behaviorv1.ApplyFactsRequest, _ ...grpc.CallOption) (*behaviorv1.ApplyFactsResponse, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := w.called("ApplyFacts", in); err != nil {
		return nil, err
	}
	out := &behaviorv1.ApplyFactsResponse{}
	for _, a := range in.GetApplications() {
		state, stored := w.act.step(a.GetLead(), a.GetRevision(), a.GetFromVersion(), a.GetToVersion(), a.GetFacts(), a.GetReset_())
		r := &behaviorv1.EngagementResult{State: state}
		if stored != nil {
			score := 0.0
			seen := map[string]bool{}
			for _, f := range stored.facts {
				if f.GetActivity() != nil && f.GetSource() != store.Source && !seen[f.GetId()] {
					seen[f.GetId()] = true
					score += 20
				}
			}
			r.Engagement = &typev1.Engagement{Score: &score, AsOfTime: a.GetAsOfTime()}
		}
		out.Results = append(out.Results, r)
	}
	return out, nil
}
