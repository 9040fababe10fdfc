package handoff

import (
	"context"
	"errors"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
)

func (s *handoffServer) ClaimHandoff(ctx context.Context, in *handoffv1.ClaimHandoffRequest) (*handoffv1.Handoff, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	h, err := s.store.Claim(ctx, store.Claim{
		Handoff: id(in.GetName()), Etag: in.GetEtag(), Actor: who.Actor, Manager: manages(who.Role),
	})
	return h, assignmentError(in.GetName(), err)
}

func (s *handoffServer) ReassignHandoff(ctx context.Context, in *handoffv1.ReassignHandoffRequest) (*handoffv1.Handoff, error) {
	who, ok := caller.From(ctx)
	switch {
	case !ok:
		return nil, apierr.Unauthenticated()
	case in.GetOwner() != "" && in.GetTeam() != "":
		return nil, apierr.InvalidField("team", "nothing beside `owner`")
	}
	h, err := s.store.Reassign(ctx, store.Reassignment{
		Handoff: id(in.GetName()), Etag: in.GetEtag(), Owner: people.UserID(in.GetOwner()), Team: people.TeamID(in.GetTeam()),
		Reason: in.GetReason(), Actor: who.Actor, Manager: manages(who.Role),
	})
	return h, assignmentError(in.GetName(), err)
}

func (s *handoffServer) ReassignOwner(ctx context.Context, in *handoffv1.ReassignOwnerRequest) (*handoffv1.ReassignOwnerResponse, error) {
	who, ok := caller.From(ctx)
	if !ok {
		return nil, apierr.Unauthenticated()
	}
	left, err := s.store.ReassignOwner(ctx, store.Leave{
		User: people.UserID(in.GetOwner()), Accepted: in.GetAccepted(), Reason: in.GetReason(),
		RecycleReason: in.GetRecycleReason(), RecycleSubReason: in.GetRecycleSubReason(),
		Actor: who.Actor, By: movers[who.Role],
	})
	if errors.Is(err, store.ErrNoUser) {
		return nil, apierr.NotFound(in.GetOwner())
	}
	if err != nil {
		return nil, assignmentError(in.GetOwner(), err)
	}
	return &handoffv1.ReassignOwnerResponse{
		ReassignedCount: int32(left.Reassigned), QueuedCount: int32(left.Queued), RecycledCount: int32(left.Recycled),
	}, nil
}

// assignmentError is what the API says of an error of giving a handoff to somebody.
func assignmentError(name string, err error) error {
	var owned *store.OwnedError
	var nobody *store.NobodyError
	switch {
	case errors.As(err, &owned):
		return apierr.WrongState(name, "owned by "+people.UserName(owned.Owner), "one without an owner")
	case errors.As(err, &nobody):
		return apierr.NobodyAvailable(name, nobody.Reason)
	case errors.Is(err, store.ErrNotYours):
		return apierr.PermissionDeniedFor("a salesperson gives away only their own handoffs; a manager may give away any")
	case errors.Is(err, store.ErrNoUser):
		return apierr.InvalidField("owner", "a user that exists")
	case errors.Is(err, store.ErrNoTeam):
		return apierr.InvalidField("team", "a team that exists")
	default:
		return handoffError(name, err)
	}
}
