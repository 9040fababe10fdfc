package main

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
)

type teamCmd struct {
	Create teamCreateCmd `cmd:"" help:"Add a team."`
	List   teamListCmd   `cmd:"" help:"List teams."`
	Show   teamShowCmd   `cmd:"" help:"Show a team with its members."`
	Update teamUpdateCmd `cmd:"" help:"Change a team; what is not given stays."`
}

// teamArg is the team a command is about.
type teamArg struct {
	Team string `arg:"" help:"The team, teams/ID or ID, e.g. dach."`
}

func (a teamArg) id() string { return strings.TrimPrefix(a.Team, "teams/") }

// teamFields are what can be said of a team.
type teamFields struct {
	Name    string   `help:"Name for people."`
	Manager string   `help:"User who leads it and hears of breaches."`
	Member  []string `help:"Members, each with how many turns they have beside the others'; 0: none for the time being." placeholder:"USER[=WEIGHT]"`
	hoursFlags
}

// fill puts what is given into a team and returns its fields as a mask names them.
func (f *teamFields) fill(team *handoffv1.Team) (mask []string, err error) {
	if f.Name != "" {
		team.DisplayName, mask = f.Name, append(mask, "displayName")
	}
	if f.Manager != "" {
		team.Manager, mask = "users/"+strings.TrimPrefix(f.Manager, "users/"), append(mask, "manager")
	}
	for _, text := range f.Member {
		user, weight, given := strings.Cut(text, "=")
		m := &handoffv1.TeamMember{User: "users/" + strings.TrimPrefix(user, "users/"), Weight: 1}
		if given {
			n, err := strconv.ParseInt(weight, 10, 32)
			if err != nil || n < 0 {
				return nil, usage("--member %s: expected a user and a whole number such as jane=2", text)
			}
			if m.Weight, m.Paused = int32(n), n == 0; m.GetPaused() {
				m.Weight = 1
			}
		}
		team.Members = append(team.Members, m)
	}
	if len(f.Member) > 0 {
		mask = append(mask, "members")
	}
	if team.WorkingHours, err = f.read(); team.GetWorkingHours() != nil {
		mask = append(mask, "workingHours")
	}
	return mask, err
}

type teamCreateCmd struct {
	connection
	teamArg
	teamFields
}

// Run adds a team.
func (c *teamCreateCmd) Run(ctx context.Context, t *terminal) error {
	team := &handoffv1.Team{}
	if _, err := c.fill(team); err != nil {
		return err
	}
	var out handoffv1.Team
	line, err := c.post(ctx, t, "/v1/teams?teamId="+url.QueryEscape(c.id()), team, &out)
	if err != nil {
		return err
	}
	return c.team(t, line, &out)
}

type teamListCmd struct {
	connection
	Limit int `help:"Most teams to print; 0: all." default:"0"`
}

// Run lists teams.
func (c *teamListCmd) Run(ctx context.Context, t *terminal) error {
	return listing[*handoffv1.ListTeamsResponse, *handoffv1.Team]{
		path:  "/v1/teams",
		limit: c.Limit,
		items: (*handoffv1.ListTeamsResponse).GetTeams,
		head:  []string{"TEAM", "NAME", "MANAGER", "MEMBERS"},
		row: func(team *handoffv1.Team) []string {
			return []string{team.GetName(), orDash(team.GetDisplayName()), orDash(team.GetManager()), strconv.Itoa(len(team.GetMembers()))}
		},
	}.print(ctx, t, c.connection)
}

type teamShowCmd struct {
	connection
	teamArg
}

// Run shows a team.
func (c *teamShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var team handoffv1.Team
	line, err := client.Get(ctx, "/v1/teams/"+url.PathEscape(c.id()), nil, &team)
	if err != nil {
		return err
	}
	return c.team(t, line, &team)
}

// team prints one for people, or its line.
func (c connection) team(t *terminal, line []byte, team *handoffv1.Team) error {
	return c.answer(t, line, func(tab *table) {
		tab.row("team", team.GetName())
		tab.row("name", orDash(team.GetDisplayName()))
		tab.row("manager", orDash(team.GetManager()))
		hoursRows(tab, team.GetWorkingHours())
		for _, m := range team.GetMembers() {
			turns := "weight " + strconv.Itoa(int(m.GetWeight()))
			if m.GetPaused() {
				turns = "paused"
			}
			tab.row("member", m.GetUser()+", "+turns+", assigned "+strconv.Itoa(int(m.GetAssignedCount())))
		}
	})
}

type teamUpdateCmd struct {
	connection
	teamArg
	teamFields
}

// Run changes a team.
func (c *teamUpdateCmd) Run(ctx context.Context, t *terminal) error {
	team := &handoffv1.Team{}
	mask, err := c.fill(team)
	if err != nil {
		return err
	}
	if len(mask) == 0 {
		return usage("nothing to change: see `assay team update --help`")
	}
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.Team
	path := "/v1/teams/" + url.PathEscape(c.id()) + "?updateMask=" + url.QueryEscape(strings.Join(mask, ","))
	line, err := client.Send(ctx, http.MethodPatch, path, team, &out)
	if err != nil {
		return err
	}
	return c.team(t, line, &out)
}
