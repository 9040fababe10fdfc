package access_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access"
	"github.com/assay-hq/assay/services/handoff/migrations"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/internal/sqldb/dbtest"
)

// eachStore runs a test with no keys on both stores.
func eachStore(t *testing.T, run func(t *testing.T, keys *access.Keys, db *sqldb.DB)) {
	dbtest.EachMigrated(t, "handoff", sqldb.Full, migrations.FS, func(t *testing.T, db *sqldb.DB) {
		now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
		run(t, access.NewKeys(db, func() time.Time { now = now.Add(time.Second); return now }), db)
	})
}

func TestKeysOfASource(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, _ *sqldb.DB) {
		ctx := t.Context()
		create := func(source string, expires time.Time) (access.Key, error) {
			key, secret, err := keys.Create(ctx, access.New{Actor: "web-site", Role: typev1.Role_ROLE_INGEST, Source: source, Expires: expires})
			if err == nil {
				if got, err := keys.Verify(ctx, secret); err != nil || got != key || got.Source != source {
					t.Errorf("verify: %+v, %v; want %+v", got, err, key)
				}
			}
			return key, err
		}
		first, _ := create("web", time.Time{})
		second, err := create("web", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		var full *access.TooManyError
		if _, err := create("web", time.Time{}); !errors.As(err, &full) || !slices.Equal(full.Keys, []string{first.ID, second.ID}) {
			t.Errorf("a third key: %v", err)
		}
		if _, err := create("shop", time.Time{}); err != nil {
			t.Errorf("another source: %v", err)
		}
		if _, err := keys.Revoke(ctx, first.ID); err != nil {
			t.Fatal(err)
		}
		short, err := create("web", time.Date(2026, 3, 2, 9, 0, 30, 0, time.UTC)) // each look at the clock takes a second
		if err != nil {
			t.Fatalf("in the place of a revoked one: %v", err)
		}
		if _, err := create("web", time.Time{}); !errors.As(err, &full) || !slices.Equal(full.Keys, []string{second.ID, short.ID}) {
			t.Errorf("a third key again: %v", err)
		}
		for range 30 {
			_, _ = keys.Verify(ctx, "the clock goes on")
			if _, err = create("web", time.Time{}); err == nil {
				return
			}
		}
		t.Errorf("in the place of one that ended: %v", err)
	})
}

// Of many that make a key of one source at once two succeed.
func TestKeysOfASourceAtOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, _ *access.Keys, db *sqldb.DB) {
		keys := access.NewKeys(db, time.Now)
		var made atomic.Int32
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, _, err := keys.Create(t.Context(), access.New{Actor: "web-site", Role: typev1.Role_ROLE_INGEST, Source: "web"})
				var full *access.TooManyError
				switch {
				case err == nil:
					made.Add(1)
				case !errors.As(err, &full):
					t.Error(err)
				}
			})
		}
		all.Wait()
		if made.Load() != 2 {
			t.Errorf("%d keys were made", made.Load())
		}
	})
}

func TestKeys(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, db *sqldb.DB) {
		ctx := t.Context()
		key, secret, err := keys.Create(ctx, access.New{Actor: "web-form", Role: typev1.Role_ROLE_INGEST})
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^assay_[a-z2-7]{16}_[a-z2-7]{52}$`).MatchString(secret) || !strings.Contains(secret, key.ID) {
			t.Errorf("secret %q of key %s", secret, key.ID)
		}
		if _, other, _ := keys.Create(ctx, access.New{Actor: "web-form", Role: typev1.Role_ROLE_INGEST}); other == secret {
			t.Error("two keys, one secret")
		}
		got, err := keys.Verify(ctx, secret)
		if err != nil || got != key {
			t.Errorf("verify: %+v, %v; want %+v", got, err, key)
		}
		for name, wrong := range map[string]string{
			"nothing":         "",
			"another":         secret[:len(secret)-1] + "_",
			"in capitals":     strings.ToUpper(secret),
			"with more":       secret + "a",
			"only the id":     "assay_" + key.ID,
			"an id of no key": strings.Replace(secret, key.ID, strings.Repeat("a", 16), 1),
		} {
			if _, err := keys.Verify(ctx, wrong); !errors.Is(err, access.ErrUnknownSecret) {
				t.Errorf("%s: %v, want ErrUnknownSecret", name, err)
			}
		}
		if leaked := secretsIn(t, db, secret); leaked != "" {
			t.Errorf("the secret is stored: %s", leaked)
		}

		revoked, err := keys.Revoke(ctx, key.ID)
		if err != nil || revoked.RevokeTime.IsZero() {
			t.Errorf("revoke: %+v, %v", revoked, err)
		}
		if _, err := keys.Verify(ctx, secret); !errors.Is(err, access.ErrUnknownSecret) {
			t.Errorf("a revoked key: %v, want ErrUnknownSecret", err)
		}
		if again, err := keys.Revoke(ctx, key.ID); err != nil || again != revoked {
			t.Errorf("revoke again: %+v, %v; want no change", again, err)
		}
		if _, err := keys.Revoke(ctx, "nobody00"); !errors.Is(err, access.ErrNotFound) {
			t.Errorf("revoke nothing: %v, want ErrNotFound", err)
		}
	})
}

// secretsIn looks for the random part of a secret in the table of keys.
func secretsIn(t *testing.T, db *sqldb.DB, secret string) string {
	t.Helper()
	random := secret[strings.LastIndex(secret, "_")+1:]
	rows, err := db.Read().QueryContext(t.Context(), `SELECT * FROM api_keys`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, _ := rows.Columns()
	for rows.Next() {
		values, into := make([]sql.RawBytes, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		for i, v := range values {
			if strings.Contains(string(v), random) {
				return columns[i]
			}
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return ""
}

func TestListLatestFirst(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, _ *sqldb.DB) {
		for i := range 7 {
			if _, _, err := keys.Create(t.Context(), access.New{Actor: fmt.Sprint("k", i), Role: typev1.Role_ROLE_SALES}); err != nil {
				t.Fatal(err)
			}
		}
		var actors []string
		for after := (access.Place{}); ; {
			page, err := keys.List(t.Context(), "", after, 3)
			if err != nil {
				t.Fatal(err)
			}
			for _, k := range page {
				actors = append(actors, k.Actor)
			}
			if len(page) < 3 {
				break
			}
			after = access.Place{CreateTime: page[2].CreateTime, ID: page[2].ID}
		}
		if got := strings.Join(actors, " "); got != "k6 k5 k4 k3 k2 k1 k0" {
			t.Errorf("keys: %s", got)
		}
	})
}

func TestTheFirstKeyIsMadeAndShownOnce(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, _ *sqldb.DB) {
		ctx := t.Context()
		secret, created, err := keys.EnsureAdminKey(ctx, "")
		if err != nil || !created {
			t.Fatalf("%q, %v, %v", secret, created, err)
		}
		if key, err := keys.Verify(ctx, secret); err != nil || key.Role != typev1.Role_ROLE_ADMIN || key.Actor != access.FirstActor {
			t.Errorf("verify: %+v, %v", key, err)
		}
		if again, created, err := keys.EnsureAdminKey(ctx, ""); again != "" || created || err != nil {
			t.Errorf("at the next start: %q, %v, %v", again, created, err)
		}
	})
}

func TestTwoThatStartAtOnceMakeOneKey(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, db *sqldb.DB) {
		var (
			group sync.WaitGroup
			mu    sync.Mutex
			made  int
		)
		for range 4 {
			group.Go(func() {
				_, created, err := access.NewKeys(db, time.Now).EnsureAdminKey(context.Background(), "")
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					t.Error(err)
				}
				if created {
					made++
				}
			})
		}
		group.Wait()
		if made != 1 {
			t.Errorf("%d keys were made", made)
		}
	})
}

func TestTheFirstKeyIsGiven(t *testing.T) {
	eachStore(t, func(t *testing.T, keys *access.Keys, _ *sqldb.DB) {
		ctx := t.Context()
		const given = "correct-horse-battery"
		for i, want := range []bool{true, false} {
			if secret, created, err := keys.EnsureAdminKey(ctx, given); secret != "" || created != want || err != nil {
				t.Fatalf("start %d: %q, %v, %v", i, secret, created, err)
			}
		}
		key, err := keys.Verify(ctx, given)
		if err != nil || key.Role != typev1.Role_ROLE_ADMIN {
			t.Fatalf("verify: %+v, %v", key, err)
		}
		// Revoked it stays revoked, and another one opens the door again.
		if _, err := keys.Revoke(ctx, key.ID); err != nil {
			t.Fatal(err)
		}
		if _, created, err := keys.EnsureAdminKey(ctx, given); created || err != nil {
			t.Errorf("after revoking: %v, %v", created, err)
		}
		if _, err := keys.Verify(ctx, given); !errors.Is(err, access.ErrUnknownSecret) {
			t.Errorf("after revoking: %v", err)
		}
		if _, created, err := keys.EnsureAdminKey(ctx, given+"-2"); !created || err != nil {
			t.Errorf("another one: %v, %v", created, err)
		}
	})
}

func TestAGivenKeyMustBeASecret(t *testing.T) {
	keys := access.NewKeys(nil, time.Now)
	for name, given := range map[string]string{
		"too short":   "fifteen-letters",
		"too long":    strings.Repeat("x", 201),
		"with spaces": "correct horse battery",
		"with a line": "correct-horse-battery\n",
		"not ASCII":   "pässwörter-sind-nötig",
	} {
		_, _, err := keys.EnsureAdminKey(t.Context(), given)
		if err == nil || !strings.Contains(err.Error(), "ASSAY_ADMIN_KEY: expected") {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && strings.Contains(err.Error(), given) {
			t.Errorf("%s: the error shows the secret", name)
		}
	}
}
