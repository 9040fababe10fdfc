package behavior

import (
	"context"

	behaviorv1 "github.com/assay-hq/assay/gen/go/assay/behavior/v1"
	"github.com/assay-hq/assay/services/behavior/internal/store"
)

// privacy forgets leads. What is kept here is derived, but it holds what it was derived from.
type privacy struct {
	behaviorv1.UnimplementedPrivacyServiceServer
	store *store.Store
}

// EraseLeads implements the method.
func (p *privacy) EraseLeads(ctx context.Context, req *behaviorv1.EraseLeadsRequest) (*behaviorv1.EraseLeadsResponse, error) {
	gone, err := p.store.Erase(ctx, req.GetLeads())
	return &behaviorv1.EraseLeadsResponse{Rows: gone}, err
}

// ScrubStore implements the method.
func (p *privacy) ScrubStore(ctx context.Context, _ *behaviorv1.ScrubStoreRequest) (*behaviorv1.ScrubStoreResponse, error) {
	return &behaviorv1.ScrubStoreResponse{}, p.store.Scrub(ctx)
}
