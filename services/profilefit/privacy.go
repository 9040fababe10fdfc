package profilefit

import (
	"context"
	"strings"

	profilefitv1 "github.com/assay-hq/assay/gen/go/assay/profilefit/v1"
	"github.com/assay-hq/assay/services/profilefit/internal/store"
)

// privacy forgets leads. What is kept here is derived, but it holds what it was derived from.
type privacy struct {
	profilefitv1.UnimplementedPrivacyServiceServer
	store *store.Store
}

// EraseLeads implements the method.
func (p *privacy) EraseLeads(ctx context.Context, req *profilefitv1.EraseLeadsRequest) (*profilefitv1.EraseLeadsResponse, error) {
	ids := make([]string, len(req.GetLeads()))
	for i, name := range req.GetLeads() {
		ids[i] = strings.TrimPrefix(name, "leads/")
	}
	gone, err := p.store.Erase(ctx, ids)
	return &profilefitv1.EraseLeadsResponse{Rows: gone}, err
}

// ScrubStore implements the method.
func (p *privacy) ScrubStore(ctx context.Context, _ *profilefitv1.ScrubStoreRequest) (*profilefitv1.ScrubStoreResponse, error) {
	return &profilefitv1.ScrubStoreResponse{}, p.store.Scrub(ctx)
}
