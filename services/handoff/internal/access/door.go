package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access/issuer"
	"github.com/assay-hq/assay/services/handoff/internal/people"
)

// Holder is who may call with a secret, and as what.
type Holder struct {
	// Actor is the name that records show: the id of a user, or the name of a machine.
	Actor string
	// Role is what they may do: that of the key, or of the user whose token it is.
	Role typev1.Role
	// Source is the id of the source whose write key it is; empty: it is none.
	Source string
	// Ends is when the secret does; zero: it does not.
	Ends time.Time
}

// RefusedError says in words why a token, or somebody who is known, may not call.
type RefusedError struct {
	// Reason for its holder.
	Reason string
	// Known says that who calls is known and may do nothing.
	Known bool
}

// Error is the reason.
func (e *RefusedError) Error() string { return "access: " + e.Reason }

// ErrAway says that a token cannot be checked now, since its issuer is away.
var ErrAway = errors.New("access: the issuer of the token is away")

// Door says who calls. It is the one place where secrets are checked.
type Door struct {
	// Keys are the API keys.
	Keys *Keys
	// People are the users.
	People *people.Store
	// Issuer verifies tokens; nil: none are taken.
	Issuer *issuer.Issuer
	// Log gets what went wrong beside the answer.
	Log *slog.Logger
	// Now is the clock.
	Now func() time.Time
}

// Verify returns who holds a secret. Errors: ErrUnknownSecret, *RefusedError, ErrAway.
//
// A key is looked up first, whatever the secret looks like: so keys work when the issuer
// is away, and no token costs more than one read.
func (d *Door) Verify(ctx context.Context, secret string) (Holder, error) {
	key, err := d.Keys.Verify(ctx, secret)
	switch {
	case err == nil:
		return d.byKey(ctx, key)
	case errors.Is(err, ErrUnknownSecret) && d.Issuer != nil && issuer.LooksLikeToken(secret):
		return d.byToken(ctx, secret)
	}
	return Holder{}, err
}

func (d *Door) byKey(ctx context.Context, key Key) (Holder, error) {
	user, err := d.People.HolderOfKey(ctx, key.Actor)
	switch {
	case errors.Is(err, people.ErrNotFound): // a machine
	case err != nil:
		return Holder{}, err
	case user.Inactive:
		return Holder{}, &RefusedError{Reason: "the user whose key this is is not active", Known: true}
	}
	hour := d.Now().Truncate(people.Coarse)
	if key.LastUseTime.Before(hour) {
		d.note(ctx, func(ctx context.Context) error { return d.Keys.used(ctx, key.ID, hour) })
	}
	d.seen(ctx, user, hour)
	return Holder{Actor: key.Actor, Role: key.Role, Source: key.Source, Ends: key.ExpireTime}, nil
}

func (d *Door) byToken(ctx context.Context, token string) (Holder, error) {
	claims, err := d.Issuer.Verify(ctx, token)
	var refused *issuer.Refused
	switch {
	case errors.As(err, &refused):
		return Holder{}, &RefusedError{Reason: refused.Reason}
	case errors.Is(err, issuer.ErrAway):
		return Holder{}, ErrAway
	case err != nil:
		return Holder{}, fmt.Errorf("%w: %w", ErrAway, err)
	}
	user, err := d.People.HolderOfToken(ctx, claims.Issuer, claims.Subject, claims.Email)
	switch {
	case errors.Is(err, people.ErrNotFound) && claims.Email == "":
		return Holder{}, &RefusedError{Reason: "no user has the subject of this token, and it has no verified email to find one by", Known: true}
	case errors.Is(err, people.ErrNotFound):
		return Holder{}, &RefusedError{Reason: "no active user has the subject or the verified email of this token: an admin adds one", Known: true}
	case err != nil:
		return Holder{}, err
	case user.Inactive:
		return Holder{}, &RefusedError{Reason: "the user whose token this is is not active", Known: true}
	}
	d.seen(ctx, user, d.Now().Truncate(people.Coarse))
	return Holder{Actor: user.User, Role: user.Role, Ends: claims.Expiry.Add(issuer.Skew)}, nil
}

// seen notes that a user called, once an hour.
func (d *Door) seen(ctx context.Context, user people.Holder, hour time.Time) {
	if user.User != "" && user.LastActive.Before(hour) {
		d.note(ctx, func(ctx context.Context) error { return d.People.Seen(ctx, user.User) })
	}
}

// patience is how long a call waits for a note of its time.
const patience = 250 * time.Millisecond

// note writes what is good to know and not worth a refusal.
func (d *Door) note(ctx context.Context, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := write(ctx); err != nil && d.Log != nil {
		d.Log.WarnContext(ctx, "the time of a call was not noted", "error", err.Error())
	}
}
