package behavior

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"google.golang.org/protobuf/proto"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/behavior/internal/engagement"
	"github.com/assay-hq/assay/services/behavior/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// RegisterEngagementModel keeps a revision; see the proto.
func (s *Service) RegisterEngagementModel(ctx context.Context, in *behaviorv1.RegisterEngagementModelRequest) (*behaviorv1.RegisterEngagementModelResponse, error) {
	if _, err := compile(in.GetModel()); err != nil {
		return nil, invalidModel(err)
	}
	if in.GetValidateOnly() {
		return &behaviorv1.RegisterEngagementModelResponse{}, nil
	}
	b, err := proto.MarshalOptions{Deterministic: true}.Marshal(in.GetModel())
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	if err := s.store.PutModel(ctx, in.GetRevision(), b, sqldb.Micros(s.deps.Now())); err != nil {
		return nil, err
	}
	return &behaviorv1.RegisterEngagementModelResponse{}, nil
}

func invalidModel(err error) error {
	var problems engagement.Problems
	if !errors.As(err, &problems) {
		return err
	}
	violations := make([]apierr.Violation, len(problems))
	for i, p := range problems {
		violations[i] = apierr.Violation{Field: "model." + p.Path, Expected: p.Expected}
	}
	return apierr.InvalidStandard(violations...)
}

// models keeps compiled models by revision. Revisions are immutable and few.
type models struct {
	store    *store.Store
	compiled sync.Map // revision → *engagement.Compiled
}

// get returns the model of a revision; nil if it is not registered here.
func (m *models) get(ctx context.Context, revision string) (*engagement.Compiled, error) {
	if c, ok := m.compiled.Load(revision); ok {
		return c.(*engagement.Compiled), nil
	}
	b, err := m.store.Model(ctx, revision)
	if b == nil || err != nil {
		return nil, err
	}
	var model typev1.EngagementModel
	if err := proto.Unmarshal(b, &model); err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	c, err := compile(&model)
	if err != nil {
		return nil, fmt.Errorf("stored model %s: %w", revision, err)
	}
	m.compiled.Store(revision, c)
	return c, nil
}
