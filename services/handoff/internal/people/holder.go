package people

import (
	"context"
	"database/sql"
	"errors"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

// Holder is whose a key or a token is.
type Holder struct {
	// User is the id.
	User string
	// Role of the user.
	Role typev1.Role
	// Inactive users may not call.
	Inactive bool
	// LastActive is when they last called, to the hour; zero: never.
	LastActive time.Time
}

// Sells says whether a role works leads: whoever has it may own handoffs.
func Sells(role typev1.Role) bool {
	return role == typev1.Role_ROLE_SALES || role == typev1.Role_ROLE_MANAGER || role == typev1.Role_ROLE_ADMIN
}

// MayOwn says whether a user may own handoffs.
func MayOwn(u *handoffv1.User) bool { return !u.GetInactive() && Sells(u.GetRole()) }

const selectHolder = `SELECT user_id, role, inactive, last_active_time FROM users WHERE `

func scanHolder(row *sql.Row) (Holder, error) {
	var (
		h                Holder
		inactive, active int64
	)
	err := row.Scan(&h.User, &h.Role, &inactive, &active)
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	h.Inactive, h.LastActive = inactive != 0, sqldb.Time(active)
	return h, err
}

// HolderOfKey returns the user whose key it is, by the name of its actor, or ErrNotFound:
// it is then a machine's.
func (s *Store) HolderOfKey(ctx context.Context, actor string) (Holder, error) {
	return scanHolder(s.db.Read().QueryRowContext(ctx, selectHolder+`user_id = $1`, actor))
}

// HolderOfToken returns the user whose token it is: the one with its subject, else the
// active one without a subject who has its verified email, whose subject it is from then
// on. An address that changes hands later therefore opens nothing. ErrNotFound: nobody.
func (s *Store) HolderOfToken(ctx context.Context, issuer, subject, email string) (Holder, error) {
	// A subject that an admin entered is of whatever issuer there is.
	const bySubject = selectHolder + `subject = $1 AND issuer IN ($2, '')`
	h, err := scanHolder(s.db.Read().QueryRowContext(ctx, bySubject, subject, issuer))
	if !errors.Is(err, ErrNotFound) || email == "" {
		return h, err
	}
	found, err := scanHolder(s.db.Read().QueryRowContext(ctx, selectHolder+`email = $1 AND subject = '' AND inactive = 0`, email))
	if err != nil {
		return Holder{}, err
	}
	// It is a change, and the user's own, though it comes with the check of a token.
	ctx = audit.With(ctx, &audit.Call{
		Actor: found.User, Role: found.Role, Method: "assay.handoff.v1.AccessService/VerifyApiKey",
		Describe: func() (string, []string) { return UserName(found.User), []string{"subject"} },
	})
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		if _, err := tx.Exec(`UPDATE users SET issuer = $1, subject = $2, revision = revision + 1, update_time = $4
			WHERE email = $3 AND subject = '' AND inactive = 0 AND NOT EXISTS (SELECT 1 FROM users WHERE subject = $2)`,
			issuer, subject, email, sqldb.Micros(s.now())); err != nil {
			return err
		}
		h, err = scanHolder(tx.QueryRow(bySubject, subject, issuer))
		return err
	})
	return h, err
}

// Coarse is how exactly it is known when somebody last called: so that not every call is
// a write.
const Coarse = time.Hour

// Seen notes that a user called.
func (s *Store) Seen(ctx context.Context, user string) error {
	now := s.now().Truncate(Coarse)
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE users SET last_active_time = $2 WHERE user_id = $1 AND last_active_time < $2`, user, sqldb.Micros(now))
		return err
	})
}
