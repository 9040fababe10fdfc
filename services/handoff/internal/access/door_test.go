package access_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	handoffv1 "github.com/assay-hq/assay/gen/go/assay/handoff/v1"
	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/handoff/internal/access"
	"github.com/assay-hq/assay/services/handoff/internal/access/issuer"
	"github.com/assay-hq/assay/services/handoff/internal/people"
	"github.com/assay-hq/assay/services/internal/sqldb"
	"github.com/assay-hq/assay/services/test/oidc"
)

// house is a door with its keys, people and issuer, and a clock.
type house struct {
	access.Door
	server *oidc.Server
	now    time.Time
}

// eachHouse runs a test on both stores.
func eachHouse(t *testing.T, run func(t *testing.T, h *house)) {
	eachStore(t, func(t *testing.T, _ *access.Keys, db *sqldb.DB) {
		h := &house{server: oidc.Start(t), now: time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)}
		clock := func() time.Time { return h.now }
		h.Door = access.Door{
			Keys: access.NewKeys(db, clock), People: people.New(db, clock), Now: clock,
			Issuer: issuer.New(issuer.Config{Issuer: h.server.URL, Audience: "assay"}, nil, clock),
		}
		t.Cleanup(h.Issuer.Close)
		run(t, h)
	})
}

func (h *house) add(t *testing.T, id string, role typev1.Role, email string) {
	t.Helper()
	if _, err := h.People.Create(t.Context(), id, &handoffv1.User{Role: role, Email: email}); err != nil {
		t.Fatal(err)
	}
}

func (h *house) leaves(t *testing.T, id string) {
	t.Helper()
	_, _, err := h.People.Update(t.Context(), people.Update{ID: id, Change: func(u *handoffv1.User) error { u.Inactive = true; return nil }})
	if err != nil {
		t.Fatal(err)
	}
}

func (h *house) token(subject, email string) string {
	return h.server.Sign(h.server.EC, map[string]any{
		"iss": h.server.URL, "aud": "assay", "sub": subject, "email": email, "email_verified": email != "",
		"exp": h.now.Add(time.Hour).Unix(),
	})
}

func (h *house) mustKnow(t *testing.T, secret string, want access.Holder) {
	t.Helper()
	if got, err := h.Verify(t.Context(), secret); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

func (h *house) mustRefuse(t *testing.T, secret string, known bool, words string) {
	t.Helper()
	var refused *access.RefusedError
	if got, err := h.Verify(t.Context(), secret); !errors.As(err, &refused) || refused.Known != known || !strings.Contains(refused.Reason, words) {
		t.Errorf("%+v, %v; want it refused: %s", got, err, words)
	}
}

func TestKeysThatEnd(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		ends := h.now.Add(time.Hour)
		key, secret, err := h.Keys.Create(t.Context(), access.New{Actor: "web-form", Role: typev1.Role_ROLE_INGEST, Expires: ends})
		if err != nil || !key.ExpireTime.Equal(ends) {
			t.Fatalf("%+v, %v", key, err)
		}
		h.mustKnow(t, secret, access.Holder{Actor: "web-form", Role: typev1.Role_ROLE_INGEST, Ends: ends})
		h.now = ends.Add(-time.Microsecond)
		h.mustKnow(t, secret, access.Holder{Actor: "web-form", Role: typev1.Role_ROLE_INGEST, Ends: ends})
		h.now = ends
		if _, err := h.Verify(t.Context(), secret); !errors.Is(err, access.ErrUnknownSecret) {
			t.Errorf("%v, want ErrUnknownSecret", err)
		}
	})
}

func TestAKeyOfAUserWorksWhileTheUserIsActive(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		h.add(t, "jane", typev1.Role_ROLE_SALES, "")
		_, secret, err := h.Keys.Create(t.Context(), access.New{Actor: "jane", Role: typev1.Role_ROLE_SALES})
		if err != nil {
			t.Fatal(err)
		}
		h.mustKnow(t, secret, access.Holder{Actor: "jane", Role: typev1.Role_ROLE_SALES})
		h.leaves(t, "jane")
		h.mustRefuse(t, secret, true, "not active")
	})
}

func TestLastUseIsKnownToTheHour(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		h.add(t, "jane", typev1.Role_ROLE_SALES, "")
		_, secret, _ := h.Keys.Create(t.Context(), access.New{Actor: "jane", Role: typev1.Role_ROLE_SALES})
		for _, c := range []struct{ after, want time.Duration }{{0, 0}, {20 * time.Minute, 0}, {40 * time.Minute, time.Hour}} {
			begin := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
			h.now = begin.Add(30*time.Minute + c.after)
			if _, err := h.Verify(t.Context(), secret); err != nil {
				t.Fatal(err)
			}
			list, err := h.Keys.List(t.Context(), "", access.Place{}, 1)
			if err != nil || !list[0].LastUseTime.Equal(begin.Add(c.want)) {
				t.Errorf("after %v: %+v, %v", c.after, list, err)
			}
			if u, _ := h.People.User(t.Context(), "jane"); !u.GetLastActiveTime().AsTime().Equal(begin.Add(c.want)) {
				t.Errorf("after %v: %v", c.after, u)
			}
		}
	})
}

func TestTokens(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		h.add(t, "jane", typev1.Role_ROLE_MANAGER, "jane@example.com")
		jane := access.Holder{Actor: "jane", Role: typev1.Role_ROLE_MANAGER, Ends: time.Unix(h.now.Add(time.Hour+issuer.Skew).Unix(), 0)}
		h.mustRefuse(t, h.token("1", ""), true, "no verified email")
		h.mustRefuse(t, h.token("1", "tom@example.com"), true, "an admin adds one")
		h.mustKnow(t, h.token("1", "jane@example.com"), jane)
		h.mustKnow(t, h.token("1", ""), jane)
		h.mustRefuse(t, h.token("2", "jane@example.com"), true, "no active user")

		// What the user may do is the word of the record, not of the token.
		_, _, err := h.People.Update(t.Context(), people.Update{ID: "jane", Change: func(u *handoffv1.User) error { u.Role = typev1.Role_ROLE_AUDITOR; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		jane.Role = typev1.Role_ROLE_AUDITOR
		h.mustKnow(t, h.token("1", ""), jane)

		h.leaves(t, "jane")
		h.mustRefuse(t, h.token("1", "jane@example.com"), true, "not active")

		// A token of nobody's is refused without a word about users.
		h.mustRefuse(t, h.token("1", "")+"x", false, "expected a token")
		old := h.token("1", "")
		h.now = h.now.Add(2 * time.Hour)
		h.mustRefuse(t, old, false, "expired")
	})
}

func TestKeysWorkWhileTheIssuerIsAway(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		h.server.Away(true)
		_, secret, _ := h.Keys.Create(t.Context(), access.New{Actor: "web-form", Role: typev1.Role_ROLE_INGEST})
		h.mustKnow(t, secret, access.Holder{Actor: "web-form", Role: typev1.Role_ROLE_INGEST})
		if _, err := h.Verify(t.Context(), h.token("1", "")); !errors.Is(err, access.ErrAway) {
			t.Errorf("%v, want ErrAway", err)
		}
		release := h.server.Hang()
		defer release()
		h.now = h.now.Add(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := h.Verify(ctx, h.token("1", "")); !errors.Is(err, access.ErrAway) {
			t.Errorf("%v, want ErrAway", err)
		}
		h.mustKnow(t, secret, access.Holder{Actor: "web-form", Role: typev1.Role_ROLE_INGEST})
	})
}

func TestWithoutAnIssuerNoTokenIsTaken(t *testing.T) {
	eachHouse(t, func(t *testing.T, h *house) {
		token := h.token("1", "jane@example.com")
		h.add(t, "jane", typev1.Role_ROLE_SALES, "jane@example.com")
		closed := h.Door
		closed.Issuer = nil
		if _, err := closed.Verify(t.Context(), token); !errors.Is(err, access.ErrUnknownSecret) {
			t.Errorf("%v, want ErrUnknownSecret", err)
		}
	})
}
