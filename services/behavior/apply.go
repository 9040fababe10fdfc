package behavior

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/behavior/internal/store"
	"github.com/assay-hq/assay/services/internal/checkpoint"
	"github.com/assay-hq/assay/services/internal/telemetry"
)

// maxRounds bounds how often an application is computed again because another writer
// was quicker. With leases upstream that is rare.
const maxRounds = 5

// application is one item of a call on its way.
type application struct {
	in     *behaviorv1.FactsApplication
	key    store.Key
	model  *engagement.Compiled
	result *behaviorv1.EngagementResult
	change engagement.Change
	span   trace.Span
	rounds int
}

// ApplyFacts brings leads from one facts version to the next; see the proto. Each
// round reads the rows of all leads at once, computes without any transaction open,
// and writes all in one transaction. An item stays for another round if its lead
// appears twice in the call or another writer was quicker.
func (s *Service) ApplyFacts(ctx context.Context, in *behaviorv1.ApplyFactsRequest) (*behaviorv1.ApplyFactsResponse, error) {
	items := make([]application, len(in.GetApplications()))
	pending := make([]*application, 0, len(items))
	for i, a := range in.GetApplications() {
		items[i] = application{in: a, key: store.Key{Lead: a.GetLead(), Revision: a.GetRevision()}}
		items[i].span = s.span(ctx, a)
		if err := checkpoint.Check(a); err != nil {
			items[i].fail(err.Error())
			continue
		}
		pending = append(pending, &items[i])
	}
	defer func() {
		for i := range items {
			items[i].end()
		}
	}()
	for len(pending) > 0 {
		var err error
		if pending, err = s.round(ctx, pending); err != nil {
			return nil, err
		}
	}
	out := &behaviorv1.ApplyFactsResponse{Results: make([]*behaviorv1.EngagementResult, len(items))}
	for i := range items {
		out.Results[i] = items[i].result
	}
	s.count(ctx, items)
	return out, nil
}

// round works on the first application of each lead and returns what is left.
func (s *Service) round(ctx context.Context, pending []*application) (left []*application, err error) {
	first := make(map[store.Key]*application, len(pending))
	keys := make([]store.Key, 0, len(pending))
	for _, a := range pending {
		if first[a.key] != nil {
			left = append(left, a)
			continue
		}
		if a.model, err = s.models.get(ctx, a.key.Revision); err != nil {
			return nil, err
		}
		first[a.key] = a
		keys = append(keys, a.key)
	}
	rows, err := s.store.Rows(ctx, keys)
	if err != nil {
		return nil, err
	}
	writes := make([]store.Write, 0, len(keys))
	for _, key := range keys {
		row := rows[key]
		row.Key = key
		write, err := s.apply(ctx, first[key], row)
		if err != nil {
			return nil, err
		}
		if write != nil {
			writes = append(writes, *write)
		}
	}
	lost, err := s.store.Save(ctx, writes)
	if err != nil {
		return nil, err
	}
	for key := range lost {
		a := first[key]
		if a.rounds++; a.rounds >= maxRounds {
			a.fail("the lead is written by others at the same time")
			continue
		}
		left = append(left, a)
	}
	return left, nil
}

// apply answers one application over the stored row and returns what to write, if
// anything. An error is one of the store and fails the call; whatever is wrong with
// the lead alone is its result.
func (s *Service) apply(ctx context.Context, a *application, row store.Row) (write *store.Write, err error) {
	defer func() {
		if p := recover(); p != nil {
			s.deps.Telemetry.Log.ErrorContext(ctx, "panic while scoring", "lead", a.key.Lead, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			a.fail("internal error")
			write, err = nil, nil
		}
	}()
	if a.model == nil {
		a.result = &behaviorv1.EngagementResult{State: typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION}
		return nil, nil
	}
	step := checkpoint.Next(row.Version, a.in)
	history := a.model.NewHistory()
	switch step {
	case checkpoint.Stale:
		a.result = &behaviorv1.EngagementResult{State: typev1.CheckpointState_CHECKPOINT_STATE_STALE}
		return nil, nil
	case checkpoint.Mismatch:
		a.mismatch()
		return nil, nil
	case checkpoint.Stored, checkpoint.Delta:
		if history, err = a.model.OpenHistory(row.Record); err != nil {
			a.mismatch() // what is stored is of no use: the whole history brings it back
			return nil, nil
		}
	}
	load := s.load(ctx, a.key)
	if step != checkpoint.Stored {
		facts, err := factsOf(a.in.GetFacts())
		if err != nil {
			a.fail(err.Error())
			return nil, nil
		}
		if a.change, err = history.Apply(facts, fitOf(a.in.GetFitTimeline()), load); err != nil {
			return nil, a.unreadable(err)
		}
		if !a.in.GetDryRun() {
			row.Version, row.Record = a.in.GetToVersion(), history.Record()
			write = &store.Write{Row: row, Change: a.change, Restart: step == checkpoint.Whole}
		}
	}
	// The ledger of what is not saved yet cannot be read: ask the past afterwards.
	asOf, load := micros(a.in.GetAsOfTime()), a.change.Over(load)
	score, err := history.Score(asOf, load)
	if err != nil {
		return nil, a.unreadable(err)
	}
	a.result = &behaviorv1.EngagementResult{
		State: typev1.CheckpointState_CHECKPOINT_STATE_OK, Engagement: engagementMessage(&score),
	}
	if levels := a.in.GetLevels(); levels != nil {
		at := levelsOf(levels)
		due, moves, err := history.Review(asOf, &at, load)
		if err != nil {
			return nil, a.unreadable(err)
		}
		if moves {
			a.result.Engagement.ReviewTime = review(due)
		}
	}
	if a.in.GetIncludeActivities() {
		lines, err := history.Lines(asOf, load)
		if err != nil {
			return nil, a.unreadable(err)
		}
		a.result.Activities = activityMessages(lines)
	}
	return write, nil
}

// unreadable turns corrupt bytes into an answer and passes other errors on.
func (a *application) unreadable(err error) error {
	if errors.Is(err, engagement.ErrCorrupt) {
		a.mismatch()
		return nil
	}
	return err
}

func (a *application) mismatch() {
	a.result = &behaviorv1.EngagementResult{State: typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH}
}

// fail answers with what is wrong, which is never personal.
func (a *application) fail(what string) {
	a.result = &behaviorv1.EngagementResult{State: typev1.CheckpointState_CHECKPOINT_STATE_FAILED, Error: what}
}

// span starts the lead's own span in the trace of its capture, if that is sampled.
func (s *Service) span(ctx context.Context, in *behaviorv1.FactsApplication) trace.Span {
	if in.GetTraceparent() == "" {
		return nil
	}
	_, span := s.deps.Telemetry.Tracer.Start(telemetry.WithRemoteParent(ctx, in.GetTraceparent()), "assay.engagement")
	return span
}

func (a *application) end() {
	if a.span == nil {
		return
	}
	a.span.SetAttributes(
		attribute.String("assay.lead", a.key.Lead),
		attribute.String("assay.revision", a.key.Revision),
		attribute.Int("assay.facts", len(a.in.GetFacts())),
		attribute.Bool("assay.late", a.change.Late),
		attribute.String("assay.checkpoint", checkpoint.Word(a.result.GetState())),
	)
	a.span.End()
}

// count reports what a call did.
func (s *Service) count(ctx context.Context, items []application) {
	var facts, late, mismatches, unknown, faults int64
	for i := range items {
		a := &items[i]
		switch a.result.GetState() {
		case typev1.CheckpointState_CHECKPOINT_STATE_OK:
			facts += int64(len(a.in.GetFacts()))
		case typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH:
			mismatches++
		}
		if a.change.Late {
			late++
		}
		unknown += int64(a.change.Unknown)
		faults += int64(a.change.Faults)
	}
	s.metrics.facts.Add(ctx, facts)
	s.metrics.refolds.Add(ctx, late)
	s.metrics.mismatches.Add(ctx, mismatches)
	s.metrics.unknown.Add(ctx, unknown)
	s.metrics.faults.Add(ctx, faults)
}
