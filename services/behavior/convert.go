package behavior

import (
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/internal/points"
)

// compile makes a model message ready. The error is engagement.Problems, with paths
// as in JSON.
func compile(m *typev1.EngagementModel) (*engagement.Compiled, error) {
	var r modelReader
	compiled, err := engagement.Compile(r.model(m))
	if problems, ok := errors.AsType[engagement.Problems](err); ok || len(r.problems) > 0 {
		return nil, append(r.problems, problems...)
	}
	return compiled, err
}

// factsOf turns messages into facts. The error names the field.
func factsOf(in []*typev1.Fact) ([]engagement.Fact, error) {
	facts := make([]engagement.Fact, len(in))
	for i, f := range in {
		if f.GetEffectiveTime() == nil {
			return nil, invalid(fmt.Sprintf("facts[%d].effectiveTime", i), "a time")
		}
		out := &facts[i]
		*out = engagement.Fact{Micros: micros(f.GetEffectiveTime()), Source: f.GetSource(), ID: f.GetId()}
		switch a, b := f.GetActivity(), f.GetAttribute(); {
		case a != nil && b == nil:
			out.Type, out.Campaign, out.Properties = a.GetType(), a.GetCampaign(), a.GetPropertiesJson()
			if c := a.GetCorrection(); c != typev1.ActivityFact_CORRECTION_UNSPECIFIED {
				if out.Void = voids[c]; out.Void == engagement.NotVoid {
					return nil, invalid(fmt.Sprintf("facts[%d].activity.correction", i), "a known correction")
				}
			}
		case b != nil && a == nil:
			out.Kind, out.Name, out.Value = engagement.Attribute, b.GetKey(), b.GetValueJson()
		default:
			return nil, invalid(fmt.Sprintf("facts[%d]", i), "an activity or an attribute")
		}
	}
	return facts, nil
}

// voids are why activities do not count, by their correction.
var voids = map[typev1.ActivityFact_Correction]engagement.Void{
	typev1.ActivityFact_CORRECTION_BOT:       engagement.Bot,
	typev1.ActivityFact_CORRECTION_TEST:      engagement.Test,
	typev1.ActivityFact_CORRECTION_SCANNER:   engagement.Scanner,
	typev1.ActivityFact_CORRECTION_WITHDRAWN: engagement.Withdrawn,
}

// invalidField is a field of one lead's facts that has a value that is not allowed.
type invalidField struct{ field, expected string }

func invalid(field, expected string) error       { return &invalidField{field, expected} }
func (e *invalidField) Error() string            { return e.field + ": expected " + e.expected }
func micros(t *timestamppb.Timestamp) int64      { return t.AsTime().UnixMicro() }
func moment(micros int64) *timestamppb.Timestamp { return timestamppb.New(time.UnixMicro(micros)) }

// review is when to look again; nil after the year 9999, which no message can name.
func review(micros int64) *timestamppb.Timestamp {
	if at := moment(micros); at.IsValid() {
		return at
	}
	return nil
}

func fitOf(in []*typev1.FitPoint) []engagement.FitPoint {
	out := make([]engagement.FitPoint, len(in))
	for i, p := range in {
		out[i] = engagement.FitPoint{
			Micros: micros(p.GetEffectiveTime()), Scored: p.Score != nil,
			Points: points.Round(p.GetScore()), Class: p.GetFitClass(),
		}
	}
	return out
}
