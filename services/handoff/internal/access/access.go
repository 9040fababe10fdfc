// Package access keeps the API keys, and says who calls: who holds the secret of a key or
// a token of the identity provider, and as what. See [Door] for the latter.
//
// A key whose actor is the id of a user is that user's, and works while the user is
// active; any other is a machine's. A key that names a source is a write key of it: at most
// two of a source work at a time, so that one can be replaced without a gap.
//
// A key's secret is `assay_<id>_<256 random bits>`. It is shown once; what is stored
// is its SHA-256, which suffices for a secret that nobody can guess and keeps
// verification cheap. A secret is looked up by this hash, so how long the lookup
// takes says nothing about any stored secret.
package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"encoding/base32"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/audit"
	"github.com/assay-hq/assay/services/internal/sqldb"
)

const (
	// FirstActor is the actor of the first admin key.
	FirstActor = "admin"
	// MinGivenSecret is the fewest characters of a first admin key that is given
	// from outside.
	MinGivenSecret = 16
	// maxGivenSecret is the most that a call can carry.
	maxGivenSecret = 200
)

var (
	// ErrNotFound says that there is no such key.
	ErrNotFound = errors.New("access: key not found")
	// ErrUnknownSecret says that nobody holds a secret, or no more.
	ErrUnknownSecret = errors.New("access: unknown secret")
)

// TooManyError says that a source has as many keys as may work at a time.
type TooManyError struct {
	// Source is the id of the source.
	Source string
	// Keys are the ids of those that work, the oldest first: one is to be revoked.
	Keys []string
}

// Error names the keys.
func (e *TooManyError) Error() string {
	return "access: the source " + e.Source + " has the keys " + strings.Join(e.Keys, " and ")
}

// Key is who may call, and as what. It never holds a secret.
type Key struct {
	// ID, e.g. `k3v9…`: sixteen small letters and digits.
	ID string
	// Actor is who uses it, e.g. `web-form` or `jane`.
	Actor string
	// Role is what it may do.
	Role typev1.Role
	// Source is the id of the source whose write key it is; empty: it is none.
	Source string
	// CreateTime is when it was created, RevokeTime when it was revoked; zero while
	// it is valid.
	CreateTime, RevokeTime time.Time
	// ExpireTime is when it ends by itself; zero: never.
	ExpireTime time.Time
	// LastUseTime is when it was last used, to the hour; zero: never.
	LastUseTime time.Time
}

// Keys are the API keys of an installation. It is safe for concurrent use.
type Keys struct {
	db  *sqldb.DB
	now func() time.Time
}

// NewKeys returns the keys in handoff's database. now gives the times of records.
func NewKeys(db *sqldb.DB, now func() time.Time) *Keys { return &Keys{db: db, now: now} }

// New is a key to make.
type New struct {
	// Actor and Role are those of the key.
	Actor string
	Role  typev1.Role
	// Source makes it a write key of the source with this id; empty: it is none.
	Source string
	// Expires is when it ends; zero: never.
	Expires time.Time
}

// Create makes a key and returns it with its secret, which is nowhere else. The error may be
// a [*TooManyError].
func (k *Keys) Create(ctx context.Context, n New) (Key, string, error) {
	id := newID()
	secret := newSecret(id)
	key := k.key(id, n.Actor, n.Role)
	key.Source, key.ExpireTime = n.Source, sqldb.Time(sqldb.Micros(n.Expires))
	for {
		stored := false
		err := k.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			audit.About(tx.Context(), "apiKeys/"+id)
			var place any
			if n.Source != "" {
				if place, err = freePlace(tx, n.Source, k.now()); err != nil {
					return err
				}
			}
			if stored, err = insert(tx, key, secret, place); err == nil && !stored {
				err = errTaken // nothing is written, nor recorded
			}
			return err
		})
		// Of two that make a key of a source at once, one finds its place taken: its next look
		// sees the other's.
		if !errors.Is(err, errTaken) {
			return key, secret, err
		}
	}
}

var errTaken = errors.New("access: the place of a key is taken")

// freePlace returns a place among the keys of a source that work, and frees those of keys
// that ended.
func freePlace(tx *sqldb.Tx, source string, now time.Time) (place int64, err error) {
	_, err = tx.Exec(`UPDATE api_keys SET source_place = NULL
		WHERE source = $1 AND source_place IS NOT NULL AND (revoke_time <> 0 OR expire_time <> 0 AND expire_time <= $2)`,
		source, sqldb.Micros(now))
	if err != nil {
		return 0, err
	}
	rows, err := tx.Query(`SELECT key_id, source_place FROM api_keys WHERE source = $1 AND source_place IS NOT NULL ORDER BY create_time, key_id`, source)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	free, full := []int64{1, 2}, &TooManyError{Source: source}
	for rows.Next() {
		var id string
		var taken int64
		if err := rows.Scan(&id, &taken); err != nil {
			return 0, err
		}
		free = slices.DeleteFunc(free, func(p int64) bool { return p == taken })
		full.Keys = append(full.Keys, id)
	}
	if err := rows.Err(); err != nil {
		return 0, err
	}
	if len(free) == 0 {
		return 0, full
	}
	return free[0], nil
}

// EnsureAdminKey sees to it that somebody may do everything.
//
// A given secret (ASSAY_ADMIN_KEY) becomes a key of role ADMIN unless it is one
// already; it stays revoked once it was revoked. Without one, a key is made if there
// is none at all, and its secret is returned to be shown once. created says whether
// a key was made. Who lost every admin key starts the service with a new given one.
func (k *Keys) EnsureAdminKey(ctx context.Context, given string) (secret string, created bool, err error) {
	if given != "" {
		if n := len(given); n < MinGivenSecret || n > maxGivenSecret {
			return "", false, fmt.Errorf("ASSAY_ADMIN_KEY: expected %d to %d characters, not %d", MinGivenSecret, maxGivenSecret, n)
		}
		if strings.ContainsFunc(given, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", false, errors.New("ASSAY_ADMIN_KEY: expected printable ASCII without spaces, as it is sent in a header")
		}
		key := k.key(newID(), FirstActor, typev1.Role_ROLE_ADMIN)
		err = k.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			created, err = insert(tx, key, given, nil)
			return err
		})
		return "", created, err
	}
	// A fixed id: of two processes that start at once one makes the key.
	key := k.key("firstkey", FirstActor, typev1.Role_ROLE_ADMIN)
	generated := newSecret(key.ID)
	err = k.db.Write(ctx, func(tx *sqldb.Tx) error {
		created = false
		var n int
		if err := tx.QueryRow(`SELECT COUNT(*) FROM api_keys`).Scan(&n); err != nil || n > 0 {
			return err
		}
		created, err = insert(tx, key, generated, nil)
		return err
	})
	if err != nil || !created {
		return "", false, err
	}
	return generated, true, nil
}

// Verify returns the key with a secret, or ErrUnknownSecret.
func (k *Keys) Verify(ctx context.Context, secret string) (Key, error) {
	hash := sha256.Sum256([]byte(secret))
	var stored []byte
	key, err := scan(k.db.Read().QueryRowContext(ctx, columns+` WHERE secret_hash = $1`, hash[:]), &stored)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Key{}, ErrUnknownSecret
	case err != nil:
		return Key{}, err
	case subtle.ConstantTimeCompare(stored, hash[:]) != 1 || !key.RevokeTime.IsZero():
		return Key{}, ErrUnknownSecret
	case !key.ExpireTime.IsZero() && !k.now().Before(key.ExpireTime):
		return Key{}, ErrUnknownSecret
	}
	return key, nil
}

// used notes that a key was used.
func (k *Keys) used(ctx context.Context, id string, hour time.Time) error {
	return k.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE api_keys SET last_use_time = $2 WHERE key_id = $1 AND last_use_time < $2`, id, sqldb.Micros(hour))
		return err
	})
}

// Revoke ends a key for good and returns it, or ErrNotFound. A key that was revoked
// already keeps its time.
func (k *Keys) Revoke(ctx context.Context, id string) (Key, error) {
	var key Key
	err := k.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
		if _, err := tx.Exec(`UPDATE api_keys SET revoke_time = $2 WHERE key_id = $1 AND revoke_time = 0`,
			id, sqldb.Micros(k.now())); err != nil {
			return err
		}
		key, err = scan(tx.QueryRow(columns+` WHERE key_id = $1`, id), new([]byte))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		err = ErrNotFound
	}
	return key, err
}

// Place is a place in the list of keys: that of a key; the zero value is the
// beginning.
type Place struct {
	CreateTime time.Time
	ID         string
}

// List returns at most limit keys, latest first, after the place: those of a source, or all
// for none.
func (k *Keys) List(ctx context.Context, source string, after Place, limit int) ([]Key, error) {
	before := sqldb.Micros(after.CreateTime)
	if after == (Place{}) {
		before = math.MaxInt64
	}
	where, args := "", []any{before, after.ID, limit}
	if source != "" {
		where, args = "source = $4 AND ", append(args, source)
	}
	rows, err := k.db.Read().QueryContext(ctx, columns+`
		WHERE `+where+`(create_time < $1 OR (create_time = $1 AND key_id < $2))
		ORDER BY create_time DESC, key_id DESC LIMIT $3`, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var keys []Key
	for rows.Next() {
		key, err := scan(rows, new([]byte))
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, rows.Err()
}

func (k *Keys) key(id, actor string, role typev1.Role) Key {
	// As it will be read: in whole microseconds.
	return Key{ID: id, Actor: actor, Role: role, CreateTime: sqldb.Time(sqldb.Micros(k.now()))}
}

const columns = `SELECT key_id, actor, role, source, create_time, revoke_time, expire_time, last_use_time, secret_hash FROM api_keys`

func scan(row interface{ Scan(into ...any) error }, hash *[]byte) (Key, error) {
	var (
		key                                Key
		created, revoked, expires, lastUse int64
	)
	err := row.Scan(&key.ID, &key.Actor, &key.Role, &key.Source, &created, &revoked, &expires, &lastUse, hash)
	key.CreateTime, key.RevokeTime = sqldb.Time(created), sqldb.Time(revoked)
	key.ExpireTime, key.LastUseTime = sqldb.Time(expires), sqldb.Time(lastUse)
	return key, err
}

// insert stores a key unless its id, secret or place is taken, and says which. A place of nil
// is none.
func insert(tx *sqldb.Tx, key Key, secret string, place any) (stored bool, err error) {
	hash := sha256.Sum256([]byte(secret))
	n, err := tx.Affected(`
		INSERT INTO api_keys (key_id, actor, role, secret_hash, create_time, revoke_time, expire_time, source, source_place)
		VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8) ON CONFLICT DO NOTHING`,
		key.ID, key.Actor, int32(key.Role), hash[:], sqldb.Micros(key.CreateTime), sqldb.Micros(key.ExpireTime), key.Source, place)
	return n > 0, err
}

// letters is base32 in small letters.
var letters = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

func newID() string { return random(10) }

func newSecret(id string) string { return "assay_" + id + "_" + random(32) }

// random is so many random bytes in letters.
func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it would end the program
	return letters.EncodeToString(b)
}
