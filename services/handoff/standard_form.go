package handoff

import (
	"context"

	"google.golang.org/protobuf/types/known/structpb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/internal/apierr"
)

var formTypes = map[standard.AnswerKind]handoffv1.FormField_Type{
	standard.TextAnswer:    handoffv1.FormField_TYPE_TEXT,
	standard.NumberAnswer:  handoffv1.FormField_TYPE_NUMBER,
	standard.BooleanAnswer: handoffv1.FormField_TYPE_BOOLEAN,
	standard.ChoiceAnswer:  handoffv1.FormField_TYPE_CHOICE,
	standard.TimeAnswer:    handoffv1.FormField_TYPE_TIME,
}

func (s *standardServer) GetStandardForm(ctx context.Context, in *handoffv1.GetStandardFormRequest) (*handoffv1.StandardForm, error) {
	version := versionID(in.GetName())
	if version == "" {
		row, err := s.standards.Get(ctx, id(in.GetName()))
		if err != nil {
			return nil, standardError(in.GetName(), err)
		}
		if version = row.ActiveVersion; version == "" {
			return nil, apierr.NotFound("an active version of " + in.GetName())
		}
	}
	v, err := s.standards.GetVersion(ctx, id(in.GetName()), version)
	if err != nil {
		return nil, standardError(in.GetName(), err)
	}
	out := &handoffv1.StandardForm{Version: standard.VersionName(v.StandardID, v.ID)}
	for _, f := range standard.Form(v.Spec) {
		field := &handoffv1.FormField{
			Attribute: f.Attribute, Label: f.Label, Type: formTypes[f.Kind],
			Needed: f.Needed, PointsAtStake: f.Stake, ReadBy: f.ReadBy,
		}
		for _, a := range f.Answers {
			answer := &handoffv1.FormAnswer{Label: a.Label}
			if band := a.Band; band != nil {
				answer.AtLeast, answer.Below, answer.Over, answer.AtMost = band.AtLeast, band.Below, band.Over, band.AtMost
			} else {
				if answer.Value, err = structpb.NewValue(a.Value); err != nil {
					return nil, err
				}
			}
			field.Answers = append(field.Answers, answer)
		}
		out.Fields = append(out.Fields, field)
	}
	return out, nil
}
