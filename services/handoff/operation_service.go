package handoff

import (
	"context"
	"errors"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/standard"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
)

// operationServer answers the OperationService. The comments in its proto say what
// each method promises.
type operationServer struct {
	handoffv1.UnimplementedOperationServiceServer
	store     *store.Store
	standards *standard.Registry
}

func (s *operationServer) GetOperation(ctx context.Context, in *handoffv1.GetOperationRequest) (*handoffv1.Operation, error) {
	o, err := s.store.Operation(ctx, id(in.GetName()))
	return o, operationError(in.GetName(), o, err)
}

func (s *operationServer) ListOperations(ctx context.Context, in *handoffv1.ListOperationsRequest) (*handoffv1.ListOperationsResponse, error) {
	operations, next, err := page.List[*handoffv1.Operation]{
		Query: "operations", Numbers: 1, Texts: 1,
		Read: func(after page.Place, limit int) ([]*handoffv1.Operation, error) {
			return s.store.Operations(ctx, after, limit)
		},
		At: func(o *handoffv1.Operation) page.Place { return store.OperationPlace(o) },
	}.Page(in)
	return &handoffv1.ListOperationsResponse{Operations: operations, NextPageToken: next}, err
}

func (s *operationServer) CancelOperation(ctx context.Context, in *handoffv1.CancelOperationRequest) (*handoffv1.Operation, error) {
	o, err := s.store.CancelOperation(ctx, id(in.GetName()))
	if err = operationError(in.GetName(), o, err); err != nil {
		return nil, err
	}
	return o, nil
}

func (s *operationServer) RescoreLeads(ctx context.Context, _ *handoffv1.RescoreLeadsRequest) (*handoffv1.Operation, error) {
	return s.store.BeginOperation(ctx, store.Order{Kind: handoffv1.Operation_KIND_RESCORE, Actor: actor(ctx)})
}

func (s *operationServer) PreviewStandardVersion(ctx context.Context, in *handoffv1.PreviewStandardVersionRequest) (*handoffv1.Operation, error) {
	// One that does not compile is refused here and not by the operation.
	if _, err := s.standards.Compiled(ctx, id(in.GetName()), versionID(in.GetName())); err != nil {
		return nil, standardError(in.GetName(), err)
	}
	return s.store.BeginOperation(ctx, store.Order{
		Kind: handoffv1.Operation_KIND_PREVIEW, Standard: in.GetName(), Actor: actor(ctx),
		SampleSize: int(in.GetSampleSize()), MaxLeads: int(in.GetMaxLeads()),
	})
}

func operationError(name string, o *handoffv1.Operation, err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, store.ErrEnded):
		return apierr.WrongState(name, strings.TrimPrefix(o.GetState().String(), "STATE_"), "RUNNING")
	default:
		return err
	}
}
