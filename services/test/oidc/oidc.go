// Package oidc is an OpenID Connect issuer for tests: it publishes its document and its
// keys over HTTP and signs what it is told to, also what no issuer would.
package oidc

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
)

// Key is a key that signs tokens.
type Key struct {
	// ID is what tokens name it by.
	ID string
	// Key is the private key.
	Key crypto.Signer
	// Algorithm that it signs with.
	Algorithm jose.SignatureAlgorithm
	// Use is `sig` or `enc`; empty says nothing.
	Use string
}

// NewRSA makes a key for RS256. It is an error of the test if that fails.
func NewRSA(id string, bits int) Key {
	key, err := rsa.GenerateKey(rand.Reader, bits)
	must(err)
	return Key{ID: id, Key: key, Algorithm: jose.RS256, Use: "sig"}
}

// NewEC makes a key for ES256.
func NewEC(id string) Key {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	return Key{ID: id, Key: key, Algorithm: jose.ES256, Use: "sig"}
}

// NewEd makes a key for EdDSA.
func NewEd(id string) Key {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	must(err)
	return Key{ID: id, Key: key, Algorithm: jose.EdDSA, Use: "sig"}
}

// Server is a running issuer. It is safe for concurrent use.
type Server struct {
	// URL is the issuer.
	URL string
	// RSA, EC and Ed are its keys; Encryption and Short are published too, but no
	// token by them may be taken.
	RSA, EC, Ed, Encryption, Short Key

	mu       sync.Mutex
	keys     []Key
	document map[string]any
	fetches  int
	away     bool
	hang     chan struct{}
}

// Start starts an issuer that ends with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{
		RSA: NewRSA("rsa-1", 2048), EC: NewEC("ec-1"), Ed: NewEd("ed-1"),
		Encryption: NewRSA("enc-1", 2048), Short: NewRSA("short-1", 1024),
	}
	s.Encryption.Use = "enc"
	s.keys = []Key{s.RSA, s.EC, s.Ed, s.Encryption, s.Short}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	s.document = map[string]any{"issuer": s.URL, "jwks_uri": s.URL + "/keys"}
	return s
}

// Publish replaces the keys.
func (s *Server) Publish(keys ...Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys = keys
}

// Document replaces what the issuer says of itself.
func (s *Server) Document(document map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.document = document
}

// Away makes it answer nothing but errors, or answer again.
func (s *Server) Away(away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.away = away
}

// Hang makes it answer nothing at all until release is called.
func (s *Server) Hang() (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hang = make(chan struct{})
	return sync.OnceFunc(func() { close(s.hang) })
}

// Fetches is how often its keys were asked for.
func (s *Server) Fetches() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fetches
}

// ServeHTTP answers with the document or the keys.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if hang := s.hang; hang != nil {
		s.mu.Unlock()
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		s.mu.Lock()
	}
	w.Header().Set("Content-Type", "application/json")
	switch {
	case s.away:
		w.WriteHeader(http.StatusBadGateway)
	case r.URL.Path == "/.well-known/openid-configuration":
		must(json.NewEncoder(w).Encode(s.document))
	case r.URL.Path == "/keys":
		s.fetches++
		set := map[string]any{"keys": s.published()}
		must(json.NewEncoder(w).Encode(set))
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

// published are the public keys, and two that Assay has to pass over.
func (s *Server) published() []any {
	keys := []any{map[string]any{"kty": "OKP", "crv": "Ed448", "kid": "future", "x": "AA"}, map[string]any{"kty": "??"}}
	for _, k := range s.keys {
		keys = append(keys, jose.JSONWebKey{Key: k.Key.Public(), KeyID: k.ID, Use: k.Use})
	}
	return keys
}

// Sign signs claims.
func (s *Server) Sign(k Key, claims map[string]any) string { return s.SignWith(k, claims, nil) }

// SignAs signs with another algorithm than the key's own.
func (s *Server) SignAs(k Key, algorithm jose.SignatureAlgorithm, claims map[string]any) string {
	k.Algorithm = algorithm
	return s.Sign(k, claims)
}

// SignWith signs under a header with changes; nil takes a field away.
func (s *Server) SignWith(k Key, claims, header map[string]any) string {
	payload, err := json.Marshal(claims)
	must(err)
	return sign(k, payload, header)
}

// SignRaw signs any payload.
func (s *Server) SignRaw(k Key, payload []byte) string { return sign(k, payload, nil) }

// sign makes a token by hand where a library would refuse.
func sign(k Key, payload []byte, changes map[string]any) string {
	header := map[string]any{"alg": k.Algorithm, "kid": k.ID, "typ": "JWT"}
	for name, value := range changes {
		if value == nil {
			delete(header, name)
			continue
		}
		header[name] = value
	}
	text, err := json.Marshal(header)
	must(err)
	input := encode(text) + "." + encode(payload)
	return input + "." + encode(signature(k, input))
}

func signature(k Key, input string) []byte {
	sum := sha256.Sum256([]byte(input))
	switch key := k.Key.(type) {
	case ed25519.PrivateKey:
		return ed25519.Sign(key, []byte(input))
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
		must(err)
		out := make([]byte, 64)
		r.FillBytes(out[:32])
		s.FillBytes(out[32:])
		return out
	case *rsa.PrivateKey:
		switch k.Algorithm {
		case jose.RS512:
			sum := sha512.Sum512([]byte(input))
			out, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA512, sum[:])
			must(err)
			return out
		case jose.PS256:
			out, err := rsa.SignPSS(rand.Reader, key, crypto.SHA256, sum[:], nil)
			must(err)
			return out
		default:
			out, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
			must(err)
			return out
		}
	}
	panic(fmt.Sprintf("no signature with %T", k.Key))
}

// HMAC signs with a shared secret, as no issuer of Assay's may.
func HMAC(secret []byte, header, claims map[string]any) string {
	h, err := json.Marshal(header)
	must(err)
	c, err := json.Marshal(claims)
	must(err)
	input := encode(h) + "." + encode(c)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(input))
	return input + "." + encode(mac.Sum(nil))
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

func must(err error) {
	if err != nil {
		panic(err)
	}
}
