// Package issuer verifies the bearer tokens of one OpenID Connect issuer: the company's
// identity provider, which knows its people and their passwords so that Assay need not.
//
// A token is taken if it is signed by a key that the issuer publishes, with RS256, ES256
// or EdDSA, is of this issuer and for this audience, and is valid now, give or take
// [Skew]. What it says of its holder is then [Claims]; which user that is, and what they
// may do, is not the issuer's word but that of the user's record.
//
// The keys are fetched when the first token comes, not at start: an issuer that is away
// holds up nobody who has an API key. See [keySet] for how long they are kept.
package issuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const (
	// Skew is how much the clocks of issuer and Assay may differ.
	Skew = time.Minute
	// MaxToken is the most bytes of a token.
	MaxToken = 8 << 10
)

// algorithms are those that a token may be signed with. None of them is symmetric: a
// public key can never be taken for a shared secret.
var algorithms = []string{oidc.RS256, oidc.ES256, oidc.EdDSA}

// ErrAway says that the keys of the issuer could not be had: nothing is known of the token.
var ErrAway = errors.New("issuer: its keys could not be fetched")

// Refused says why a token is not taken, in words for its holder. It repeats nothing of
// the token.
type Refused struct{ Reason string }

// Error is the reason.
func (e *Refused) Error() string { return "issuer: token refused: " + e.Reason }

func refuse(format string, args ...any) error { return &Refused{fmt.Sprintf(format, args...)} }

// Claims are what a token says of its holder.
type Claims struct {
	// Issuer and Subject name the holder for ever; an address may change hands.
	Issuer, Subject string
	// Email is the holder's address if the issuer has verified it, else empty.
	Email string
	// Expiry is when the token ends.
	Expiry time.Time
}

// Config says whose tokens are taken.
type Config struct {
	// Issuer is its URL, exactly as tokens name it: https, or http on this machine.
	Issuer string
	// Audience is what tokens must be for, e.g. the client id of Assay.
	Audience string
}

// Check says what is wrong with the configuration, in the words of the flags.
func (c Config) Check() error {
	switch {
	case c.Issuer == "" && c.Audience == "":
		return nil
	case c.Issuer == "":
		return errors.New("--oidc-issuer: expected the URL of the issuer, since --oidc-audience is given")
	case c.Audience == "":
		return errors.New("--oidc-audience: expected what tokens are for, since --oidc-issuer is given")
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil || !isSafe(u) {
		return errors.New("--oidc-issuer: expected a URL with https (or http on this machine) and without query, as tokens name the issuer")
	}
	return nil
}

// isSafe reports whether nobody between can change what lies at a URL.
func isSafe(u *url.URL) bool {
	if u.Scheme == "https" {
		return true
	}
	address, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && (u.Hostname() == "localhost" || err == nil && address.IsLoopback())
}

// Issuer verifies tokens. It is safe for concurrent use.
type Issuer struct {
	config   Config
	keys     *keySet
	verifier *oidc.IDTokenVerifier
	now      func() time.Time
}

// New returns a verifier of the issuer's tokens; nothing is fetched yet. transport is how
// to reach it; nil is the default. now is the clock.
func New(c Config, transport http.RoundTripper, now func() time.Time) *Issuer {
	i := &Issuer{config: c, keys: newKeySet(c.Issuer, transport, now), now: now}
	i.verifier = oidc.NewVerifier(c.Issuer, i.keys, &oidc.Config{
		ClientID: c.Audience, SupportedSigningAlgs: algorithms,
		Now: func() time.Time { return now().Add(-Skew) },
	})
	return i
}

// Close ends what is being fetched.
func (i *Issuer) Close() { i.keys.close() }

// LooksLikeToken reports whether a secret has the form of a token: three parts in
// base64url, the first of them a JSON object.
func LooksLikeToken(secret string) bool {
	return strings.HasPrefix(secret, "ey") && strings.Count(secret, ".") == 2
}

// Verify returns what a token says. Errors: *Refused, [ErrAway] and the end of ctx.
func (i *Issuer) Verify(ctx context.Context, token string) (Claims, error) {
	if len(token) > MaxToken || !LooksLikeToken(token) {
		return Claims{}, refuse("expected a signed token (JWT) of at most %d bytes", MaxToken)
	}
	verified, err := i.verifier.Verify(ctx, token)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return Claims{}, refuse("the token has expired")
	case ctx.Err() != nil:
		return Claims{}, ctx.Err()
	case err != nil && i.keys.isAway(): // the library flattens the errors of a key set
		return Claims{}, ErrAway
	case err != nil:
		return Claims{}, refuse("expected a token of %s for the audience %q, signed with one of its keys", i.config.Issuer, i.config.Audience)
	}
	var said struct {
		NotBefore     float64         `json:"nbf"`
		Email         string          `json:"email"`
		EmailVerified json.RawMessage `json:"email_verified"`
	}
	if err := verified.Claims(&said); err != nil {
		return Claims{}, refuse("expected claims of the types that OpenID Connect gives them")
	}
	latest := i.now().Add(Skew)
	switch {
	case verified.Subject == "" || len(verified.Subject) > maxSubject:
		return Claims{}, refuse("expected a subject of at most %d characters", maxSubject)
	case said.NotBefore > float64(latest.Unix()) || verified.IssuedAt.After(latest):
		return Claims{}, refuse("the token is not valid yet")
	}
	c := Claims{Issuer: i.config.Issuer, Subject: verified.Subject, Expiry: verified.Expiry}
	// Some issuers send the word instead of the value.
	if v := string(said.EmailVerified); v == "true" || v == `"true"` {
		c.Email = strings.ToLower(strings.TrimSpace(said.Email))
	}
	return c, nil
}

// maxSubject is what OpenID Connect allows.
const maxSubject = 255
