package webhook_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	ingestv1 "github.com/assay-hq/assay/gen/go/assay/ingest/v1"
	"github.com/assay-hq/assay/services/internal/webhook"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

const secret = "the-secret-of-the-sender"

var body = []byte(`{"email": "ada@acme.example"}`)

func sum(h func() hash.Hash, secret, text string) []byte {
	m := hmac.New(h, []byte(secret))
	_, _ = m.Write([]byte(text))
	return m.Sum(nil)
}

func hexOf(secret, text string) string { return hex.EncodeToString(sum(sha256.New, secret, text)) }

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func header(pairs ...string) http.Header {
	h := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		h.Set(pairs[i], pairs[i+1])
	}
	return h
}

// anybody is a mapping that has no part in these tests.
var anybody = &ingestv1.WebhookMapping{Email: "body.email"}

// signer signs as one sender does; at is when it was sent.
type signer func(body []byte, at time.Time) http.Header

func TestSchemes(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	whsec := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of 24 bytes, ok"))
	standard, err := standardwebhooks.NewWebhook(whsec)
	if err != nil {
		t.Fatal(err)
	}
	mac := func(h *ingestv1.HmacScheme) *ingestv1.WebhookConfig {
		return &ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_HMAC, Hmac: h}
	}
	for name, c := range map[string]struct {
		config *ingestv1.WebhookConfig
		secret string
		sign   signer
		timed  bool
	}{
		"Standard Webhooks": {
			&ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS}, whsec,
			func(body []byte, at time.Time) http.Header {
				signature, _ := standard.Sign("msg_1", at, body)
				return header("webhook-id", "msg_1", "webhook-timestamp", seconds(at), "webhook-signature", signature)
			}, true,
		},
		"SendGrid": {
			&ingestv1.WebhookConfig{Preset: "sendgrid"}, base64.StdEncoding.EncodeToString(public),
			func(body []byte, at time.Time) http.Header {
				sum := sha256.Sum256([]byte(seconds(at) + string(body)))
				signature, _ := ecdsa.SignASN1(rand.Reader, key, sum[:])
				return header("X-Twilio-Email-Event-Webhook-Signature", base64.StdEncoding.EncodeToString(signature),
					"X-Twilio-Email-Event-Webhook-Timestamp", seconds(at))
			}, true,
		},
		"Typeform": {
			&ingestv1.WebhookConfig{Preset: "typeform"}, secret,
			func(body []byte, _ time.Time) http.Header {
				return header("Typeform-Signature", "sha256="+base64.StdEncoding.EncodeToString(sum(sha256.New, secret, string(body))))
			}, false,
		},
		"Zoom": {
			&ingestv1.WebhookConfig{Preset: "zoom"}, "zoom-token",
			func(body []byte, at time.Time) http.Header {
				return header("x-zm-request-timestamp", seconds(at), "x-zm-signature", "v0="+
					hex.EncodeToString(sum(sha256.New, "zoom-token", "v0:"+seconds(at)+":"+string(body))))
			}, true,
		},
		"Tally": {
			&ingestv1.WebhookConfig{Preset: "tally"}, secret,
			func(body []byte, _ time.Time) http.Header {
				return header("Tally-Signature", base64.StdEncoding.EncodeToString(sum(sha256.New, secret, string(body))))
			}, false,
		},
		"Webflow": {
			&ingestv1.WebhookConfig{Preset: "webflow"}, secret,
			func(body []byte, at time.Time) http.Header {
				ms := strconv.FormatInt(at.UnixMilli(), 10)
				return header("x-webflow-timestamp", ms, "x-webflow-signature", hexOf(secret, ms+":"+string(body)))
			}, true,
		},
		"plain HMAC in hex": {
			mac(&ingestv1.HmacScheme{Header: "X-Signature"}), "s",
			func(body []byte, _ time.Time) http.Header {
				return header("X-Signature", hex.EncodeToString(sum(sha256.New, "s", string(body))))
			}, false,
		},
		"SHA-1 in base64": {
			mac(&ingestv1.HmacScheme{Header: "X-Signature", Algorithm: "sha1", Encoding: "base64"}), "s",
			func(body []byte, _ time.Time) http.Header {
				return header("X-Signature", base64.StdEncoding.EncodeToString(sum(sha1.New, "s", string(body))))
			}, false,
		},
		"SHA-512, the time in milliseconds behind the body": {
			mac(&ingestv1.HmacScheme{Header: "X-Signature", Algorithm: "sha512", TimestampHeader: "X-Time", Signed: "POST{body}/{timestamp}!"}), "s",
			func(body []byte, at time.Time) http.Header {
				ms := strconv.FormatInt(at.UnixMilli(), 10)
				return header("X-Time", ms, "X-Signature", hex.EncodeToString(sum(sha512.New, "s", "POST"+string(body)+"/"+ms+"!")))
			}, true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.config.Mapping = anybody
			w, wrong := webhook.New(c.config, c.secret)
			if wrong != nil {
				t.Fatal(wrong)
			}
			verify := func(h http.Header, body []byte) error {
				return w.Verify(&webhook.Message{Header: h, Body: body}, noon)
			}
			signed := c.sign(body, noon)
			if err := verify(signed, body); err != nil {
				t.Fatalf("as signed: %v", err)
			}
			if err := verify(c.sign(nil, noon), nil); err != nil {
				t.Errorf("an empty body: %v", err)
			}
			if err := verify(signed, append([]byte(" "), body...)); !errors.Is(err, webhook.ErrForged) {
				t.Errorf("another body: %v", err)
			}
			if err := verify(header(), body); !errors.Is(err, webhook.ErrUnsigned) {
				t.Errorf("no header: %v", err)
			}
			for name := range signed {
				without, broken, extended := signed.Clone(), signed.Clone(), signed.Clone()
				without.Del(name)
				if err := verify(without, body); !errors.Is(err, webhook.ErrUnsigned) {
					t.Errorf("without %s: %v", name, err)
				}
				broken.Set(name, "x"+signed.Get(name))
				extended.Set(name, signed.Get(name)+"0")
				for _, h := range []http.Header{broken, extended} {
					if err := verify(h, body); !errors.Is(err, webhook.ErrForged) && !errors.Is(err, webhook.ErrStale) {
						t.Errorf("%s is %q: %v", name, h.Get(name), err)
					}
				}
			}
			for _, age := range []time.Duration{-6 * time.Minute, -4 * time.Minute, 4 * time.Minute, 6 * time.Minute, 1000 * time.Hour} {
				err := verify(c.sign(body, noon.Add(-age)), body)
				if stale := c.timed && age.Abs() > 5*time.Minute; stale != errors.Is(err, webhook.ErrStale) || !stale && err != nil {
					t.Errorf("sent %v ago: %v", age, err)
				}
			}
			other := &ingestv1.WebhookConfig{Preset: c.config.GetPreset(), Scheme: c.config.GetScheme(), Hmac: c.config.GetHmac(), Mapping: anybody}
			if name == "Standard Webhooks" || name == "SendGrid" {
				return
			}
			if w, wrong = webhook.New(other, "another-secret"); wrong != nil {
				t.Fatal(wrong)
			}
			if err := verify(signed, body); !errors.Is(err, webhook.ErrForged) {
				t.Errorf("another secret: %v", err)
			}
		})
	}
}

func TestSecretsAreRotated(t *testing.T) {
	config := &ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_SECRET, Mapping: anybody}
	w, wrong := webhook.New(config, "the-old-one-of-16 the-new-one-of-16")
	if wrong != nil {
		t.Fatal(wrong)
	}
	for given, want := range map[string]error{
		"the-old-one-of-16": nil, "the-new-one-of-16": nil, "": webhook.ErrUnsigned, "the-old-one-of-1": webhook.ErrForged,
		"the-old-one-of-16 the-new-one-of-16": webhook.ErrForged,
	} {
		if err := w.Verify(&webhook.Message{Secret: given}, noon); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", given, err, want)
		}
	}
}

func TestBadConfigurations(t *testing.T) {
	mac := func(h *ingestv1.HmacScheme) *ingestv1.WebhookConfig {
		return &ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_HMAC, Hmac: h, Mapping: anybody}
	}
	scheme := func(s ingestv1.WebhookConfig_Scheme) *ingestv1.WebhookConfig {
		return &ingestv1.WebhookConfig{Scheme: s, Mapping: anybody}
	}
	mapped := func(m *ingestv1.WebhookMapping) *ingestv1.WebhookConfig {
		return &ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_SECRET, Mapping: m}
	}
	long := strings.Repeat("s", 16)
	for name, c := range map[string]struct {
		config        *ingestv1.WebhookConfig
		secret, field string
		expected      string
	}{
		"unknown preset":     {&ingestv1.WebhookConfig{Preset: "fax"}, long, "preset", "one of cloudevents, hubspot, mailgun, postmark, sendgrid, "},
		"no scheme":          {&ingestv1.WebhookConfig{Mapping: anybody}, long, "scheme", "a preset"},
		"no secret":          {scheme(ingestv1.WebhookConfig_SCHEME_SECRET), " ", "secret", "signs with"},
		"too many":           {scheme(ingestv1.WebhookConfig_SCHEME_SECRET), strings.Repeat(long+" ", 4), "secret", "at most 3"},
		"a short one":        {scheme(ingestv1.WebhookConfig_SCHEME_SECRET), long + " short", "secret", "at least 16"},
		"no base64":          {scheme(ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS), "whsec_!", "secret", "whsec_"},
		"no key":             {scheme(ingestv1.WebhookConfig_SCHEME_ECDSA), long, "secret", "P-256"},
		"no header":          {mac(&ingestv1.HmacScheme{}), long, "hmac.header", "signature"},
		"unknown hash":       {mac(&ingestv1.HmacScheme{Header: "a", Algorithm: "md5"}), long, "hmac.algorithm", "sha256"},
		"unknown encoding":   {mac(&ingestv1.HmacScheme{Header: "a", Encoding: "base32"}), long, "hmac.encoding", "hex"},
		"body is not signed": {mac(&ingestv1.HmacScheme{Header: "a", TimestampHeader: "b", Signed: "{timestamp}"}), long, "hmac.signed", "{body}"},
		"time is not signed": {mac(&ingestv1.HmacScheme{Header: "a", TimestampHeader: "b"}), long, "hmac.signed", "what is not signed proves nothing"},
		"no time to sign":    {mac(&ingestv1.HmacScheme{Header: "a", Signed: "{timestamp}.{body}"}), long, "hmac.timestampHeader", "the time that is signed"},
		"no mapping":         {&ingestv1.WebhookConfig{Scheme: ingestv1.WebhookConfig_SCHEME_SECRET}, long, "mapping", "a preset"},
		"nobody":             {mapped(&ingestv1.WebhookMapping{Type: `"a.b"`}), long, "mapping.email", "the person"},
		"broken expression":  {mapped(&ingestv1.WebhookMapping{Email: "body.", Type: `"a.b"`}), long, "mapping.email", "line 1, column 6"},
		"unknown variable":   {mapped(&ingestv1.WebhookMapping{UserId: "lead.id"}), long, "mapping.userId", "undeclared reference to 'lead'"},
		"attribute in Camel": {mapped(&ingestv1.WebhookMapping{Email: "body.e", Attributes: map[string]string{"jobTitle": "body.t"}}), long, "mapping.attributes.jobTitle", "snake_case"},
		"empty property":     {mapped(&ingestv1.WebhookMapping{Email: "body.e", Properties: map[string]string{"form": ""}}), long, "mapping.properties.form", "an expression"},
		"broken object":      {mapped(&ingestv1.WebhookMapping{Email: "body.e", AttributesFrom: []string{"body.a", "("}}), long, "mapping.attributesFrom[1]", "line 1"},
		"consent in Camel":   {mapped(&ingestv1.WebhookMapping{Email: "body.e", Consent: map[string]string{"aB": "true"}}), long, "mapping.consent.aB", "snake_case"},
		"too many steps":     {mapped(&ingestv1.WebhookMapping{Email: "body.a.all(a, body.b.all(b, body.c.all(c, a == b && b == c)))"}), long, "mapping.email", "steps"},
	} {
		t.Run(name, func(t *testing.T) {
			_, wrong := webhook.New(c.config, c.secret)
			c.config.Secret = c.secret
			if diff := cmp.Diff(wrong, webhook.Check(c.config)); diff != "" && name != "no secret" {
				t.Errorf("when it is saved: %s", diff)
			}
			if len(wrong) == 0 || wrong[0].Field != c.field || !strings.Contains(wrong[0].Expected, c.expected) {
				t.Errorf("%v, want %s: %s", wrong, c.field, c.expected)
			}
			for _, v := range wrong {
				if strings.Contains(v.Expected, long) {
					t.Errorf("the secret is told: %v", v)
				}
			}
		})
	}
}

// FuzzVerify holds that no header opens the door, and none breaks it.
func FuzzVerify(f *testing.F) {
	f.Add("webhook-signature", "v1,", "webhook-timestamp", "1")
	f.Add("x-zm-signature", "v0=00", "x-zm-request-timestamp", "-1")
	f.Add("X-Twilio-Email-Event-Webhook-Signature", "MAYCAQACAQA=", "X-Twilio-Email-Event-Webhook-Timestamp", "9223372036854775807")
	f.Add("Typeform-Signature", "sha256=", "webhook-id", "x")
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	der, _ := x509.MarshalPKIXPublicKey(key.Public())
	var schemes []*webhook.Webhook
	for config, secret := range map[*ingestv1.WebhookConfig]string{
		{Scheme: ingestv1.WebhookConfig_SCHEME_STANDARD_WEBHOOKS, Mapping: anybody}: "whsec_" + base64.StdEncoding.EncodeToString(der[:24]),
		{Preset: "sendgrid"}: base64.StdEncoding.EncodeToString(der),
		{Preset: "typeform"}: rand.Text(),
		{Preset: "zoom"}:     rand.Text(),
	} {
		w, wrong := webhook.New(config, secret)
		if wrong != nil {
			f.Fatal(wrong)
		}
		schemes = append(schemes, w)
	}
	f.Fuzz(func(t *testing.T, name1, value1, name2, value2 string) {
		m := &webhook.Message{Header: header(name1, value1, name2, value2, "webhook-id", "x"), Body: body}
		for _, w := range schemes {
			if w.Verify(m, noon) == nil {
				t.Errorf("%q: %q, %q: %q opens the door", name1, value1, name2, value2)
			}
		}
	})
}
