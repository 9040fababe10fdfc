package profilefit

import (
	"bytes"
	"fmt"
	"time"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/internal/checkpoint"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
)

// step is what an assessment does to a checkpoint.
type step struct {
	result  *profilefitv1.FitResult
	next    store.Checkpoint // to be stored, unless nothing is written
	written written
	faults  map[condition.Fault]int
}

type written uint8

const (
	nothing     written = iota
	versionOnly         // facts and result are as they were
	whole
)

func answer(state typev1.CheckpointState) (step, error) {
	return step{result: &profilefitv1.FitResult{State: state}}, nil
}

// advance takes one lead from one facts version to the next: a function of the
// assessment and what is stored; nil if nothing is.
func advance(model *fit.Model, a *profilefitv1.FitAssessment, stored *store.Checkpoint) (step, error) {
	if err := checkpoint.Check(a); err != nil {
		return step{}, err
	}
	if model == nil {
		return answer(typev1.CheckpointState_CHECKPOINT_STATE_UNKNOWN_REVISION)
	}
	version := int32(0)
	if stored != nil {
		version = stored.FactsVersion
	}
	facts, to, replace := a.GetFacts(), a.GetToVersion(), false
	switch checkpoint.Next(version, a) {
	case checkpoint.Whole:
		replace = true
	case checkpoint.Stored:
		facts = nil
	case checkpoint.Stale:
		return answer(typev1.CheckpointState_CHECKPOINT_STATE_STALE)
	case checkpoint.Mismatch:
		return answer(typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH)
	}
	read, err := factsOf(model, facts)
	if err != nil {
		return step{}, err
	}
	asOf := a.GetAsOfTime().AsTime().Truncate(time.Microsecond)
	if !replace && len(read) == 0 && stands(stored, asOf) {
		return again(stored, asOf, to)
	}
	var history fit.History
	if !replace {
		if history, err = fit.DecodeHistory(stored.Facts); err != nil {
			return step{}, fmt.Errorf("stored facts: %w", err)
		}
	}
	return apply(model, model.Add(history, read...), asOf, to, stored)
}

// stands reports whether the stored result is also that of asOf: facts that were in
// the future when it was made may have come true since, and some answers change by time
// alone.
func stands(stored *store.Checkpoint, asOf time.Time) bool {
	return asOf.Equal(stored.AsOf) || asOf.After(stored.AsOf) && !stored.Settled.After(stored.AsOf)
}

// again answers with the stored result. Most activities come without an attribute
// that the model reads, and then only the version moves on.
func again(stored *store.Checkpoint, asOf time.Time, to int32) (step, error) {
	s := step{result: &profilefitv1.FitResult{}, next: *stored}
	if err := proto.Unmarshal(stored.Result, s.result); err != nil {
		return step{}, fmt.Errorf("stored result: %w", err)
	}
	s.result.State = typev1.CheckpointState_CHECKPOINT_STATE_OK
	if to != stored.FactsVersion {
		s.next.FactsVersion, s.next.AsOf, s.written = to, asOf, versionOnly
	}
	return s, nil
}

// apply assesses a history.
func apply(model *fit.Model, history fit.History, asOf time.Time, to int32, stored *store.Checkpoint) (step, error) {
	assessment := model.Assess(history, asOf)
	result := resultOf(assessment)
	encoded, err := proto.MarshalOptions{Deterministic: true}.Marshal(result)
	if err != nil {
		return step{}, fmt.Errorf("encode result: %w", err)
	}
	result.State = typev1.CheckpointState_CHECKPOINT_STATE_OK
	s := step{result: result, written: whole, faults: assessment.Faults, next: store.Checkpoint{
		FactsVersion: to, AsOf: asOf, Settled: model.Settled(history), Facts: history.Encode(), Result: encoded,
	}}
	if stored == nil {
		return s, nil
	}
	s.next.Writes = stored.Writes
	same := bytes.Equal(s.next.Facts, stored.Facts) && bytes.Equal(s.next.Result, stored.Result)
	switch {
	case to == stored.FactsVersion && asOf.Before(stored.AsOf):
		// A question about the past leaves what is stored.
		s.next, s.written = *stored, nothing
	case same:
		s.written = versionOnly
	}
	return s, nil
}
