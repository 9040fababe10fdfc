package behavior

import (
	"context"
	"errors"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/behavior/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// GetEngagement reads a lead's engagement at any instant; see the proto.
func (s *Service) GetEngagement(ctx context.Context, in *behaviorv1.GetEngagementRequest) (*behaviorv1.LeadEngagement, error) {
	at, err := s.instant(in.GetAsOfTime())
	if err != nil {
		return nil, err
	}
	rows, err := s.store.LeadRows(ctx, strings.TrimSuffix(in.GetName(), "/engagement"))
	if err != nil {
		return nil, err
	}
	out := &behaviorv1.LeadEngagement{Name: in.GetName()}
	for _, row := range rows {
		e, err := s.revision(ctx, row, at, in.GetIncludeActivities())
		if errors.Is(err, engagement.ErrCorrupt) {
			// Derived: the next facts of the lead bring it back.
			s.deps.Telemetry.Log.WarnContext(ctx, "stored engagement cannot be read", "lead", row.Lead, "revision", row.Revision)
			continue
		}
		if err != nil {
			return nil, err
		}
		if e != nil {
			out.Engagements = append(out.Engagements, e)
		}
	}
	if len(out.GetEngagements()) == 0 {
		return nil, apierr.NotFound(in.GetName())
	}
	return out, nil
}

// revision reads one row; nil if its model is not registered here any more.
func (s *Service) revision(ctx context.Context, row store.Row, at int64, activities bool) (*behaviorv1.RevisionEngagement, error) {
	compiled, err := s.models.get(ctx, row.Revision)
	if compiled == nil || err != nil {
		return nil, err
	}
	history, err := compiled.OpenHistory(row.Record)
	if err != nil {
		return nil, err
	}
	load := s.load(ctx, row.Key)
	score, err := history.Score(at, load)
	if err != nil {
		return nil, err
	}
	out := &behaviorv1.RevisionEngagement{
		Revision: row.Revision, FactsVersion: row.Version, Engagement: engagementMessage(&score),
	}
	if activities {
		lines, err := history.Lines(at, load)
		if err != nil {
			return nil, err
		}
		out.Activities = activityMessages(lines)
	}
	return out, nil
}

func (s *Service) load(ctx context.Context, key store.Key) engagement.Load {
	return func(before int64) ([]engagement.Chunk, error) { return s.store.Chunks(ctx, key, before) }
}

// PreviewEngagement scores facts without storing anything; see the proto.
func (s *Service) PreviewEngagement(_ context.Context, in *behaviorv1.PreviewEngagementRequest) (*behaviorv1.PreviewEngagementResponse, error) {
	at, err := s.instant(in.GetAsOfTime())
	if err != nil {
		return nil, err
	}
	compiled, err := compile(in.GetModel())
	if err != nil {
		return nil, invalidModel(err)
	}
	facts, err := factsOf(in.GetFacts())
	var bad *invalidField
	if errors.As(err, &bad) {
		return nil, apierr.InvalidField(bad.field, bad.expected)
	}
	score := compiled.Fold(engagement.Facts{Facts: facts}, at)
	return &behaviorv1.PreviewEngagementResponse{Engagement: engagementMessage(&score)}, nil
}

// instant returns the instant asked for, by default now.
func (s *Service) instant(t *timestamppb.Timestamp) (int64, error) {
	if t == nil {
		return s.deps.Now().UnixMicro(), nil
	}
	if !t.IsValid() {
		return 0, apierr.InvalidField("asOfTime", "a time from year 1 to 9999")
	}
	return micros(t), nil
}
