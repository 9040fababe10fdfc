package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/assay-hq/assay/services/internal/recent"
)

// mailgun is Mailgun's scheme. What is signed is in the body and does not cover the body:
// who overhears a message could send another one with its signature. So a token is taken
// with the body that it came with first, which a sender that heard no answer sends again.
type mailgun struct {
	secrets []string
	tokens  *recent.Map[string, [sha256.Size]byte]
}

// maxTokens is how many tokens are remembered: more than come while one is fresh.
const maxTokens = 1 << 16

func newMailgun(secrets []string) Scheme {
	return &mailgun{secrets, recent.New[string, [sha256.Size]byte](maxTokens)}
}

func (s *mailgun) Verify(m *Message, now time.Time) error {
	var said struct {
		Signature struct{ Timestamp, Token, Signature string }
	}
	if json.Unmarshal(m.Body, &said) != nil || said.Signature.Timestamp == "" || said.Signature.Token == "" || said.Signature.Signature == "" {
		return ErrUnsigned
	}
	sum, err := hex.DecodeString(said.Signature.Signature)
	if err != nil {
		return ErrForged
	}
	for _, secret := range s.secrets {
		h := hmac.New(sha256.New, []byte(secret))
		_, _ = h.Write([]byte(said.Signature.Timestamp + said.Signature.Token))
		if !hmac.Equal(sum, h.Sum(nil)) {
			continue
		}
		if err := fresh(said.Signature.Timestamp, defaultTolerance, now); err != nil {
			return err
		}
		body := sha256.Sum256(m.Body)
		first, err := s.tokens.GetOrMake(said.Signature.Token, func() ([sha256.Size]byte, error) { return body, nil })
		if err != nil || first != body {
			return ErrForged
		}
		return nil
	}
	return ErrForged
}
