package people

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// openStates are the states in which somebody has a handoff.
const openStates = `(1, 2)` // OPEN, ACCEPTED

const selectUser = `SELECT user_id, revision, role, inactive, email, subject, last_active_time, create_time, update_time, content,
	(SELECT count(*) FROM handoffs WHERE handoffs.owner = users.user_id AND handoffs.state IN ` + openStates + `) FROM users`

func scanUser(row interface{ Scan(...any) error }) (*handoffv1.User, error) {
	var (
		id, email, subject              string
		revision, role, inactive        int64
		lastActive, created, updated, n int64
		content                         []byte
	)
	err := row.Scan(&id, &revision, &role, &inactive, &email, &subject, &lastActive, &created, &updated, &content, &n)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	u := &handoffv1.User{}
	if err := proto.Unmarshal(content, u); err != nil {
		return nil, err
	}
	u.Name, u.Etag, u.Role, u.Inactive, u.Email, u.Subject = UserName(id), etag(revision), typev1.Role(role), inactive != 0, email, subject
	u.CreateTime, u.UpdateTime = timestamppb.New(sqldb.Time(created)), timestamppb.New(sqldb.Time(updated))
	if lastActive != 0 {
		u.LastActiveTime = timestamppb.New(sqldb.Time(lastActive))
	}
	u.OpenHandoffCount = int32(n)
	return u, nil
}

// content is what of a user has no column.
func content(u *handoffv1.User) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&handoffv1.User{
		DisplayName: u.GetDisplayName(), WorkingHours: u.GetWorkingHours(), Absences: u.GetAbsences(),
		Capacity: u.Capacity, RemoteIds: u.GetRemoteIds(),
	})
}

// User returns a user by id, or ErrNotFound.
func (s *Store) User(ctx context.Context, id string) (*handoffv1.User, error) {
	return scanUser(s.db.Read().QueryRowContext(ctx, selectUser+` WHERE user_id = $1`, id))
}

// UserFilter says which users to list. The zero value is all.
type UserFilter struct {
	// Role, if not 0.
	Role typev1.Role
	// Team is the id of a team they are in, if not empty.
	Team string
	// Inactive or not, if not nil.
	Inactive *bool
}

// Users lists at most limit users by id, after the given one.
func (s *Store) Users(ctx context.Context, f UserFilter, after string, limit int) ([]*handoffv1.User, error) {
	conditions, args := []string{"user_id > $1"}, []any{after}
	where := func(condition string, v any) {
		args = append(args, v)
		conditions = append(conditions, strings.ReplaceAll(condition, "?", "$"+strconv.Itoa(len(args))))
	}
	if f.Role != 0 {
		where("role = ?", int64(f.Role))
	}
	if f.Team != "" {
		where("user_id IN (SELECT user_id FROM team_members WHERE team_id = ?)", f.Team)
	}
	if f.Inactive != nil {
		where("inactive = ?", number(*f.Inactive))
	}
	args = append(args, limit)
	rows, err := s.db.Read().QueryContext(ctx, selectUser+` WHERE `+strings.Join(conditions, " AND ")+
		` ORDER BY user_id LIMIT $`+strconv.Itoa(len(args)), args...)
	return all(rows, err, scanUser)
}

// Create adds a user under an id. Errors: *TakenError.
func (s *Store) Create(ctx context.Context, id string, u *handoffv1.User) (after *handoffv1.User, err error) {
	blob, err := content(u)
	if err != nil {
		return nil, err
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		now := sqldb.Micros(s.now())
		if err := free(tx, id, u, true); err != nil {
			return err
		}
		n, err := tx.Affected(`INSERT INTO users (user_id, revision, role, inactive, email, issuer, subject, last_active_time, create_time, update_time, content)
			VALUES ($1, 1, $2, $3, $4, '', $5, 0, $6, $6, $7) ON CONFLICT DO NOTHING`,
			id, int64(u.GetRole()), number(u.GetInactive()), u.GetEmail(), u.GetSubject(), now, blob)
		if err != nil {
			return err
		}
		if n == 0 { // another took it between
			return &TakenError{"userId"}
		}
		if err := saveRemoteIDs(tx, id, u); err != nil {
			return err
		}
		if err := s.changed(tx, []string{id}, nil); err != nil {
			return err
		}
		after, err = scanUser(tx.QueryRow(selectUser+` WHERE user_id = $1`, id))
		return err
	})
	return after, err
}

// free refuses what belongs to another user.
func free(tx *sqldb.Tx, id string, u *handoffv1.User, isNew bool) error {
	for _, unique := range []struct{ what, query, value string }{
		{"userId", `SELECT user_id FROM users WHERE user_id = $1`, id},
		{"user.email", `SELECT user_id FROM users WHERE email = $1`, u.GetEmail()},
		{"user.subject", `SELECT user_id FROM users WHERE subject = $1`, u.GetSubject()},
	} {
		if unique.value == "" || unique.what == "userId" && !isNew {
			continue
		}
		var holder string
		err := tx.QueryRow(unique.query, unique.value).Scan(&holder)
		switch {
		case errors.Is(err, sql.ErrNoRows):
		case err != nil:
			return err
		case isNew || holder != id:
			return &TakenError{unique.what}
		}
	}
	return nil
}

// Update is a change of a user.
type Update struct {
	// ID of the user.
	ID string
	// Etag that must match; empty: any.
	Etag string
	// Change changes the user in place. An error of it is returned as it is.
	Change func(u *handoffv1.User) error
	// HandsOn says that what somebody who becomes inactive has is handed on after it;
	// otherwise nobody who has handoffs becomes inactive.
	HandsOn bool
}

// Update changes a user and returns it as it was and as it is. Whoever becomes inactive
// gets no handoff from here on: their row is locked, and an assignment looks at it under
// the same lock (see [Lock]). Errors: ErrNotFound, ErrEtag, *TakenError,
// *HasHandoffsError and those of Change.
func (s *Store) Update(ctx context.Context, c Update) (before, after *handoffv1.User, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if err := Lock(tx, c.ID); err != nil {
			return err
		}
		before, err = scanUser(tx.QueryRow(selectUser+` WHERE user_id = $1`, c.ID))
		if err != nil {
			return err
		}
		if c.Etag != "" && c.Etag != before.GetEtag() {
			return ErrEtag
		}
		next := proto.CloneOf(before)
		if err := c.Change(next); err != nil {
			return err
		}
		if MayOwn(before) && !MayOwn(next) && before.GetOpenHandoffCount() > 0 && !c.HandsOn {
			return &HasHandoffsError{int(before.GetOpenHandoffCount())}
		}
		if err := s.save(tx, c.ID, before, next); err != nil {
			return err
		}
		if err := s.changed(tx, []string{c.ID}, nil); err != nil {
			return err
		}
		after, err = scanUser(tx.QueryRow(selectUser+` WHERE user_id = $1`, c.ID))
		return err
	})
	return before, after, err
}

func (s *Store) save(tx *sqldb.Tx, id string, before, u *handoffv1.User) error {
	if err := free(tx, id, u, false); err != nil {
		return err
	}
	blob, err := content(u)
	if err != nil {
		return err
	}
	// An address changes hands; the tokens of who had it before go with them, not with it.
	if u.GetEmail() != before.GetEmail() && u.GetSubject() == before.GetSubject() {
		u.Subject = ""
	}
	_, err = tx.Exec(`UPDATE users SET revision = revision + 1, role = $2, inactive = $3, email = $4,
		issuer = CASE WHEN subject = $5 THEN issuer ELSE '' END, subject = $5, update_time = $6, content = $7 WHERE user_id = $1`,
		id, int64(u.GetRole()), number(u.GetInactive()), u.GetEmail(), u.GetSubject(), sqldb.Micros(s.now()), blob)
	if err != nil || maps.Equal(before.GetRemoteIds(), u.GetRemoteIds()) {
		return err
	}
	if _, err := tx.Exec(`DELETE FROM user_remote_ids WHERE user_id = $1`, id); err != nil {
		return err
	}
	return saveRemoteIDs(tx, id, u)
}

func saveRemoteIDs(tx *sqldb.Tx, id string, u *handoffv1.User) error {
	for _, system := range slices.Sorted(maps.Keys(u.GetRemoteIds())) {
		if _, err := tx.Exec(`INSERT INTO user_remote_ids (remote_id, user_id, system) VALUES ($1, $2, $3)`,
			u.GetRemoteIds()[system], id, system); err != nil {
			return err
		}
	}
	return nil
}

func number(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// all scans every row and closes them.
func all[T any](rows *sql.Rows, err error, scan func(interface{ Scan(...any) error }) (T, error)) ([]T, error) {
	if err != nil {
		return nil, err
	}
	var list []T
	for rows.Next() {
		item, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		list = append(list, item)
	}
	return list, errors.Join(rows.Err(), rows.Close())
}
