package handoff

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/qualifier"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

func (s *handoffServer) ExplainQualification(ctx context.Context, in *handoffv1.ExplainQualificationRequest) (*handoffv1.Explanation, error) {
	lead := strings.TrimSuffix(in.GetName(), "/qualification")
	compiled, err := s.explaining(ctx, lead, in.GetStandard())
	if err != nil {
		return nil, err
	}
	at := s.now()
	if t := in.GetAsOfTime(); t != nil {
		if !t.IsValid() {
			return nil, apierr.InvalidField("asOfTime", "a time from year 1 to 9999")
		}
		at = t.AsTime()
	}
	// The scorers and ingest are asked in the service's own name: who may ask for an
	// explanation may not claim leads.
	answer, err := s.qualifier.Explain(caller.With(ctx, caller.System("handoff")), qualifier.Question{
		Lead: lead, Standard: compiled, AsOf: at, Activities: in.GetIncludeActivities(),
	})
	switch {
	case errors.Is(err, qualifier.ErrNoLead):
		return nil, apierr.NotFound(lead)
	case errors.Is(err, qualifier.ErrDoesNotApply):
		return nil, apierr.WrongState(compiled.Version, "not for "+lead+" at that instant", "one that applies to it")
	case errors.Is(err, qualifier.ErrTooLong):
		return nil, apierr.TooLarge("name", "a history of 50,000 facts")
	case err != nil:
		return nil, err
	}
	q := answer.Whole(id(lead))
	q.FactsVersion, q.AsOfTime = answer.FactsVersion, timestamppb.New(at)
	return &handoffv1.Explanation{Qualification: q, Activities: answer.Activities}, nil
}

// explaining is the version that explains: the one that is named, the active one of the
// standard that is named, or that of the leading verdict.
func (s *handoffServer) explaining(ctx context.Context, lead, name string) (*standard.Compiled, error) {
	if name == "" {
		q, err := s.store.Qualification(ctx, id(lead), "")
		switch {
		case errors.Is(err, store.ErrNotFound):
			active, err := s.standards.Active(ctx)
			if err != nil {
				return nil, err
			}
			if len(active) == 0 {
				return nil, apierr.NotFound("standards")
			}
			return active[0], nil
		case err != nil:
			return nil, err
		}
		name = q.GetStandardVersion()
	}
	version := versionID(name)
	if version == "" {
		row, err := s.standards.Get(ctx, id(name))
		if err != nil {
			return nil, standardError(name, err)
		}
		if version = row.ActiveVersion; version == "" {
			return nil, apierr.WrongState(name, "without an active version", "published")
		}
	}
	compiled, err := s.standards.Compiled(ctx, id(name), version)
	if err != nil {
		return nil, standardError(name, err)
	}
	return compiled, nil
}
