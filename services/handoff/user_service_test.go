package handoff_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

func TestUsersByTheAPI(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewUserServiceClient(conn)
	admin := as(t, "root", typev1.Role_ROLE_ADMIN)
	for _, id := range []string{"jane", "tom", "uma"} {
		u, err := api.CreateUser(admin, &handoffv1.CreateUserRequest{UserId: id, User: &handoffv1.User{Role: typev1.Role_ROLE_SALES, Email: id + "@example.com"}})
		if err != nil || u.GetName() != "users/"+id || u.GetEtag() == "" {
			t.Fatalf("%v, %v", u, err)
		}
	}
	// Field by field: what the mask does not name stays.
	after, err := api.UpdateUser(admin, &handoffv1.UpdateUserRequest{
		User:       &handoffv1.User{Name: "users/jane", DisplayName: "Jane", Email: "ignored@example.com", WorkingHours: &typev1.WorkingHours{TimeZone: "Europe/Berlin"}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name", "working_hours.time_zone", "inactive"}},
	})
	if err != nil || after.GetDisplayName() != "Jane" || after.GetEmail() != "jane@example.com" || after.GetWorkingHours().GetTimeZone() != "Europe/Berlin" || after.GetRole() != typev1.Role_ROLE_SALES {
		t.Errorf("%v, %v", after, err)
	}
	// Without a mask: what is given.
	if after, err = api.UpdateUser(admin, &handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane", Role: typev1.Role_ROLE_MANAGER}}); err != nil || after.GetRole() != typev1.Role_ROLE_MANAGER || after.GetDisplayName() != "Jane" {
		t.Errorf("%v, %v", after, err)
	}
	for name, c := range map[string]struct {
		request *handoffv1.UpdateUserRequest
		code    codes.Code
		reason  string
	}{
		"nobody":        {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/nobody"}}, codes.NotFound, "NOT_FOUND"},
		"no name":       {&handoffv1.UpdateUserRequest{User: &handoffv1.User{}}, codes.InvalidArgument, "INVALID_FIELD"},
		"an old etag":   {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane", Etag: "1"}}, codes.Aborted, "ETAG_MISMATCH"},
		"taken":         {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane", Email: "tom@example.com"}}, codes.AlreadyExists, "ALREADY_EXISTS"},
		"no such field": {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"create_time"}}}, codes.InvalidArgument, "INVALID_FIELD"},
		"no role":       {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"role"}}}, codes.InvalidArgument, "INVALID_FIELD"},
		"no zone":       {&handoffv1.UpdateUserRequest{User: &handoffv1.User{Name: "users/jane", WorkingHours: &typev1.WorkingHours{TimeZone: "Local"}}}, codes.InvalidArgument, "INVALID_FIELD"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.UpdateUser(admin, c.request)
			want(t, err, c.code, c.reason)
		})
	}
	for name, c := range map[string]struct {
		request *handoffv1.CreateUserRequest
		code    codes.Code
		reason  string
	}{
		"taken":                {&handoffv1.CreateUserRequest{UserId: "jane", User: &handoffv1.User{Role: typev1.Role_ROLE_SALES}}, codes.AlreadyExists, "ALREADY_EXISTS"},
		"an address":           {&handoffv1.CreateUserRequest{UserId: "jane@example.com", User: &handoffv1.User{Role: typev1.Role_ROLE_SALES}}, codes.InvalidArgument, "INVALID_FIELD"},
		"no role":              {&handoffv1.CreateUserRequest{UserId: "zoe", User: &handoffv1.User{}}, codes.InvalidArgument, "INVALID_FIELD"},
		"a machine's role":     {&handoffv1.CreateUserRequest{UserId: "zoe", User: &handoffv1.User{Role: typev1.Role_ROLE_INGEST}}, codes.InvalidArgument, "INVALID_FIELD"},
		"the role of services": {&handoffv1.CreateUserRequest{UserId: "zoe", User: &handoffv1.User{Role: typev1.Role_ROLE_SERVICE}}, codes.InvalidArgument, "INVALID_FIELD"},
	} {
		t.Run("create "+name, func(t *testing.T) {
			_, err := api.CreateUser(admin, c.request)
			want(t, err, c.code, c.reason)
		})
	}

	// Lists, page by page and filtered.
	var seen []string
	for token := ""; ; {
		page, err := api.ListUsers(as(t, "aud", typev1.Role_ROLE_AUDITOR), &handoffv1.ListUsersRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range page.GetUsers() {
			seen = append(seen, u.GetName())
		}
		if token = page.GetNextPageToken(); token == "" {
			break
		}
	}
	if len(seen) != 3 || seen[0] != "users/jane" || seen[2] != "users/uma" {
		t.Errorf("%v", seen)
	}
	if page, err := api.ListUsers(admin, &handoffv1.ListUsersRequest{Filter: `role = SALES AND inactive = false`}); err != nil || len(page.GetUsers()) != 2 {
		t.Errorf("%v, %v", page, err)
	}
	_, err = api.ListUsers(admin, &handoffv1.ListUsersRequest{Filter: `email = "x"`})
	want(t, err, codes.InvalidArgument, "INVALID_FIELD")
}

func TestAbsences(t *testing.T) {
	_, conn := serve(t)
	api := handoffv1.NewUserServiceClient(conn)
	if _, err := api.CreateUser(as(t, "root", typev1.Role_ROLE_ADMIN), &handoffv1.CreateUserRequest{UserId: "jane", User: &handoffv1.User{Role: typev1.Role_ROLE_SALES}}); err != nil {
		t.Fatal(err)
	}
	from := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	away := &handoffv1.SetAbsencesRequest{Name: "users/jane", Absences: []*handoffv1.Absence{{StartTime: timestamppb.New(from), EndTime: timestamppb.New(from.AddDate(0, 0, 14))}}}
	for who, role := range map[string]typev1.Role{"jane": typev1.Role_ROLE_SALES, "max": typev1.Role_ROLE_MANAGER, "root": typev1.Role_ROLE_ADMIN} {
		if u, err := api.SetAbsences(as(t, who, role), away); err != nil || len(u.GetAbsences()) != 1 {
			t.Errorf("%s: %v, %v", who, u, err)
		}
	}
	for who, role := range map[string]typev1.Role{"tom": typev1.Role_ROLE_SALES, "ana": typev1.Role_ROLE_MARKETING} {
		_, err := api.SetAbsences(as(t, who, role), away)
		want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	}
	away.Absences[0].EndTime = away.Absences[0].GetStartTime()
	_, err := api.SetAbsences(as(t, "jane", typev1.Role_ROLE_SALES), away)
	want(t, err, codes.InvalidArgument, "INVALID_FIELD")
	if v := apierr.Violations(err); len(v) != 1 || v[0].Field != "absences[0].endTime" {
		t.Errorf("%v", v)
	}
}

func TestTeamsByTheAPI(t *testing.T) {
	_, conn := serve(t)
	users, teams := handoffv1.NewUserServiceClient(conn), handoffv1.NewTeamServiceClient(conn)
	admin := as(t, "root", typev1.Role_ROLE_ADMIN)
	for id, role := range map[string]typev1.Role{"jane": typev1.Role_ROLE_SALES, "max": typev1.Role_ROLE_MANAGER, "mia": typev1.Role_ROLE_MANAGER} {
		if _, err := users.CreateUser(admin, &handoffv1.CreateUserRequest{UserId: id, User: &handoffv1.User{Role: role}}); err != nil {
			t.Fatal(err)
		}
	}
	made, err := teams.CreateTeam(admin, &handoffv1.CreateTeamRequest{TeamId: "dach", Team: &handoffv1.Team{
		Manager: "users/max", Members: []*handoffv1.TeamMember{{User: "users/jane"}},
	}})
	if err != nil || made.GetName() != "teams/dach" || made.GetMembers()[0].GetWeight() != 1 {
		t.Fatalf("%v, %v", made, err)
	}
	change := &handoffv1.UpdateTeamRequest{Team: &handoffv1.Team{Name: "teams/dach", Members: []*handoffv1.TeamMember{{User: "users/jane", Weight: 5}}}}
	if after, err := teams.UpdateTeam(as(t, "max", typev1.Role_ROLE_MANAGER), change); err != nil || after.GetMembers()[0].GetWeight() != 5 || after.GetManager() != "users/max" {
		t.Errorf("%v, %v", after, err)
	}
	_, err = teams.UpdateTeam(as(t, "mia", typev1.Role_ROLE_MANAGER), change)
	want(t, err, codes.PermissionDenied, "PERMISSION_DENIED")
	for name, c := range map[string]struct {
		team   *handoffv1.Team
		code   codes.Code
		reason string
		field  string
	}{
		"nobody's":         {&handoffv1.Team{Name: "teams/none"}, codes.NotFound, "NOT_FOUND", ""},
		"an old etag":      {&handoffv1.Team{Name: "teams/dach", Etag: "1"}, codes.Aborted, "ETAG_MISMATCH", ""},
		"a stranger":       {&handoffv1.Team{Name: "teams/dach", Members: []*handoffv1.TeamMember{{User: "users/zoe"}}}, codes.InvalidArgument, "INVALID_FIELD", "team.members[0].user"},
		"one member twice": {&handoffv1.Team{Name: "teams/dach", Members: []*handoffv1.TeamMember{{User: "users/jane"}, {User: "users/jane"}}}, codes.InvalidArgument, "INVALID_FIELD", "team.members[1].user"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := teams.UpdateTeam(admin, &handoffv1.UpdateTeamRequest{Team: c.team})
			want(t, err, c.code, c.reason)
			if v := apierr.Violations(err); c.field != "" && (len(v) != 1 || v[0].Field != c.field) {
				t.Errorf("%v", v)
			}
		})
	}
	_, err = teams.CreateTeam(admin, &handoffv1.CreateTeamRequest{TeamId: "dach", Team: &handoffv1.Team{}})
	want(t, err, codes.AlreadyExists, "ALREADY_EXISTS")
	if page, err := teams.ListTeams(as(t, "jane", typev1.Role_ROLE_SALES), &handoffv1.ListTeamsRequest{}); err != nil || len(page.GetTeams()) != 1 {
		t.Errorf("%v, %v", page, err)
	}
	if got, err := teams.GetTeam(admin, &handoffv1.GetTeamRequest{Name: "teams/dach"}); err != nil || got.GetEtag() != "2" {
		t.Errorf("%v, %v", got, err)
	}
}
