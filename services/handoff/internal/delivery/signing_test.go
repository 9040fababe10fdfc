package delivery

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"
)

// The signatures were made by another implementation: npm standardwebhooks 1.1.1. The
// first is the example of the specification.
func TestSignaturesAreThoseOfStandardWebhooks(t *testing.T) {
	for _, c := range []struct {
		secret, id string
		at         int64
		body, want string
	}{
		{
			"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
			`{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
		},
		{
			"whsec_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=", "0198f0a1-5d2c-7a3b-8c4d-5e6f70819203", 1798761600,
			`{"type":"handoff.created","timestamp":"2027-01-01T00:00:00Z","data":{"owner":"Jürgen"}}`,
			"v1,XHPxIQDbhsldFFi8qJTA6M5Q3+pfXfWzEcFWhCFP8rk=",
		},
		{"whsec_" + strings.Repeat("/", 85) + "w==", "a", 1, "", "v1,i/9W6Na+UsuarBOTOwoRds7qIUabvs/r53liYaTcPCY="},
	} {
		got, err := Sign([]string{c.secret}, c.id, time.Unix(c.at, 0), []byte(c.body))
		if err != nil || got != c.want {
			t.Errorf("%s: got %q, %v; want %q", c.id, got, err, c.want)
		}
	}
}

func TestEachSecretSignsWhileOneIsRotated(t *testing.T) {
	old, fresh := NewSecret(), NewSecret()
	both, err := Sign([]string{fresh, old}, "key", time.Unix(1, 0), []byte("{}"))
	if err != nil {
		t.Fatal(err)
	}
	first, _ := Sign([]string{fresh}, "key", time.Unix(1, 0), []byte("{}"))
	second, _ := Sign([]string{old}, "key", time.Unix(1, 0), []byte("{}"))
	if both != first+" "+second || first == second {
		t.Errorf("got %q, want %q and %q", both, first, second)
	}
}

func TestSecretsAreWrittenAsTheStandardSays(t *testing.T) {
	encoded, prefixed := strings.CutPrefix(NewSecret(), "whsec_")
	if raw, err := base64.StdEncoding.DecodeString(encoded); !prefixed || err != nil || len(raw) < 24 || len(raw) > 64 {
		t.Errorf("a new secret has %d bytes, %v", len(raw), err)
	}
	if _, err := Sign([]string{"whsec_!hush!"}, "key", time.Now(), nil); err == nil || strings.Contains(err.Error(), "hush") {
		t.Errorf("the error tells the secret: %v", err)
	}
}
