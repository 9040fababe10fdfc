package handoff

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/mask"
	"github.com/assay-hq/assay/services/internal/page"
	"github.com/assay-hq/assay/services/internal/terms"
)

// userServer answers the UserService. The comments in its proto say what each method
// promises.
type userServer struct {
	handoffv1.UnimplementedUserServiceServer
	people *people.Store
	// handOn hands on what somebody has, see HandoffService.ReassignOwner.
	handOn func(context.Context, *handoffv1.ReassignOwnerRequest) (*handoffv1.ReassignOwnerResponse, error)
}

func (s *userServer) GetUser(ctx context.Context, in *handoffv1.GetUserRequest) (*handoffv1.User, error) {
	u, err := s.people.User(ctx, people.UserID(in.GetName()))
	return u, peopleError(in.GetName(), err)
}

func (s *userServer) ListUsers(ctx context.Context, in *handoffv1.ListUsersRequest) (*handoffv1.ListUsersResponse, error) {
	filter, err := userFilter(in.GetFilter())
	if err != nil {
		return nil, err
	}
	users, next, err := page.List[*handoffv1.User]{
		Query: []string{"users", in.GetFilter()}, Texts: 1,
		Read: func(after page.Place, limit int) ([]*handoffv1.User, error) {
			return s.people.Users(ctx, filter, after.Text(0), limit)
		},
		At: func(u *handoffv1.User) page.Place { return page.Place{people.UserID(u.GetName())} },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	return &handoffv1.ListUsersResponse{Users: users, NextPageToken: next}, nil
}

func userFilter(filter string) (f people.UserFilter, err error) {
	role := field{values: typev1.Role_value, prefix: "ROLE_"} // its names
	parsed, err := terms.Parse(filter, map[string]terms.Kind{
		"role": terms.OneOf(role.names()...), "team": terms.Text, "inactive": terms.OneOf("true", "false"),
	})
	for _, t := range parsed {
		switch t.Field {
		case "role":
			f.Role = typev1.Role(typev1.Role_value[role.prefix+strings.TrimPrefix(t.Text, role.prefix)])
		case "team":
			f.Team = people.TeamID(t.Text)
		case "inactive":
			f.Inactive = proto.Bool(t.Text == "true")
		}
	}
	return f, err
}

func (s *userServer) CreateUser(ctx context.Context, in *handoffv1.CreateUserRequest) (*handoffv1.User, error) {
	if violations := people.CheckUser(in.GetUser()); len(violations) > 0 {
		return nil, apierr.InvalidFields(violations...)
	}
	u, err := s.people.Create(ctx, in.GetUserId(), in.GetUser())
	return u, peopleError(people.UserName(in.GetUserId()), err)
}

func (s *userServer) UpdateUser(ctx context.Context, in *handoffv1.UpdateUserRequest) (*handoffv1.User, error) {
	name := in.GetUser().GetName()
	if name == "" {
		return nil, apierr.InvalidField("user.name", "users/{user}")
	}
	_, after, err := s.people.Update(ctx, people.Update{
		ID: people.UserID(name), Etag: in.GetUser().GetEtag(), HandsOn: in.GetReassignHandoffs(),
		Change: func(u *handoffv1.User) error {
			if err := mask.Apply(u, in.GetUser(), in.GetUpdateMask(), "display_name", "email", "role", "inactive", "working_hours",
				"absences", "capacity", "remote_ids", "subject"); err != nil {
				return err
			}
			if violations := people.CheckUser(u); len(violations) > 0 {
				return apierr.InvalidFields(violations...)
			}
			return nil
		},
	})
	if err != nil {
		return nil, peopleError(name, err)
	}
	if !in.GetReassignHandoffs() || people.MayOwn(after) || after.GetOpenHandoffCount() == 0 {
		return after, nil
	}
	// From here on nobody gives them more. What fails is done by the same call again.
	if _, err := s.handOn(ctx, &handoffv1.ReassignOwnerRequest{Owner: name, Reason: "the owner may not have it any more"}); err != nil {
		return nil, err
	}
	return s.GetUser(ctx, &handoffv1.GetUserRequest{Name: name})
}

func (s *userServer) SetAbsences(ctx context.Context, in *handoffv1.SetAbsencesRequest) (*handoffv1.User, error) {
	who, _ := caller.From(ctx)
	id := people.UserID(in.GetName())
	if who.Actor != id && !manages(who.Role) {
		return nil, apierr.PermissionDeniedFor("the absences of somebody else are set by a manager or an admin")
	}
	if violations := people.CheckAbsences("absences", in.GetAbsences()); len(violations) > 0 {
		return nil, apierr.InvalidFields(violations...)
	}
	_, after, err := s.people.Update(ctx, people.Update{ID: id, Change: func(u *handoffv1.User) error {
		u.Absences = in.GetAbsences()
		return nil
	}})
	return after, peopleError(in.GetName(), err)
}

// peopleError is an error of the API for one of the people.
func peopleError(name string, err error) error {
	var taken *people.TakenError
	var has *people.HasHandoffsError
	switch {
	case errors.Is(err, people.ErrNotFound):
		return apierr.NotFound(name)
	case errors.Is(err, people.ErrEtag):
		return apierr.EtagMismatch(name)
	case errors.As(err, &taken):
		return apierr.AlreadyExists(taken.What)
	case errors.As(err, &has):
		return apierr.WrongState(name, fmt.Sprintf("the owner of %d open handoffs", has.Open), "the owner of none: with reassignHandoffs they are handed on")
	}
	return err
}
