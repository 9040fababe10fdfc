// Package link makes and reads the tokens of links in messages: "claim this lead", with
// one click and without logging in. A token says which handoff, what to do, for whom and
// until when, signed, so that nobody can make one or turn one into another. It names no
// person: whom it is for is in it as a keyed hash.
package link

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Action is what a link does.
type Action byte

const (
	// Claim takes the handoff: it is accepted by whom it is for.
	Claim Action = iota + 1
	// Reject refuses it, with a reason.
	Reject
)

// String is the action as the API names it.
func (a Action) String() string {
	switch a {
	case Claim:
		return "claim"
	case Reject:
		return "reject"
	}
	return "unknown"
}

// Link is what a token says.
type Link struct {
	// Handoff is its id.
	Handoff uuid.UUID
	// Action it takes.
	Action Action
	// Expires is the first instant at which it does nothing any more, in whole seconds.
	Expires time.Time

	recipient [recipientSize]byte
}

// ErrForged is a token that was not made here.
var ErrForged = errors.New("the link was not made here, or was cut off")

const (
	format        = 1
	recipientSize = 8
	macSize       = 16 // of HMAC-SHA-256; what a token says is public, only making one is hard
	plainSize     = 1 + 16 + 1 + 4 + recipientSize
)

// Signer makes and reads tokens. It is safe for concurrent use.
type Signer struct{ key []byte }

// NewSigner returns a signer with a key of at least 32 bytes.
func NewSigner(key []byte) *Signer { return &Signer{key: key} }

// Token makes the token of a link for an actor; empty: for whoever follows it and says who
// they are.
func (s *Signer) Token(handoff uuid.UUID, action Action, actor string, expires time.Time) string {
	b := make([]byte, 0, plainSize+macSize)
	b = append(b, format)
	b = append(b, handoff[:]...)
	b = append(b, byte(action))
	b = binary.BigEndian.AppendUint32(b, uint32(expires.Unix()))
	recipient := s.recipient(handoff, actor)
	b = append(b, recipient[:]...)
	return base64.RawURLEncoding.EncodeToString(append(b, s.mac("token", b)[:macSize]...))
}

// Read returns what a token says, or ErrForged. Whether it has expired is for the caller
// to see.
func (s *Signer) Read(token string) (Link, error) {
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != plainSize+macSize || b[0] != format ||
		!hmac.Equal(b[plainSize:], s.mac("token", b[:plainSize])[:macSize]) {
		return Link{}, ErrForged
	}
	l := Link{
		Handoff: uuid.UUID(b[1:17]), Action: Action(b[17]),
		Expires: time.Unix(int64(binary.BigEndian.Uint32(b[18:])), 0).UTC(),
	}
	copy(l.recipient[:], b[22:])
	return l, nil
}

// For says whether a link was made for an actor; with an empty one, whether it was made
// for nobody in particular.
func (s *Signer) For(l Link, actor string) bool {
	return l.recipient == s.recipient(l.Handoff, actor)
}

// recipient is an actor as a token holds it: another one on each handoff.
func (s *Signer) recipient(handoff uuid.UUID, actor string) (out [recipientSize]byte) {
	copy(out[:], s.mac("recipient", append(handoff[:], actor...)))
	return out
}

func (s *Signer) mac(purpose string, b []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(purpose + "\x00"))
	h.Write(b)
	return h.Sum(nil)
}
