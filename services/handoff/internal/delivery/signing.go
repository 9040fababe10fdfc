package delivery

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// secretBytes is how long a new secret is; Standard Webhooks takes 24 to 64.
const secretBytes = 32

// NewSecret makes a secret to sign webhooks with, as Standard Webhooks writes one.
func NewSecret() string {
	secret := make([]byte, secretBytes)
	_, _ = rand.Read(secret) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(secret)
}

// Sign returns the header `webhook-signature`: a signature by each secret, so that
// receivers of the old and of the new one accept it while a secret is rotated.
func Sign(secrets []string, key string, at time.Time, body []byte) (string, error) {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signer, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return "", fmt.Errorf("secret %d: not base64", i+1) // the error would quote it
		}
		if signatures[i], err = signer.Sign(key, at, body); err != nil {
			return "", fmt.Errorf("secret %d: %w", i+1, err)
		}
	}
	return strings.Join(signatures, " "), nil
}
