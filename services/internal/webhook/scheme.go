package webhook

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as an HMAC, which is sound, for the tools that know nothing else
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Message is what a sender sent.
type Message struct {
	// Method and URL of the request, as the sender knows them, without a secret.
	Method, URL string
	// Header of the request, and its body as it came.
	Header http.Header
	Body   []byte
	// Secret is the last segment of the path, or the password of Basic authentication.
	Secret string
}

// Why a message is not taken for the sender's. The words go to whoever sets the webhook
// up, never to the sender: who forges learns nothing.
var (
	// ErrUnsigned says that what the scheme asks for is missing.
	ErrUnsigned = errors.New("expected a signature: a header that the scheme asks for is missing")
	// ErrForged says that the signature is of another body, or by another secret.
	ErrForged = errors.New("expected a signature of this very body by the secret of the source")
	// ErrStale says that the message is too old, or from the future.
	ErrStale = errors.New("expected a message that was sent within the tolerance")
)

// Scheme knows the messages of a sender.
type Scheme interface {
	// Verify returns why the message is not taken for the sender's: [ErrUnsigned],
	// [ErrForged] or [ErrStale].
	Verify(m *Message, now time.Time) error
}

// defaultTolerance is how old a message may be, and how far ahead the sender's clock.
const defaultTolerance = 5 * time.Minute

// fresh holds a time of sending, in seconds since 1970 or milliseconds, to the tolerance.
func fresh(timestamp string, tolerance time.Duration, now time.Time) error {
	n, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrForged
	}
	if age := now.Sub(instant(float64(n))); age > tolerance || age < -tolerance {
		return ErrStale
	}
	return nil
}

// milliseconds begin here: as seconds it would be the year 5138.
const milliseconds = 1e11

// instant is a time in seconds since 1970, or in milliseconds.
func instant(n float64) time.Time {
	if n >= milliseconds || n <= -milliseconds {
		n /= 1000
	}
	return time.UnixMilli(int64(n * 1000)).UTC()
}

// standard is Standard Webhooks.
type standard []*standardwebhooks.Webhook

func newStandard(secrets []string) (Scheme, error) {
	var s standard
	for _, secret := range secrets {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil || secret == "whsec_" {
			return nil, errors.New("`whsec_` and base64") // the error would quote it
		}
		s = append(s, verifier)
	}
	return s, nil
}

func (s standard) Verify(m *Message, now time.Time) error {
	timestamp := m.Header.Get(standardwebhooks.HeaderWebhookTimestamp)
	if timestamp == "" || m.Header.Get(standardwebhooks.HeaderWebhookID) == "" || m.Header.Get(standardwebhooks.HeaderWebhookSignature) == "" {
		return ErrUnsigned
	}
	for _, verifier := range s {
		// The age is held to the clock that is handed in.
		if verifier.VerifyIgnoringTimestamp(m.Body, m.Header) == nil {
			return fresh(timestamp, defaultTolerance, now)
		}
	}
	return ErrForged
}

// mac is an HMAC over a template.
type mac struct {
	secrets         []string
	header          string
	timestampHeader string
	hash            func() hash.Hash
	decode          func(string) ([]byte, error)
	prefix          string
	signed          []string // texts and places, in order
	url             string   // instead of that of the message
	tolerance       time.Duration
}

func (s *mac) timed() bool { return s.timestampHeader != "" }

func (s *mac) Verify(m *Message, now time.Time) error {
	text, signed := strings.CutPrefix(m.Header.Get(s.header), s.prefix)
	timestamp := ""
	if s.timed() {
		if timestamp = m.Header.Get(s.timestampHeader); timestamp == "" {
			return ErrUnsigned
		}
	}
	if text == "" {
		return ErrUnsigned
	}
	sum, err := s.decode(text)
	if err != nil || !signed {
		return ErrForged
	}
	for _, secret := range s.secrets {
		if hmac.Equal(sum, s.sum(secret, timestamp, m)) {
			if s.timed() {
				return fresh(timestamp, s.tolerance, now)
			}
			return nil
		}
	}
	return ErrForged
}

func (s *mac) sum(secret, timestamp string, m *Message) []byte {
	h := hmac.New(s.hash, []byte(secret))
	for _, part := range s.signed {
		text := []byte(part)
		switch part {
		case bodyPlace:
			text = m.Body
		case timestampPlace:
			text = []byte(timestamp)
		case methodPlace:
			text = []byte(m.Method)
		case urlPlace:
			text = []byte(cmp.Or(s.url, m.URL))
		}
		_, _ = h.Write(text)
	}
	return h.Sum(nil)
}

// What stands in a template for a part of the message.
const (
	timestampPlace = "{timestamp}"
	bodyPlace      = "{body}"
	methodPlace    = "{method}"
	urlPlace       = "{url}"
)

var places = regexp.MustCompile(`\{(timestamp|body|method|url)\}`)

// place takes a template apart.
func (s *mac) place(template string) error {
	for _, place := range []string{bodyPlace, timestampPlace, methodPlace, urlPlace} {
		if n := strings.Count(template, place); n > 1 || n == 0 && place == bodyPlace {
			return errors.New("one `{body}`, and at most one `{timestamp}`, `{method}` and `{url}`")
		}
	}
	if s.timed() && !strings.Contains(template, timestampPlace) {
		return errors.New("`{timestamp}`, as `timestampHeader` is set: what is not signed proves nothing")
	}
	s.signed = nil
	at := 0
	for _, found := range places.FindAllStringIndex(template, -1) {
		s.signed = append(s.signed, template[at:found[0]], template[found[0]:found[1]])
		at = found[1]
	}
	s.signed = append(s.signed, template[at:])
	return nil
}

var hashes = map[string]func() hash.Hash{"": sha256.New, "sha256": sha256.New, "sha1": sha1.New, "sha512": sha512.New}

var encodings = map[string]func(string) ([]byte, error){
	"": hex.DecodeString, "hex": hex.DecodeString, "base64": base64.StdEncoding.DecodeString,
}

// Headers of SendGrid's signature, the one in use with ECDSA.
const (
	ecdsaSignature = "X-Twilio-Email-Event-Webhook-Signature"
	ecdsaTimestamp = "X-Twilio-Email-Event-Webhook-Timestamp"
)

// signed is ECDSA over P-256 with SHA-256, of timestamp and body.
type signed []*ecdsa.PublicKey

// newSigned reads public keys: base64 of their DER, as SubjectPublicKeyInfo.
func newSigned(keys []string) (Scheme, error) {
	var s signed
	for _, text := range keys {
		der, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return nil, errNoKey
		}
		parsed, err := x509.ParsePKIXPublicKey(der)
		if err != nil {
			return nil, errNoKey
		}
		key, ok := parsed.(*ecdsa.PublicKey)
		if !ok || key.Curve != elliptic.P256() {
			return nil, errNoKey
		}
		s = append(s, key)
	}
	return s, nil
}

var errNoKey = errors.New("a public key on the curve P-256, in base64, as the sender shows it")

func (s signed) Verify(m *Message, now time.Time) error {
	timestamp, text := m.Header.Get(ecdsaTimestamp), m.Header.Get(ecdsaSignature)
	if timestamp == "" || text == "" {
		return ErrUnsigned
	}
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return ErrForged
	}
	h := sha256.New()
	_, _ = h.Write([]byte(timestamp))
	_, _ = h.Write(m.Body)
	sum := h.Sum(nil)
	for _, key := range s {
		if ecdsa.VerifyASN1(key, sum, signature) {
			return fresh(timestamp, defaultTolerance, now)
		}
	}
	return ErrForged
}

// known is a secret that comes with the message: for tools that cannot sign.
type known []string

func (s known) Verify(m *Message, _ time.Time) error {
	if m.Secret == "" {
		return ErrUnsigned
	}
	for _, secret := range s {
		if subtle.ConstantTimeCompare([]byte(secret), []byte(m.Secret)) == 1 {
			return nil
		}
	}
	return ErrForged
}
