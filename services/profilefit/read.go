package profilefit

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/condition"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
)

// GetFit implements assay.profilefit.v1.ProfileFitService.
func (s *Service) GetFit(ctx context.Context, r *profilefitv1.GetFitRequest) (*profilefitv1.LeadFit, error) {
	lead, ok := strings.CutPrefix(r.GetName(), "leads/")
	lead, isFit := strings.CutSuffix(lead, "/fit")
	if !ok || !isFit {
		return nil, apierr.InvalidField("name", "leads/{lead}/fit")
	}
	stored, err := s.store.Lead(ctx, lead)
	if err != nil {
		return nil, err
	}
	if len(stored) == 0 {
		return nil, apierr.NotFound(r.GetName())
	}
	found := &profilefitv1.LeadFit{Name: r.GetName()}
	for _, revision := range slices.Sorted(maps.Keys(stored)) {
		c := stored[revision]
		result := &profilefitv1.FitResult{}
		if err := proto.Unmarshal(c.Result, result); err != nil {
			return nil, fmt.Errorf("stored result: %w", err)
		}
		found.Fits = append(found.Fits, &profilefitv1.RevisionFit{
			Revision: revision, FactsVersion: c.FactsVersion, Fit: result.GetFit(), AsOfTime: timestamppb.New(c.AsOf),
		})
	}
	return found, nil
}

// PreviewFit implements assay.profilefit.v1.ProfileFitService.
func (s *Service) PreviewFit(_ context.Context, r *profilefitv1.PreviewFitRequest) (*profilefitv1.PreviewFitResponse, error) {
	model, err := compile("model", r.GetModel())
	if err != nil {
		return nil, err
	}
	now := s.now()
	var facts []fit.Fact
	var violations []apierr.Violation
	attributes := r.GetAttributes().GetFields()
	for _, key := range slices.Sorted(maps.Keys(attributes)) {
		value, err := json.Marshal(attributes[key].AsInterface())
		if err == nil {
			_, err = condition.ParseValue(value)
		}
		if err != nil {
			violations = append(violations, apierr.Violation{Field: "attributes." + key, Expected: "a string, number, boolean or list of these"})
			continue
		}
		facts = append(facts, fit.Fact{EffectiveTime: now, Key: key, Value: value})
	}
	if len(violations) > 0 {
		return nil, apierr.InvalidFields(violations...)
	}
	assessment := model.Assess(model.Add(nil, facts...), now)
	return &profilefitv1.PreviewFitResponse{Fit: fitOf(assessment.Result)}, nil
}
