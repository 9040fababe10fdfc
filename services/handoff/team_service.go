package handoff

import (
	"context"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/internal/store"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/caller"
	"github.com/assay-hq/assay/services/internal/mask"
	"github.com/assay-hq/assay/services/internal/page"
)

// teamServer answers the TeamService. The comments in its proto say what each method
// promises.
type teamServer struct {
	handoffv1.UnimplementedTeamServiceServer
	people *people.Store
	store  *store.Store
}

// count fills in how many each member got.
func (s *teamServer) count(ctx context.Context, teams ...*handoffv1.Team) error {
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = people.TeamID(t.GetName())
	}
	assigned, err := s.store.AssignedIn(ctx, ids)
	for i, t := range teams {
		for _, m := range t.GetMembers() {
			m.AssignedCount = int32(assigned[ids[i]][people.UserID(m.GetUser())])
		}
	}
	return err
}

func (s *teamServer) GetTeam(ctx context.Context, in *handoffv1.GetTeamRequest) (*handoffv1.Team, error) {
	t, err := s.people.Team(ctx, people.TeamID(in.GetName()))
	if err != nil {
		return nil, peopleError(in.GetName(), err)
	}
	return t, s.count(ctx, t)
}

func (s *teamServer) ListTeams(ctx context.Context, in *handoffv1.ListTeamsRequest) (*handoffv1.ListTeamsResponse, error) {
	teams, next, err := page.List[*handoffv1.Team]{
		Query: "teams", Texts: 1,
		Read: func(after page.Place, limit int) ([]*handoffv1.Team, error) {
			return s.people.Teams(ctx, after.Text(0), limit)
		},
		At: func(t *handoffv1.Team) page.Place { return page.Place{people.TeamID(t.GetName())} },
	}.Page(in)
	if err != nil {
		return nil, err
	}
	return &handoffv1.ListTeamsResponse{Teams: teams, NextPageToken: next}, s.count(ctx, teams...)
}

func (s *teamServer) CreateTeam(ctx context.Context, in *handoffv1.CreateTeamRequest) (*handoffv1.Team, error) {
	if violations := people.CheckTeam(in.GetTeam()); len(violations) > 0 {
		return nil, apierr.InvalidFields(violations...)
	}
	t, err := s.people.CreateTeam(ctx, in.GetTeamId(), in.GetTeam())
	return t, peopleError(people.TeamName(in.GetTeamId()), err)
}

func (s *teamServer) UpdateTeam(ctx context.Context, in *handoffv1.UpdateTeamRequest) (*handoffv1.Team, error) {
	name := in.GetTeam().GetName()
	if name == "" {
		return nil, apierr.InvalidField("team.name", "teams/{team}")
	}
	who, _ := caller.From(ctx)
	t, err := s.people.UpdateTeam(ctx, people.TeamID(name), in.GetTeam().GetEtag(), func(t *handoffv1.Team) error {
		if who.Role == typev1.Role_ROLE_MANAGER && t.GetManager() != people.UserName(who.Actor) {
			return apierr.PermissionDeniedFor("a team is changed by an admin or the manager who leads it")
		}
		if err := mask.Apply(t, in.GetTeam(), in.GetUpdateMask(), "display_name", "manager", "members", "working_hours"); err != nil {
			return err
		}
		if violations := people.CheckTeam(t); len(violations) > 0 {
			return apierr.InvalidFields(violations...)
		}
		return nil
	})
	if err != nil {
		return nil, peopleError(name, err)
	}
	return t, s.count(ctx, t)
}
