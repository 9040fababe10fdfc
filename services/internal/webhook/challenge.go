package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"

	"github.com/assay-hq/assay/services/internal/condition"
)

// Challenge answers a message that only asks whether somebody who knows the secret listens,
// as Zoom does before it sends anything; nil for every other message.
func (w *Webhook) Challenge(d *condition.Document) []byte {
	if w.preset != "zoom" {
		return nil
	}
	var asked struct {
		Event   string `json:"event"`
		Payload struct {
			PlainToken string `json:"plainToken"`
		} `json:"payload"`
	}
	if json.Unmarshal(d.JSON(), &asked) != nil || asked.Event != "endpoint.url_validation" || asked.Payload.PlainToken == "" {
		return nil
	}
	h := hmac.New(sha256.New, []byte(w.secrets[0]))
	_, _ = h.Write([]byte(asked.Payload.PlainToken))
	answer, err := json.Marshal(map[string]string{
		"plainToken": asked.Payload.PlainToken, "encryptedToken": hex.EncodeToString(h.Sum(nil)),
	})
	if err != nil {
		return nil
	}
	return answer
}
