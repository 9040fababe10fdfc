package checkpoint_test

import (
	"strings"
	"testing"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/assay-hq/assay/services/internal/checkpoint"
)

var (
	_ checkpoint.Call = (*profilefitv1.FitAssessment)(nil)
	_ checkpoint.Call = (*behaviorv1.FactsApplication)(nil)
)

func TestNext(t *testing.T) {
	for _, c := range []struct {
		stored, from, to int32
		reset            bool
		want             checkpoint.Step
	}{
		{stored: 0, from: 0, to: 3, want: checkpoint.Whole},
		{stored: 0, from: 2, to: 3, want: checkpoint.Mismatch},
		{stored: 3, from: 2, to: 3, want: checkpoint.Stored},
		{stored: 3, from: 0, to: 3, want: checkpoint.Stored},
		{stored: 3, from: 3, to: 3, want: checkpoint.Stored},
		{stored: 4, from: 2, to: 3, want: checkpoint.Stale},
		{stored: 4, from: 0, to: 3, want: checkpoint.Stale},
		{stored: 2, from: 2, to: 3, want: checkpoint.Delta},
		{stored: 2, from: 0, to: 3, want: checkpoint.Whole},
		{stored: 1, from: 2, to: 3, want: checkpoint.Mismatch},
		{stored: 2, from: 1, to: 3, want: checkpoint.Mismatch},
		{stored: 4, from: 0, to: 3, reset: true, want: checkpoint.Whole},
		{stored: 3, from: 0, to: 3, reset: true, want: checkpoint.Whole},
		{stored: 2, from: 2, to: 3, reset: true, want: checkpoint.Mismatch},
	} {
		call := &behaviorv1.FactsApplication{FromVersion: c.from, ToVersion: c.to, Reset_: c.reset}
		if got := checkpoint.Next(c.stored, call); got != c.want {
			t.Errorf("%d stored, %d → %d, reset %v: %v, want %v", c.stored, c.from, c.to, c.reset, got, c.want)
		}
	}
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		bad  func(*profilefitv1.FitAssessment)
		want string
	}{
		{func(*profilefitv1.FitAssessment) {}, ""},
		{func(a *profilefitv1.FitAssessment) { a.FromVersion = 2 }, ""},
		{func(a *profilefitv1.FitAssessment) { a.Lead = "" }, "lead: expected"},
		{func(a *profilefitv1.FitAssessment) { a.Lead = "leads/a/fit" }, "lead: expected"},
		{func(a *profilefitv1.FitAssessment) { a.Lead = "leads/\x00" }, "lead: expected"},
		{func(a *profilefitv1.FitAssessment) { a.Revision = "" }, "revision: expected"},
		{func(a *profilefitv1.FitAssessment) { a.Revision = "r\x00" }, "revision: expected"},
		{func(a *profilefitv1.FitAssessment) { a.ToVersion = 0 }, "toVersion: expected"},
		{func(a *profilefitv1.FitAssessment) { a.FromVersion = 3 }, "fromVersion: expected"},
		{func(a *profilefitv1.FitAssessment) { a.FromVersion = -1 }, "fromVersion: expected"},
		{func(a *profilefitv1.FitAssessment) { a.AsOfTime = nil }, "asOfTime: expected"},
		{func(a *profilefitv1.FitAssessment) { a.AsOfTime.Seconds = 1 << 60 }, "asOfTime: expected"},
	} {
		a := &profilefitv1.FitAssessment{Lead: "leads/a", Revision: "r", ToVersion: 2, AsOfTime: &timestamppb.Timestamp{}}
		c.bad(a)
		got := ""
		if err := checkpoint.Check(a); err != nil {
			got = err.Error()
		}
		if !strings.HasPrefix(got, c.want) || (c.want == "") != (got == "") {
			t.Errorf("%v: %q, want %q", a, got, c.want)
		}
	}
}

func TestWord(t *testing.T) {
	if got := checkpoint.Word(typev1.CheckpointState_CHECKPOINT_STATE_BASE_MISMATCH); got != "base_mismatch" {
		t.Error(got)
	}
}
