package issuer

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
)

// keySet are the keys that the issuer publishes, as they were when they were last
// fetched.
//
//   - For [fresh] they are used as they are; after it they are fetched again in the
//     background, so that a key the issuer took back is soon refused.
//   - A token that no known key has signed makes them be fetched at once (the issuer
//     may have changed its key), but never more often than [pause]: forged tokens do
//     not turn Assay on the issuer.
//   - While the issuer is away the last keys serve for [most].
type keySet struct {
	issuer string
	client *http.Client
	now    func() time.Time
	ctx    context.Context
	cancel context.CancelFunc

	mu      sync.Mutex
	keys    []jose.JSONWebKey
	fetched time.Time // when the keys were had, zero before
	tried   time.Time // when a fetch ended last, well or not
	away    bool      // the last fetch failed
	running chan struct{}
}

const (
	fresh   = 5 * time.Minute
	pause   = 10 * time.Second
	retry   = 2 * time.Second // after a fetch that failed
	most    = time.Hour
	timeout = 5 * time.Second
	maxBody = 1 << 20
	// minRSA is the fewest bits of an RSA key that is not for the asking.
	minRSA = 2048
)

func newKeySet(issuer string, transport http.RoundTripper, now func() time.Time) *keySet {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.DisableKeepAlives = true // two requests every five minutes
		transport = t
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &keySet{issuer: issuer, now: now, ctx: ctx, cancel: cancel, client: &http.Client{
		Transport: bounded{transport}, Timeout: timeout,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > 3 || !isSafe(r.URL) {
				return errors.New("issuer: it redirects to where its word is not safe")
			}
			return nil
		},
	}}
}

func (k *keySet) close() {
	k.cancel()
	k.mu.Lock()
	running := k.running
	k.mu.Unlock()
	if running != nil {
		<-running
	}
}

// isAway reports whether there are no keys to judge by.
func (k *keySet) isAway() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.away && k.now().Sub(k.fetched) > most
}

// errUnsigned says that none of the keys has signed the token.
var errUnsigned = errors.New("issuer: no key has signed it")

// VerifySignature returns the payload of a token that one of the keys has signed.
func (k *keySet) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	names := make([]jose.SignatureAlgorithm, len(algorithms))
	for i, a := range algorithms {
		names[i] = jose.SignatureAlgorithm(a)
	}
	signed, err := jose.ParseSignedCompact(token, names)
	if err != nil {
		return nil, err
	}
	keys, running := k.known()
	payload, err := verify(signed, keys)
	if err == nil {
		return payload, nil
	}
	if running = k.fetch(running); running == nil {
		return nil, err // they were fetched a moment ago
	}
	select {
	case <-running:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	keys, _ = k.known()
	return verify(signed, keys)
}

// known returns the keys that may be used now, and the end of a fetch that is under way.
func (k *keySet) known() ([]jose.JSONWebKey, <-chan struct{}) {
	k.mu.Lock()
	defer k.mu.Unlock()
	age := k.now().Sub(k.fetched)
	if age > fresh && !k.fetched.IsZero() {
		k.begin()
	}
	if age > most {
		return nil, k.running
	}
	return k.keys, k.running
}

// fetch fetches the keys unless that is under way, or was done just now: then nil. It
// returns what is closed at the end.
func (k *keySet) fetch(running <-chan struct{}) <-chan struct{} {
	if running != nil {
		return running
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.begin()
	return k.running
}

// begin begins a fetch if it is time. The lock is held.
func (k *keySet) begin() {
	wait := pause
	if k.away {
		wait = retry
	}
	if k.running != nil || k.ctx.Err() != nil || k.now().Sub(k.tried) < wait {
		return
	}
	done := make(chan struct{})
	k.running = done
	go func() {
		keys, err := k.load()
		k.mu.Lock()
		defer k.mu.Unlock()
		k.tried, k.away, k.running = k.now(), err != nil, nil
		if err == nil {
			k.keys, k.fetched = keys, k.tried
		}
		close(done)
	}()
}

// load asks the issuer where its keys are, and for them.
func (k *keySet) load() ([]jose.JSONWebKey, error) {
	provider, err := oidc.NewProvider(oidc.ClientContext(k.ctx, k.client), k.issuer)
	if err != nil {
		return nil, err
	}
	var where struct {
		Keys string `json:"jwks_uri"`
	}
	if err := provider.Claims(&where); err != nil {
		return nil, err
	}
	if u, err := url.Parse(where.Keys); err != nil || !isSafe(u) {
		return nil, errors.New("issuer: the URL of its keys is not safe")
	}
	request, err := http.NewRequestWithContext(k.ctx, http.MethodGet, where.Keys, nil)
	if err != nil {
		return nil, err
	}
	response, err := k.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("issuer: its keys: %s", response.Status)
	}
	return readKeys(body)
}

// readKeys reads a key set (RFC 7517). Keys that Assay cannot use are left out, as the
// RFC asks for.
func readKeys(body []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &set); err != nil {
		return nil, err
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && usable(&key) {
			keys = append(keys, key)
		}
	}
	return keys, nil
}

// usable reports whether a key is a public one, for signatures, and strong enough.
func usable(key *jose.JSONWebKey) bool {
	if !key.Valid() || !key.IsPublic() || key.Use != "" && key.Use != "sig" {
		return false
	}
	public, isRSA := key.Key.(*rsa.PublicKey)
	return !isRSA || public.N.BitLen() >= minRSA
}

// verify returns the payload if one of the keys has signed it: that with its id, or any
// if it names none, and only with the algorithm the key is for. What the token itself
// says of keys (jwk, jku, x5c) is never read.
func verify(signed *jose.JSONWebSignature, keys []jose.JSONWebKey) ([]byte, error) {
	if len(signed.Signatures) != 1 {
		return nil, errUnsigned
	}
	header := signed.Signatures[0].Header
	for i := range keys {
		if header.KeyID != "" && header.KeyID != keys[i].KeyID || keys[i].Algorithm != "" && keys[i].Algorithm != header.Algorithm {
			continue
		}
		if payload, err := signed.Verify(keys[i].Key); err == nil {
			return payload, nil
		}
	}
	return nil, errUnsigned
}

// bounded cuts off what an issuer answers beyond any document of OpenID Connect.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	response, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		response.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(response.Body, maxBody), response.Body}
	}
	return response, err
}
