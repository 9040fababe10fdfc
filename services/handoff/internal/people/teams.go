package people

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const selectTeam = `SELECT team_id, revision, manager, create_time, update_time, content FROM teams`

func scanTeam(row interface{ Scan(...any) error }) (*handoffv1.Team, error) {
	var (
		id, manager                string
		revision, created, updated int64
		content                    []byte
	)
	err := row.Scan(&id, &revision, &manager, &created, &updated, &content)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	t := &handoffv1.Team{}
	if err := proto.Unmarshal(content, t); err != nil {
		return nil, err
	}
	t.Name, t.Etag, t.Manager = TeamName(id), etag(revision), UserName(manager)
	t.CreateTime, t.UpdateTime = timestamppb.New(sqldb.Time(created)), timestamppb.New(sqldb.Time(updated))
	return t, nil
}

func teamContent(t *handoffv1.Team) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&handoffv1.Team{DisplayName: t.GetDisplayName(), WorkingHours: t.GetWorkingHours()})
}

// Team returns a team by id with its members as they were given, or ErrNotFound.
func (s *Store) Team(ctx context.Context, id string) (*handoffv1.Team, error) {
	from := reader{ctx, s.db.Read()}
	t, err := scanTeam(from.QueryRow(selectTeam+` WHERE team_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return t, fillMembers(from, map[string]*handoffv1.Team{id: t})
}

// Teams lists at most limit teams by id, after the given one.
func (s *Store) Teams(ctx context.Context, after string, limit int) ([]*handoffv1.Team, error) {
	from := reader{ctx, s.db.Read()}
	rows, err := from.Query(selectTeam+` WHERE team_id > $1 ORDER BY team_id LIMIT $2`, after, limit)
	list, err := all(rows, err, scanTeam)
	if err != nil {
		return nil, err
	}
	byID := map[string]*handoffv1.Team{}
	for _, t := range list {
		byID[TeamID(t.GetName())] = t
	}
	return list, fillMembers(from, byID)
}

// CreateTeam adds a team under an id. Errors: *TakenError, and an error of the API if
// somebody of it is no user.
func (s *Store) CreateTeam(ctx context.Context, id string, t *handoffv1.Team) (after *handoffv1.Team, err error) {
	blob, err := teamContent(t)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := checkPeople(tx, t); err != nil {
			return err
		}
		n, err := tx.Affected(`INSERT INTO teams (team_id, revision, manager, create_time, update_time, content)
			VALUES ($1, 1, $2, $3, $3, $4) ON CONFLICT DO NOTHING`, id, UserID(t.GetManager()), sqldb.Micros(s.now()), blob)
		if err != nil {
			return err
		}
		if n == 0 {
			return &TakenError{"teamId"}
		}
		after, err = s.saveMembers(tx, id, t)
		return err
	})
	return after, err
}

// UpdateTeam changes a team in place by a function, whose error is returned as it is. An
// empty etag matches any. Errors: ErrNotFound, ErrEtag, and an error of the API if
// somebody of it is no user.
func (s *Store) UpdateTeam(ctx context.Context, id, etag string, change func(t *handoffv1.Team) error) (after *handoffv1.Team, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := LockTeam(tx, id); err != nil {
			return err
		}
		t, err := readTeam(tx, id)
		if err != nil {
			return err
		}
		if etag != "" && etag != t.GetEtag() {
			return ErrEtag
		}
		if err := change(t); err != nil {
			return err
		}
		if err := checkPeople(tx, t); err != nil {
			return err
		}
		blob, err := teamContent(t)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(`UPDATE teams SET revision = revision + 1, manager = $2, update_time = $3, content = $4 WHERE team_id = $1`,
			id, UserID(t.GetManager()), sqldb.Micros(s.now()), blob); err != nil {
			return err
		}
		if _, err := tx.Exec(`DELETE FROM team_members WHERE team_id = $1`, id); err != nil {
			return err
		}
		after, err = s.saveMembers(tx, id, t)
		return err
	})
	return after, err
}

func readTeam(tx *sqldb.Tx, id string) (*handoffv1.Team, error) {
	t, err := scanTeam(tx.QueryRow(selectTeam+` WHERE team_id = $1`, id))
	if err != nil {
		return nil, err
	}
	return t, fillMembers(tx, map[string]*handoffv1.Team{id: t})
}

// saveMembers writes the members of a team, says that it was changed and returns it as it
// is then.
func (s *Store) saveMembers(tx *sqldb.Tx, id string, t *handoffv1.Team) (*handoffv1.Team, error) {
	for i, m := range t.GetMembers() {
		if _, err := tx.Exec(`INSERT INTO team_members (team_id, user_id, position, weight, paused) VALUES ($1, $2, $3, $4, $5)`,
			id, UserID(m.GetUser()), i, m.GetWeight(), number(m.GetPaused())); err != nil {
			return nil, err
		}
	}
	if err := s.changed(tx, nil, []string{id}); err != nil {
		return nil, err
	}
	return readTeam(tx, id)
}

// checkPeople refuses members and managers who are no users.
func checkPeople(tx *sqldb.Tx, t *handoffv1.Team) error {
	ids := make([]string, 0, len(t.GetMembers())+1)
	for _, m := range t.GetMembers() {
		ids = append(ids, UserID(m.GetUser()))
	}
	if t.GetManager() != "" {
		ids = append(ids, UserID(t.GetManager()))
	}
	known, err := UsersIn(tx, ids)
	if err != nil {
		return err
	}
	for i, m := range t.GetMembers() {
		if known[UserID(m.GetUser())] == nil {
			return apierr.InvalidField(fmt.Sprintf("team.members[%d].user", i), "a user that exists")
		}
	}
	if t.GetManager() != "" && known[UserID(t.GetManager())] == nil {
		return apierr.InvalidField("team.manager", "a user that exists")
	}
	return nil
}
