package handoff

import (
	"context"
	"errors"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/lifecycle"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

// movers are what callers are in the lifecycle, by their role. Who is not here moves no
// lead.
var movers = map[typev1.Role]lifecycle.Who{
	typev1.Role_ROLE_SERVICE:   lifecycle.System,
	typev1.Role_ROLE_SALES:     lifecycle.Sales,
	typev1.Role_ROLE_MARKETING: lifecycle.Marketing,
	typev1.Role_ROLE_MANAGER:   lifecycle.Manager,
	typev1.Role_ROLE_ADMIN:     lifecycle.Admin,
}

// manages says whether a role has a manager's say: it decides for both sides of a standard,
// takes what others have and gives it away.
func manages(role typev1.Role) bool {
	return role == typev1.Role_ROLE_MANAGER || role == typev1.Role_ROLE_ADMIN
}

func (s *handoffServer) DisqualifyLead(ctx context.Context, in *handoffv1.DisqualifyLeadRequest) (*handoffv1.Qualification, error) {
	return s.actOnLead(ctx, in.GetLead(), store.LeadAct{
		Track: in.GetTrack(), Cause: lifecycle.ByDisqualify, Reason: in.GetReason(), SubReason: in.GetSubReason(),
	})
}

func (s *handoffServer) ReinstateLead(ctx context.Context, in *handoffv1.ReinstateLeadRequest) (*handoffv1.Qualification, error) {
	return s.actOnLead(ctx, in.GetLead(), store.LeadAct{
		Track: in.GetTrack(), Cause: lifecycle.ByReinstate, Reason: in.GetReason(),
	})
}

// actOnLead does it and answers where the lead stands then.
func (s *handoffServer) actOnLead(ctx context.Context, lead string, a store.LeadAct) (*handoffv1.Qualification, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	a.Lead, a.Actor, a.By = id(lead), who.Actor, movers[who.Role]
	stands, err := s.store.ActOnLead(ctx, a)
	var several *store.TrackError
	switch {
	case errors.As(err, &several):
		return nil, apierr.InvalidField("track", "one of: "+strings.Join(several.Tracks, ", "))
	case err != nil:
		return nil, handoffError(lead, err)
	}
	q, err := s.store.QualificationIn(ctx, a.Lead, stands.GetTrack())
	if errors.Is(err, store.ErrNotFound) {
		return stands, nil // no standard speaks of the lead any more
	}
	return q, err
}
