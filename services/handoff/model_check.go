package handoff

import (
	"context"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/caller"
)

// modelCheck asks the scorers whether they can score with a standard's models: what a
// rule may say is decided in one place, where it is done.
type modelCheck struct {
	fit      profilefitv1.ProfileFitServiceClient
	behavior behaviorv1.BehaviorScoringServiceClient
}

// check returns what is wrong with the models of a compiled standard, with paths of the
// standard. An error means that a scorer could not be asked.
func (m modelCheck) check(ctx context.Context, c *standard.Compiled) (standard.Problems, error) {
	ctx = caller.With(ctx, caller.System("handoff"))
	var problems standard.Problems
	if c.Fit != nil {
		_, err := m.fit.RegisterFitModel(ctx, &profilefitv1.RegisterFitModelRequest{
			Revision: c.FitRevision, Model: c.Fit, ValidateOnly: true,
		})
		found, err := refused("fit", err)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	if c.Engagement != nil {
		_, err := m.behavior.RegisterEngagementModel(ctx, &behaviorv1.RegisterEngagementModelRequest{
			Revision: c.EngagementRevision, Model: c.Engagement, ValidateOnly: true,
		})
		found, err := refused("engagement", err)
		if err != nil {
			return nil, err
		}
		problems = append(problems, found...)
	}
	return problems, nil
}

// refused turns a refusal into problems, with the part of the standard in place of
// `model`. Other errors are returned.
func refused(part string, err error) (standard.Problems, error) {
	if status.Code(err) != codes.InvalidArgument {
		return nil, err
	}
	var problems standard.Problems
	for _, detail := range status.Convert(err).Details() {
		bad, ok := detail.(*errdetails.BadRequest)
		if !ok {
			continue
		}
		for _, violation := range bad.GetFieldViolations() {
			problems = append(problems, standard.Problem{
				Path:     part + strings.TrimPrefix(violation.GetField(), "model"),
				Expected: expectedOf(violation.GetDescription()),
			})
		}
	}
	if len(problems) == 0 {
		return nil, err
	}
	return problems, nil
}

// expectedOf is what a scorer expected, so that it reads well behind "expected".
func expectedOf(description string) string {
	words := strings.TrimPrefix(description, "expected ")
	if strings.HasPrefix(words, "must ") {
		words = "a value that " + words
	}
	return words
}
