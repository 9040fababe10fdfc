package delivery

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/assay-hq/assay/services/internal/seal"
)

// RotationPeriod is how long the secret before signs beside a new one.
const RotationPeriod = 24 * time.Hour

// Secrets are what a destination keeps secret. They are sealed at rest, and shown once at
// most.
type Secrets struct {
	// Signing are the secrets that sign what is sent, the newest first.
	Signing []SigningSecret `json:"signing,omitempty"`
	// Inbound is the secret with which the receiver signs what it says back.
	Inbound string `json:"inbound,omitempty"`
	// Password logs in to a CRM.
	Password string `json:"password,omitempty"`
}

// SigningSecret signs what is sent.
type SigningSecret struct {
	// Secret as Standard Webhooks writes it.
	Secret string `json:"secret"`
	// Until is when it stops to sign; zero: it does not.
	Until time.Time `json:"until,omitzero"`
}

// Signers are the secrets that sign at an instant, the newest first.
func (s Secrets) Signers(now time.Time) []string {
	var out []string
	for _, secret := range s.Signing {
		if secret.Until.IsZero() || now.Before(secret.Until) {
			out = append(out, secret.Secret)
		}
	}
	return out
}

// Rotate makes a new secret. The one before signs for [RotationPeriod] more; what was
// before that one signs no longer than it would have.
func (s Secrets) Rotate(now time.Time) (after Secrets, secret string) {
	after, secret = s, NewSecret()
	after.Signing = []SigningSecret{{Secret: secret}}
	for _, old := range s.Signing {
		if old.Until.IsZero() {
			old.Until = now.Add(RotationPeriod)
		}
		if now.Before(old.Until) {
			after.Signing = append(after.Signing, old)
		}
	}
	after.Signing = slices.Clip(after.Signing)
	return after, secret
}

// Seal seals the secrets of a destination: they open for no other.
func (s Secrets) Seal(sealer *seal.Sealer, destination string) []byte {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err) // texts and times always marshal
	}
	return sealer.Seal(b, destination)
}

// OpenSecrets opens the sealed secrets of a destination.
func OpenSecrets(sealer *seal.Sealer, destination string, sealed []byte) (Secrets, error) {
	var s Secrets
	b, err := sealer.Open(sealed, destination)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(b, &s)
}
