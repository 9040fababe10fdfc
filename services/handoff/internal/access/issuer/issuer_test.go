package issuer_test

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/go-jose/go-jose/v4"

	"github.com/assay-hq/assay/services/handoff/internal/access/issuer"
	"github.com/assay-hq/assay/services/test/oidc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const audience = "assay"

// world is an issuer and a verifier of its tokens, with a clock.
type world struct {
	*oidc.Server
	*issuer.Issuer
	mu  sync.Mutex
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{Server: oidc.Start(t), now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	w.Issuer = issuer.New(issuer.Config{Issuer: w.URL, Audience: audience}, nil, w.clock)
	t.Cleanup(w.Close)
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// claims are those of a good token, with changes; nil takes one away.
func (w *world) claims(changes ...any) map[string]any {
	c := map[string]any{
		"iss": w.URL, "sub": "00u1jane", "aud": audience, "email": "Jane@Example.com", "email_verified": true,
		"iat": w.clock().Unix(), "exp": w.clock().Add(time.Hour).Unix(),
	}
	for i := 0; i < len(changes); i += 2 {
		if changes[i+1] == nil {
			delete(c, changes[i].(string))
			continue
		}
		c[changes[i].(string)] = changes[i+1]
	}
	return c
}

func (w *world) mustVerify(t *testing.T, token string) issuer.Claims {
	t.Helper()
	c, err := w.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (w *world) mustRefuse(t *testing.T, name, token string) {
	t.Helper()
	c, err := w.Verify(t.Context(), token)
	var refused *issuer.Refused
	if !errors.As(err, &refused) {
		t.Errorf("%s: %+v, %v; want it refused", name, c, err)
		return
	}
	for _, said := range []string{"00u1jane", "xample.com", token} {
		if said != "" && strings.Contains(err.Error(), said) {
			t.Errorf("%s: the reason repeats what the token says: %v", name, err)
		}
	}
}

func TestGoodTokens(t *testing.T) {
	w := newWorld(t)
	want := issuer.Claims{
		Issuer: w.URL, Subject: "00u1jane", Email: "jane@example.com", Expiry: time.Unix(w.clock().Add(time.Hour).Unix(), 0),
	}
	for name, c := range map[string]struct {
		token string
		want  func(*issuer.Claims)
	}{
		"RS256":                               {token: w.Sign(w.RSA, w.claims())},
		"ES256":                               {token: w.Sign(w.EC, w.claims())},
		"EdDSA":                               {token: w.Sign(w.Ed, w.claims())},
		"for several audiences":               {token: w.Sign(w.RSA, w.claims("aud", []string{"other", audience}))},
		"without a key id":                    {token: w.SignWith(w.EC, w.claims(), map[string]any{"kid": nil})},
		"the word for verified":               {token: w.Sign(w.RSA, w.claims("email_verified", "true"))},
		"a clock that is behind":              {token: w.Sign(w.RSA, w.claims("iat", w.clock().Add(59*time.Second).Unix(), "nbf", w.clock().Add(59*time.Second).Unix()))},
		"an access token":                     {token: w.SignWith(w.RSA, w.claims(), map[string]any{"typ": "at+jwt"})},
		"an expiry as a fraction":             {token: w.Sign(w.RSA, w.claims("exp", float64(w.clock().Add(time.Hour).Unix())+0.25))},
		"an address that is not verified":     {w.Sign(w.RSA, w.claims("email_verified", false)), func(c *issuer.Claims) { c.Email = "" }},
		"an address nobody says is verified":  {w.Sign(w.RSA, w.claims("email_verified", nil)), func(c *issuer.Claims) { c.Email = "" }},
		"no address":                          {w.Sign(w.RSA, w.claims("email", nil)), func(c *issuer.Claims) { c.Email = "" }},
		"expired, by less than clocks differ": {w.Sign(w.RSA, w.claims("exp", w.clock().Add(-59*time.Second).Unix())), func(c *issuer.Claims) { c.Expiry = time.Unix(w.clock().Add(-59*time.Second).Unix(), 0) }},
	} {
		t.Run(name, func(t *testing.T) {
			want := want
			if c.want != nil {
				c.want(&want)
			}
			if got := w.mustVerify(t, c.token); got != want {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestBadTokens(t *testing.T) {
	w := newWorld(t)
	other := oidc.Start(t) // signs well, but is not the issuer
	good := w.Sign(w.RSA, w.claims())
	parts := strings.Split(good, ".")
	part := func(v any) string {
		text, _ := json.Marshal(v)
		return base64.RawURLEncoding.EncodeToString(text)
	}
	hour := w.clock().Add(time.Hour).Unix()
	header := func(changes map[string]any) map[string]any {
		h := map[string]any{"alg": "RS256", "kid": w.RSA.ID, "typ": "JWT"}
		maps.Copy(h, changes)
		return h
	}
	// A signature by the attacker's own key, under a header that offers that key.
	mallory := oidc.NewRSA("mallory", 2048)
	offered := jose.JSONWebKey{Key: mallory.Key.Public(), KeyID: w.RSA.ID, Algorithm: "RS256"}
	publicDER, _ := x509.MarshalPKIXPublicKey(w.RSA.Key.Public())

	bad := map[string]string{
		"nothing":                    "",
		"not a token":                "ey.ey.ey",
		"spaces":                     "   ",
		"one part":                   parts[0],
		"two parts":                  parts[0] + "." + parts[1],
		"four parts":                 good + ".x",
		"no signature":               parts[0] + "." + parts[1] + ".",
		"signature cut":              good[:len(good)-4],
		"signature of another token": parts[0] + "." + parts[1] + "." + strings.Split(w.Sign(w.RSA, w.claims("sub", "x")), ".")[2],
		"payload changed":            parts[0] + "." + part(w.claims("sub", "root")) + "." + parts[2],
		"header changed":             part(header(map[string]any{"x": 1})) + "." + parts[1] + "." + parts[2],
		"in JSON form":               `{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`,
		"too long":                   w.Sign(w.RSA, w.claims("x", strings.Repeat("x", issuer.MaxToken))),
		"garbage payload":            w.SignRaw(w.RSA, []byte("not JSON")),
		"payload an array":           w.SignRaw(w.RSA, []byte("[]")),
		"encrypted":                  strings.Repeat("ey.", 4) + "ey",

		// The algorithm.
		"alg none":                part(header(map[string]any{"alg": "none"})) + "." + parts[1] + ".",
		"alg None":                part(header(map[string]any{"alg": "None"})) + "." + parts[1] + ".",
		"alg none, signed":        part(header(map[string]any{"alg": "none"})) + "." + parts[1] + "." + parts[2],
		"no alg":                  part(map[string]any{"kid": w.RSA.ID}) + "." + parts[1] + "." + parts[2],
		"HS256 by the public key": oidc.HMAC(publicDER, header(map[string]any{"alg": "HS256"}), w.claims()),
		"HS256 by nothing":        oidc.HMAC(nil, header(map[string]any{"alg": "HS256"}), w.claims()),
		"RS512":                   w.SignAs(w.RSA, jose.RS512, w.claims()),
		"PS256":                   w.SignAs(w.RSA, jose.PS256, w.claims()),
		"said to be ES256":        part(header(map[string]any{"alg": "ES256"})) + "." + parts[1] + "." + parts[2],

		// The key.
		"by a key nobody knows":                      w.Sign(oidc.NewRSA("unknown", 2048), w.claims()),
		"by a key that takes a known id":             w.Sign(oidc.NewRSA(w.RSA.ID, 2048), w.claims()),
		"by a key that takes the id of another kind": w.SignWith(w.EC, w.claims(), map[string]any{"kid": w.RSA.ID}),
		"by a key without an id that nobody knows":   w.SignWith(oidc.NewRSA("x", 2048), w.claims(), map[string]any{"kid": nil}),
		"by the key in its header":                   w.SignWith(oidc.Key{ID: w.RSA.ID, Key: mallory.Key, Algorithm: jose.RS256}, w.claims(), map[string]any{"jwk": offered}),
		"by the key that its header leads to":        w.SignWith(oidc.Key{ID: "mallory", Key: mallory.Key, Algorithm: jose.RS256}, w.claims(), map[string]any{"jku": other.URL + "/keys"}),
		"an id that is a path":                       w.SignWith(mallory, w.claims(), map[string]any{"kid": "../../../../dev/null"}),
		"an id that is SQL":                          w.SignWith(mallory, w.claims(), map[string]any{"kid": "x' OR '1'='1"}),
		"by a key for encryption":                    w.Sign(w.Encryption, w.claims()),
		"by a key that is too short":                 w.Sign(w.Short, w.claims()),
		"a header it must understand":                w.SignWith(w.RSA, w.claims(), map[string]any{"crit": []string{"exp"}}),

		// The claims.
		"of another issuer, signed by it": other.Sign(other.RSA, w.claims("iss", other.URL)),
		"of another issuer in our name":   other.Sign(other.RSA, w.claims()),
		"issuer with a slash":             w.Sign(w.RSA, w.claims("iss", w.URL+"/")),
		"issuer in other case":            w.Sign(w.RSA, w.claims("iss", strings.ToUpper(w.URL))),
		"no issuer":                       w.Sign(w.RSA, w.claims("iss", nil)),
		"for another audience":            w.Sign(w.RSA, w.claims("aud", "billing")),
		"for others":                      w.Sign(w.RSA, w.claims("aud", []string{"billing", "assay-2"})),
		"for nobody":                      w.Sign(w.RSA, w.claims("aud", nil)),
		"for an empty list":               w.Sign(w.RSA, w.claims("aud", []string{})),
		"expired":                         w.Sign(w.RSA, w.claims("exp", w.clock().Add(-61*time.Second).Unix())),
		"no expiry":                       w.Sign(w.RSA, w.claims("exp", nil)),
		"expiry 0":                        w.Sign(w.RSA, w.claims("exp", 0)),
		"expiry before there was time":    w.Sign(w.RSA, w.claims("exp", -hour)),
		"expiry as a word":                w.Sign(w.RSA, w.claims("exp", "tomorrow")),
		"not valid yet":                   w.Sign(w.RSA, w.claims("nbf", w.clock().Add(61*time.Second).Unix())),
		"issued in the future":            w.Sign(w.RSA, w.claims("iat", w.clock().Add(61*time.Second).Unix())),
		"no subject":                      w.Sign(w.RSA, w.claims("sub", nil)),
		"an empty subject":                w.Sign(w.RSA, w.claims("sub", "")),
		"a subject without end":           w.Sign(w.RSA, w.claims("sub", strings.Repeat("x", 256))),
		"a subject that is a number":      w.Sign(w.RSA, w.claims("sub", 7)),
		"an address that is a list":       w.Sign(w.RSA, w.claims("email", []string{"jane@example.com"})),
	}
	if len(bad) < 40 {
		t.Errorf("%d bad tokens", len(bad))
	}
	w.mustVerify(t, good) // with the keys at hand
	for name, token := range bad {
		t.Run(name, func(t *testing.T) { w.mustRefuse(t, name, token) })
	}
	w.mustVerify(t, good)
}

func TestKeysAreCachedAndFetchedAgain(t *testing.T) {
	w := newWorld(t)
	old := w.Sign(w.RSA, w.claims("exp", w.clock().Add(24*time.Hour).Unix()))
	for range 5 {
		w.mustVerify(t, old)
	}
	if n := w.Fetches(); n != 1 {
		t.Errorf("keys were fetched %d times for five tokens", n)
	}

	// The issuer changes its key: the first token by the new one makes them be fetched.
	w.pass(time.Minute)
	changed := oidc.NewRSA("rsa-2", 2048)
	w.Publish(changed)
	w.mustVerify(t, w.Sign(changed, w.claims()))
	if n := w.Fetches(); n != 2 {
		t.Errorf("keys were fetched %d times, want one more", n)
	}
	w.mustRefuse(t, "by the key that was taken back", old)

	// Forged tokens do not turn Assay on the issuer.
	for range 50 {
		w.mustRefuse(t, "forged", w.Sign(oidc.NewEC("forged"), w.claims()))
	}
	if n := w.Fetches(); n > 3 {
		t.Errorf("keys were fetched %d times", n)
	}
}

func TestAKeyThatWasTakenBackIsRefusedSoon(t *testing.T) {
	w := newWorld(t)
	token := w.Sign(w.RSA, w.claims())
	w.mustVerify(t, token)
	w.Publish(w.EC)
	w.pass(6 * time.Minute)
	// Known keys answer at once while they are fetched again.
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := w.Verify(t.Context(), token); err != nil {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the key still serves")
		}
	}
}

func TestAnIssuerThatIsAway(t *testing.T) {
	w := newWorld(t)
	token := w.Sign(w.RSA, w.claims("exp", w.clock().Add(24*time.Hour).Unix()))
	w.Away(true)
	for range 3 {
		if _, err := w.Verify(t.Context(), token); !errors.Is(err, issuer.ErrAway) {
			t.Fatalf("%v, want ErrAway", err)
		}
	}
	w.Away(false)
	w.pass(3 * time.Second)
	w.mustVerify(t, token)

	// Later its last keys serve for an hour.
	w.Away(true)
	w.pass(50 * time.Minute)
	w.mustVerify(t, token)
	w.pass(15 * time.Minute)
	if _, err := w.Verify(t.Context(), token); !errors.Is(err, issuer.ErrAway) {
		t.Fatalf("%v, want ErrAway", err)
	}
	w.Away(false)
	w.pass(3 * time.Second)
	w.mustVerify(t, token)
}

func TestAnIssuerThatNeverAnswersHoldsNobodyLonger(t *testing.T) {
	w := newWorld(t)
	release := w.Hang()
	defer release()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := w.Verify(ctx, w.Sign(w.RSA, w.claims())); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the end of the context", err)
	}
}

func TestAnIssuerThatLies(t *testing.T) {
	for name, lie := range map[string]func(w *world){
		"another issuer in its document": func(w *world) {
			w.Document(map[string]any{"issuer": "https://example.com", "jwks_uri": w.URL + "/keys"})
		},
		"keys over plain HTTP elsewhere": func(w *world) { w.Document(map[string]any{"issuer": w.URL, "jwks_uri": "http://192.0.2.1/keys"}) },
		"keys from a file":               func(w *world) { w.Document(map[string]any{"issuer": w.URL, "jwks_uri": "file:///etc/passwd"}) },
		"no place of its keys":           func(w *world) { w.Document(map[string]any{"issuer": w.URL}) },
		"a document without end":         func(w *world) { w.Document(map[string]any{"issuer": w.URL, "x": strings.Repeat("x", 2<<20)}) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			lie(w)
			if _, err := w.Verify(t.Context(), w.Sign(w.RSA, w.claims())); !errors.Is(err, issuer.ErrAway) {
				t.Errorf("%v, want ErrAway", err)
			}
		})
	}
}

func TestManyAtOnceFetchOnce(t *testing.T) {
	w := newWorld(t)
	token := w.Sign(w.EC, w.claims())
	var group sync.WaitGroup
	for range 20 {
		group.Go(func() {
			if _, err := w.Verify(t.Context(), token); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := w.Fetches(); n != 1 {
		t.Errorf("keys were fetched %d times", n)
	}
}

func TestConfig(t *testing.T) {
	for name, c := range map[string]struct {
		config issuer.Config
		want   string
	}{
		"nothing":             {issuer.Config{}, ""},
		"https":               {issuer.Config{Issuer: "https://id.example.com/tenant", Audience: "a"}, ""},
		"on this machine":     {issuer.Config{Issuer: "http://127.0.0.1:8081", Audience: "a"}, ""},
		"no audience":         {issuer.Config{Issuer: "https://id.example.com"}, "--oidc-audience"},
		"no issuer":           {issuer.Config{Audience: "a"}, "--oidc-issuer"},
		"plain HTTP":          {issuer.Config{Issuer: "http://id.example.com", Audience: "a"}, "--oidc-issuer"},
		"a name":              {issuer.Config{Issuer: "okta", Audience: "a"}, "--oidc-issuer"},
		"with a query":        {issuer.Config{Issuer: "https://id.example.com?x=1", Audience: "a"}, "--oidc-issuer"},
		"with a password":     {issuer.Config{Issuer: "https://u:p@id.example.com", Audience: "a"}, "--oidc-issuer"},
		"a machine like ours": {issuer.Config{Issuer: "http://127.0.0.1.example.com", Audience: "a"}, "--oidc-issuer"},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.config.Check()
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// Whatever comes, nothing is taken but what the issuer signed, and nothing breaks.
func FuzzVerify(f *testing.F) {
	server := oidc.Start(f)
	verifier := issuer.New(issuer.Config{Issuer: server.URL, Audience: audience}, nil, time.Now)
	f.Cleanup(verifier.Close)
	good := server.Sign(server.Ed, map[string]any{"iss": server.URL, "sub": "x", "aud": audience, "exp": time.Now().Add(time.Hour).Unix()})
	f.Add(good)
	f.Add(strings.Replace(good, ".", "..", 1))
	f.Add("ey.ey.ey")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := verifier.Verify(t.Context(), token); err == nil && token != good {
			// The last letter of base64 holds bits that are not of the signature.
			if len(token) != len(good) || token[:len(token)-1] != good[:len(good)-1] {
				t.Errorf("%q is taken", token)
			}
		}
	})
}
