package people_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

var monday = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// eachStore runs a test with nobody in on both stores.
func eachStore(t *testing.T, run func(t *testing.T, s *people.Store, db *sqldb.DB)) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		run(t, people.New(db, func() time.Time { return monday }), db)
	})
}

func sales(changes ...func(*handoffv1.User)) *handoffv1.User {
	u := &handoffv1.User{Role: typev1.Role_ROLE_SALES}
	for _, change := range changes {
		change(u)
	}
	return u
}

func email(address string) func(*handoffv1.User) {
	return func(u *handoffv1.User) { u.Email = address }
}

func add(t *testing.T, s *people.Store, id string, changes ...func(*handoffv1.User)) *handoffv1.User {
	t.Helper()
	u, err := s.Create(t.Context(), id, sales(changes...))
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// owns gives somebody a handoff.
func owns(t *testing.T, db *sqldb.DB, user, handoff string, state handoffv1.Handoff_State) {
	t.Helper()
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`INSERT INTO handoffs (handoff_id, lead_id, track, cycle, state, revision, queue, owner, reasons, decision_id,
			outcome_reason, create_time, update_time) VALUES ($1, $1, 'sales', 1, $2, 1, '', $3, $4, '', '', 0, 0)`, handoff, int64(state), user, []byte{})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestUsers(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, db *sqldb.DB) {
		ctx := t.Context()
		full := &handoffv1.User{
			DisplayName: "Jane Doe", Email: "jane@example.com", Role: typev1.Role_ROLE_SALES, Subject: "00u1",
			WorkingHours: &typev1.WorkingHours{TimeZone: "Europe/Berlin", Holidays: []string{"2026-12-25"}},
			Absences:     []*handoffv1.Absence{{StartTime: timestamppb.New(monday), EndTime: timestamppb.New(monday.Add(time.Hour))}},
			Capacity:     proto.Int32(0), RemoteIds: map[string]string{"tryton": "7"},
		}
		made, err := s.Create(ctx, "jane", full)
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(full)
		want.Name, want.Etag, want.CreateTime, want.UpdateTime = "users/jane", "1", timestamppb.New(monday), timestamppb.New(monday)
		if diff := cmp.Diff(want, made, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		if got, err := s.User(ctx, "jane"); err != nil || !proto.Equal(got, made) {
			t.Errorf("%v, %v; want %v", got, err, made)
		}
		if _, err := s.User(ctx, "nobody"); !errors.Is(err, people.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}

		for what, u := range map[string]struct {
			id   string
			user *handoffv1.User
		}{
			"userId":       {"jane", sales()},
			"user.email":   {"jane-2", sales(email("jane@example.com"))},
			"user.subject": {"jane-2", sales(func(u *handoffv1.User) { u.Subject = "00u1" })},
		} {
			var taken *people.TakenError
			if _, err := s.Create(ctx, u.id, u.user); !errors.As(err, &taken) || taken.What != what {
				t.Errorf("%s: %v", what, err)
			}
		}
		add(t, s, "tom") // without an address, like the next
		add(t, s, "uma")

		_, after, err := s.Update(ctx, people.Update{ID: "jane", Etag: "1", Change: func(u *handoffv1.User) error {
			u.Role, u.RemoteIds = typev1.Role_ROLE_MANAGER, map[string]string{"tryton": "8", "other": "7"}
			return nil
		}})
		if err != nil || after.GetEtag() != "2" || after.GetRole() != typev1.Role_ROLE_MANAGER || after.GetSubject() != "00u1" {
			t.Errorf("%v, %v", after, err)
		}
		if _, _, err := s.Update(ctx, people.Update{ID: "jane", Etag: "1", Change: func(*handoffv1.User) error { return nil }}); !errors.Is(err, people.ErrEtag) {
			t.Errorf("an old etag: %v", err)
		}
		if _, _, err := s.Update(ctx, people.Update{ID: "nobody"}); !errors.Is(err, people.ErrNotFound) {
			t.Errorf("nobody: %v", err)
		}
		var taken *people.TakenError
		_, _, err = s.Update(ctx, people.Update{ID: "tom", Change: func(u *handoffv1.User) error { u.Email = "jane@example.com"; return nil }})
		if !errors.As(err, &taken) || taken.What != "user.email" {
			t.Errorf("her address: %v", err)
		}

		owns(t, db, "jane", "h1", handoffv1.Handoff_STATE_OPEN)
		owns(t, db, "jane", "h2", handoffv1.Handoff_STATE_ACCEPTED)
		owns(t, db, "jane", "h3", handoffv1.Handoff_STATE_WON)
		if got, _ := s.User(ctx, "jane"); got.GetOpenHandoffCount() != 2 {
			t.Errorf("%d open handoffs, want 2", got.GetOpenHandoffCount())
		}
	})
}

func TestWhoHasHandoffsStaysActive(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, db *sqldb.DB) {
		add(t, s, "jane")
		owns(t, db, "jane", "h1", handoffv1.Handoff_STATE_OPEN)
		leave := people.Update{ID: "jane", Change: func(u *handoffv1.User) error { u.Inactive = true; return nil }}
		var has *people.HasHandoffsError
		if _, _, err := s.Update(t.Context(), leave); !errors.As(err, &has) || has.Open != 1 {
			t.Errorf("%v, want one open handoff", err)
		}
		leave.HandsOn = true
		if _, after, err := s.Update(t.Context(), leave); err != nil || !after.GetInactive() {
			t.Errorf("%v, %v", after, err)
		}
	})
}

func TestListUsers(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, _ *sqldb.DB) {
		ctx := t.Context()
		for _, id := range []string{"ann", "bob", "cem", "dan"} {
			add(t, s, id, func(u *handoffv1.User) {
				u.Inactive = id == "cem"
				if id == "dan" {
					u.Role = typev1.Role_ROLE_MANAGER
				}
			})
		}
		if _, err := s.CreateTeam(ctx, "dach", &handoffv1.Team{Members: []*handoffv1.TeamMember{{User: "users/dan"}, {User: "users/ann"}}}); err != nil {
			t.Fatal(err)
		}
		yes := true
		for name, c := range map[string]struct {
			filter people.UserFilter
			after  string
			limit  int
			want   string
		}{
			"all":      {limit: 9, want: "ann bob cem dan"},
			"a page":   {after: "ann", limit: 2, want: "bob cem"},
			"by role":  {filter: people.UserFilter{Role: typev1.Role_ROLE_MANAGER}, limit: 9, want: "dan"},
			"by team":  {filter: people.UserFilter{Team: "dach"}, limit: 9, want: "ann dan"},
			"inactive": {filter: people.UserFilter{Inactive: &yes}, limit: 9, want: "cem"},
			"several":  {filter: people.UserFilter{Team: "dach", Role: typev1.Role_ROLE_SALES}, limit: 9, want: "ann"},
		} {
			list, err := s.Users(ctx, c.filter, c.after, c.limit)
			var got []string
			for _, u := range list {
				got = append(got, people.UserID(u.GetName()))
			}
			if err != nil || strings.Join(got, " ") != c.want {
				t.Errorf("%s: %v, %v; want %s", name, got, err, c.want)
			}
		}
	})
}

func TestTeams(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, db *sqldb.DB) {
		ctx := t.Context()
		add(t, s, "jane")
		add(t, s, "tom")
		team := &handoffv1.Team{
			DisplayName: "DACH", Manager: "users/jane", WorkingHours: &typev1.WorkingHours{TimeZone: "Europe/Vienna"},
			Members: []*handoffv1.TeamMember{{User: "users/tom", Weight: 3}, {User: "users/jane", Weight: 1, Paused: true}},
		}
		made, err := s.CreateTeam(ctx, "dach", team)
		if err != nil {
			t.Fatal(err)
		}
		want := proto.CloneOf(team)
		want.Name, want.Etag, want.CreateTime, want.UpdateTime = "teams/dach", "1", timestamppb.New(monday), timestamppb.New(monday)
		if diff := cmp.Diff(want, made, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
		var taken *people.TakenError
		if _, err := s.CreateTeam(ctx, "dach", team); !errors.As(err, &taken) {
			t.Errorf("again: %v", err)
		}
		for name, bad := range map[string]*handoffv1.Team{
			"team.members[1].user": {Members: []*handoffv1.TeamMember{{User: "users/tom"}, {User: "users/nobody"}}},
			"team.manager":         {Manager: "users/nobody"},
		} {
			if _, err := s.CreateTeam(ctx, "other", bad); len(apierr.Violations(err)) != 1 || apierr.Violations(err)[0].Field != name {
				t.Errorf("%s: %v", name, err)
			}
		}
		after, err := s.UpdateTeam(ctx, "dach", "1", func(t *handoffv1.Team) error { t.Members = t.GetMembers()[1:]; return nil })
		if err != nil || len(after.GetMembers()) != 1 || after.GetMembers()[0].GetUser() != "users/jane" {
			t.Errorf("%v, %v", after, err)
		}
		if _, err := s.UpdateTeam(ctx, "dach", "1", nil); !errors.Is(err, people.ErrEtag) {
			t.Errorf("an old etag: %v", err)
		}
		if _, err := s.UpdateTeam(ctx, "none", "", nil); !errors.Is(err, people.ErrNotFound) {
			t.Errorf("no team: %v", err)
		}
		if got, err := s.Team(ctx, "dach"); err != nil || !proto.Equal(got, after) {
			t.Errorf("%v, %v", got, err)
		}
		if list, err := s.Teams(ctx, "", 5); err != nil || len(list) != 1 || !proto.Equal(list[0], after) {
			t.Errorf("%v, %v", list, err)
		}

		// As routing asks, in its transaction.
		err = db.Write(ctx, func(tx *sqldb.Tx) error {
			if err := errors.Join(people.LockTeam(tx, "dach", "none"), people.Lock(tx, "jane", "nobody")); err != nil {
				return err
			}
			users, err := people.UsersIn(tx, []string{"tom", "nobody", "jane", "tom"})
			if err != nil || len(users) != 2 || users["jane"].GetName() != "users/jane" {
				t.Errorf("users: %v, %v", users, err)
			}
			teams, err := people.TeamsIn(tx, []string{"dach", "none"})
			if err != nil || len(teams) != 1 || len(teams["dach"].GetMembers()) != 1 {
				t.Errorf("teams: %v, %v", teams, err)
			}
			of, err := people.TeamsOf(tx, "jane")
			if err != nil || len(of) != 1 || of[0] != "dach" {
				t.Errorf("teams of jane: %v, %v", of, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestFind(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, db *sqldb.DB) {
		remote := func(ids map[string]string) func(*handoffv1.User) {
			return func(u *handoffv1.User) { u.RemoteIds = ids }
		}
		add(t, s, "jane", email("jane@example.com"), remote(map[string]string{"tryton": "7", "salesforce": "7"}))
		add(t, s, "tom", remote(map[string]string{"tryton": "8"}))
		add(t, s, "uma", remote(map[string]string{"salesforce": "8"}))
		_ = db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for called, want := range map[string]string{
				"jane": "jane", "Jane@Example.com": "jane", "7": "jane", "8": "", "9": "", "": "", "tom@example.com": "",
			} {
				if got, err := people.Find(tx, called); err != nil || got != want {
					t.Errorf("%q: %q, %v; want %q", called, got, err, want)
				}
			}
			return nil
		})
	})
}

const id = "https://id.example.com"

func TestWhoseTokenItIs(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, _ *sqldb.DB) {
		ctx := t.Context()
		add(t, s, "jane", email("jane@example.com"))
		add(t, s, "left", email("left@example.com"), func(u *handoffv1.User) { u.Inactive = true })
		add(t, s, "entered", func(u *handoffv1.User) { u.Subject = "by-hand" })
		ask := func(issuer, subject, email, want string) {
			t.Helper()
			h, err := s.HolderOfToken(ctx, issuer, subject, email)
			if h.User != want || (err == nil) != (want != "") || err != nil && !errors.Is(err, people.ErrNotFound) {
				t.Errorf("%s of %s, %s: %q, %v; want %q", subject, issuer, email, h.User, err, want)
			}
		}
		ask(id, "1", "", "")                                          // nobody has verified an address
		ask(id, "1", "other@example.com", "")                         // nobody has this one
		ask(id, "1", "jane@example.com", "jane")                      // at first sight
		ask(id, "1", "", "jane")                                      // from then on by the subject alone
		ask(id, "1", "jane.new@example.com", "jane")                  // whatever the address is
		ask(id, "2", "jane@example.com", "")                          // the address changed hands
		ask("https://other.example.com", "1", "", "")                 // a subject is one of its issuer
		ask("https://other.example.com", "1", "jane@example.com", "") // and she has one
		ask(id, "3", "left@example.com", "")                          // who left is bound to nothing
		ask(id, "by-hand", "", "entered")

		// An admin gives her another address: her tokens are bound anew.
		if _, u, err := s.Update(ctx, people.Update{ID: "jane", Change: func(u *handoffv1.User) error { u.Email = "j@example.com"; return nil }}); err != nil || u.GetSubject() != "" {
			t.Errorf("%v, %v", u, err)
		}
		ask(id, "1", "jane@example.com", "")
		ask(id, "2", "j@example.com", "jane")

		// Who becomes inactive is still known, so that the answer can say so.
		if _, _, err := s.Update(ctx, people.Update{ID: "jane", Change: func(u *handoffv1.User) error { u.Inactive = true; return nil }}); err != nil {
			t.Fatal(err)
		}
		if h, err := s.HolderOfToken(ctx, id, "2", ""); err != nil || !h.Inactive {
			t.Errorf("%+v, %v", h, err)
		}
	})
}

func TestTwoTokensAtOnceBindOne(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, _ *sqldb.DB) {
		add(t, s, "jane", email("jane@example.com"))
		var (
			group sync.WaitGroup
			mu    sync.Mutex
			bound int
		)
		for _, subject := range []string{"1", "2", "3", "4"} {
			group.Go(func() {
				h, err := s.HolderOfToken(t.Context(), id, subject, "jane@example.com")
				mu.Lock()
				defer mu.Unlock()
				if err == nil && h.User == "jane" {
					bound++
				}
			})
		}
		group.Wait()
		if bound != 1 {
			t.Errorf("%d subjects are hers", bound)
		}
	})
}

func TestSeenToTheHour(t *testing.T) {
	eachStore(t, func(t *testing.T, s *people.Store, _ *sqldb.DB) {
		add(t, s, "jane")
		for range 2 {
			if err := s.Seen(t.Context(), "jane"); err != nil {
				t.Fatal(err)
			}
		}
		if h, err := s.HolderOfKey(t.Context(), "jane"); err != nil || !h.LastActive.Equal(monday) {
			t.Errorf("%+v, %v", h, err)
		}
		if _, err := s.HolderOfKey(t.Context(), "web-form"); !errors.Is(err, people.ErrNotFound) {
			t.Errorf("a machine: %v", err)
		}
	})
}

func TestCheckUser(t *testing.T) {
	at := timestamppb.New(monday)
	for name, c := range map[string]struct {
		user *handoffv1.User
		want string
	}{
		"good":                 {sales(email("Jane@Example.com")), ""},
		"no role":              {&handoffv1.User{}, "user.role"},
		"the role of machines": {&handoffv1.User{Role: typev1.Role_ROLE_INGEST}, "user.role"},
		"no address":           {sales(email("jane")), "user.email"},
		"a name and address":   {sales(email("Jane <jane@example.com>")), "user.email"},
		"no such zone":         {sales(func(u *handoffv1.User) { u.WorkingHours = &typev1.WorkingHours{TimeZone: "Mars/Base"} }), "user.workingHours.timeZone"},
		"an end before its begin": {sales(func(u *handoffv1.User) {
			u.WorkingHours = &typev1.WorkingHours{Hours: []*typev1.DayHours{{From: "17:00", To: "09:00"}}}
		}), "user.workingHours.hours[0].to"},
		"a holiday that is none": {sales(func(u *handoffv1.User) { u.WorkingHours = &typev1.WorkingHours{Holidays: []string{"2026-02-30"}} }), "user.workingHours.holidays[0]"},
		"an absence without end": {sales(func(u *handoffv1.User) { u.Absences = []*handoffv1.Absence{{StartTime: at, EndTime: at}} }), "user.absences[0].endTime"},
		"an empty remote id":     {sales(func(u *handoffv1.User) { u.RemoteIds = map[string]string{"tryton": ""} }), "user.remoteIds.tryton"},
		"a destination in words": {sales(func(u *handoffv1.User) { u.RemoteIds = map[string]string{"Our CRM": "7"} }), "user.remoteIds"},
	} {
		t.Run(name, func(t *testing.T) {
			got := people.CheckUser(c.user)
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || got[0].Field != c.want) {
				t.Errorf("%v, want %q", got, c.want)
			}
		})
	}
	u := sales(email(" Jane@Example.COM "))
	if people.CheckUser(u); u.GetEmail() != "jane@example.com" {
		t.Errorf("%q", u.GetEmail())
	}
}

func TestCheckTeam(t *testing.T) {
	team := &handoffv1.Team{Members: []*handoffv1.TeamMember{{User: "users/jane"}, {User: "users/tom"}, {User: "users/jane"}}}
	if got := people.CheckTeam(team); len(got) != 1 || got[0].Field != "team.members[2].user" {
		t.Errorf("%v", got)
	}
	if team.GetMembers()[0].GetWeight() != 1 {
		t.Errorf("%v, want one turn", team.GetMembers()[0])
	}
}
