package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/duework"
)

const (
	rescore = handoffv1.Operation_KIND_RESCORE
	preview = handoffv1.Operation_KIND_PREVIEW
)

// begin begins an operation, and step takes its next step.
func (o *office) begin(t tester, kind handoffv1.Operation_Kind) *handoffv1.Operation {
	t.Helper()
	op, err := o.BeginOperation(context.Background(), store.Order{Kind: kind, Standard: "standards/default/versions/v2", Actor: "mia"})
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func (o *office) step(t tester) *store.Step {
	t.Helper()
	s, err := o.ClaimStep(context.Background(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func (o *office) save(t tester, s *store.Step, done bool) bool {
	t.Helper()
	held, err := o.SaveStep(context.Background(), s, done)
	if err != nil {
		t.Fatal(err)
	}
	return held
}

func (o *office) operation(t tester, name string) *handoffv1.Operation {
	t.Helper()
	op, err := o.Operation(context.Background(), store.OperationID(name))
	if err != nil {
		t.Fatal(err)
	}
	return op
}

func TestStepsOfAnOperation(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		op := o.begin(t, preview)
		if op.GetState() != handoffv1.Operation_STATE_RUNNING || op.GetDone() || op.GetActor() != "mia" || op.GetStandardVersion() == "" {
			t.Errorf("begun: %v", op)
		}
		first := o.step(t)
		if first == nil || first.ID != store.OperationID(op.GetName()) || first.Last != "" || first.Progress.GetDone() != 0 {
			t.Fatalf("first step: %+v", first)
		}
		if other := o.step(t); other != nil {
			t.Errorf("two workers have it: %+v", other)
		}
		first.Last, first.End, first.Progress.Done, first.Progress.Total = "leads/b", "leads/z", 2, 4
		first.Preview.Verdicts = []*handoffv1.VerdictChange{{Track: "sales", Leads: 2}}
		if !o.save(t, first, false) {
			t.Error("the step was not ours")
		}
		// The next one goes on from there, also after a worker died with it.
		second := o.step(t)
		o.clock = o.clock.Add(2 * time.Minute)
		third := o.step(t)
		for _, s := range []*store.Step{second, third} {
			if s == nil || s.Last != "leads/b" || s.End != "leads/z" || s.Progress.GetDone() != 2 || s.Preview.GetVerdicts()[0].GetLeads() != 2 {
				t.Fatalf("next step: %+v", s)
			}
		}
		// Who slept through its lease changes nothing.
		second.Progress.Done = 100
		if o.save(t, second, true) {
			t.Error("a step that belongs to another was saved")
		}
		third.Progress.Done = 4
		if !o.save(t, third, true) {
			t.Error("the step was not ours")
		}
		op = o.operation(t, op.GetName())
		if op.GetState() != handoffv1.Operation_STATE_SUCCEEDED || !op.GetDone() || op.GetProgress().GetDone() != 4 || op.GetEndTime() == nil || op.GetPreview().GetVerdicts()[0].GetLeads() != 2 {
			t.Errorf("ended: %v", op)
		}
		if again := o.step(t); again != nil {
			t.Errorf("a step after the end: %+v", again)
		}
	})
}

func TestANewerRescoreSupersedes(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		running := o.begin(t, preview)
		older := o.begin(t, rescore)
		var steps []*store.Step
		for range 2 {
			steps = append(steps, o.step(t))
		}
		newer := o.begin(t, rescore)
		for name, want := range map[string]handoffv1.Operation_State{
			running.GetName(): handoffv1.Operation_STATE_RUNNING, older.GetName(): handoffv1.Operation_STATE_SUPERSEDED, newer.GetName(): handoffv1.Operation_STATE_RUNNING,
		} {
			if op := o.operation(t, name); op.GetState() != want || op.GetDone() != (want != handoffv1.Operation_STATE_RUNNING) {
				t.Errorf("%v, want %s", op, want)
			}
		}
		for _, s := range steps {
			if held := o.save(t, s, false); held != (s.Kind == preview) {
				t.Errorf("%s was saved: %v", s.Kind, held)
			}
		}
		list, err := o.Operations(t.Context(), nil, 10)
		if err != nil || len(list) != 3 || list[0].GetName() != newer.GetName() || list[2].GetName() != running.GetName() {
			t.Errorf("latest first: %v %v", list, err)
		}
		if rest, err := o.Operations(t.Context(), store.OperationPlace(list[1]), 10); err != nil || len(rest) != 1 || rest[0].GetName() != running.GetName() {
			t.Errorf("after the second: %v %v", rest, err)
		}
	})
}

func TestEndsOfAnOperation(t *testing.T) {
	each(t, func(t *testing.T, o *office) {
		ctx := t.Context()
		id := store.OperationID(o.begin(t, rescore).GetName())
		s := o.step(t)
		if op, err := o.CancelOperation(ctx, id); err != nil || op.GetState() != handoffv1.Operation_STATE_CANCELLED {
			t.Errorf("%v %v", op, err)
		}
		if o.save(t, s, false) {
			t.Error("a step of a cancelled operation was saved")
		}
		if _, err := o.CancelOperation(ctx, id); !errors.Is(err, store.ErrEnded) {
			t.Errorf("cancelled twice: %v", err)
		}
		if _, err := o.CancelOperation(ctx, ana); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("not there: %v", err)
		}
		// It fails after some tries, and a service that is away does not count.
		op := o.begin(t, rescore)
		for range 3 * duework.MaxAttempts {
			if err := o.ReleaseStep(ctx, o.step(t)); err != nil {
				t.Fatal(err)
			}
		}
		for range duework.MaxAttempts {
			if err := o.FailStep(ctx, o.step(t), "Internal", o.clock); err != nil {
				t.Fatal(err)
			}
		}
		if op := o.operation(t, op.GetName()); op.GetState() != handoffv1.Operation_STATE_FAILED || !op.GetDone() || op.GetError() != "Internal" {
			t.Errorf("failed: %v", op)
		}
	})
}
