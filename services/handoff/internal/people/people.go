// Package people keeps the users, the people who work with Assay, and their teams.
//
// The id of a user is the name that records show: it is the owner of handoffs and the
// actor of what the user does, with a key or with a token. Users are never removed, since
// records name them; who leaves becomes inactive.
//
// What routing asks of people inside its transaction is in roster.go, what the door asks
// in holder.go.
package people

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strconv"
	"strings"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/hours"
	"github.com/assay-hq/assay/services/internal/apierr"
	"github.com/assay-hq/assay/services/internal/schedule"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

var (
	// ErrNotFound: there is no such user or team.
	ErrNotFound = errors.New("people: not found")
	// ErrEtag: the user or team was changed since its etag was read.
	ErrEtag = errors.New("people: etag does not match")
)

// TakenError says that something unique belongs to another user or team.
type TakenError struct {
	// What is taken: `userId`, `user.email`, `user.subject` or `teamId`.
	What string
}

// Error names it.
func (e *TakenError) Error() string { return "people: " + e.What + " is taken" }

// HasHandoffsError refuses to deactivate who has open handoffs.
type HasHandoffsError struct{ Open int }

// Error says how many.
func (e *HasHandoffsError) Error() string {
	return fmt.Sprintf("people: the user has %d open handoffs", e.Open)
}

// Store keeps people in handoff's database. It is safe for concurrent use.
type Store struct {
	// Changed is called in the transaction in which users or teams were changed, after the
	// change, with their ids: somebody may be available now. Set it before the first use.
	Changed func(tx *sqldb.Tx, users, teams []string) error

	db  *sqldb.DB
	now func() time.Time
}

// changed tells of users and teams that were changed.
func (s *Store) changed(tx *sqldb.Tx, users, teams []string) error {
	if s.Changed == nil {
		return nil
	}
	return s.Changed(tx, users, teams)
}

// New returns the people in handoff's database. now gives the times of records.
func New(db *sqldb.DB, now func() time.Time) *Store { return &Store{db: db, now: now} }

// UserName is the resource name of a user; empty for no id.
func UserName(id string) string { return name("users/", id) }

// UserID is the id in a user's resource name.
func UserID(name string) string { return strings.TrimPrefix(name, "users/") }

// TeamName is the resource name of a team; empty for no id.
func TeamName(id string) string { return name("teams/", id) }

// TeamID is the id in a team's resource name.
func TeamID(name string) string { return strings.TrimPrefix(name, "teams/") }

func name(collection, id string) string {
	if id == "" {
		return ""
	}
	return collection + id
}

func etag(revision int64) string { return strconv.FormatInt(revision, 10) }

var system = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

const (
	maxRemoteIDs = 50
	maxRemoteID  = 200
)

// CheckUser says what is wrong with a user beyond the rules of the proto, by the paths of
// its fields under `user.`. It brings the email to small letters.
func CheckUser(u *handoffv1.User) (violations []apierr.Violation) {
	add := func(field, format string, args ...any) {
		violations = append(violations, apierr.Violation{Field: "user." + field, Expected: fmt.Sprintf(format, args...)})
	}
	u.Email = strings.ToLower(strings.TrimSpace(u.GetEmail()))
	if a, err := mail.ParseAddress(u.GetEmail()); u.GetEmail() != "" && (err != nil || a.Address != u.GetEmail()) {
		add("email", "an email address")
	}
	switch u.GetRole() {
	case typev1.Role_ROLE_UNSPECIFIED, typev1.Role_ROLE_INGEST, typev1.Role_ROLE_SERVICE:
		add("role", "the role of a person: ROLE_SALES, ROLE_MARKETING, ROLE_MANAGER, ROLE_ADMIN or ROLE_AUDITOR")
	}
	if len(u.GetRemoteIds()) > maxRemoteIDs {
		add("remoteIds", "at most %d", maxRemoteIDs)
	}
	for s, id := range u.GetRemoteIds() {
		switch {
		case !system.MatchString(s):
			add("remoteIds", "the ids of destinations as keys, e.g. `tryton`")
		case id == "" || len(id) > maxRemoteID:
			add("remoteIds."+s, "an id of 1 to %d characters", maxRemoteID)
		}
	}
	violations = append(violations, checkHours("user.workingHours", u.GetWorkingHours())...)
	return append(violations, CheckAbsences("user.absences", u.GetAbsences())...)
}

// CheckAbsences says what is wrong with absences, by paths under a field.
func CheckAbsences(field string, absences []*handoffv1.Absence) (violations []apierr.Violation) {
	for i, a := range absences {
		at := fmt.Sprintf("%s[%d]", field, i)
		switch {
		case a.GetStartTime().CheckValid() != nil:
			violations = append(violations, apierr.Violation{Field: at + ".startTime", Expected: "a time"})
		case a.GetEndTime().CheckValid() != nil || !a.GetEndTime().AsTime().After(a.GetStartTime().AsTime()):
			violations = append(violations, apierr.Violation{Field: at + ".endTime", Expected: "a time after its start"})
		}
	}
	return violations
}

// CheckTeam says what is wrong with a team beyond the rules of the proto and but for who
// exists, by the paths of its fields under `team.`. It gives members without a weight
// their one turn.
func CheckTeam(t *handoffv1.Team) (violations []apierr.Violation) {
	seen := map[string]bool{}
	for i, m := range t.GetMembers() {
		if seen[m.GetUser()] {
			violations = append(violations, apierr.Violation{Field: fmt.Sprintf("team.members[%d].user", i), Expected: "each user once"})
		}
		seen[m.GetUser()] = true
		if m.GetWeight() == 0 {
			m.Weight = 1
		}
	}
	return append(violations, checkHours("team.workingHours", t.GetWorkingHours())...)
}

func checkHours(field string, w *typev1.WorkingHours) []apierr.Violation {
	if w == nil {
		return nil
	}
	var wrong *schedule.FieldError
	if errors.As(hours.Check(w), &wrong) {
		return []apierr.Violation{{Field: field + "." + wrong.Field, Expected: wrong.Expected}}
	}
	return nil
}
