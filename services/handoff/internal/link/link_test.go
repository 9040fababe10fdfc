package link

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

var (
	signer  = NewSigner([]byte(strings.Repeat("k", 32)))
	handoff = uuid.MustParse("0198f0a1-5d2c-7a3b-8c4d-5e6f70819203")
	expires = time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestATokenSaysWhatItWasMadeFor(t *testing.T) {
	token := signer.Token(handoff, Reject, "jane", expires)
	l, err := signer.Read(token)
	if err != nil || l.Handoff != handoff || l.Action != Reject || !l.Expires.Equal(expires) {
		t.Fatalf("got %+v, %v", l, err)
	}
	if !signer.For(l, "jane") || signer.For(l, "bob") || signer.For(l, "") {
		t.Errorf("it is not for jane alone")
	}
	anybody, _ := signer.Read(signer.Token(handoff, Claim, "", expires))
	if !signer.For(anybody, "") || signer.For(anybody, "jane") {
		t.Errorf("it is for somebody")
	}
	if len(token) > 70 || strings.Contains(token, "jane") {
		t.Errorf("the token %q", token)
	}
}

func TestNobodyElseMakesTokens(t *testing.T) {
	token := signer.Token(handoff, Claim, "jane", expires)
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	for i := range raw {
		changed := append([]byte{}, raw...)
		changed[i] ^= 1
		if _, err := signer.Read(base64.RawURLEncoding.EncodeToString(changed)); !errors.Is(err, ErrForged) {
			t.Errorf("with byte %d changed: %v", i, err)
		}
	}
	other := NewSigner([]byte(strings.Repeat("o", 32)))
	for _, bad := range []string{"", "x", token[:len(token)-1], token + "A", token + "=", other.Token(handoff, Claim, "jane", expires)} {
		if _, err := signer.Read(bad); !errors.Is(err, ErrForged) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestEveryLinkIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "handoff"))
		actor := rapid.String().Draw(t, "actor")
		at := time.Unix(rapid.Int64Range(0, 1<<32-1).Draw(t, "expires"), 0).UTC()
		l, err := signer.Read(signer.Token(id, Claim, actor, at))
		if err != nil || l.Handoff != id || !l.Expires.Equal(at) || !signer.For(l, actor) {
			t.Fatalf("%+v, %v", l, err)
		}
	})
}

func FuzzRead(f *testing.F) {
	f.Add(signer.Token(handoff, Claim, "jane", expires))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		l, err := signer.Read(token)
		if err == nil && l.Action == 0 {
			t.Errorf("%q says nothing", token)
		}
	})
}
