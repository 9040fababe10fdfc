package handoff

import (
	"context"
	"errors"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/standard/lint"
	"github.com/assay-hq/assay/services/internal/apierr"
)

var severities = map[lint.Severity]handoffv1.StandardFinding_Severity{
	lint.Info:    handoffv1.StandardFinding_SEVERITY_INFO,
	lint.Warning: handoffv1.StandardFinding_SEVERITY_WARNING,
}

func (s *standardServer) LintStandard(ctx context.Context, in *handoffv1.LintStandardRequest) (*handoffv1.StandardFindings, error) {
	if in.GetSpec() == nil {
		return nil, apierr.InvalidField("spec", "a standard")
	}
	return s.lint(ctx, in.GetSpec())
}

func (s *standardServer) LintStandardVersion(ctx context.Context, in *handoffv1.LintStandardVersionRequest) (*handoffv1.StandardFindings, error) {
	v, err := s.standards.GetVersion(ctx, id(in.GetName()), versionID(in.GetName()))
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return s.lint(ctx, v.Spec)
}

func (s *standardServer) lint(ctx context.Context, spec *handoffv1.StandardSpec) (*handoffv1.StandardFindings, error) {
	out := &handoffv1.StandardFindings{}
	_, err := s.standards.Check(ctx, spec, actor(ctx))
	var problems standard.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			out.Findings = append(out.Findings, &handoffv1.StandardFinding{
				Severity: handoffv1.StandardFinding_SEVERITY_ERROR, Path: p.Path, Message: "expected " + p.Expected,
			})
		}
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	for _, f := range lint.Lint(spec) {
		out.Findings = append(out.Findings, &handoffv1.StandardFinding{
			Severity: severities[f.Severity], Path: f.Path, Message: f.Message, Rule: f.Rule,
		})
	}
	return out, nil
}
