package people

import (
	"context"
	"database/sql"
	"iter"
	"maps"
	"slices"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Querier is a transaction, or a reader outside of any.
type Querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
	QueryRow(query string, args ...any) *sql.Row
}

// reader reads outside of any transaction.
type reader struct {
	ctx context.Context
	db  *sql.DB
}

func (r reader) Query(query string, args ...any) (*sql.Rows, error) {
	return r.db.QueryContext(r.ctx, query, args...)
}

func (r reader) QueryRow(query string, args ...any) *sql.Row {
	return r.db.QueryRowContext(r.ctx, query, args...)
}

// chunks are the ids, sorted and each once, in runs that one statement takes.
func chunks(ids []string) iter.Seq[[]string] {
	const most = 500
	return slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), most)
}

// UsersIn returns the users with the ids, by id; who does not exist is not in it. Each has
// how many handoffs they have.
func UsersIn(from Querier, ids []string) (map[string]*handoffv1.User, error) {
	users := map[string]*handoffv1.User{}
	for chunk := range chunks(ids) {
		rows, err := from.Query(selectUser+` WHERE user_id IN (`+sqldb.List(1, len(chunk))+`)`, texts(chunk)...)
		list, err := all(rows, err, scanUser)
		if err != nil {
			return nil, err
		}
		for _, u := range list {
			users[UserID(u.GetName())] = u
		}
	}
	return users, nil
}

// TeamsIn returns the teams with the ids and their members, by id; what does not exist is
// not in it.
func TeamsIn(from Querier, ids []string) (map[string]*handoffv1.Team, error) {
	teams := map[string]*handoffv1.Team{}
	for chunk := range chunks(ids) {
		rows, err := from.Query(selectTeam+` WHERE team_id IN (`+sqldb.List(1, len(chunk))+`)`, texts(chunk)...)
		list, err := all(rows, err, scanTeam)
		if err != nil {
			return nil, err
		}
		for _, t := range list {
			teams[TeamID(t.GetName())] = t
		}
	}
	return teams, fillMembers(from, teams)
}

// fillMembers gives teams their members, as they were given.
func fillMembers(from Querier, teams map[string]*handoffv1.Team) error {
	for chunk := range chunks(slices.Collect(maps.Keys(teams))) {
		rows, err := from.Query(`SELECT team_id, user_id, weight, paused FROM team_members WHERE team_id IN (`+
			sqldb.List(1, len(chunk))+`) ORDER BY team_id, position`, texts(chunk)...)
		_, err = all(rows, err, func(row interface{ Scan(...any) error }) (struct{}, error) {
			var (
				team, user     string
				weight, paused int64
			)
			err := row.Scan(&team, &user, &weight, &paused)
			if t := teams[team]; t != nil {
				t.Members = append(t.Members, &handoffv1.TeamMember{User: UserName(user), Weight: int32(weight), Paused: paused != 0})
			}
			return struct{}{}, err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// TeamsOf returns the ids of the teams that somebody is in, in their order.
func TeamsOf(from Querier, user string) ([]string, error) {
	rows, err := from.Query(`SELECT team_id FROM team_members WHERE user_id = $1 ORDER BY team_id`, user)
	return all(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) {
		err = row.Scan(&id)
		return id, err
	})
}

// Find returns the id of the user whom rules and other systems call so: by id, by email,
// or by the only one with this id in a remote system; empty if nobody, or several.
func Find(from Querier, called string) (string, error) {
	if called == "" {
		return "", nil
	}
	for _, query := range []string{
		`SELECT user_id FROM users WHERE user_id = $1`,
		`SELECT user_id FROM users WHERE email = lower($1)`,
		`SELECT DISTINCT user_id FROM user_remote_ids WHERE remote_id = $1 LIMIT 2`,
	} {
		rows, err := from.Query(query, called)
		ids, err := all(rows, err, func(row interface{ Scan(...any) error }) (id string, err error) {
			err = row.Scan(&id)
			return id, err
		})
		switch {
		case err != nil:
			return "", err
		case len(ids) == 1:
			return ids[0], nil
		case len(ids) > 1:
			return "", nil
		}
	}
	return "", nil
}

// Lock keeps users as they are, and how many handoffs they have, until the transaction
// ends: nobody is deactivated and nothing else assigned to them meanwhile. Whoever assigns
// locks before reading with [UsersIn]. Who does not exist is passed over. Leads and teams
// are locked before users.
func Lock(tx *sqldb.Tx, ids ...string) error {
	return lock(tx, "users", "user_id", ids)
}

// LockTeam keeps teams as they are until the transaction ends, those that exist.
func LockTeam(tx *sqldb.Tx, ids ...string) error {
	return lock(tx, "teams", "team_id", ids)
}

// lock locks rows in the order of their ids, so that nobody waits in a circle.
func lock(tx *sqldb.Tx, table, id string, ids []string) error {
	if tx.Dialect() == sqldb.SQLite {
		return nil // its one writer holds every lock
	}
	for chunk := range chunks(ids) {
		rows, err := tx.Query(`SELECT `+id+` FROM `+table+` WHERE `+id+` IN (`+sqldb.List(1, len(chunk))+`) ORDER BY `+id+tx.Dialect().ForUpdate(), texts(chunk)...)
		_, err = all(rows, err, func(interface{ Scan(...any) error }) (struct{}, error) { return struct{}{}, nil })
		if err != nil {
			return err
		}
	}
	return nil
}

func texts(ids []string) []any {
	out := make([]any, len(ids))
	for i, id := range ids {
		out[i] = id
	}
	return out
}
