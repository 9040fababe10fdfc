package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

type userCmd struct {
	Create userCreateCmd `cmd:"" help:"Add somebody who works with Assay."`
	List   userListCmd   `cmd:"" help:"List users."`
	Show   userShowCmd   `cmd:"" help:"Show a user."`
	Update userUpdateCmd `cmd:"" help:"Change a user; what is not given stays."`
	Leave  userLeaveCmd  `cmd:"" help:"Deactivate a user: no calls, no handoffs any more."`
	Return userReturnCmd `cmd:"" help:"Activate a user again."`
	Away   userAwayCmd   `cmd:"" help:"Say when a user does not work, in place of what was said before."`
}

// userArg is the user a command is about.
type userArg struct {
	User string `arg:"" help:"The user, users/ID or ID, e.g. jane."`
}

func (a userArg) id() string { return strings.TrimPrefix(a.User, "users/") }

// path of the user, or of a method on it.
func (a userArg) path(verb string) string { return "/v1/users/" + url.PathEscape(a.id()) + verb }

// userFields are what can be said of a user.
type userFields struct {
	Name     string            `help:"Name for people."`
	Email    string            `help:"Address; the user of a token is found by it at first."`
	Capacity *int32            `help:"Most open handoffs at once. Default: without limit."`
	Remote   map[string]string `help:"Id in a CRM, by destination." placeholder:"DESTINATION=ID"`
	hoursFlags
}

// fill puts what is given into a user and returns its fields as a mask names them.
func (f *userFields) fill(u *handoffv1.User) (mask []string, err error) {
	if f.Name != "" {
		u.DisplayName, mask = f.Name, append(mask, "displayName")
	}
	if f.Email != "" {
		u.Email, mask = f.Email, append(mask, "email")
	}
	if f.Capacity != nil {
		u.Capacity, mask = f.Capacity, append(mask, "capacity")
	}
	if len(f.Remote) > 0 {
		u.RemoteIds, mask = f.Remote, append(mask, "remoteIds")
	}
	if u.WorkingHours, err = f.read(); u.GetWorkingHours() != nil {
		mask = append(mask, "workingHours")
	}
	return mask, err
}

// personRole reads the role of a person.
func personRole(text string) (typev1.Role, error) {
	roles := map[string]int32{}
	for name, number := range typev1.Role_value {
		switch typev1.Role(number) {
		case typev1.Role_ROLE_INGEST, typev1.Role_ROLE_SERVICE: // of machines
		default:
			roles[name] = number
		}
	}
	role, err := enumNamed(text, "ROLE_", roles, "--role")
	return typev1.Role(typev1.Role_value["ROLE_"+role]), err
}

type userCreateCmd struct {
	connection
	userArg
	Role string `required:"" help:"What the user may do: sales, marketing, manager, admin or auditor."`
	userFields
}

// Run adds a user.
func (c *userCreateCmd) Run(ctx context.Context, t *terminal) error {
	role, err := personRole(c.Role)
	if err != nil {
		return err
	}
	u := &handoffv1.User{Role: role}
	if _, err := c.fill(u); err != nil {
		return err
	}
	var out handoffv1.User
	line, err := c.post(ctx, t, "/v1/users?userId="+url.QueryEscape(c.id()), u, &out)
	if err != nil {
		return err
	}
	return c.user(t, line, &out)
}

type userListCmd struct {
	connection
	Role  string `help:"Only with this role."`
	Team  string `help:"Only of this team."`
	All   bool   `help:"Those who left, too."`
	Limit int    `help:"Most users to print; 0: all." default:"0"`
}

// Run lists users.
func (c *userListCmd) Run(ctx context.Context, t *terminal) error {
	var terms []string
	if c.Role != "" {
		role, err := personRole(c.Role)
		if err != nil {
			return err
		}
		terms = append(terms, "role = "+role.String())
	}
	if c.Team != "" {
		terms = append(terms, fmt.Sprintf("team = %q", "teams/"+strings.TrimPrefix(c.Team, "teams/")))
	}
	if !c.All {
		terms = append(terms, "inactive = false")
	}
	query := url.Values{}
	if len(terms) > 0 {
		query.Set("filter", strings.Join(terms, " AND "))
	}
	return listing[*handoffv1.ListUsersResponse, *handoffv1.User]{
		path:  "/v1/users",
		query: query,
		limit: c.Limit,
		items: (*handoffv1.ListUsersResponse).GetUsers,
		head:  []string{"USER", "NAME", "ROLE", "OPEN", "OF", "ACTIVE", "LAST CALL"},
		row: func(u *handoffv1.User) []string {
			return []string{
				u.GetName(), orDash(u.GetDisplayName()), word(u.GetRole(), "ROLE_"), strconv.Itoa(int(u.GetOpenHandoffCount())),
				capacity(u), yesNo(!u.GetInactive()), when(u.GetLastActiveTime()),
			}
		},
	}.print(ctx, t, c.connection)
}

func capacity(u *handoffv1.User) string {
	if u.Capacity == nil {
		return "-"
	}
	return strconv.Itoa(int(u.GetCapacity()))
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

type userShowCmd struct {
	connection
	userArg
}

// Run shows a user.
func (c *userShowCmd) Run(ctx context.Context, t *terminal) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var u handoffv1.User
	line, err := client.Get(ctx, c.path(""), nil, &u)
	if err != nil {
		return err
	}
	return c.user(t, line, &u)
}

// user prints one for people, or its line.
func (c connection) user(t *terminal, line []byte, u *handoffv1.User) error {
	return c.answer(t, line, func(tab *table) {
		tab.row("user", u.GetName())
		tab.row("name", orDash(u.GetDisplayName()))
		tab.row("email", orDash(u.GetEmail()))
		tab.row("role", word(u.GetRole(), "ROLE_"))
		tab.row("active", yesNo(!u.GetInactive()))
		tab.row("open handoffs", fmt.Sprintf("%d of %s", u.GetOpenHandoffCount(), capacity(u)))
		hoursRows(tab, u.GetWorkingHours())
		for _, a := range u.GetAbsences() {
			tab.row("away", when(a.GetStartTime())+" to "+when(a.GetEndTime()))
		}
		for destination, id := range u.GetRemoteIds() {
			tab.row("in "+destination, id)
		}
		tab.row("last call", when(u.GetLastActiveTime()))
	})
}

type userUpdateCmd struct {
	connection
	userArg
	Role string `help:"What the user may do: sales, marketing, manager, admin or auditor."`
	userFields
}

// Run changes a user.
func (c *userUpdateCmd) Run(ctx context.Context, t *terminal) error {
	u := &handoffv1.User{}
	mask, err := c.fill(u)
	if err != nil {
		return err
	}
	if c.Role != "" {
		if u.Role, err = personRole(c.Role); err != nil {
			return err
		}
		mask = append(mask, "role")
	}
	if len(mask) == 0 {
		return usage("nothing to change: see `assay user update --help`")
	}
	return c.update(ctx, t, c.userArg, u, url.Values{"updateMask": {strings.Join(mask, ",")}})
}

// update changes a user and prints it.
func (c connection) update(ctx context.Context, t *terminal, a userArg, u *handoffv1.User, query url.Values) error {
	client, err := c.client(t)
	if err != nil {
		return err
	}
	var out handoffv1.User
	line, err := client.Send(ctx, http.MethodPatch, a.path("?"+query.Encode()), u, &out)
	if err != nil {
		return err
	}
	return c.user(t, line, &out)
}

type userLeaveCmd struct {
	connection
	userArg
	HandOn bool `help:"Hand on the handoffs that the user has. Without it, who has any stays."`
}

// Run deactivates a user.
func (c *userLeaveCmd) Run(ctx context.Context, t *terminal) error {
	query := url.Values{"updateMask": {"inactive"}}
	if c.HandOn {
		query.Set("reassignHandoffs", "true")
	}
	return c.update(ctx, t, c.userArg, &handoffv1.User{Inactive: true}, query)
}

type userReturnCmd struct {
	connection
	userArg
}

// Run activates a user again.
func (c *userReturnCmd) Run(ctx context.Context, t *terminal) error {
	return c.update(ctx, t, c.userArg, &handoffv1.User{}, url.Values{"updateMask": {"inactive"}})
}

type userAwayCmd struct {
	connection
	userArg
	Times []string `arg:"" optional:"" help:"First and last day, by the clock of this machine; none: always at work." placeholder:"2026-07-01..2026-07-14"`
}

// Run says when a user does not work.
func (c *userAwayCmd) Run(ctx context.Context, t *terminal) error {
	request := &handoffv1.SetAbsencesRequest{Name: "users/" + c.id()}
	for _, text := range c.Times {
		first, last, ok := strings.Cut(text, "..")
		if !ok {
			last = first
		}
		from, err := time.ParseInLocation(time.DateOnly, first, time.Local)
		if err != nil {
			return usage("%s: expected days such as 2026-07-01..2026-07-14", text)
		}
		to, err := time.ParseInLocation(time.DateOnly, last, time.Local)
		if err != nil || to.Before(from) {
			return usage("%s: expected days such as 2026-07-01..2026-07-14", text)
		}
		request.Absences = append(request.Absences, &handoffv1.Absence{StartTime: timestamppb.New(from), EndTime: timestamppb.New(to.AddDate(0, 0, 1))})
	}
	var out handoffv1.User
	line, err := c.post(ctx, t, c.path(":setAbsences"), request, &out)
	if err != nil {
		return err
	}
	return c.user(t, line, &out)
}
