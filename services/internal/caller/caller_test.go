package caller_test

import (
	"testing"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
	"github.com/assay-hq/assay/services/internal/caller"
)

var (
	ana = caller.Caller{Actor: "ana@crm", Role: typev1.Role_ROLE_SALES}
	now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
)

func TestContext(t *testing.T) {
	if _, ok := caller.From(t.Context()); ok {
		t.Error("an empty context has a caller")
	}
	if got, ok := caller.From(caller.With(t.Context(), ana)); !ok || got != ana {
		t.Errorf("%v %v", got, ok)
	}
}

func TestToken(t *testing.T) {
	signer := caller.NewRandomSigner()
	token := signer.Sign(ana, now)
	for name, c := range map[string]struct {
		signer *caller.Signer
		token  string
		now    time.Time
		want   bool
	}{
		"fresh":          {signer, token, now, true},
		"at its end":     {signer, token, now.Add(caller.TokenLife), true},
		"too old":        {signer, token, now.Add(caller.TokenLife + time.Second), false},
		"another secret": {caller.NewRandomSigner(), token, now, false},
		"empty":          {signer, "", now, false},
		"cut":            {signer, token[:len(token)-1], now, false},
		"not base64":     {signer, "???", now, false},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.signer.Verify(c.token, c.now)
			if (err == nil) != c.want || (c.want && got != ana) {
				t.Errorf("%v %v", got, err)
			}
		})
	}
}

// Whoever a token names, the other side sees the same.
func TestTokenOfAnyone(t *testing.T) {
	signer := caller.NewRandomSigner()
	for _, who := range []caller.Caller{
		{},
		ana,
		caller.System("gateway"),
		{Actor: "web-site", Role: typev1.Role_ROLE_INGEST, Source: "web", Browser: true},
		{Actor: "shop", Role: typev1.Role_ROLE_INGEST, Source: "shop"},
		{Role: typev1.Role_ROLE_INGEST, Source: "b"},
	} {
		if got, err := signer.Verify(signer.Sign(who, now), now); err != nil || got != who {
			t.Errorf("%+v became %+v, %v", who, got, err)
		}
	}
}

func TestShortSecretIsRefused(t *testing.T) {
	if _, err := caller.NewSigner(make([]byte, 31)); err == nil {
		t.Error("31 bytes were taken")
	}
	if _, err := caller.NewSigner(make([]byte, 32)); err != nil {
		t.Error(err)
	}
}

// No text but the one that was signed is accepted.
func FuzzToken(f *testing.F) {
	signer := caller.NewRandomSigner()
	signed := signer.Sign(ana, now)
	f.Add("")
	f.Add(signed[1:])
	f.Add(caller.NewRandomSigner().Sign(ana, now))
	f.Fuzz(func(t *testing.T, token string) {
		if c, err := signer.Verify(token, now); err == nil && token != signed {
			t.Errorf("%q was accepted as %v", token, c)
		}
	})
}
