package ingest

import (
	"context"
	"errors"
	"fmt"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/ingest/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
)

type privacyAPI struct {
	ingestv1.UnimplementedPrivacyServiceServer
	*Service
}

// EraseLeads implements the method.
func (a *privacyAPI) EraseLeads(ctx context.Context, req *ingestv1.EraseLeadsRequest) (*ingestv1.EraseLeadsResponse, error) {
	ids := make([]string, len(req.GetLeads()))
	for i, name := range req.GetLeads() {
		id, err := leadID(fmt.Sprintf("leads[%d]", i), name)
		if err != nil {
			return nil, err
		}
		ids[i] = id
	}
	gone, err := a.store.Erase(ctx, ids)
	if errors.Is(err, store.ErrFileRuns) {
		return nil, apierr.Unavailable("the person, whom a file names that is being imported,") // until it has run
	}
	if err != nil {
		return nil, err
	}
	response := &ingestv1.EraseLeadsResponse{Rows: map[string]int32{}}
	for table, n := range gone {
		if n > 0 {
			response.Rows[table] = int32(n)
		}
	}
	return response, nil
}

// ScrubStore implements the method.
func (a *privacyAPI) ScrubStore(ctx context.Context, _ *ingestv1.ScrubStoreRequest) (*ingestv1.ScrubStoreResponse, error) {
	return &ingestv1.ScrubStoreResponse{}, a.store.Scrub(ctx)
}
