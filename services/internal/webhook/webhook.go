package webhook

import (
	"errors"
	"strings"
	"time"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/apierr"
)

// Webhook is the compiled configuration of one source.
type Webhook struct {
	// Mapping makes captures of a body.
	*Mapping

	scheme  Scheme
	preset  string
	secrets []string
}

// New compiles a configuration with its secret, or says what is wrong with it; fields are
// relative to the configuration, e.g. `mapping.email`. While a secret is rotated there may be
// several, with spaces between.
func New(config *ingestv1.WebhookConfig, secret string) (*Webhook, []apierr.Violation) {
	whole, wrong := complete(config)
	if wrong != nil {
		return nil, wrong
	}
	mapping, wrong := compileMapping(whole.GetMapping())
	secrets := strings.Fields(secret)
	scheme, v := newScheme(whole, secrets)
	if v != nil {
		wrong = append(wrong, *v)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return &Webhook{Mapping: mapping, scheme: scheme, preset: whole.GetPreset(), secrets: secrets}, nil
}

// Check says what is wrong with a configuration, as [New] does. The secret is looked at if
// the configuration has it; who saves one without may have set it before.
func Check(config *ingestv1.WebhookConfig) []apierr.Violation {
	whole, wrong := complete(config)
	if wrong != nil {
		return wrong
	}
	var v *apierr.Violation
	if secrets := strings.Fields(config.GetSecret()); len(secrets) > 0 || config.GetSecret() != "" {
		_, v = newScheme(whole, secrets)
	} else if whole.GetScheme() == ingestv1.WebhookConfig_SCHEME_HMAC {
		_, v = newMAC(whole.GetHmac(), nil)
	} else if whole.GetScheme() == ingestv1.WebhookConfig_SCHEME_UNSPECIFIED {
		v = &noScheme
	}
	if whole.GetScheme() != ingestv1.WebhookConfig_SCHEME_HMAC && whole.GetHmac() != nil {
		v = &apierr.Violation{Field: "hmac", Expected: "nothing, unless the scheme is SCHEME_HMAC"}
	}
	if v != nil {
		wrong = append(wrong, *v)
	}
	_, more := compileMapping(whole.GetMapping())
	return append(wrong, more...)
}

var noScheme = apierr.Violation{Field: "scheme", Expected: "a scheme, or a preset that has one"}

// NewMapping compiles the mapping of a configuration alone, as [New] does.
func NewMapping(config *ingestv1.WebhookConfig) (*Mapping, []apierr.Violation) {
	whole, wrong := complete(config)
	if wrong != nil {
		return nil, wrong
	}
	return compileMapping(whole.GetMapping())
}

// Verify returns why the message is not taken for the sender's: [ErrUnsigned], [ErrForged]
// or [ErrStale].
func (w *Webhook) Verify(m *Message, now time.Time) error { return w.scheme.Verify(m, now) }

// newScheme makes the scheme of a whole configuration.
func newScheme(config *ingestv1.WebhookConfig, secrets []string) (Scheme, *apierr.Violation) {
	if len(secrets) == 0 {
		return nil, &apierr.Violation{Field: "secret", Expected: "the secret that the sender signs with"}
	}
	if len(secrets) > maxSecrets {
		return nil, &apierr.Violation{Field: "secret", Expected: "at most 3 secrets, with spaces between"}
	}
	secretError := func(s Scheme, err error) (Scheme, *apierr.Violation) {
		if err != nil {
			return nil, &apierr.Violation{Field: "secret", Expected: err.Error()}
		}
		return s, nil
	}
	switch config.GetScheme() {
	case ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS:
		return secretError(newStandard(secrets))
	case ingestv1.WebhookConfig_SCHEME_ECDSA:
		return secretError(newSigned(secrets))
	case ingestv1.WebhookConfig_SCHEME_HMAC:
		return newMAC(config.GetHmac(), secrets)
	case ingestv1.WebhookConfig_SCHEME_MAILGUN:
		return newMailgun(secrets), nil
	case ingestv1.WebhookConfig_SCHEME_SECRET:
		return secretError(newKnown(secrets))
	default:
		return nil, &noScheme
	}
}

// maxSecrets is how many secrets may be good at once, each of which costs a look.
const maxSecrets = 3

func newMAC(config *ingestv1.HmacScheme, secrets []string) (Scheme, *apierr.Violation) {
	s := &mac{
		secrets: secrets, header: config.GetHeader(), timestampHeader: config.GetTimestampHeader(), prefix: config.GetPrefix(),
		hash: hashes[config.GetAlgorithm()], decode: encodings[config.GetEncoding()],
		tolerance: time.Duration(config.GetToleranceSeconds()) * time.Second, url: config.GetUrl(),
	}
	if s.tolerance == 0 {
		s.tolerance = defaultTolerance
	}
	template := config.GetSigned()
	if template == "" {
		template = bodyPlace
	}
	err := s.place(template)
	switch {
	case strings.Contains(template, timestampPlace) && !s.timed():
		return nil, &apierr.Violation{Field: "hmac.timestampHeader", Expected: "the header with the time that is signed"}
	case s.header == "":
		return nil, &apierr.Violation{Field: "hmac.header", Expected: "the header with the signature"}
	case s.hash == nil:
		return nil, &apierr.Violation{Field: "hmac.algorithm", Expected: "sha256, sha1 or sha512"}
	case s.decode == nil:
		return nil, &apierr.Violation{Field: "hmac.encoding", Expected: "hex or base64"}
	case err != nil:
		return nil, &apierr.Violation{Field: "hmac.signed", Expected: err.Error()}
	}
	return s, nil
}

// minSecret is the fewest characters of a secret that stands by itself.
const minSecret = 16

func newKnown(secrets []string) (Scheme, error) {
	for _, secret := range secrets {
		if len(secret) < minSecret {
			return nil, errors.New("at least 16 characters: who knows it may send")
		}
	}
	return known(secrets), nil
}
