package caller

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"time"

	typev1 "github.com/assay-hq/assay/gen/go/assay/type/v1"
)

// TokenHeader is the gRPC metadata key of the internal token.
const TokenHeader = "assay-internal-token"

// TokenLife is how long a token holds: longer than a call takes and clocks differ.
const TokenLife = 2 * time.Minute

// MinSecret is the fewest bytes of an internal secret.
const MinSecret = 32

// ErrToken says that a token is forged, garbled or too old.
var ErrToken = errors.New("caller: invalid internal token")

// Signer signs and verifies internal tokens. It is safe for concurrent use.
type Signer struct{ secret []byte }

// NewSigner returns a signer with the installation's internal secret, at least 32
// bytes that nobody can guess.
func NewSigner(secret []byte) (*Signer, error) {
	if len(secret) < MinSecret {
		return nil, fmt.Errorf("caller: the internal secret has %d bytes: want at least %d", len(secret), MinSecret)
	}
	return &Signer{append([]byte(nil), secret...)}, nil
}

// NewRandomSigner returns a signer for the services of one process: its tokens mean
// nothing elsewhere.
func NewRandomSigner() *Signer {
	secret := make([]byte, MinSecret)
	rand.Read(secret) // never fails, by its documentation
	return &Signer{secret}
}

// A token is base64url of: MAC (32 bytes), expiry (8 bytes, Unix seconds), role
// (4 bytes), actor; of a write key then a NUL, `b` for one of a browser or `s`, and its
// source.
const (
	macSize    = sha256.Size
	headerSize = macSize + 8 + 4
)

// Sign returns a token that says who calls, until now + [TokenLife].
func (s *Signer) Sign(c Caller, now time.Time) string {
	token := make([]byte, headerSize, headerSize+len(c.Actor))
	binary.BigEndian.PutUint64(token[macSize:], uint64(now.Add(TokenLife).Unix()))
	binary.BigEndian.PutUint32(token[macSize+8:], uint32(c.Role))
	token = append(token, c.Actor...)
	switch {
	case c.Source != "" && c.Browser:
		token = append(append(token, 0, 'b'), c.Source...)
	case c.Source != "":
		token = append(append(token, 0, 's'), c.Source...)
	}
	copy(token, s.mac(token[macSize:]))
	return base64.RawURLEncoding.EncodeToString(token)
}

// Verify returns who calls, or [ErrToken].
func (s *Signer) Verify(token string, now time.Time) (Caller, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < headerSize {
		return Caller{}, ErrToken
	}
	if !hmac.Equal(raw[:macSize], s.mac(raw[macSize:])) { // in constant time
		return Caller{}, ErrToken
	}
	expiry := int64(binary.BigEndian.Uint64(raw[macSize:]))
	if now.Unix() > expiry {
		return Caller{}, ErrToken
	}
	c := Caller{Role: typev1.Role(binary.BigEndian.Uint32(raw[macSize+8:]))}
	actor, key, written := strings.Cut(string(raw[headerSize:]), "\x00")
	if c.Actor = actor; written {
		if len(key) < 2 {
			return Caller{}, ErrToken
		}
		c.Browser, c.Source = key[0] == 'b', key[1:]
	}
	return c, nil
}

func (s *Signer) mac(message []byte) []byte {
	h := hmac.New(sha256.New, s.secret)
	h.Write(message)
	return h.Sum(nil)
}
