package profilefit

import (
	"context"
	"errors"
	"fmt"
	"sync"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"google.golang.org/protobuf/proto"

	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/profilefit/internal/fit"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
)

// RegisterFitModel implements assay.profilefit.v1.ProfileFitService.
func (s *Service) RegisterFitModel(ctx context.Context, r *profilefitv1.RegisterFitModelRequest) (*profilefitv1.RegisterFitModelResponse, error) {
	if r.GetModel() == nil {
		return nil, apierr.InvalidField("model", "a fit model")
	}
	compiled, err := compile("model", r.GetModel())
	if err != nil {
		return nil, err
	}
	if r.GetValidateOnly() {
		return &profilefitv1.RegisterFitModelResponse{}, nil
	}
	content, err := proto.MarshalOptions{Deterministic: true}.Marshal(r.GetModel())
	if err != nil {
		return nil, fmt.Errorf("encode model: %w", err)
	}
	err = s.store.PutModel(ctx, r.GetRevision(), content)
	if errors.Is(err, store.ErrOtherModel) {
		return nil, apierr.InvalidField("revision", "the hash of the model: it is taken by another model")
	}
	if err != nil {
		return nil, err
	}
	s.models.put(r.GetRevision(), compiled)
	return &profilefitv1.RegisterFitModelResponse{}, nil
}

// compile compiles a model; the error names each field that is wrong.
func compile(field string, model *typev1.FitModel) (*fit.Model, error) {
	compiled, err := fit.Compile(specOf(model))
	if err == nil {
		return compiled, nil
	}
	problems, ok := errors.AsType[fit.Problems](err)
	if !ok {
		return nil, fmt.Errorf("compile model: %w", err)
	}
	violations := make([]apierr.Violation, len(problems))
	for i, p := range problems {
		violations[i] = apierr.Violation{Field: field + "." + p.Path, Expected: p.Text}
	}
	return nil, apierr.InvalidFields(violations...)
}

// models keeps the compiled models by revision. A revision never changes, so what is
// kept is never wrong.
type models struct {
	store *store.Store

	mu       sync.RWMutex
	compiled map[string]*fit.Model
}

// maxModels bounds the memory of models that previews of standards leave behind.
const maxModels = 256

func newModels(s *store.Store) *models {
	return &models{store: s, compiled: map[string]*fit.Model{}}
}

func (m *models) put(revision string, compiled *fit.Model) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.compiled) >= maxModels {
		for other := range m.compiled { // any: the ones in use come back at once
			delete(m.compiled, other)
			break
		}
	}
	m.compiled[revision] = compiled
}

// get returns the model of a revision; nil if it is not registered.
func (m *models) get(ctx context.Context, revision string) (*fit.Model, error) {
	m.mu.RLock()
	compiled := m.compiled[revision]
	m.mu.RUnlock()
	if compiled != nil {
		return compiled, nil
	}
	content, found, err := m.store.Model(ctx, revision)
	if err != nil || !found {
		return nil, err
	}
	model := &typev1.FitModel{}
	if err := proto.Unmarshal(content, model); err != nil {
		return nil, fmt.Errorf("decode model: %w", err)
	}
	if compiled, err = fit.Compile(specOf(model)); err != nil {
		return nil, fmt.Errorf("a registered model does not compile any more: %w", err)
	}
	m.put(revision, compiled)
	return compiled, nil
}
