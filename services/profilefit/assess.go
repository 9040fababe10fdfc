package profilefit

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/checkpoint"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/internal/telemetry"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
)

// attempts bounds how often a call starts over because others write the same leads.
// Only a qualifier that lost its lease can be such another.
const attempts = 10

// AssessFit implements assay.profilefit.v1.ProfileFitService.
func (s *Service) AssessFit(ctx context.Context, r *profilefitv1.AssessFitRequest) (*profilefitv1.AssessFitResponse, error) {
	spans := s.startSpans(ctx, r.GetAssessments())
	b := batch{service: s, assessments: r.GetAssessments()}
	err := b.assess(ctx)
	s.endSpans(spans, b.response, err)
	if err != nil {
		return nil, err
	}
	s.count(ctx, &b)
	return b.response, nil
}

// batch is one call.
type batch struct {
	service     *Service
	assessments []*profilefitv1.FitAssessment
	models      map[string]*fit.Model
	response    *profilefitv1.AssessFitResponse // once all is written
	faults      map[condition.Fault]int
}

func (b *batch) assess(ctx context.Context) error {
	if err := b.loadModels(ctx); err != nil {
		return err
	}
	for range attempts {
		if err := b.run(ctx); !errors.Is(err, store.ErrMoved) {
			return err
		}
	}
	return apierr.Overloaded("leads that others write at the same time", time.Second)
}

func (b *batch) loadModels(ctx context.Context) error {
	b.models = map[string]*fit.Model{}
	for _, a := range b.assessments {
		if _, asked := b.models[a.GetRevision()]; asked {
			continue
		}
		model, err := b.service.models.get(ctx, a.GetRevision())
		if err != nil {
			return err
		}
		b.models[a.GetRevision()] = model
	}
	return nil
}

func keyOf(a *profilefitv1.FitAssessment) store.Key {
	return store.Key{LeadID: strings.TrimPrefix(a.GetLead(), "leads/"), Revision: a.GetRevision()}
}

func (b *batch) keys() []store.Key {
	keys := make([]store.Key, 0, len(b.assessments))
	seen := make(map[store.Key]bool, len(b.assessments))
	for _, a := range b.assessments {
		if key := keyOf(a); !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// run reads the checkpoints, advances them and writes what changed.
func (b *batch) run(ctx context.Context) error {
	stored, err := b.service.store.Load(ctx, b.keys())
	if err != nil {
		return err
	}
	results := make([]*profilefitv1.FitResult, len(b.assessments))
	b.faults = map[condition.Fault]int{}
	var changes []store.Change
	changed := map[store.Key]int{} // → index in changes
	for i, a := range b.assessments {
		key := keyOf(a)
		var base *store.Checkpoint
		if c, ok := stored[key]; ok {
			base = &c
		}
		done := b.advance(ctx, a, base)
		results[i] = done.result
		for fault, n := range done.faults {
			b.faults[fault] += n
		}
		if done.written == nothing || a.GetDryRun() {
			continue
		}
		// A lead that stands in the call twice goes on from where the first left it,
		// and is written once.
		stored[key] = done.next
		at, again := changed[key]
		if !again {
			at = len(changes)
			changed[key] = at
			changes = append(changes, store.Change{Key: key, VersionOnly: true})
		}
		changes[at].Checkpoint = done.next
		changes[at].VersionOnly = changes[at].VersionOnly && done.written == versionOnly
	}
	if err := b.service.store.Save(ctx, changes); err != nil {
		return err
	}
	b.response = &profilefitv1.AssessFitResponse{Results: results}
	return nil
}

// advance advances one lead. Whatever goes wrong is the result of this lead only.
func (b *batch) advance(ctx context.Context, a *profilefitv1.FitAssessment, stored *store.Checkpoint) (done step) {
	defer func() {
		if r := recover(); r != nil {
			b.service.telemetry.Log.ErrorContext(ctx, "assessment panicked",
				"lead", a.GetLead(), "revision", a.GetRevision(), "panic", fmt.Sprintf("%T", r), "stack", string(debug.Stack()))
			done = failed("internal error")
		}
	}()
	done, err := advance(b.models[a.GetRevision()], a, stored)
	if err != nil {
		return failed(err.Error())
	}
	return done
}

func failed(why string) step {
	return step{result: &profilefitv1.FitResult{State: typev1.CheckpointState_CHECKPOINT_STATE_FAILED, Error: why}}
}

// startSpans starts a span for each lead whose own trace is recorded: `assay.fit`, from
// the arrival of the call to its durable end.
func (s *Service) startSpans(ctx context.Context, assessments []*profilefitv1.FitAssessment) []trace.Span {
	var spans []trace.Span
	for i, a := range assessments {
		if a.GetTraceparent() == "" {
			continue
		}
		_, span := s.telemetry.Tracer.Start(telemetry.WithRemoteParent(ctx, a.GetTraceparent()), "assay.fit")
		if !span.IsRecording() {
			continue
		}
		span.SetAttributes(
			attribute.String("assay.lead", a.GetLead()),
			attribute.String("assay.revision", a.GetRevision()),
			attribute.Int("assay.facts", len(a.GetFacts())),
			attribute.Int("assay.batch", len(assessments)),
		)
		if spans == nil {
			spans = make([]trace.Span, len(assessments))
		}
		spans[i] = span
	}
	return spans
}

func (s *Service) endSpans(spans []trace.Span, response *profilefitv1.AssessFitResponse, err error) {
	for i, span := range spans {
		switch {
		case span == nil:
			continue
		case err != nil:
			span.SetStatus(codes.Error, "the batch failed")
		default:
			result := response.GetResults()[i]
			span.SetAttributes(attribute.String("assay.checkpoint", checkpoint.Word(result.GetState())))
			if result.GetError() != "" {
				span.SetStatus(codes.Error, result.GetError())
			}
		}
		span.End()
	}
}

// count counts the answers and faults of a batch.
func (s *Service) count(ctx context.Context, b *batch) {
	states := map[typev1.CheckpointState]int64{}
	for _, r := range b.response.GetResults() {
		states[r.GetState()]++
	}
	for state, n := range states {
		s.assessments.Add(ctx, n, metric.WithAttributes(attribute.String("state", checkpoint.Word(state))))
	}
	for fault, n := range b.faults {
		s.faults.Add(ctx, int64(n), metric.WithAttributes(attribute.String("reason", fault.String())))
	}
}
