package profilefit

import (
	"fmt"
	"time"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// factsOf returns the attribute facts that the model reads.
func factsOf(model *fit.Model, facts []*typev1.Fact) ([]fit.Fact, error) {
	var read []fit.Fact
	for i, f := range facts {
		attribute := f.GetAttribute()
		if attribute == nil || !model.Reads(attribute.GetKey()) {
			continue
		}
		if f.GetEffectiveTime().CheckValid() != nil {
			return nil, fmt.Errorf("facts[%d].effectiveTime: expected a time", i)
		}
		read = append(read, fit.Fact{
			EffectiveTime: f.GetEffectiveTime().AsTime().Truncate(time.Microsecond),
			Source:        f.GetSource(),
			ID:            f.GetId(),
			Key:           attribute.GetKey(),
			Value:         attribute.GetValueJson(),
		})
	}
	return read, nil
}

var statuses = map[fit.Status]typev1.Fit_Status{
	fit.Scored:           typev1.Fit_STATUS_SCORED,
	fit.InsufficientData: typev1.Fit_STATUS_INSUFFICIENT_DATA,
}

var kinds = map[fit.Kind]typev1.Contribution_Kind{
	fit.Given:      typev1.Contribution_KIND_GIVEN,
	fit.Unanswered: typev1.Contribution_KIND_UNKNOWN,
	fit.Withheld:   typev1.Contribution_KIND_CAP,
	fit.Lifted:     typev1.Contribution_KIND_FLOOR,
	fit.Combined:   typev1.Contribution_KIND_COMBINE,
	fit.Shown:      typev1.Contribution_KIND_SHOWN,
}

func fitOf(r fit.Result) *typev1.Fit {
	message := &typev1.Fit{
		Status: statuses[r.Status], FitClass: r.Class, Unknown: r.Unknown, Persona: r.Persona, Flags: r.Flags, Missing: r.Missing,
	}
	if r.Status == fit.Scored {
		message.Score = proto.Float64(r.Score.Float())
	}
	if r.Underlying != nil {
		message.UnderlyingScore = proto.Float64(r.Underlying.Float())
	}
	if r.ICP != condition.Unknown {
		message.Icp = proto.Bool(r.ICP == condition.True)
	}
	for _, line := range r.Lines {
		message.Contributions = append(message.Contributions, &typev1.Contribution{
			Rule: line.Rule, Group: line.Group, Kind: kinds[line.Kind], Points: line.Points.Float(), Description: line.Description,
		})
	}
	return message
}

// resultOf returns what is stored and answered, without the state of the checkpoint.
func resultOf(a fit.Assessment) *profilefitv1.FitResult {
	result := &profilefitv1.FitResult{Fit: fitOf(a.Result)}
	if !a.Review.IsZero() {
		// After the year 9999 there is nothing that a message can name.
		if at := timestamppb.New(a.Review); at.IsValid() {
			result.ReviewTime = at
		}
	}
	for _, p := range a.Timeline {
		point := &typev1.FitPoint{EffectiveTime: timestamppb.New(p.EffectiveTime), FitClass: p.Class, Persona: p.Persona}
		if p.Status == fit.Scored {
			point.Score = proto.Float64(p.Score.Float())
		}
		result.Timeline = append(result.Timeline, point)
	}
	return result
}
