package handoff

import (
	"context"
	"regexp"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/page"
)

// heldLeadServer answers the HeldLeadService. The comments in its proto say what each
// method promises.
type heldLeadServer struct {
	handoffv1.UnimplementedHeldLeadServiceServer
	store *store.Store
}

func (s *heldLeadServer) ListHeldLeads(ctx context.Context, in *handoffv1.ListHeldLeadsRequest) (*handoffv1.ListHeldLeadsResponse, error) {
	leads, next, err := page.List[*handoffv1.HeldLead]{
		Query: []string{"heldLeads", in.GetTrack()}, Numbers: 1, Texts: 2,
		Read: func(after page.Place, limit int) ([]*handoffv1.HeldLead, error) {
			return s.store.HeldLeads(ctx, in.GetTrack(), after, limit)
		},
		At: func(h *handoffv1.HeldLead) page.Place { return store.HeldPlace(h) },
	}.Page(in)
	return &handoffv1.ListHeldLeadsResponse{HeldLeads: leads, NextPageToken: next}, err
}

func (s *heldLeadServer) ReleaseHeldLeads(ctx context.Context, in *handoffv1.ReleaseHeldLeadsRequest) (*handoffv1.ReleaseHeldLeadsResponse, error) {
	if len(in.GetLeads()) == 0 && in.GetTrack() == "" {
		return nil, apierr.InvalidField("leads", "the leads to release, or in `track` the track of which all are")
	}
	leads := make([]string, len(in.GetLeads()))
	for i, name := range in.GetLeads() {
		leads[i] = store.LeadID(name)
	}
	n, err := s.store.Release(ctx, leads, in.GetTrack())
	return &handoffv1.ReleaseHeldLeadsResponse{Released: int32(n)}, err
}

func (s *heldLeadServer) GetReleaseRate(ctx context.Context, in *handoffv1.GetReleaseRateRequest) (*handoffv1.ReleaseRate, error) {
	perHour, err := s.store.ReleaseRate(ctx, id(in.GetName()))
	return &handoffv1.ReleaseRate{Name: in.GetName(), PerHour: int32(perHour)}, err
}

var rateName = regexp.MustCompile(`^tracks/[a-z][a-z0-9-]{0,62}/releaseRate$`)

func (s *heldLeadServer) UpdateReleaseRate(ctx context.Context, in *handoffv1.UpdateReleaseRateRequest) (*handoffv1.ReleaseRate, error) {
	rate := in.GetReleaseRate()
	if !rateName.MatchString(rate.GetName()) {
		return nil, apierr.InvalidField("releaseRate.name", "tracks/{track}/releaseRate")
	}
	if err := s.store.SetReleaseRate(ctx, id(rate.GetName()), int(rate.GetPerHour())); err != nil {
		return nil, err
	}
	return rate, nil
}
